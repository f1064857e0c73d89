"""One chat's messages as recipes take them: in the order of time, the owner known, nothing blank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

import polars as pl

from chat.errors import OwnerUnknown, shown
from chat.exports.export import Export
from chat.exports.merge import merge
from chat.message import Author, ChatKey, Message


@dataclass(frozen=True, slots=True)
class History:
    """What people typed in one chat, oldest first.

    `owner` is the owner's name in this chat; `others` is everybody else who wrote, in the order in which
    they appeared. `direct` is true for a conversation of two. Messages without text stand here when
    something was attached: a picture may end a conversation. What the owner merely passed on is left out,
    for nobody should learn it as theirs.
    """

    chat: ChatKey
    owner: str
    others: tuple[Author, ...]
    direct: bool
    messages: Sequence[Message]

    @property
    def members(self) -> tuple[str, ...]:
        """The others' names, sorted."""
        return tuple(sorted({author.name for author in self.others}))

    def part(self, messages: Sequence[Message]) -> History:
        """Give the same chat with some of its messages."""
        return replace(self, messages=messages)

    @property
    def spoken(self) -> Sequence[Message]:
        """The messages that have words."""
        return [message for message in self.messages if message.text.strip()]


def histories(exports: Iterable[Export]) -> tuple[History, ...]:
    """Put exports in the order of time; several of one chat become one, without what both hold.

    Messages of one time stay in the export's order. Raises OwnerUnknown.
    """
    return tuple(_history(export) for export in merge(exports) if export.rows.height)


def conversations(messages: Sequence[Message], gap: timedelta) -> Iterator[Sequence[Message]]:
    """Cut a chat where nobody wrote for longer than `gap`."""
    begin = 0
    for place in range(1, len(messages)):
        if messages[place].sent_at - messages[place - 1].sent_at > gap:
            yield messages[begin:place]
            begin = place
    if messages:
        yield messages[begin:]


def runs(messages: Sequence[Message]) -> Iterator[tuple[bool, Sequence[Message]]]:
    """Give what one side (the owner, or everybody else) wrote without the other: whether own, and messages."""
    for own, run in groupby(messages, key=lambda message: message.own):
        yield own, list(run)


def _history(export: Export) -> History:
    if not export.owner:
        raise OwnerUnknown(
            f"nothing tells which of the people in {shown(export.chat.title)} is you: give your name with --me"
        )
    own = pl.col("author").is_in(sorted(export.owner))
    rows = export.rows.filter(~(own & pl.col("forwarded"))).sort("at", maintain_order=True)
    names = rows.filter(own).get_column("name")
    messages = list(replace(export, rows=rows).messages)
    # By the newest of somebody's names, and in the order of their oldest messages.
    others = {message.author.id: message.author for message in messages if not message.own}
    return History(
        export.chat.key,
        names[-1] if names.len() else "",
        tuple(others.values()),
        len(others) == 1 if export.direct is None else export.direct,
        messages,
    )
