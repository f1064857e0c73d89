"""The pages: who is looking, which chat, and the panels put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from nicegui import ui
from starlette.requests import Request
from starlette.responses import Response

from bot.app import Office, Service
from bot.chats import ChatState
from bot.dashboard.access import visit_of
from bot.dashboard.chat_panel import ChatPanel
from bot.dashboard.drafts_panel import DraftsPanel
from bot.dashboard.header import Header
from bot.dashboard.kill_bar import KillBanner
from bot.dashboard.people_panel import PeoplePanel
from bot.dashboard.reasons_panel import ReasonsPanel
from bot.dashboard.rules_panel import RulesPanel
from bot.dashboard.sign_in import SignIn
from bot.dashboard.sign_in_page import away_page
from bot.dashboard.snapshot import Snapshot, Snapshots
from bot.dashboard.switch import Switch
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Tag, attribute, box, set_text, show_if
from bot.errors import StoreError
from bot.messengers.local import MESSENGER
from chat.message import Author, ChatKey

FRIENDS: Final = (Author("mia", "Mia"), Author("leo", "Leo"), Author("nora", "Nora"))
_HEAD: Final = (
    '<link rel="stylesheet" href="/assets/dashboard.css"><script src="/assets/dashboard.js" defer></script>'
)
_TABS: Final = {"chat": "Chat", "drafts": "Drafts", "reasons": "Why"}


class Pages:
    """Builds the pages for whoever comes."""

    def __init__(
        self,
        office: Office,
        service: Service | None,
        snapshots: Snapshots,
        switch: Switch,
        sign_in: SignIn,
        friends: Sequence[Author],
    ) -> None:
        self._office = office
        self._service = service
        self._snapshots = snapshots
        self._switch = switch
        self._sign_in = sign_in
        self._friends = tuple(friends)

    async def board(self, request: Request, chat: str = "") -> Response | None:
        """The one page: a chat, its drafts, and why."""
        visit = visit_of(request.scope)
        try:
            chats = await self._office.desk.chats.all()
            chosen = _chosen(chats, chat)
            key = chosen.chat.key if chosen else None
            snapshot = await self._snapshots.take(key)
        except StoreError:
            return away_page()
        client = ui.context.client
        visitor = Visitor(visit, self._sign_in, self._switch, client)
        board = _Board(self._office, visitor, chosen, self._persona_name(snapshot), self._friends)
        board.show(snapshot)
        self._snapshots.watch(board.show, key, visitor.may_look)
        client.on_delete(lambda: self._snapshots.forget(board.show))
        return None

    def _persona_name(self, snapshot: Snapshot) -> str | None:
        if self._service is not None:
            return self._service.persona.prompt.name
        return next((service.persona.capitalize() for service in snapshot.services), None)


class _Board:
    def __init__(
        self,
        office: Office,
        visitor: Visitor,
        state: ChatState | None,
        persona: str | None,
        friends: tuple[Author, ...],
    ) -> None:
        desk, name = office.desk, persona or "the stand-in"
        self._key = state.chat.key if state else None
        self._panels: tuple[ChatPanel, DraftsPanel, ReasonsPanel] | None = None
        self._people: PeoplePanel | None = None
        ui.add_head_html(_HEAD)
        ui.page_title(f"{state.chat.title} · Understudy" if state else "Understudy")
        with box("div", "u-page") as self._page:
            self._header = Header(visitor, persona, state.chat if state else None)
            self._banner = KillBanner(visitor, desk)
            if state is None:
                with box("main", "u-welcome"):
                    Tag("h1", "No chat yet")
                    Tag("p", "The stand-in is in no chat. An owner lets it into one:")
                    Tag("pre", "understudy chats enable local/weekend-plans")
                return
            self._make_tabs()
            with box("main", "u-board").props("data-tab=chat") as self._board:
                self._chats = _ChatList(state.chat.key)
                local = state.chat.key.messenger == MESSENGER
                chat = ChatPanel(visitor, desk, office.rooms, state.chat, friends, name, local=local)
                with box("aside", "u-side"):
                    self._panels = (chat, DraftsPanel(visitor, desk, name), ReasonsPanel(name))
                    if visitor.moderates:
                        self._people = PeoplePanel(visitor, desk, state.chat.key, name)
                    RulesPanel(visitor, office.rulebook)

    def show(self, snapshot: Snapshot) -> None:
        self._header.show(snapshot)
        self._banner.show(snapshot)
        view = snapshot.view(self._key)
        whole = view.state.chat.part_of if view else None
        killed = any(self._key is None or kill.scope.covers(self._key, whole) for kill in snapshot.kills)
        attribute(self._page, "data-killed", "" if killed else None)
        if self._panels is None or view is None:
            return
        chat, drafts, reasons = self._panels
        chat.show(view, snapshot.troubles.get(str(self._key), ""))
        drafts.show(snapshot, view)
        reasons.show(view)
        if self._people is not None:
            self._people.show(snapshot, view)
        self._chats.show(snapshot)
        count = len(view.drafts)
        set_text(self._tabs["drafts"], f"Drafts ({count})" if count else "Drafts")

    def _make_tabs(self) -> None:
        self._tabs: dict[str, Tag] = {}
        with box("div", "u-tabs").props('role=tablist aria-label="Parts of the page"'):
            for tab, text in _TABS.items():
                button = Tag("button", text).props(
                    f"type=button role=tab aria-selected={str(tab == 'chat').lower()}"
                )
                button.on("click", lambda tab=tab: self._choose(tab))
                self._tabs[tab] = button
            with (
                box("form").props("method=post action=/sign-out"),
                box("button", "u-quiet").props('type=submit aria-label="Sign out"'),
            ):
                ui.icon("logout")

    def _choose(self, chosen: str) -> None:
        attribute(self._board, "data-tab", chosen)
        for tab, button in self._tabs.items():
            attribute(button, "aria-selected", "true" if tab == chosen else "false")


class _ChatList:
    """The chats to choose from, when there are several."""

    def __init__(self, chosen: ChatKey) -> None:
        self._chosen = chosen
        self._root = box("nav", "u-chats").props('aria-label="Chats"')
        self._shown: tuple[tuple[str, str, str, int, str], ...] = ()
        show_if(self._root, None)

    def show(self, snapshot: Snapshot) -> None:
        waiting = snapshot.waiting or {}
        lines = tuple(
            (
                *(str(state.chat.key), state.chat.title, state.policy.mode.value),
                waiting.get(state.chat.key, 0),
                snapshot.troubles.get(str(state.chat.key), ""),
            )
            for state in snapshot.chats
        )
        if lines == self._shown:
            return
        self._shown = lines
        show_if(self._root, len(lines) > 1)
        self._root.clear()
        with self._root:
            for key, title, mode, drafts, trouble in lines:
                with box("a").props(f'href="/?chat={quote(key)}"') as link:
                    Tag("span", title, "u-chats-title")
                    Tag("span", f"{key.partition('/')[0]} · {mode}", "u-soft")
                    if trouble:
                        Tag("span", trouble, "u-trouble")
                    if drafts:
                        Tag("span", str(drafts), "u-count").props(f'aria-label="{drafts} drafts wait"')
                if key == str(self._chosen):
                    link.props("aria-current=page")


def _chosen(chats: Sequence[ChatState], name: str) -> ChatState | None:
    """The chat that is named, else the first one that is not off, else any."""
    on = [state for state in chats if state.policy.mode != "off"]
    return next((state for state in chats if str(state.chat.key) == name), next(iter([*on, *chats]), None))
