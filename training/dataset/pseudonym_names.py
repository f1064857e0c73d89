"""Names that stand for names: a name stays a name, in the letters that it was typed in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_pools import FAMILY, GIVEN, ORDINARY, ROLES
from training.dataset.pseudonym_table import NAME, PseudonymTable

WORD: Final = re.compile(r"[^\W_]+")
# Scripts that put no space between words: a name in them is looked for as it is.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class PseudonymNames:
    """Replaces the words of people's names wherever they stand; each word always by the same other one.

    `said` are the words of all texts, folded: none of them becomes a pseudonym, or nobody could tell it from the word.
    The words of the names in `kept` stay as they are, whoever else has them in a name of theirs.
    """

    def __init__(
        self,
        key: PseudonymKey,
        table: PseudonymTable,
        names: Iterable[str],
        said: Collection[str],
        kept: Iterable[str] = (),
    ) -> None:
        self._key = key
        others: dict[str, str | None] = {}
        found: dict[str, tuple[str, bool]] = {}
        for name in sorted(set(names)):
            for place, word in enumerate(name_parts(name)):
                found.setdefault(word.casefold(), (word, place == 0))
        taken = found.keys() | set(said)

        def is_taken(one: str) -> bool:
            fold = one.casefold()
            return fold in taken or fold + "s" in taken or fold in ORDINARY

        stay = {word.casefold() for name in kept for word in name_parts(name)}
        taken |= stay
        others.update(dict.fromkeys(stay))
        for fold, (word, first) in found.items():
            if fold in stay:
                continue
            drawn = self._drawn(word, GIVEN if first else FAMILY)
            others[fold] = table.of(NAME, word, drawn, is_taken)
        self._others = others
        self._words = _Words(others)
        self._unspaced = _alternatives(word for word in others if _UNSPACED.search(word))

    def replaced(self, text: str) -> str:
        """Give a text with other names."""
        if self._unspaced is not None:
            text = self._unspaced.sub(
                lambda match: self._others[match.group().casefold()] or match.group(), text
            )
        return self._words.in_text(text)

    def _drawn(self, word: str, pool: tuple[str, ...]) -> Iterator[str]:
        digest = self._key.digest(NAME, word.casefold())
        begin = int.from_bytes(digest[:8]) % len(pool)
        yield from (pool[(begin + step) % len(pool)] for step in range(len(pool)))
        # More people than names: three syllables make one.
        attempt = 0
        while True:
            raw = self._key.digest("syllables", f"{attempt}\0{word.casefold()}")
            yield "".join(
                "bdfgklmnprstvz"[raw[at] % 14] + "aeiou"[raw[at + 1] % 5]
                for at in range(0, 6 + raw[9] % 2 * 2, 2)
            ).capitalize()
            attempt += 1


def names_put_back(text: str, table: PseudonymTable) -> str:
    """Give a text with the names that its pseudonyms stand for."""
    return _Words({other.casefold(): written for written, other in table.pairs(NAME)}).in_text(text)


def name_parts(name: str) -> Iterator[str]:
    """The words of a name that name somebody. In "Mia from Work" that is one."""
    words = WORD.findall(name)
    capitals = any(word[0].isupper() for word in words)
    for word in words:
        if len(word) < 2 and not _UNSPACED.match(word):
            continue
        if any(char.isdigit() for char in word) or word.casefold() in ROLES:
            continue
        if not (capitals and word[0].islower()):
            yield word


class _Words(dict[str, str]):
    """What each word becomes, as it is typed; worked out when it is first met. One that stays has None."""

    def __init__(self, others: Mapping[str, str | None]) -> None:
        super().__init__()
        self._others = others

    def __missing__(self, word: str) -> str:
        self[word] = self._other(word)
        return self[word]

    def in_text(self, text: str) -> str:
        return WORD.sub(lambda match: self[match.group()], text)

    def _other(self, word: str) -> str:
        fold = word.casefold()
        if fold in self._others:
            name, more = fold, ""
        elif fold[:-1] in self._others and fold[-1] == "s":
            # Of somebody, in English without its apostrophe, in German and Dutch by the book.
            name, more = fold[:-1], "s"
        else:
            # Drawn out: "Miaaaa". How far is how somebody types.
            stem = fold.rstrip(fold[-1])
            ways = (stem + fold[-1] * count for count in (1, 2))
            name = next((way for way in ways if way in self._others), "")
            more = (self._others[name] or name)[-1] * (len(fold) - len(name)) if name else ""
        other = self._others[name] if name else None
        if other is None or (name in ORDINARY and word.islower()):
            return word
        return _typed_like(word, other + more)


def _typed_like(word: str, name: str) -> str:
    if word.islower():
        return name.lower()
    return name.upper() if word.isupper() and len(word) > 1 else name


def _alternatives(words: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None
