"""The recipe `turns`: learn to answer as the owner did, from the very prompts that serving builds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from chat.exports.export import Export
from chat.message import Message
from inference.prompt import PromptFormat, build_prompt
from training.dataset.dataset import Dataset, Example
from training.errors import DatasetTooSmall


class Per(StrEnum):
    """What one example is made of."""

    BURST = "burst"
    """Each own burst with its own prompt: what serving asks, exactly."""
    CONVERSATION = "conversation"
    """All own bursts of a stretch of a conversation at once: several times faster, and the same words
    learned. A burst then sees up to three times `history_messages` instead of exactly the window."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """One conversation's examples, and the day it began."""

    day: date
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Turns:
    """How exports become examples.

    A silence longer than `gap` ends a conversation. `held_out` is the share of conversations, drawn by a
    hash of each, that is kept from training: more exports later leave the draw of the old ones as it was.
    With `held_out_since`, the conversations from that day on are kept instead.
    """

    gap: timedelta = timedelta(hours=6)
    held_out: float = 0.1
    held_out_since: date | None = None
    per: Per = Per.BURST

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1 or self.gap <= timedelta():
            raise ValueError("a share between 0 and 1 is held out, and the gap is longer than nothing")

    def dataset(self, exports: Sequence[Export], form: PromptFormat) -> Dataset:
        """Make the examples. Raises DatasetTooSmall when there is nothing to learn, or nothing to hold out."""
        talks: dict[str, _Talk] = {}
        for export in exports:
            # A blank text gives no line in a prompt; without it, runs and prompt messages go together.
            spoken = [message for message in export.messages if message.text.strip()]
            for conversation in conversations(spoken, self.gap):
                if found := tuple(self._examples(conversation, form, export.members)):
                    # Exports of one chat overlap: what several hold is taken once.
                    talks.setdefault(found[0].conversation, _Talk(conversation[0].sent_at.date(), found))
        if not talks:
            raise DatasetTooSmall(_silent(exports))
        kept = self._kept(talks)
        return Dataset(
            tuple(example for key, talk in talks.items() if key not in kept for example in talk.examples),
            tuple(example for key, talk in talks.items() if key in kept for example in talk.examples),
        )

    def _kept(self, talks: Mapping[str, _Talk]) -> set[str]:
        """Which conversations are held out; there are some on each side, however small the exports."""
        if self.held_out_since is not None:
            kept = {key for key, talk in talks.items() if talk.day >= self.held_out_since}
            if not kept or len(kept) == len(talks):
                raise DatasetTooSmall(
                    "nothing would be trained, or held out: choose another day to hold out from"
                )
            return kept
        if len(talks) < 2:
            raise DatasetTooSmall(
                "there is one conversation only, and one must be held out: export a longer stretch of chat"
            )
        ranked = sorted(talks, key=_draw)
        count = sum(_draw(key) < self.held_out for key in ranked)
        return set(ranked[: min(max(count, 1), len(ranked) - 1)])

    def _examples(
        self, conversation: Sequence[Message], form: PromptFormat, members: Sequence[str]
    ) -> Iterator[Example]:
        key = _key(conversation)
        if self.per is Per.BURST:
            for begin, end in _answers(conversation):
                prompt = build_prompt(form, conversation[:begin], members)
                burst = build_prompt(_wide(form, end - begin), _own_words(conversation[begin:end]), members)
                # The system message alone: all of the burst was passed on from somebody else.
                if len(burst) > 1:
                    yield Example(key, (*prompt, burst[-1]), (len(prompt),))
            return
        yield from _stretches(key, conversation, form, members)


def conversations(messages: Sequence[Message], gap: timedelta) -> Iterator[tuple[Message, ...]]:
    """Cut a chat where nobody wrote for longer than `gap`.

    A step back in time ends nothing: exports have lines out of order, and clocks are set back in autumn.
    """
    run: list[Message] = []
    for message in messages:
        if run and message.sent_at - run[-1].sent_at > gap:
            yield tuple(run)
            run = []
        run.append(message)
    if run:
        yield tuple(run)


def _answers(conversation: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """Where own bursts that follow somebody's message begin and end."""
    place = 0
    for own, run in groupby(conversation, key=lambda message: message.own):
        length = sum(1 for _ in run)
        if own and place:
            yield place, place + length
        place += length


def _stretches(
    key: str, conversation: Sequence[Message], form: PromptFormat, members: Sequence[str]
) -> Iterator[Example]:
    """Overlapping stretches: each burst is learned once, with at least the served window before it."""
    window = form.history_messages
    answers = list(_answers(conversation))
    for start in range(0, len(conversation), 2 * window):
        due = {begin: end for begin, end in answers if start <= begin < start + 2 * window}
        if not due:
            continue
        first = max(0, start - window)
        shown = conversation[first : max(due.values())]
        messages = build_prompt(_wide(form, len(shown)), shown, members)
        # No text is blank here, so that each run of messages is one message of the prompt, after the system's.
        learned = []
        begin = first
        for place, (own, run) in enumerate(groupby(shown, key=lambda message: message.own), 1):
            burst = tuple(run)
            if own and begin in due and burst == _own_words(burst):
                learned.append(place)
            begin += len(burst)
        if learned:
            yield Example(key, messages, tuple(learned))


def _own_words(burst: Sequence[Message]) -> tuple[Message, ...]:
    """Without what the owner merely passed on."""
    return tuple(message for message in burst if not message.forwarded)


def _wide(form: PromptFormat, messages: int) -> PromptFormat:
    return replace(form, history_messages=max(messages, 1))


def _key(conversation: Sequence[Message]) -> str:
    first = conversation[0]
    return hashlib.sha256(f"{first.chat}\0{first.id}".encode()).hexdigest()[:16]


def _draw(key: str) -> float:
    """A number from 0 to 1 that hangs on the conversation alone."""
    digest = hashlib.sha256(b"held out\0" + key.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _silent(exports: Sequence[Export]) -> str:
    if any(message.own for export in exports for message in export.messages):
        return "the owner never answers anybody in these exports: export chats with more talk in them"
    names = sorted({name for export in exports for name in export.members})
    shown = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
    return (
        f"nobody of the owner's name wrote in these exports: give the name as it stands there, one of {shown}"
    )
