"""How somebody is found in what is stored: by their names, their ids, and what they wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Self

FORGOTTEN: Final = "[forgotten]"
"""What a forgotten person's name gives way to in others' words."""
_TELLING: Final = 20
"""Characters from which on a line is somebody's own; shorter ones are said by anybody."""
_SPEAKER: Final = re.compile(r"^[^\n:]{1,60}: ")


@dataclass(frozen=True)
class Traces:
    """What somebody leaves. `names` and `ids` are as written, `lines` the long ones of what they wrote.

    Shows nothing in its `repr`.
    """

    names: frozenset[str] = field(default=frozenset(), repr=False)
    ids: frozenset[str] = field(default=frozenset(), repr=False)
    lines: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, names: Iterable[str], ids: Iterable[str] = (), texts: Iterable[str] = ()) -> Self:
        """Gather them; a short line of a text is no trace."""
        lines = {line.strip() for text in texts for line in text.splitlines()}
        return cls(
            frozenset(filter(None, names)),
            frozenset(filter(None, ids)),
            frozenset(line for line in lines if len(line) >= _TELLING),
        )

    def is_person(self, author: str, name: str = "") -> bool:
        """Whether an author is this person."""
        known = {text.casefold() for text in self.names | self.ids}
        return author.casefold() in known or (bool(name) and name.casefold() in known)

    def wrote(self, text: str) -> bool:
        """Whether a text quotes them: has one of their lines, with a speaker's name before it or without."""
        return bool(self.lines) and any(
            line in self.lines or _SPEAKER.sub("", line) in self.lines
            for line in map(str.strip, text.splitlines())
        )

    def named(self, text: str) -> bool:
        """Whether one of the names or ids stands in a text as a word."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def masked(self, text: str) -> str:
        """Give a text without the names and ids."""
        return text if self._pattern is None else self._pattern.sub(FORGOTTEN, text)

    def found_in(self, value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
        """Whether anything in a text, or in a structure of texts, is a trace."""
        return any(self.named(text) or self.wrote(text) for text in _texts(value))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        longest = sorted(self.names | self.ids, key=len, reverse=True)
        words = "|".join(map(re.escape, longest))
        return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.IGNORECASE) if words else None


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
