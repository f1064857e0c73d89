"""What every messenger gives: a connector that hears messages and hands bubbles over.

The edge translates: a messenger's own nouns and errors become ours in its one file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot.backlog import Standing
from bot.inbox import Received
from bot.places import Place
from bot.presence import Held
from chat.message import Author, ChatKey, Message
from safety.kill import KillReach, KillReport

if TYPE_CHECKING:
    import aiohttp

Wires = Callable[[], "aiohttp.BaseConnector"]
"""Makes what each connection to a messenger runs over, where it shall not be the messenger's library's own."""


class SendError(Exception):
    """Base of what can happen when a bubble is handed over.

    `retry_after` is for how many seconds the messenger wants to be left alone. Such a wait is no failed try, however
    long it is; 0 where the messenger named none.
    """

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class SendRefused(SendError):
    """The bubble surely did not leave: the messenger said no, or was never reached. It may be tried again."""


class SendImpossible(SendRefused):
    """It did not leave, and will not, however often it is tried: the chat is gone or closed."""


class SendUncertain(SendError):
    """The bubble may or may not have left."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A messenger takes nothing for a while."""

    seconds: float
    reason: str


async def _goes_on() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message to be sent; `id` is the idempotency key for messengers that know one."""

    id: str
    chat: ChatKey
    text: str
    handed_over_at: datetime | None = field(default=None, compare=False)
    """When it was handed over before with nothing on record of what came of that; None where it was not."""
    reply_to: str | None = field(default=None, compare=False)
    """The message that it answers, where somebody else has written since; a messenger without replies ignores it."""
    goes_on: Callable[[], Awaitable[bool]] = field(default=_goes_on, compare=False, repr=False)
    """Asked before each further message where one bubble takes several: False when it is not to go on.

    Then a kill has come, or nobody can say. What was begun is uncertain. A yes is for now, as the fence's is.
    """
    people: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The ids, by their names, of the people in the conversation, where the text may name some with an @."""


class Ears(Protocol):
    """What a connector tells of; the inbox listens. Each method raises StoreAway: the connector then tells it again."""

    async def receive(self, message: Message) -> Received:
        """Somebody wrote a message, or changed one: then it comes again, under its id, as `edited`."""

    async def hear(self, message: Message) -> None:
        """Kill if a message says so, before it is its turn to be received; `receive` hears it as well."""

    async def chats(self, messenger: str) -> tuple[ChatKey, ...]:
        """The chats of a messenger that the stand-in was let into."""

    async def standing(self, chat: ChatKey) -> Standing | None:
        """How far a chat has been read; None where the stand-in is not in it.

        A connector whose messenger can be asked asks for what came after the watermark, whenever it has not listened
        for a while, and gives it in order to `catch_up`, before anything newer of the chat goes to `receive`.
        """

    async def catch_up(
        self, message: Message, within: timedelta, changed_at: datetime | None = None
    ) -> Received:
        """Nobody listened when this message was written, or the stand-in was not in the chat yet: then it is context.

        A missed one is answered where it is younger than `within`; a kill word or an order in it counts at any age.
        `changed_at` is when it got the text that it has, where it was edited; one that is known by another text comes
        as `edited`.
        """

    async def hear_late(self, message: Message, changed_at: datetime | None = None) -> None:
        """Kill if a message says so that will be given to `catch_up`."""

    async def kill(
        self,
        chat: ChatKey,
        author: Author,
        reach: KillReach | None = None,
        once: str = "",
        *,
        own: bool = False,
    ) -> KillReport:
        """Somebody gave the messenger's own command to kill in a chat, such as a slash command.

        `reach` is what they asked for, None what the settings say; `once` is the command's id, under which it counts
        once. Raises NotAllowed when they may not.
        """

    async def place(self, place: Place) -> None:
        """A chat is called so, and may be a part of another. Told before its first message, and when that changes."""

    async def deleted(self, chat: ChatKey, ids: Sequence[str] | None) -> None:
        """Messages were deleted, by whomever, or with None the chat itself: all that was said in it.

        Told in the order in which it happened; it may come before a message.
        """

    async def owner_types(self, chat: ChatKey) -> None:
        """The owner is typing in a chat right now, as a person."""


class Connector(Protocol):
    """One account on one messenger."""

    @property
    def messenger(self) -> str:
        """The messenger's name, the first part of its chats' keys."""

    @property
    def idempotent(self) -> bool:
        """Whether sending a bubble twice under one id gives one message."""

    @property
    def serves(self) -> Callable[[ChatKey], bool] | None:
        """Says which chats are heard here right now, for only their bubbles are sent here; None: all, at all times."""

    def troubles(self, chats: Sequence[ChatKey]) -> Mapping[str, str]:
        """What keeps the account from its work, now, a line for each place.

        A place is the messenger by its name, or a chat of these by its key. Empty where all is well.
        """

    @property
    def held(self) -> tuple[Held, ...]:
        """The shards of the account that are held here; none where the messenger knows no such thing."""

    async def listen(self, ears: Ears) -> None:
        """Hear until cancelled; a message is given until `receive` returns, then it may be forgotten."""

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        """Show for that long that somebody types; returns at once, and never fails."""

    def sign(self, chat: ChatKey, message_id: str) -> None:
        """Show under a message that the kill in it was heard, where the messenger has such signs.

        Returns at once, and never fails. It is no message: no pause and no slow mode holds it up.
        """

    async def pause(self, chat: ChatKey) -> Pause | None:
        """For how long the messenger takes nothing in a chat; None where it takes something now. Never fails."""

    async def send(self, bubble: Bubble) -> Message:
        """Hand a bubble over; gives the message as it now stands in the chat.

        Raises SendRefused when it surely did not leave, SendUncertain when nobody can say.
        """
