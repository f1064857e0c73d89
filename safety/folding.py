"""Folding: what is left of a text when case, width, accents and invisible characters do not count."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Default-ignorable code points that are not of category Cf, Mn or Me, which go anyway: fillers that show
# nothing but count as letters.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
_INVISIBLE = frozenset({"Cf", "Mn", "Me"})

# Scripts written without spaces between words, or (Hangul) with particles joined to them. Hangul stands
# as the jamo that folding leaves.
_SPACELESS = (
    (0x0E00, 0x109F),  # Thai, Lao, Tibetan, Myanmar
    (0x1100, 0x11FF),  # Hangul jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0xA4CF),  # Han, kana, bopomofo, Yi
    (0xA960, 0xA97F),
    (0xD7B0, 0xD7FF),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)


@lru_cache(maxsize=8192)
def fold_character(character: str) -> str:
    """Fold one character; the result may be empty, or longer than one."""
    # Case is folded on both sides of the decomposition: compatibility forms uncover new capitals.
    folded = unicodedata.normalize("NFKD", character.casefold()).casefold()
    return "".join(
        "i" if part == "ı" else part
        for part in unicodedata.normalize("NFKD", folded)
        if unicodedata.category(part) not in _INVISIBLE and part not in _FILLERS and part not in _SKIN_TONES
    )


def fold(text: str) -> str:
    """Fold a text: NFKD and case folded, without marks, zero-width characters and skin tones.

    Character by character, because normalising a whole text takes quadratic time where somebody
    stacked ten thousand accents on one letter.
    """
    return "".join(map(fold_character, text))


def fold_with_origins(text: str) -> tuple[str, list[int]]:
    """Fold a text; gives for each character of the folded text the index in `text` that it comes from."""
    folded: list[str] = []
    origins: list[int] = []
    for at, character in enumerate(text):
        for part in fold_character(character):
            folded.append(part)
            origins.append(at)
    return "".join(folded), origins


def is_spaceless(character: str) -> bool:
    """Whether a folded character is of a script in which words stand without spaces between them."""
    code = ord(character)
    return any(low <= code <= high for low, high in _SPACELESS)
