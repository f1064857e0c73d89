"""Who else writes in a dataset, as far as its rows show: other people's messages, for a judge to tell them apart by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count

from training.dataset.presets.pairs import Pairs
from training.dataset.presets.weclone import WeClone
from training.dataset.recipe import Recipe
from training.dataset.row import Document, Pair, Row, Talk

_HEADING = "### "


def voices_of(rows: Iterable[Row], recipe: Recipe, own: str) -> Mapping[str, Sequence[str]]:
    """Give the messages of each other speaker, in the order of the rows; a message that several rows show, once.

    A recipe that tells no speakers gives one voice a chat. `own` is the person's name, whose lines are left out;
    documents of own messages alone give nobody.
    """
    named = not isinstance(recipe, WeClone | Pairs)
    found: dict[str, list[str]] = {}
    met: set[tuple[str, str]] = set()
    for row in rows:
        lines = list(_lines(row, named=named))
        # A line a source is what `turns` has, whose rows overlap; elsewhere a number is no message's, and rows do not.
        told = len(lines) == len(row.sources)
        names = row.sources if told else map(str, count())
        for source, (speaker, line) in zip(names, lines, strict=False):
            key = (row.chat, source)
            if speaker and speaker != own and not (told and key in met):
                found.setdefault(speaker, []).append(line)
            met.add(key)
    return found


def _lines(row: Row, *, named: bool) -> Iterator[tuple[str, str]]:
    """Each line that is shown with its speaker, none for the person's own."""
    body = row.body
    if isinstance(body, Talk):
        for message in body.messages:
            if message.role == "system":
                continue
            for line in message.content.splitlines():
                if message.role == "assistant":
                    yield "", line
                else:
                    yield _speaker(line, row.chat) if named else (row.chat, line)
    elif isinstance(body, Pair) and _HEADING not in body.completion:
        yield from ((row.chat, line) for line in body.prompt.splitlines() if _spoken(line))
    elif isinstance(body, Document | Pair):
        for line in body.parts[-1].splitlines():
            if line.startswith(_HEADING):
                yield _speaker(line.removeprefix(_HEADING), row.chat)


def _speaker(line: str, chat: str) -> tuple[str, str]:
    """A prompt's line: the name stands before the first colon."""
    name, colon, said = line.partition(": ")
    return (name, said) if colon and said else (chat, line)


def _spoken(line: str) -> bool:
    """Whether a line of a pair's prompt is somebody's, and not the recipe's separator."""
    return any(sign.isalnum() for sign in line)
