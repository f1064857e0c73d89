"""Text for Discord: Markdown escaped where it was not meant, and split where it is too long for one message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

LONGEST: Final = 2000
"""Characters of one message; Discord counts code points, as Python does."""
# What a sign inside must stay as it is: code, links, and Discord's own marks (emoji, mentions).
_WHOLE: Final = re.compile(
    r"(?P<whole>```.*?```|(?<![`\\])`[^`\n]+`(?!`)|https?://[^\s<>\\]+|<(?:a?:\w+:\d+|[@#][!&]?\d+)>)",
    re.DOTALL,
)
_INLINE: Final = re.compile(r"([\\*_~|`])")
_BEGINS: Final = r"([^\S\n]*)(?:(\d+)(?=\.\s)|(?=>|-?#{1,3}\s|[-+]\s))"
_LINE: Final = re.compile("^" + _BEGINS, re.MULTILINE)
_LATER_LINE: Final = re.compile(r"(?<=\n)" + _BEGINS)
"""What begins a quote, a title, small print or a list. What follows is escaped: of "1." the full stop."""
_MARK: Final = re.compile(r"<(?=t:-?\d|/|id:|sound:)")
"""What begins a time, a command, a place of the server or a sound: a model can know the number of none."""
_LINK: Final = re.compile(r"\](?=\()")
_ESCAPED: Final = re.compile(r"\\([\\*_~|`>#\-+\].<])")
_FENCE: Final = re.compile(r"^\s*```(\w{0,20})[^`]*$")

_LINKS: Final = re.compile(r"(https?://[^\s<>]+)")
_SIGNS: Final = re.compile(r"([\\*_~|`>#\-+\[\]()<@]|(?<=\d)\.(?=\s))")

_OPENS_LAST: Final = re.compile(r"(?:^|\n)[^\S\n]*```\w{0,20}\s*\Z")
_CLOSES_FIRST: Final = re.compile(r"\s*```[^\S\n]*(?=\n|\Z)")


def escaped(text: str) -> str:
    """The text so that Discord shows it as it stands; code, links and Discord's own marks are left alone."""
    done: list[str] = []
    at = 0
    for index, part in enumerate(_WHOLE.split(text)):
        done.append(part if index % 2 else _escaped(part, begins_line=at == 0 or text[at - 1] == "\n"))
        at += len(part)
    return "".join(done)


def plain(text: str) -> str:
    """The text so that Discord shows it letter by letter, as nothing but text; links stay links to where they say."""
    return "".join(
        part if index % 2 else _SIGNS.sub(r"\\\1", part) for index, part in enumerate(_LINKS.split(text))
    )


def unescaped(text: str) -> str:
    """What `escaped` was given."""
    return outside_code(text, lambda part: _ESCAPED.sub(r"\1", part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with what is neither code nor a link nor a mark of Discord's changed."""
    return "".join(part if index % 2 else change(part) for index, part in enumerate(_WHOLE.split(text)))


def split(text: str, longest: int = LONGEST) -> tuple[str, ...]:
    """Parts of at most `longest` characters, cut after a line or a word; a code fence is closed and opened again."""
    parts: list[str] = []
    fence = ""
    left = text
    while left:
        head = f"{fence}\n" if fence else ""
        # Room for closing the fence, should it be open at the end.
        room = longest - len(head) - len("\n```")
        if len(head) + len(left) <= longest:
            part, left = left, ""
        else:
            cut = _cut(left, room)
            part, left = left[:cut], left[cut:]
        open_after = _fence_after(part, fence)
        # How code is indented says something.
        left = left.lstrip("\n") if open_after else left.lstrip()
        closing = "\n```" if open_after and left else ""
        # A block that begins at the end of a part begins in the next one; one that ends at its beginning ends here.
        if closing and (opening := _OPENS_LAST.search(part)):
            part, closing = part[: opening.start()], ""
        elif closing and (closes := _CLOSES_FIRST.match(left)):
            left, open_after = left[closes.end() :].lstrip(), ""
        if part.strip():
            parts.append(head + part.rstrip() + closing)
        fence = open_after
    return tuple(parts)


def _escaped(text: str, *, begins_line: bool) -> str:
    text = _INLINE.sub(r"\\\1", text)
    text = (_LINE if begins_line else _LATER_LINE).sub(r"\1\2\\", text)
    text = _MARK.sub(r"\\<", text)
    return _LINK.sub(r"\\]", text)


def _cut(text: str, room: int) -> int:
    # A part that is at least half full after a line, else after a word; sooner a short part than a word in two.
    for least in (room // 2, 1):
        for sign in ("\n", " "):
            if (at := text.rfind(sign, least, room)) > 0:
                return at
    # The signs of a fence stay together, and so do an escape and the sign that it escapes.
    if text[room] == "`":
        room = len(text[:room].rstrip("`")) or room
    backslashes = len(text[:room]) - len(text[:room].rstrip("\\"))
    return room - backslashes % 2


def _fence_after(part: str, fence: str) -> str:
    """The fence that is open at the end of a part, given the one at its beginning."""
    for line in part.split("\n"):
        if line.count("```") % 2:
            opened = _FENCE.match(line)
            fence = "" if fence else f"```{opened[1] if opened else ''}"
    return fence
