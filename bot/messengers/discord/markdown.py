"""Text for Discord: Markdown escaped where it was not meant, and split where it is too long for one message."""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 2000
"""Characters of one message; Discord counts code points, as Python does."""
# What a sign inside must stay as it is: code, links, and Discord's own marks (emoji, mentions, times).
_WHOLE: Final = re.compile(
    r"(?P<whole>```.*?```|(?<![`\\])`[^`\n]+`(?!`)|https?://[^\s<>]+|<(?:a?:\w+:\d+|[@#][!&]?\d+|t:-?\d+(?::\w)?)>)",
    re.DOTALL,
)
_INLINE: Final = re.compile(r"([\\*_~|`])")
_LINE: Final = re.compile(r"^(\s*)(>|-?#{1,3}(?=\s)|[-+](?=\s))", re.MULTILINE)
_LINK: Final = re.compile(r"\](?=\()")
_ESCAPED: Final = re.compile(r"\\([\\*_~|`>#\-+\]])")
_FENCE: Final = re.compile(r"^\s*```(\w*)[^`]*$")


def escaped(text: str) -> str:
    """The text so that Discord shows it as it stands; code, links and Discord's own marks are left alone."""
    return "".join(part if index % 2 else _escaped(part) for index, part in enumerate(_WHOLE.split(text)))


def unescaped(text: str) -> str:
    """What `escaped` was given."""
    return "".join(
        part if index % 2 else _ESCAPED.sub(r"\1", part) for index, part in enumerate(_WHOLE.split(text))
    )


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
            part, left = left[:cut], left[cut:].lstrip("\n") if fence else left[cut:].lstrip()
        open_after = _fence_after(part, fence)
        parts.append(head + part.rstrip() + ("\n```" if open_after and left else ""))
        fence = open_after
    return tuple(part for part in parts if part.strip())


def _escaped(text: str) -> str:
    text = _INLINE.sub(r"\\\1", text)
    text = _LINE.sub(r"\1\\\2", text)
    return _LINK.sub(r"\\]", text)


def _cut(text: str, room: int) -> int:
    for sign in ("\n", " "):
        at = text.rfind(sign, room // 2, room)
        if at > 0:
            return at
    # An escape and the sign that it escapes stay together.
    backslashes = len(text[:room]) - len(text[:room].rstrip("\\"))
    return room - backslashes % 2


def _fence_after(part: str, fence: str) -> str:
    """The fence that is open at the end of a part, given the one at its beginning."""
    for line in part.split("\n"):
        if line.count("```") % 2:
            opened = _FENCE.match(line)
            fence = "" if fence else f"```{opened[1] if opened else ''}"
    return fence
