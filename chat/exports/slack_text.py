"""Slack's way of writing mentions, links and the signs < > &, turned into what people typed and saw."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_REFERENCE: Final = re.compile(r"<([^<>\n]+)>")
_UPLOAD: Final = re.compile(
    r"<@\w+(?:\|[^<>]*)?> (?:uploaded|shared) a file: <[^<>]*>(?: and commented: (?P<comment>.*))?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids of people and channels are called."""

    users: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)

    def user(self, key: str) -> str:
        """Name a person, by the id if there is no name."""
        return self.users.get(key) or key


def as_seen(text: str, names: Names) -> str:
    """Write a text as its readers see it.

    `<@U1|ann>` is @ann, `<#C1|general>` is #general, `<!here>` is @here, a link is its label. Emoji stay
    `:codes:`: that is how they are typed, and a workspace's own have no sign.
    """
    # Entities last: what people typed as &lt;@U1&gt; is no mention.
    return _unescaped(_REFERENCE.sub(lambda found: _shown(found[1], names), text))


def upload_comment(text: str) -> str:
    """Give what was typed with a file: old exports wrap it into a sentence of Slack's own."""
    found = _UPLOAD.fullmatch(text)
    return text if found is None else found["comment"] or ""


def _shown(reference: str, names: Names) -> str:
    target, _, label = reference.partition("|")
    kind, key = target[0], target[1:]
    if kind == "@":
        return f"@{label or names.user(key)}"
    if kind == "#":
        return f"#{label or names.channels.get(key) or key}"
    if kind != "!":
        return label or target.removeprefix("mailto:")
    if key.startswith("subteam^"):
        return label or f"@{key.removeprefix('subteam^')}"
    return label if key.startswith("date^") and label else f"@{key}"


def _unescaped(text: str) -> str:
    # These three alone are Slack's; &eacute; was typed.
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
