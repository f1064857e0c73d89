"""The modals of a card: the text to mend, and the reason for a rejection.

discord.py forgets modals when a process ends. So it is never asked to remember one: what is sent in is read from the
interaction itself, whoever opened the modal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import discord

from bot.drafts import Draft
from bot.review import REASONS

MOST_EDITED: Final = 4000
"""Characters that a modal's field takes."""
_MOST_REASON: Final = 500
_TEXT, _REASON, _WORDS = "text", "reason", "words"
_ID: Final = re.compile(r"understudy:(?P<kind>edited|rejected):(?P<draft>[^:\s]{1,60}):(?P<version>\d{1,9})")
_LABEL: Final = 18


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent in with a modal."""

    kind: Literal["edited", "rejected"]
    draft: str
    version: int
    """Of the draft when the modal was opened."""
    text: str
    """The mended text, or the reason; may be empty."""


def edit(draft: Draft) -> discord.ui.Modal:
    """A modal with a draft's text in it."""
    modal = discord.ui.Modal(
        title="Edit the draft", custom_id=f"understudy:edited:{draft.id}:{draft.version}"
    )
    field: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id=_TEXT,
        style=discord.TextStyle.paragraph,
        default="\n".join(draft.left),
        max_length=MOST_EDITED,
    )
    modal.add_item(discord.ui.Label(text="What leaves, a bubble a line", component=field))
    return _unremembered(modal)


def rejection(draft: str, version: int) -> discord.ui.Modal:
    """A modal that asks why: one of the usual reasons, or other words, or neither."""
    modal = discord.ui.Modal(title="Reject the draft", custom_id=f"understudy:rejected:{draft}:{version}")
    usual: discord.ui.Select[discord.ui.Modal] = discord.ui.Select(
        custom_id=_REASON,
        min_values=0,
        required=False,
        options=[discord.SelectOption(label=reason) for reason in REASONS],
    )
    words: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id=_WORDS, required=False, max_length=_MOST_REASON
    )
    modal.add_item(discord.ui.Label(text="Why not? (may stay empty)", component=usual))
    modal.add_item(discord.ui.Label(text="In your own words", component=words))
    return _unremembered(modal)


def sent_in(interaction: discord.Interaction[Any]) -> Sent | None:
    """Read what was sent in with a modal of a card; None for any other interaction."""
    data: Mapping[str, Any] = interaction.data or {}
    found = _ID.fullmatch(str(data.get("custom_id", "")))
    if interaction.type is not discord.InteractionType.modal_submit or found is None:
        return None
    values = dict(_values(data.get("components") or ()))
    if found["kind"] == "edited":
        return Sent("edited", found["draft"], int(found["version"]), values.get(_TEXT, ""))
    reason = values.get(_WORDS, "").strip() or values.get(_REASON, "")
    return Sent("rejected", found["draft"], int(found["version"]), reason)


def _unremembered(modal: discord.ui.Modal) -> discord.ui.Modal:
    # discord.py keeps every modal that may still be sent in, for as long as it runs: most are closed without a word.
    modal.stop()
    return modal


def _values(components: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - as Discord nests them
    for part in components:
        if part.get("type") == _LABEL:
            yield from _values([part["component"]])
        elif "custom_id" in part:
            yield part["custom_id"], part.get("value") or next(iter(part.get("values") or ()), "")
