"""Kill words: the words at which everything falls silent, however they are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from safety.folding import fold_character, is_spaceless
from safety.lookalikes import letters_like

# Right-to-left overrides show a text backwards: what is typed "elppaenip" is read "pineapple".
_BACKWARDS = "\u202e"
# What is written upside down, or as in a mirror, is read from its end, and these of its letters tell it.
_TURNED = (
    (frozenset("ǝɐɹʇʌʍɥɟɯɔʞ"), str.maketrans("dpunqbmw", "pdnubqwm")),
    (frozenset("ɘɒɿƨꟻ"), str.maketrans("qpdb", "pqbd")),
)
# Long-vowel marks are letters to Unicode, and dashes to who spaces a word out with them.
_DASHES = frozenset("ーｰ")
# Words of so many letters are found with a slip of the finger in them; shorter ones would become others.
_LONG = 8


class _Kind(Enum):
    """What a character is to a word beside it."""

    LETTER = auto()
    """Goes on with the word, in a script with spaces between words."""
    SPACELESS = auto()
    """A letter of a script without them: a word may begin and end anywhere."""
    DIGIT = auto()
    SYMBOL = auto()
    """Emoji and signs: words can be made of them."""
    OTHER = auto()
    """Spaces, punctuation, controls."""


class _Glyph(NamedTuple):
    """One folded character: all that it may be read as, itself first, and its kind."""

    readings: str
    kind: _Kind


def _kind(character: str) -> _Kind:
    category = unicodedata.category(character)
    if character in _DASHES or "\u02b0" <= character <= "\u02ff":  # modifier letters, such as ʼ
        return _Kind.OTHER
    if category[0] in "LM" or category == "Nl":
        return _Kind.SPACELESS if is_spaceless(character) else _Kind.LETTER
    if category[0] == "N":
        return _Kind.DIGIT
    return _Kind.SYMBOL if category[0] == "S" else _Kind.OTHER


@lru_cache(maxsize=8192)
def _glyphs(character: str) -> tuple[_Glyph, ...]:
    return tuple(_Glyph(folded + letters_like(folded), _kind(folded)) for folded in fold_character(character))


class _Spelling(NamedTuple):
    """One way to write a kill word; `spaced` when its letters may stand apart."""

    word: str
    glyphs: tuple[_Glyph, ...]
    spaced: bool


def _visible(word: str) -> tuple[_Glyph, ...]:
    """The glyphs that a kill word is made of, without spaces and punctuation."""
    glyphs = (glyph for character in word for glyph in _glyphs(character))
    return tuple(
        # A digit or sign in a configured word means itself: "47" is not to be found in "at".
        glyph if glyph.kind in (_Kind.LETTER, _Kind.SPACELESS) else _Glyph(glyph.readings[0], glyph.kind)
        for glyph in glyphs
        if glyph.kind is not _Kind.OTHER
    )


def _spellings(words: Sequence[str]) -> Iterator[_Spelling]:
    """Each word, its plural, and for long words its slips of the finger."""
    for word in words:
        glyphs = _visible(word)
        if not glyphs:
            raise ValueError("a kill word needs a letter, a digit or a sign that can be seen")
        yield _Spelling(word, glyphs, spaced=True)
        if glyphs[-1].kind is _Kind.LETTER:
            yield _Spelling(word, (*glyphs, *_visible("s")), spaced=True)
        if len(glyphs) >= _LONG and all(glyph.kind is _Kind.LETTER for glyph in glyphs):
            # Not spaced: "pin apple" is two words.
            for slip in dict.fromkeys(_slips(glyphs)):
                yield _Spelling(word, slip, spaced=False)
                yield _Spelling(word, (*slip, *_visible("s")), spaced=False)


def _slips(glyphs: tuple[_Glyph, ...]) -> Iterator[tuple[_Glyph, ...]]:
    for at in range(1, len(glyphs) - 1):
        yield glyphs[:at] + glyphs[at + 1 :]
        yield (*glyphs[:at], glyphs[at + 1], glyphs[at], *glyphs[at + 2 :])


@dataclass(frozen=True, slots=True)
class _Machine:
    """All words side by side in one row of bits: bit n stands for the n-th glyph of some word.

    A text is read once, a few operations on whole rows for each character (Shift-And), so that the time
    is linear in the text whatever stands in it; a regular expression with optional gaps is not.
    """

    words: tuple[str, ...]
    """The configured word for each bit."""
    reading: Mapping[str, int]
    """For each character the bits of the glyphs that it may be read as."""
    first: int
    last: int
    startable: Mapping[_Kind, int]
    """First bits that may follow a character of the kind."""
    endable: Mapping[_Kind, int]
    """Last bits that a character of the kind may follow."""
    open_end: int
    """Last bits at which a word is found whatever follows."""
    spaced: int
    """Bits after which what is no letter may stand."""

    @classmethod
    def build(cls, spellings: Iterable[_Spelling]) -> _Machine:
        words: list[str] = []
        reading: dict[str, int] = {}
        firsts: list[tuple[int, _Kind]] = []
        lasts: list[tuple[int, _Kind]] = []
        spaced = 0
        for word, glyphs, may_be_spaced in spellings:
            if may_be_spaced:
                spaced |= (1 << len(glyphs)) - 1 << len(words)
            firsts.append((1 << len(words), glyphs[0].kind))
            for glyph in glyphs:
                for character in glyph.readings:
                    reading[character] = reading.get(character, 0) | 1 << len(words)
                words.append(word)
            lasts.append((1 << len(words) - 1, glyphs[-1].kind))
        return cls(
            words=tuple(words),
            reading=reading,
            first=sum(bit for bit, _ in firsts),
            last=sum(bit for bit, _ in lasts),
            startable={kind: _beside(kind, firsts) for kind in _Kind},
            endable={kind: _beside(kind, lasts) for kind in _Kind},
            open_end=sum(bit for bit, kind in lasts if kind in (_Kind.SPACELESS, _Kind.SYMBOL)),
            spaced=spaced,
        )

    def run(self, text: Iterable[str]) -> str | None:
        """The first word that ends in the text."""
        reached = ended = 0
        previous = _Kind.OTHER
        for character in text:
            for readings, kind in _glyphs(character):
                if found := ended & self.endable[kind]:
                    return self._word(found)
                # A word may follow itself without a gap: "pineapplepineapple".
                starts = self.first if ended else self.startable[previous]
                bits = 0
                for reading in readings:
                    bits |= self.reading.get(reading, 0)
                # Each glyph may be held ("piiineapple"), hence the second term.
                matched = (((reached & ~self.last) << 1 | starts) | reached) & bits
                ended = matched & self.last
                if found := ended & self.open_end:
                    return self._word(found)
                # What is no letter may stand in a gap, and may at the same time be read as a letter.
                gap = kind is not _Kind.LETTER and kind is not _Kind.SPACELESS
                reached = matched | reached & self.spaced if gap else matched
                previous = kind
        return self._word(ended) if ended else None

    def _word(self, bits: int) -> str:
        return self.words[(bits & -bits).bit_length() - 1]


def _beside(kind: _Kind, edges: Iterable[tuple[int, _Kind]]) -> int:
    """The edges of words that may stand beside a character of the kind."""
    blocked = {
        _Kind.LETTER: {_Kind.LETTER, _Kind.DIGIT},
        _Kind.DIGIT: {_Kind.DIGIT},
    }.get(kind, set())
    return sum(bit for bit, edge in edges if edge not in blocked)


@dataclass(frozen=True, slots=True)
class KillWords:
    """The words that silence a chat, and how they are found. A missed kill is worse than a false one.

    A word is found in any letter case, width and script of lookalikes, with accents, invisible
    characters and leetspeak in it (`p1ne@pple`), with its letters held (`pineappleee`), and with
    anything that is no letter between them (`P I N E`, `p.i.n.e`, `pine apple`, also over line breaks).
    It must stand by itself: not inside a longer word (`pineappleXY`), but beside digits, punctuation
    and emoji, with a plural s, and several times in a row. A word in a script without spaces between
    words (kana, Han, Hangul, Thai) and one made of emoji is found anywhere. A word of 8 letters or more
    is also found with one inner letter missing or two neighbours swapped (`pineaple`, `pineappel`). A text
    upside down, in a mirror or turned round by a control character is read as it is seen.

    Since letters may be spaced, a word also is found in shorter words that spell it together: prefer a
    kill word that no ordinary words in a row make up. A phrase is a word whose spaces do not count.

    Raises ValueError for no words at all, and for a word without any letter, digit or sign.
    """

    words: tuple[str, ...] = ("pineapple", "🍍")
    _machine: _Machine = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("at least one kill word is needed")
        object.__setattr__(self, "_machine", _Machine.build(_spellings(self.words)))

    def beside(self, more: tuple[str, ...]) -> KillWords:
        """These words and more of them. Raises ValueError for a word that could never be found."""
        return _known(self.words + more) if more else self

    def found_in(self, text: str) -> str | None:
        """The configured word that the text contains, None for none. Time is linear in the text."""
        found = self._machine.run(text)
        if found is None and _BACKWARDS in text:
            found = self._machine.run(reversed(text))
        for letters, turned in _TURNED:
            if found is None and not letters.isdisjoint(text):
                found = self._machine.run(reversed(text.casefold().translate(turned)))
        return found


@lru_cache(maxsize=1024)
def _known(words: tuple[str, ...]) -> KillWords:
    return KillWords(words)
