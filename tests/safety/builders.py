"""Short ways to messages, gates and drafts for the tests of the rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from chat.message import Author, Chat, ChatKey, Message
from chat.transcript import Turn
from safety.consent import ChatConsent, Entry, How
from safety.kill import Kill
from safety.mode import ChatPolicy, Mode
from safety.subject import DraftText, Gate
from safety.window import Reach, WindowAnswer, WindowLimit

CHAT = Chat(ChatKey("local", "weekend-plans"), "Weekend plans")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIA = Author("u1", "Mia Chen")
TOM = Author("u2", "Tom")
SAM = Author("me", "Sam")
BOT = Author("b1", "Reminder", is_bot=True)
ENABLED = ChatConsent(Entry(True, How.OWNER, "olivia", NOON))
SECRET = "the-text-of-a-message"


def message(
    text: str = "hello",
    author: Author = MIA,
    id: str = "m1",  # noqa: A002
    *,
    own: bool = False,
    reply_to: str | None = None,
    after: float = 0.0,
    stand_in: bool = False,
) -> Message:
    at = NOON + timedelta(seconds=after)
    return Message(CHAT.key, id, author, text, at, own=own, reply_to=reply_to, stand_in=stand_in)


def own(text: str, id: str = "o1", after: float = 0.0) -> Message:  # noqa: A002
    return message(text, SAM, id, own=True, after=after)


def sent(text: str, id: str = "s1", after: float = 0.0) -> Message:  # noqa: A002
    """What the stand-in said."""
    return message(text, SAM, id, own=True, after=after, stand_in=True)


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
    history: Sequence[Message] = (),
    policy: ChatPolicy | None = None,
    consent: ChatConsent = ENABLED,
    owner_seen: datetime | None = None,
    turns_alone: int = 0,
) -> Gate:
    now = NOON + timedelta(seconds=after)
    policy = policy or ChatPolicy(mode, probability)
    judged = turn(*messages, history=history)
    return Gate(judged, policy, now, kill, names, own_ids, consent, owner_seen, turns_alone)


def draft(*bubbles: str, history: Sequence[Message] = ()) -> DraftText:
    return DraftText(turn(history=history), bubbles, ChatPolicy(Mode.AUTO, 1.0), ("Sam",))


class MemoryWindows:
    """Sliding windows in a dictionary, as the protocol asks for them."""

    def __init__(self) -> None:
        self._members: dict[tuple[Reach, str], dict[str, float]] = {}

    async def take(
        self, chat: ChatKey, limits: Sequence[WindowLimit], member: str, now: datetime
    ) -> WindowAnswer:
        at = now.timestamp()
        member = f"{chat}/{member}"
        room: list[dict[str, float]] = []
        persons: list[WindowAnswer] = []
        for limit in limits:
            whose = {Reach.CHAT: str(chat), Reach.EVERYWHERE: ""}.get(limit.reach, chat.messenger)
            members = self._members.setdefault((limit.reach, f"{whose}/{limit.person}"), {})
            for name, since in list(members.items()):
                if since <= at - limit.seconds:
                    del members[name]
            answer = WindowAnswer(True)
            if member not in members and len(members) >= limit.limit:
                answer = WindowAnswer(False, limit.reach, min(members.values()) + limit.seconds - at)
            else:
                room.append(members)
            if limit.reach is Reach.PERSON:
                persons.append(answer)
            elif not answer.taken:
                return answer
        if persons and not any(answer.taken for answer in persons):
            return min(persons, key=lambda answer: answer.retry_after)
        for members in room:
            members.setdefault(member, at)
        return WindowAnswer(True)
