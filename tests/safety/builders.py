"""Short ways to messages, gates and drafts for the tests of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from chat.message import Author, Chat, ChatKey, Message
from chat.transcript import Turn
from safety.kill import Kill
from safety.mode import ChatPolicy, Mode
from safety.subject import DraftText, Gate
from safety.window import WindowAnswer, WindowLimit

CHAT = Chat(ChatKey("local", "weekend-plans"), "Weekend plans")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIA = Author("u1", "Mia Chen")
TOM = Author("u2", "Tom")
SAM = Author("me", "Sam")
BOT = Author("b1", "Reminder", is_bot=True)
SECRET = "the-text-of-a-message"


def message(
    text: str = "hello",
    author: Author = MIA,
    id: str = "m1",  # noqa: A002
    *,
    own: bool = False,
    reply_to: str | None = None,
) -> Message:
    return Message(CHAT.key, id, author, text, NOON, own=own, reply_to=reply_to)


def own(text: str, id: str = "o1") -> Message:  # noqa: A002
    return message(text, SAM, id, own=True)


def turn(*messages: Message, history: Sequence[Message] = ()) -> Turn:
    return Turn(CHAT, messages or (message(),), tuple(history))


def gate(
    *messages: Message,
    mode: Mode = Mode.AUTO,
    probability: float = 1.0,
    kill: Kill | None = None,
    names: tuple[str, ...] = ("Sam",),
    own_ids: frozenset[str] = frozenset(),
    after: float = 0.0,
) -> Gate:
    now = NOON + timedelta(seconds=after)
    return Gate(turn(*messages), ChatPolicy(mode, probability), now, kill, names, own_ids)


def draft(*bubbles: str, history: Sequence[Message] = ()) -> DraftText:
    return DraftText(turn(history=history), bubbles, ChatPolicy(Mode.AUTO, 1.0), ("Sam",))


class MemoryWindows:
    """Sliding windows in a dictionary, as the protocol asks for them."""

    def __init__(self) -> None:
        self._members: dict[tuple[ChatKey, str], dict[str, float]] = {}

    async def take(
        self, chat: ChatKey, limits: Sequence[WindowLimit], member: str, now: datetime
    ) -> WindowAnswer:
        at = now.timestamp()
        for limit in limits:
            members = self._members.setdefault((chat, limit.key), {})
            for name, since in list(members.items()):
                if since <= at - limit.seconds:
                    del members[name]
            if member not in members and len(members) >= limit.limit:
                return WindowAnswer(False, limit.key, min(members.values()) + limit.seconds - at)
        for limit in limits:
            self._members[chat, limit.key].setdefault(member, at)
        return WindowAnswer(True)
