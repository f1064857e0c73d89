"""The preset `weclone`: questions and answers that follow each other within minutes, in several turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal

from pydantic import Field

from chat.message import Attachment, Message
from inference.prompt import PromptMessage
from training.dataset.history import History
from training.dataset.recipe import Lines, Recipe, row_of
from training.dataset.row import Learned, Row, Talk

_NO_BREAK_AFTER: Final = tuple("。.！!？?…，,")


class WeClone(Recipe):
    """WeClone's rules, chat by chat: there, two chats that were read after each other could pair.

    What WeClone drops for personal data and by a judge is the filters' business here.
    """

    source: ClassVar[str] = "github.com/xming521/WeClone"

    preset: Literal["weclone"] = "weclone"
    system: str = Field(
        "You are {name}, chatting with a friend.", min_length=1, description="{name} is the owner's name"
    )
    merge_minutes: float = Field(2, ge=0, description="one sender's messages so close, or closer, are one")
    pair_minutes: float = Field(
        5, ge=0, description="an answer comes within this time, the minute itself included"
    )
    opener: str = Field(
        "<begin_chat>", min_length=1, description="the question before what the owner says unasked"
    )
    cut: frozenset[Attachment] = Field(
        frozenset({Attachment.IMAGE, Attachment.VIDEO, Attachment.AUDIO}),
        description="attachments that end a conversation",
    )
    skip: frozenset[Attachment] = Field(
        frozenset(Attachment) - {Attachment.IMAGE, Attachment.VIDEO, Attachment.AUDIO},
        description="attachments that are passed over",
    )
    cut_links: bool = Field(True, description="a message that is one address alone ends a conversation")
    skip_replies: bool = Field(True, description="answers that quote a message are passed over")
    blocked_words: tuple[str, ...] = Field((), description="messages that hold one of these are passed over")
    max_chars: int = Field(
        2048, ge=1, description="a longer question or answer is cut, a longer example left out"
    )
    add_time: bool = Field(False, description="the time of the last message stands in the system's")

    def rows(self, histories: Iterable[History]) -> Iterator[Row]:
        """Make a row a conversation."""
        for history in histories:
            for talk in self._talks(self._groups(history.messages)):
                yield from self._row(history, talk)

    def _groups(self, messages: Iterable[Message]) -> Iterator[_Group | None]:
        """Merge what one person sends in a row; None stands for a cut."""
        window, group = timedelta(minutes=self.merge_minutes), list[Message]()
        for message in messages:
            if self._cuts(message):
                if group:
                    yield _Group(tuple(group))
                group = []
                yield None
            elif not self._skipped(message):
                if group and (
                    group[-1].author.id != message.author.id or message.sent_at - group[-1].sent_at > window
                ):
                    yield _Group(tuple(group))
                    group = []
                group.append(message)
        if group:
            yield _Group(tuple(group))

    def _cuts(self, message: Message) -> bool:
        plain = message.text.strip()
        link = self.cut_links and plain.startswith(("http://", "https://")) and len(plain.split()) == 1
        return link or message.attachment in self.cut

    def _skipped(self, message: Message) -> bool:
        return (
            not message.text.strip()
            or message.attachment in self.skip
            or (self.skip_replies and message.reply_to is not None)
            or any(word in message.text for word in self.blocked_words)
        )

    def _talks(self, groups: Iterable[_Group | None]) -> Iterator[Sequence[_Exchange]]:
        """Pair groups: an answer goes with the last group of the others' before it, if that is recent."""
        window = timedelta(minutes=self.pair_minutes)
        talk: list[_Exchange] = []
        asked: _Group | None = None
        last: datetime | None = None
        for group in groups:
            if group is None:
                if talk:
                    yield talk
                talk, asked, last = [], None, None
                continue
            soon = last is None or group.first - last <= window
            # A late answer to a question is no answer, but ends nothing by itself: what is said next does.
            if not soon and (asked is None or not group.own):
                if talk:
                    yield talk
                talk = []
            if not group.own:
                asked, last = group, group.last
            elif asked is None:
                talk.append(_Exchange(None, group))
                last = group.last
            else:
                if soon:
                    talk.append(_Exchange(asked, group))
                    last = group.last
                asked = None
        if talk:
            yield talk

    def _row(self, history: History, talk: Sequence[_Exchange]) -> Iterator[Row]:
        if len(talk) == 1 and talk[0].asked is None:
            return
        messages: list[PromptMessage] = []
        learned: list[Learned] = []
        shown: list[Message] = []
        system = self.system.replace("{name}", history.owner)
        if self.add_time:
            system += f"\nIt is {talk[-1].answer.last:%m-%d %H:%M}."
        messages.append(PromptMessage("system", system))
        for exchange in talk:
            asked = self.opener
            if exchange.asked is not None:
                asked, _ = exchange.asked.joined(0, self.max_chars)
                shown += exchange.asked.messages
            messages.append(PromptMessage("user", asked))
            answer, spans = exchange.answer.joined(len(messages), self.max_chars)
            messages.append(PromptMessage("assistant", answer))
            learned += spans
            shown += exchange.answer.messages
        if sum(len(message.content) for message in messages[1:]) <= self.max_chars:
            yield row_of(history, Talk(tuple(messages)), shown, learned)


@dataclass(frozen=True, slots=True)
class _Group:
    """What one person sent within minutes."""

    messages: tuple[Message, ...]
    own: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", self.messages[0].own)

    @property
    def first(self) -> datetime:
        # The published code dates a merged group by its last message, for both comparisons.
        return self.messages[-1].sent_at

    @property
    def last(self) -> datetime:
        return self.messages[-1].sent_at

    def joined(self, part: int, longest: int) -> tuple[str, list[Learned]]:
        """Join the texts with line breaks, save after punctuation, and cut what is too long."""
        lines = Lines(part)
        text = ""
        for message in self.messages:
            plain = message.text.strip()
            between = "" if not text or text.endswith(_NO_BREAK_AFTER) else "\n"
            lines.join(between, plain, message)
            text += between + plain
        spans = [span._replace(end=min(span.end, longest)) for span in lines.learned if span.begin < longest]
        return text[:longest], spans


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A question, or none where the owner began, and the answer."""

    asked: _Group | None
    answer: _Group
