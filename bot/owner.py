"""The owner as a person in the chats: seen typing or writing there, the stand-in steps back."""

from __future__ import annotations

from bot.clock import Clock
from bot.store.store import Store
from chat.message import ChatKey
from safety.rules.owner_present import OwnerPresentSettings


class OwnerPresence:
    """Writes down that the owner is in a chat, or has left it. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, settings: OwnerPresentSettings | None = None) -> None:
        self._store = store
        self._clock = clock
        self.stay_ms = (settings or OwnerPresentSettings()).milliseconds
        """How long they count as there, in milliseconds; 0: not at all."""

    async def here(self, chat: ChatKey, by: str) -> None:
        """They are there: what was being written or waited is void, save for what a kill froze."""
        await self._run(chat, by, here=True)

    async def gone(self, chat: ChatKey, by: str) -> None:
        """They have left, and the stand-in may speak again."""
        await self._run(chat, by, here=False)

    async def _run(self, chat: ChatKey, by: str, *, here: bool) -> None:
        await self._store.run(
            "owner_seen", chat, self._clock.now_ms(), str(chat), by, int(here), self.stay_ms
        )
