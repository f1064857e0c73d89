"""The chat itself: what was said, who types, the mode, and in a local room the line to type in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from nicegui import ui
from nicegui.events import GenericEventArguments

from bot.dashboard.chat_settings import ChatSettings
from bot.dashboard.snapshot import ChatView
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Moment, Rows, Tag, attribute, box, hue, set_text, show_if
from bot.desk import Desk
from bot.messengers.local import LocalRooms
from bot.people import Person, Role
from chat.message import Author, Chat, Message

_TOGETHER = timedelta(minutes=5)
_LONGEST = 4000
_SEND = """(event) => {
    if (event.isComposing || event.shiftKey) return;
    event.preventDefault();
    emit(event.target.value);
}"""


@dataclass(frozen=True, slots=True)
class _Line:
    """A message, and how it stands to its neighbours."""

    message: Message
    first: bool
    """Of a burst."""
    last: bool
    day: date | None
    """Where a new day begins."""


class ChatPanel:
    """One chat."""

    def __init__(
        self,
        visitor: Visitor,
        desk: Desk,
        rooms: LocalRooms,
        chat: Chat,
        friends: Sequence[Author],
        name: str,
        *,
        local: bool,
    ) -> None:
        self._visitor = visitor
        self._rooms = rooms
        self._chat = chat
        self._friends = {friend.id: friend for friend in friends}
        with box("section", "u-chat").props('aria-label="Chat"'):
            with box("header"):
                with box(classes="u-chat-name"):
                    Tag("h1", chat.title)
                    self._about = Tag("p", "", "u-soft")
                    self._trouble = Tag("p", "", "u-trouble").props("role=status")
                self._settings = ChatSettings(visitor, desk, chat.key, name)
            with box("u-stick", "u-messages").props('role=log aria-label="Messages" tabindex=0'):
                self._empty = Tag("p", "Nobody has said anything yet.", "u-soft u-nothing")
                self._rows: Rows[_Line] = Rows(box("ol", "u-bubbles"), lambda line: line.message.id, _LineRow)
                with box("div", "u-typing").props("role=status") as self._typing:
                    with box("span", "u-dots").props("aria-hidden=true"):
                        for _ in range(3):
                            box("i")
                    self._typing_text = Tag("span")
            if local and visitor.moderates:
                self._make_composer()

    def show(self, view: ChatView, trouble: str = "") -> None:
        """Show the chat as it stands now; `trouble` is what keeps it from working."""
        show_if(self._trouble, trouble)
        set_text(self._trouble, trouble)
        set_text(self._about, self._settings.show(view.state.policy))
        show_if(self._empty, not view.said)
        self._rows.show(_lines(view.said))
        show_if(self._typing, view.typing)
        if view.typing:
            set_text(self._typing_text, f"{view.typing} is typing…")

    def _make_composer(self) -> None:
        with box("div", "u-composer"):
            first = next(iter(self._friends))
            self._as = (
                ui.select({id_: friend.name for id_, friend in self._friends.items()}, value=first)
                .props('outlined dense options-dense aria-label="Type as" popup-content-class=u-options')
                .classes("u-field u-as")
            )
            self._text = (
                ui.input(placeholder="Message")
                .props(f'outlined dense autocomplete=off maxlength={_LONGEST} aria-label="Message"')
                .classes("u-field u-say")
            )
            self._text.on("keydown.enter", self._on_enter, js_handler=_SEND)
            send = ui.button(icon="send", color=None, on_click=self._on_send)
            send.props('unelevated round aria-label="Send"').classes("u-send")

    async def _on_enter(self, event: GenericEventArguments) -> None:
        await self._post(str(event.args or ""))

    async def _on_send(self) -> None:
        await self._post(str(self._text.value or ""))

    async def _post(self, text: str) -> None:
        text = text.strip()[:_LONGEST]
        if not text:
            return
        author = self._friends[str(self._as.value)]
        self._text.set_value("")

        async def post(person: Person) -> Message:
            person.must_be(Role.MODERATOR, "type in a local room")
            return await self._rooms.post(self._chat.key, author, text)

        if await self._visitor.do(post) is None:
            self._text.set_value(text)


class _LineRow:
    def __init__(self, line: _Line) -> None:
        message = line.message
        self.root: ui.element = box("li", "u-own" if message.own else "u-other")
        self.root.style(f"--hue: {hue(message.author.name)}")
        with self.root:
            self._day = Moment(message.sent_at, "day", "u-day")
            self._name = Tag("div", message.author.name, "u-name")
            with box(classes="u-bubble"):
                Tag("span", message.text, "u-text")
            self._at = Moment(message.sent_at, classes="u-at")

    def show(self, line: _Line) -> None:
        show_if(self._day, line.day)
        show_if(self._name, line.first and not line.message.own)
        show_if(self._at, line.last)
        attribute(self.root, "data-first", "" if line.first else None)
        attribute(self.root, "data-last", "" if line.last else None)

    def leave(self) -> bool:
        return True


def _lines(said: Sequence[Message]) -> tuple[_Line, ...]:
    lines: list[_Line] = []
    for index, message in enumerate(said):
        before = said[index - 1] if index else None
        after = said[index + 1] if index + 1 < len(said) else None
        new_day = before is None or before.sent_at.date() != message.sent_at.date()
        lines.append(
            _Line(
                message,
                first=before is None or not _together(before, message),
                last=after is None or not _together(message, after),
                day=message.sent_at.date() if new_day else None,
            )
        )
    return tuple(lines)


def _together(one: Message, other: Message) -> bool:
    return (
        (one.author.id, one.own) == (other.author.id, other.own)
        and other.sent_at - one.sent_at < _TOGETHER
        and one.sent_at.date() == other.sent_at.date()
    )
