"""How people laugh in writing, by family: haha, lol, jaja, 哈哈, kkk, www and their kin.

The families are those of Wikipedia's article "LOL" (variations, and translations in widespread use) and of The
Atlantic's "55555, or, How to Laugh Online in Other Languages" (2012), each under the form it is best known by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_FAMILIES: Final = {
    "haha": r"(?:mw|b+w?|w)?a*(?:h+a+){2,}h*",
    "hehe": r"(?:h+e+){2,}h*",
    "hihi": r"(?:h+i+){2,}h*",
    "hoho": r"(?:h+[oø]+){2,}h*",
    "lol": r"l+[oue]+l+(?:[oue]+l+)*[sz]?",
    "lmao": r"l+m+f?a+o+",
    "rofl": r"rof+l+(?:mao)?",
    "kek": r"ke+k+",
    "xd": r"x+d+",
    "jaja": r"a*(?:j+a+){2,}j*",  # Spanish
    "jeje": r"(?:j+e+){2,}j*",
    "jiji": r"(?:j+i+){2,}j*",
    "kkk": r"k{3,}",  # Portuguese
    "rsrs": r"(?:rs)+",
    "hue": r"(?:hue){2,}",
    "mdr": r"m+d+r+|p+t+d+r+",  # French
    "asg": r"asg",  # Swedish
    "wkwk": r"(?:wk){2,}w?",  # Indonesian
    "хаха": r"а*(?:х+а+){2,}х*|(?:х+[еи]+){2,}х*",  # Russian
    "лол": r"л+о+л+",
    "χαχα": r"(?:χ+α+){2,}χ*|(?:x+a+){2,}x*",  # Greek, in either alphabet
    "חחח": r"ח{2,}",  # Hebrew
    "ههه": r"[هﻫ]{3,}",  # Arabic
    "555": r"5{3,}\+*",  # Thai
}
# Scripts without blanks write it onto the word before.
_ATTACHED: Final = {
    "www": r"(?<![a-z0-9./])[wｗ]{2,}(?![a-z0-9.])|草(?=$|\s)|[(（]笑[)）]|笑(?=$|\s)",  # Japanese
    "哈哈": r"哈{2,}|呵{2,}|嘿{2,}|嘻{2,}|(?<!\d)23{3,}(?!\d)",  # Chinese
    "ㅋㅋ": r"ㅋ{2,}|ㅎ{2,}",  # Korean
    "ฮ่าๆ": r"(?:ฮ่า){2,}|ฮ่าๆ+",
}
_LAUGH: Final = re.compile(
    "|".join(
        [f"(?P<f{number}>{form})" for number, form in enumerate(_ATTACHED.values())]
        + [
            rf"(?<![\w'’.])(?P<f{number}>{form})(?![\w'’]|\.\w)"
            for number, form in enumerate(_FAMILIES.values(), len(_ATTACHED))
        ]
    )
)
_NAMES: Final = {f"f{number}": name for number, name in enumerate((*_ATTACHED, *_FAMILIES))}


def laughs(text: str) -> Iterator[str]:
    """The families of the laughs in a text, in their order."""
    for found in _LAUGH.finditer(text.casefold()):
        yield _NAMES[found.lastgroup or ""]
