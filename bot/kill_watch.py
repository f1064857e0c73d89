"""What hears a kill that no messenger, page or command brings: the state folder, and the signal SIGUSR1."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from bot.kill_folder import DroppedFile, KillFolder, KillNote
from bot.kill_switch import RedisKillSwitch
from safety.kill import KillScope

_log = structlog.get_logger()
_EVERY_SECONDS: Final = 0.2


class KillWatch:
    """Looks into the state folder a few times a second, and has this process fall silent on what it finds."""

    def __init__(self, switch: RedisKillSwitch, folder: KillFolder) -> None:
        self._switch = switch
        self._folder = folder
        self._putting_away: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Look once. When this returns, the process is silent on everything that lies there."""
        try:
            notes, dropped = await asyncio.to_thread(self._read)
        except OSError as error:
            _log.error("kill.folder_unreadable", error=type(error).__name__)
            return
        for note in notes:
            self._switch.order(note.scope, note.by, note.reason, note.id, note.at_ms or None)
        for file in dropped:
            if file.id not in self._putting_away:
                self._putting_away[file.id] = asyncio.create_task(self._heed(file))
        # The tasks have begun, and with them the silence, before anything else happens in this process.
        await asyncio.sleep(0)

    def _read(self) -> tuple[tuple[KillNote, ...], tuple[DroppedFile, ...]]:
        return self._folder.notes(), tuple(self._folder.dropped())

    async def _heed(self, file: DroppedFile) -> None:
        reason = f"the file {file.path.name} lay in the state folder"
        # The same file found again, by another process or after a restart, has the same id: it kills once.
        await self._switch.kill(file.scope, "a file in the state folder", reason, file.id)
        try:
            await asyncio.to_thread(self._folder.put_away, file)
        except FileNotFoundError:
            pass  # another process has put it away
        except OSError as error:
            _log.error("kill.file_stays", file=file.path.name, error=type(error).__name__)
            return  # remembered, so that this is said once
        del self._putting_away[file.id]


@asynccontextmanager
async def heeding_signals(switch: RedisKillSwitch) -> AsyncIterator[None]:
    """Have SIGUSR1 kill everywhere, in the event loop that runs this."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(
        signal.SIGUSR1, switch.order, KillScope.everywhere(), "SIGUSR1", "the process was sent the signal"
    )
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)
