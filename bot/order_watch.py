"""What finds the stops that lie on disk, and puts them on record: after a restart, and those of other processes."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from bot.consents import Consents
from bot.errors import StoreError
from bot.order_folder import OrderFolder, OrderNote

_log = structlog.get_logger()
_EVERY_SECONDS: Final = 0.5


class OrderWatch:
    """Looks into the state folder now and then; nothing is sent here in the chats of what lies there."""

    def __init__(self, consents: Consents, folder: OrderFolder) -> None:
        self._consents = consents
        self._folder = folder

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            for note in await self.look():
                try:
                    await self._consents.obey_note(note)
                except StoreError:
                    # At the next look it is tried again, if nobody else has put it on record.
                    break
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> tuple[OrderNote, ...]:
        """Look once. When this returns, the process is silent in the chats of all that lies there."""
        try:
            notes = await asyncio.to_thread(self._folder.notes)
        except OSError as error:
            _log.error("consent.folder_unreadable", error=type(error).__name__)
            return ()
        self._consents.heed(notes)
        return notes
