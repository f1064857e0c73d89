"""The buttons of a card. All that they know stands in their id, so that they outlive every process."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, Final, Protocol, Self

import discord


class Press(StrEnum):
    """What a button asks for."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    AGAIN = "again"


class Presses(Protocol):
    """Who is told of a press."""

    async def pressed(
        self, interaction: discord.Interaction[Any], press: Press, draft: str, version: int
    ) -> None:
        """Somebody pressed a button of a card that showed this version of the draft."""


_LABELS: Final = {
    Press.APPROVE: ("Approve", discord.ButtonStyle.success),
    Press.EDIT: ("Edit", discord.ButtonStyle.secondary),
    Press.REJECT: ("Reject", discord.ButtonStyle.danger),
    Press.AGAIN: ("Regenerate", discord.ButtonStyle.secondary),
}


class CardButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"understudy:(?P<press>approve|edit|reject|again):(?P<draft>[^:\s]{1,60}):(?P<version>\d{1,9})",
):
    """One button of one card, for one version of its draft. Who may press it is asked when it is pressed."""

    def __init__(self, press: Press, draft: str, version: int, *, disabled: bool = False) -> None:
        label, style = _LABELS[press]
        id_ = f"understudy:{press}:{draft}:{version}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=id_, disabled=disabled))
        self._press = press
        self._draft = draft
        self._version = version

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Make the button anew that somebody has pressed."""
        return cls(Press(match["press"]), match["draft"], int(match["version"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Pass the press on, where this process reviews drafts."""
        presses: Presses | None = getattr(interaction.client, "presses", None)
        if presses is not None:
            await presses.pressed(interaction, self._press, self._draft, self._version)
