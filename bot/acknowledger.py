"""The acknowledgement: the one message that may follow a kill, in the chat where the word was said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from bot.chat_words import ChatWords
from bot.clock import Clock
from bot.errors import StoreError
from bot.messengers.base import Bubble, Connector, SendRefused
from bot.outbox import OutboxSettings
from bot.sender import is_fresh
from bot.store.store import Store
from chat.echo import plain
from chat.message import ChatKey

_log = structlog.get_logger()
_OLDEST_MS: Final = 60_000
"""A kill that is older is not news any more."""


class Acknowledger:
    """Says once, in a chat in manual or auto mode, that the stand-in has left. A courtesy: it is never insisted on."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        connectors: Sequence[Connector],
        words: ChatWords,
        settings: OutboxSettings,
        text: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._connectors = {connector.messenger: connector for connector in connectors}
        self._words = words
        self._settings = settings
        self._text = text
        self._saying: set[asyncio.Task[None]] = set()

    def begin(self, chat: ChatKey, kill_id: str, message_id: str = "") -> None:
        """Acknowledge a kill beside whatever else goes on."""
        if not self._text or self._words.found_in(chat, self._text) is not None:
            return
        saying = asyncio.create_task(self.acknowledge(chat, kill_id, message_id))
        self._saying.add(saying)
        saying.add_done_callback(self._saying.discard)

    async def acknowledge(self, chat: ChatKey, kill_id: str, message_id: str = "") -> None:
        """Hand the acknowledgement over, if the store says that nobody has.

        The message that killed is given a sign first, where the messenger has any: that waits for nothing.
        """
        connector = self._connectors.get(chat.messenger)
        if connector is None:
            return
        asked = self._clock.now_ms()
        try:
            answer = await self._run(
                *("acknowledge", chat, kill_id, _OLDEST_MS, int(connector.idempotent), plain(self._text))
            )
            if answer != "go":
                _log.info("acknowledgement.not_sent", chat=str(chat), answer=answer)
                return
            state, receipt = "refused", ""
            # As at the fence, a yes is for now: whoever stood still since may say it after the resume.
            if is_fresh(asked, self._clock):
                if message_id:
                    connector.sign(chat, message_id)
                bubble = Bubble(f"acknowledgement.{kill_id}", chat, self._text)
                state, receipt = await self._send(connector, bubble)
            await self._run("acknowledged", chat, kill_id, state, receipt)
        except StoreError:
            # Found `sending` later, it is repeated under its key or becomes unknown, as any bubble.
            _log.warning("acknowledgement.store_away", chat=str(chat))

    async def _send(self, connector: Connector, bubble: Bubble) -> tuple[str, str]:
        try:
            async with asyncio.timeout(self._settings.send_timeout_seconds):
                message = await connector.send(bubble)
        except SendRefused:
            return "refused", ""
        except Exception as error:  # noqa: BLE001 - whatever else a connector raises: nobody can say
            _log.warning("acknowledgement.unknown", error=type(error).__name__)
            return "unknown", ""
        return "sent", message.id

    async def _run(self, script: str, chat: ChatKey, *arguments: str | int) -> str:
        return str(await self._store.run(script, chat, self._clock.now_ms(), str(chat), *arguments))
