"""Decisions: what people do with the cards' buttons and modals, by way of the desk.

A press is acknowledged first, and only then done: who is told by Discord that it failed has decided nothing. What came
of it is seen on the card, which follows the draft; only who was refused is told so, alone, in one line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import discord
import structlog

from bot.desk import Desk
from bot.drafts import refused
from bot.errors import BotError, StoreError
from bot.messengers.discord import modals
from bot.messengers.discord.buttons import Press
from bot.messengers.discord.markdown import plain
from bot.messengers.discord.roles import Roles
from bot.people import Person, Role

_log = structlog.get_logger()
_PATIENCE_SECONDS: Final = 2.0
"""For what must be known before a modal is shown: Discord waits 3 s."""
_AGAIN: Final = "press again then"


class Decisions:
    """Has the desk do what somebody pressed for, if they may."""

    def __init__(self, desk: Desk, roles: Roles) -> None:
        self._desk = desk
        self._roles = roles

    async def pressed(
        self, interaction: discord.Interaction[Any], press: Press, draft: str, version: int
    ) -> None:
        """Do what a button asks for, or show its modal."""
        person, desk = self._roles.person(interaction.user), self._desk
        match press:
            case Press.APPROVE:
                await _decide(interaction, lambda: desk.approve(person, draft, version=version))
            case Press.AGAIN:
                # Who asks for another text wants one that fits to what stands in the chat by now.
                await _decide(
                    interaction, lambda: desk.regenerate(person, draft, newest=True, version=version)
                )
            case Press.EDIT | Press.REJECT:
                await _ask(interaction, lambda: self._modal(person, press, draft, version))

    async def sent_in(self, interaction: discord.Interaction[Any]) -> None:
        """Do what a modal asks for; any other interaction is left alone."""
        sent = modals.sent_in(interaction)
        if sent is None:
            return
        person, desk = self._roles.person(interaction.user), self._desk
        if sent.kind == "edited":
            await _decide(
                interaction, lambda: desk.approve(person, sent.draft, sent.text, version=sent.version)
            )
        else:
            await _decide(interaction, lambda: desk.reject(person, sent.draft, sent.text))

    async def _modal(self, person: Person, press: Press, draft_id: str, version: int) -> discord.ui.Modal:
        if press is Press.REJECT:
            person.must_be(Role.MODERATOR, "reject drafts")
            return modals.rejection(draft_id, version)
        person.must_be(Role.MODERATOR, "edit drafts")
        draft = await self._desk.drafts.get(draft_id)
        if not draft.open:
            raise refused(draft_id, "decided", draft.state, draft.decided_by or "")
        if draft.state == "rewriting":
            raise refused(draft_id, "rewriting")
        if draft.version != version:
            raise refused(draft_id, "changed")
        return modals.edit(draft)


async def _decide(interaction: discord.Interaction[Any], decision: Callable[[], Awaitable[None]]) -> None:
    try:
        await interaction.response.defer()
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _log.warning("discord.press_not_taken", error=type(error).__name__)
        return
    line = await _line_of(decision)
    if line is None:
        return
    try:
        await interaction.followup.send(line, ephemeral=True)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _log.warning("discord.refusal_not_told", error=type(error).__name__)


async def _ask(
    interaction: discord.Interaction[Any], make: Callable[[], Awaitable[discord.ui.Modal]]
) -> None:
    modal: discord.ui.Modal | None = None

    async def made() -> None:
        nonlocal modal
        async with asyncio.timeout(_PATIENCE_SECONDS):
            modal = await make()

    line = await _line_of(made)
    try:
        if modal is not None:
            await interaction.response.send_modal(modal)
        elif line is not None:
            await interaction.response.send_message(line, ephemeral=True)
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        _log.warning("discord.press_not_taken", error=type(error).__name__)


async def _line_of(decision: Callable[[], Awaitable[None]]) -> str | None:
    """Do something; gives why it was not done, if so, in one line for the person."""
    try:
        await decision()
    except StoreError as error:
        return plain(f"{error}; {_AGAIN}")
    except TimeoutError:
        return f"Redis does not answer; {_AGAIN}"
    except BotError as error:
        return plain(str(error))
    except Exception as error:  # noqa: BLE001 - a press must be answered, and a foreign error may quote the text
        _log.error("discord.press_failed", error=type(error).__name__)
        return f"the service failed on it ({type(error).__name__})"
    return None
