"""The panel for a chat's people: how they are told, whether the owner is there in person, and who may be answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from bot.chats import ChatState
from bot.dashboard.snapshot import ChatView, Snapshot
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Moment, Tag, box, set_text, show_if
from bot.desk import Desk
from bot.people import Person
from chat.message import Author, ChatKey
from safety.consent import ChatConsent, Entry, How, Purpose
from safety.disclosure import Disclosure

_WAYS: Final = {
    Disclosure.ANNOUNCED: "Announced before its first message",
    Disclosure.MARKED: "Marked on every message",
    Disclosure.REVEALED: "Revealed by the owner at the end",
}
_HOW: Final = {How.OWNER: "written down by", How.IN_CHAT: "said here by", How.IMPORTED: "imported by"}


class PeoplePanel:
    """Closed at first. Moderators read it, owners change it; the ledger is read anew each time it is opened."""

    def __init__(self, visitor: Visitor, desk: Desk, key: ChatKey, name: str) -> None:
        self._visitor = visitor
        self._desk = desk
        self._key = key
        self._name = name
        self._stay = timedelta(milliseconds=desk.owner.stay_ms)
        self._told: frozenset[Disclosure] = frozenset()
        self._here = False
        self._spoke: dict[str, Author] = {}
        with box("section", "u-panel u-rules").props('aria-label="People"'), box("details") as details:
            with box("summary"):
                Tag("h2", "The people here")
            Tag("h3", f"How they are told of {name}")
            self._ways = {way: self._make_way(text) for way, text in _WAYS.items()}
            with box(classes="u-person") as presence:
                self._presence = Tag("span")
                self._toggle = Tag("button", "", "u-button").props("type=button")
                self._toggle.on("click", self._on_presence)
            show_if(presence, self._stay)
            show_if(self._toggle, visitor.owns)
            Tag("h3", f"Whom {name} may answer")
            self._ledger = box("ul", "u-ledger")
        details.on("toggle", self._read)

    def show(self, snapshot: Snapshot, view: ChatView) -> None:
        """Show how the chat is told now, and whether the owner is there."""
        self._spoke = {message.author.id: message.author for message in view.said if not message.own}
        self._show_told(view.state)
        seen = view.state.owner_seen
        self._here = seen is not None and abs(snapshot.at - seen) < self._stay
        set_text(
            self._presence,
            f"The owner is here in person: {self._name} steps back."
            if self._here
            else f"The owner is not here: {self._name} may answer.",
        )
        set_text(self._toggle, "I have left" if self._here else "I am here")

    def _show_told(self, state: ChatState) -> None:
        if state.policy.disclosure != self._told:
            self._told = state.policy.disclosure
            for way, tick in self._ways.items():
                tick.set_value(way in self._told)

    def _make_way(self, text: str) -> ui.checkbox:
        tick = ui.checkbox(text, on_change=self._on_way).props("dense").classes("u-way")
        if not self._visitor.owns:
            tick.disable()
        return tick

    async def _on_way(self, event: ValueChangeEventArguments[bool | None]) -> None:
        wanted = frozenset(way for way, tick in self._ways.items() if tick.value)
        # Also called when a page shows what somebody else has set, tick by tick: those are no wishes.
        if event.value == (_way_of(self._ways, event.sender) in self._told):
            return

        async def change(person: Person) -> ChatState:
            return await self._desk.set_disclosure(person, self._key, wanted)

        changed = await self._visitor.do(change)
        if changed is None:  # refused: what holds is shown again
            for way, tick in self._ways.items():
                tick.set_value(way in self._told)
        else:
            self._show_told(changed)

    async def _on_presence(self) -> None:
        here = not self._here

        async def change(person: Person) -> ChatState:
            return await self._desk.owner_here(person, self._key, here=here)

        await self._visitor.do(change)

    async def _read(self) -> None:
        async def read(person: Person) -> ChatConsent:
            return await self._desk.consent(person, self._key)

        self._list(await self._visitor.do(read))

    async def _agree(self, who: Author, agreed: bool) -> None:
        async def change(person: Person) -> ChatConsent:
            return await self._desk.agree(person, self._key, who, Purpose.ANSWERED, agreed=agreed)

        self._list(await self._visitor.do(change))

    def _list(self, ledger: ChatConsent | None) -> None:
        if ledger is None:
            return
        people = dict(self._spoke)
        for (_, id_), entry in ledger.entries.items():
            people.setdefault(id_, Author(id_, entry.name or id_))
        self._ledger.clear()
        with self._ledger:
            for who in sorted(people.values(), key=lambda author: (author.name.casefold(), author.id)):
                _person(who, ledger, self._agree if self._visitor.owns else None)
            if not people:
                Tag("li", "Nobody has said anything yet.", "u-soft")


def _way_of(ways: dict[Disclosure, ui.checkbox], tick: object) -> Disclosure:
    return next(way for way, made in ways.items() if made is tick)


def _person(
    who: Author, ledger: ChatConsent, agree: Callable[[Author, bool], Awaitable[None]] | None
) -> None:
    may = ledger.may_answer(who.id)
    entry = ledger.entries.get((Purpose.ANSWERED, who.id))
    with box("li", "u-person"):
        with box("span"):
            Tag("b", who.name)
            Tag("span", " yes" if may else " no")
            _source(entry)
            if ledger.may_train(who.id):
                Tag("span", "; may be trained on", "u-soft")
            if ledger.may_host(who.id):
                Tag("span", "; may be sent to a persona's host", "u-soft")
        # What a person said for themselves is not taken back with a press by somebody else.
        if agree is None or (not may and entry is not None and entry.how is How.IN_CHAT):
            return
        button = Tag("button", "Leave alone" if may else "Answer", "u-button").props("type=button")
        asked = not may

        async def press() -> None:
            nonlocal asked
            if asked:
                await agree(who, not may)
            else:
                asked = True
                button.set_text("Sure? Erases what they said")
                button.classes("u-danger")

        button.on("click", press)


def _source(entry: Entry | None) -> None:
    if entry is None:
        Tag("span", ", nothing on record", "u-soft")
        return
    Tag("span", f", {_HOW[entry.how]} {entry.by}, ", "u-soft")
    Moment(entry.at, "day", "u-soft")
