"""What the pages show, read from Redis in one go, and handed to every open page when something has changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.app import Office
from bot.chats import ChatState, MessageOutcome
from bot.clock import as_datetime
from bot.drafts import Draft
from bot.errors import ChatUnknown, StoreError
from bot.journal import JournalEntry
from bot.messengers.local import MESSENGER
from bot.owner_watch import Absence
from bot.presence import Presence
from bot.troubles import troubles_of
from bot.wakeup import Wakeup
from chat.message import ChatKey, Message
from safety.kill import Kill

_log = structlog.get_logger()
_EVERY_SECONDS: Final = 1.0
_SOONEST_SECONDS: Final = 0.05
_PATIENCE_SECONDS: Final = 2.5
_JOURNAL_LINES: Final = 150
_SHADOW_DRAFTS: Final = 5


@dataclass(frozen=True, slots=True)
class ChatView:
    """One chat as it stands: what was said, what waits, and why."""

    state: ChatState
    local: bool
    """Whether it is a room of the local messenger, in which people may type."""
    said: tuple[Message, ...]
    typing: str | None
    drafts: tuple[Draft, ...]
    shadow: tuple[Draft, ...]
    """The newest drafts of shadow mode, newest first."""
    journal: tuple[JournalEntry, ...]
    """Newest first."""
    outcomes: Mapping[str, MessageOutcome]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that any open page shows, as of one moment."""

    at: datetime
    chats: tuple[ChatState, ...] = ()
    waiting: Mapping[ChatKey, int] | None = None
    """How many drafts wait, by chat."""
    kills: tuple[Kill, ...] = ()
    services: tuple[Presence, ...] = ()
    views: Mapping[ChatKey, ChatView] | None = None
    store_away: bool = False
    absence: Absence | None = None
    """Of the owner, while the dead man's switch has everything in manual."""

    @property
    def troubles(self) -> Mapping[str, str]:
        """What keeps messengers (by name) and chats (by key) from working, in a line each."""
        return troubles_of(self.services)

    def view(self, key: ChatKey | None) -> ChatView | None:
        """Give one chat, if somebody watches it."""
        return None if key is None or self.views is None else self.views.get(key)


Show = Callable[[Snapshot], None]
MayLook = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class _Watcher:
    """An open page: which chat it shows, and whether who looks at it still may."""

    key: ChatKey | None
    may_look: MayLook


class Snapshots:
    """Takes snapshots while somebody watches: when Redis says that something changed, and once a second."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._wakeup = Wakeup(office.store)
        self._watchers: dict[Show, _Watcher] = {}

    async def run(self) -> None:
        """Keep the watchers informed until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wakeup.run())
            before = Snapshot(as_datetime(self._office.clock.now_ms()))
            while True:
                await self._wakeup.wait(_EVERY_SECONDS)
                # One change seldom comes alone.
                await asyncio.sleep(_SOONEST_SECONDS)
                if not self._watchers:
                    continue
                try:
                    async with asyncio.timeout(_PATIENCE_SECONDS):
                        await self._turn_away()
                        before = await self.take(*(watcher.key for watcher in self._watchers.values()))
                except (StoreError, TimeoutError):
                    # What was true last stays on the pages, with a line that says that it may not be any more.
                    before = Snapshot(
                        *(before.at, before.chats, before.waiting, before.kills, before.services),
                        views=before.views,
                        absence=before.absence,
                        store_away=True,
                    )
                for show in list(self._watchers):
                    self._show(show, before)

    def watch(self, show: Show, key: ChatKey | None, may_look: MayLook) -> None:
        """Have `show` called with each new snapshot, with that chat in it, while they may look and until forgotten."""
        self._watchers[show] = _Watcher(key, may_look)

    def forget(self, show: Show) -> None:
        """Call `show` no more."""
        self._watchers.pop(show, None)

    async def take(self, *keys: ChatKey | None) -> Snapshot:
        """Read everything, and these chats in full. Raises StoreError."""
        office, desk = self._office, self._office.desk
        chats, drafts, kills, services, absence = await asyncio.gather(
            *(desk.chats.all(), desk.drafts.waiting(), desk.kill_switch.kills(), office.attendance.present()),
            office.owner_watch.absence(),
        )
        wanted = {key for key in keys if key is not None}
        states = {state.chat.key: state for state in chats}
        views = [await self._view(states[key], drafts) for key in sorted(wanted & states.keys())]
        return Snapshot(
            at=as_datetime(office.clock.now_ms()),
            chats=chats,
            waiting=Counter(draft.chat for draft in drafts),
            kills=kills,
            services=services,
            absence=absence,
            views={view.state.chat.key: view for view in views},
        )

    async def _view(self, state: ChatState, drafts: tuple[Draft, ...]) -> ChatView:
        office, desk, key = self._office, self._office.desk, state.chat.key
        local = key.messenger == MESSENGER
        said, typing, journal, outcomes = await asyncio.gather(
            office.rooms.said(key) if local else desk.chats.transcript(key),
            office.rooms.who_types(key) if local else _nobody(),
            desk.journal.newest(_JOURNAL_LINES, str(key)),
            desk.chats.outcomes(key),
        )
        shadow: tuple[Draft, ...] = ()
        if state.policy.mode == "shadow":
            newest = await desk.drafts.newest()
            shadow = tuple(d for d in newest if d.chat == key and d.state == "shadow")[:_SHADOW_DRAFTS]
        return ChatView(
            state=state,
            local=local,
            said=said,
            typing=typing,
            drafts=tuple(draft for draft in drafts if draft.chat == key),
            shadow=shadow,
            journal=tuple(journal),
            outcomes=outcomes,
        )

    async def _turn_away(self) -> None:
        """Show nothing more to who was signed out since the page was opened. Raises StoreAway."""
        watchers = list(self._watchers.items())
        allowed = await asyncio.gather(*(watcher.may_look() for _, watcher in watchers))
        for (show, _), may_look in zip(watchers, allowed, strict=True):
            if not may_look:
                self.forget(show)

    @staticmethod
    def _show(show: Show, snapshot: Snapshot) -> None:
        try:
            show(snapshot)
        except Exception as error:  # noqa: BLE001 - one broken page must not blind the others
            _log.error("dashboard.page_failed", error=type(error).__name__)


async def _nobody() -> None:
    return None


def chat_key(text: str) -> ChatKey:
    """Read a chat's key from an address. Raises ChatUnknown."""
    try:
        return ChatKey.parse(text)
    except ValueError:
        raise ChatUnknown("a chat is named as messenger/chat-id") from None
