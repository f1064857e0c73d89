"""The kill switch on the page: the button, and the banner while a kill is in force."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from bot.dashboard.snapshot import Snapshot
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Moment, Rows, Tag, attribute, box, set_text, show_if
from bot.desk import Desk
from bot.people import Person
from chat.message import Chat, ChatKey
from safety.kill import Kill, KillReach, KillScope


class KillButton:
    """Stops everything at a press, without a question; the small one beside it stops less."""

    def __init__(self, visitor: Visitor, chat: Chat | None) -> None:
        self._visitor = visitor
        self._chat = chat
        self._here: Tag | None = None
        with box(classes="u-kill-group"):
            self._button = Tag("button", "KILL", "u-kill")
            self._button.props('type=button aria-label="KILL: stop all sending everywhere, now"')
            self._button.on("click", self._everywhere)
            if chat is not None:
                with (
                    ui.button(icon="expand_more", color=None)
                    .props('unelevated dense aria-label="Kill less than everything"')
                    .classes("u-kill-less"),
                    ui.menu().props("auto-close"),
                ):
                    here, account = KillScope.chat(chat.key), KillScope.account(chat.key.messenger)
                    with ui.menu_item(on_click=lambda: visitor.kill(here)):
                        self._here = Tag("span", f"Only in {chat.title}")
                    ui.menu_item(f"All chats on {chat.key.messenger}", lambda: visitor.kill(account))

    def show(self, snapshot: Snapshot) -> None:
        """Say whether there is anything left to kill."""
        killed = any(kill.scope.reach is KillReach.EVERYWHERE for kill in snapshot.kills)
        set_text(self._button, "KILLED" if killed else "KILL")
        attribute(self._button, "data-killed", "" if killed else None)
        if self._here is not None and self._chat is not None:
            parts = " and its threads" if self._chat.key in _wholes(snapshot) else ""
            set_text(self._here, f"Only in {self._chat.title}{parts}")

    async def _everywhere(self) -> None:
        await self._visitor.kill(KillScope.everywhere())


class KillBanner:
    """One red line for each kill in force, with Resume for the owner; and one while the owner gives no sign."""

    def __init__(self, visitor: Visitor, desk: Desk) -> None:
        self._visitor = visitor
        self._desk = desk
        self._wholes: set[str] = set()
        self._root = box("div", "u-banners").props("role=alert")
        with self._root:
            rows = box()
            self._absence = Tag("p", "", "u-banner")
        self._rows: Rows[Kill] = Rows(
            rows,
            lambda kill: f"{kill.scope} {kill.at.isoformat()} {self._has_threads(kill)}",
            lambda kill: _KillRow(
                kill, self._resume if visitor.owns else None, threads=self._has_threads(kill)
            ),
        )
        show_if(self._root, False)

    def show(self, snapshot: Snapshot) -> None:
        """Show the kills in force, and that the owner gives no sign."""
        show_if(self._root, snapshot.kills or snapshot.absence)
        show_if(self._absence, snapshot.absence)
        if snapshot.absence:
            seen = f"{snapshot.absence.seen.astimezone():%Y-%m-%d %H:%M}"
            text = f"No sign of the owner since {seen}: auto is as manual until the owner does something."
            set_text(self._absence, text)
        self._wholes = {str(whole) for whole in _wholes(snapshot)}
        self._rows.show(snapshot.kills)

    def _has_threads(self, kill: Kill) -> bool:
        return kill.scope.target in self._wholes

    async def _resume(self, scope: KillScope) -> None:
        async def resume(person: Person) -> int:
            return len(await self._desk.resume(person, scope))

        waiting = await self._visitor.do(resume)
        if waiting:
            self._visitor.say(
                f"Resumed. {waiting} draft{'s wait' if waiting != 1 else ' waits'} for a moderator."
            )
        elif waiting is not None:
            self._visitor.say("Resumed.")


class _KillRow:
    def __init__(
        self, kill: Kill, resume: Callable[[KillScope], Awaitable[None]] | None, *, threads: bool
    ) -> None:
        self.root: ui.element = box(classes="u-banner")
        with self.root:
            with box("p"):
                Tag("strong", f"Killed by {kill.by} at ")
                with box("strong"):
                    Moment(kill.at)
                Tag("strong", f". {_reach(kill.scope, threads=threads)}")
                Tag("span", f" ({kill.reason})", "u-banner-why")
            if resume is not None:
                button = Tag("button", "Resume", "u-resume").props("type=button")
                button.on("click", lambda: resume(kill.scope))

    def show(self, kill: Kill) -> None:
        """A kill in force does not change."""

    def leave(self) -> bool:
        return True


def _reach(scope: KillScope, *, threads: bool) -> str:
    if scope.reach is KillReach.EVERYWHERE:
        return "Nothing leaves."
    where = f"any chat on {scope.target}" if scope.reach is KillReach.ACCOUNT else scope.target
    return f"Nothing leaves in {where}{' and its threads' if threads else ''}."


def _wholes(snapshot: Snapshot) -> set[ChatKey | None]:
    """The chats of which others are parts."""
    return {state.chat.part_of for state in snapshot.chats}
