"""Answers: what a person who used a command, a button or a form is told, for their eyes alone.

Discord waits 3 s for a first word and then shows "did not respond", so each is deferred at once and filled in later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import discord
import structlog

from bot.errors import BotError, ChatUnknown, StoreError

_log = structlog.get_logger()
_UNKNOWN_INTERACTION: Final = 10062
_ANSWERED: Final = 40060
_LONGEST: Final = 2000
_PATIENCE_SECONDS: Final = 2.0
"""How long something that must happen may take before its person is told that it takes longer."""
_TOKEN_SECONDS: Final = 14 * 60.0
"""An answer can be changed for 15 minutes."""
STORE_AWAY: Final = (
    "The store does not answer right now, and nothing is sent until it does. Try again in a moment."
)
NOT_HERE: Final = "The stand-in is not in this chat: an owner lets it in with `/understudy enable`."
FAILED: Final = "That failed on my side, and nothing more is known of it here: the log says what it was."


class Answers:
    """Gives answers, and keeps what goes on behind them until it is closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[str]] = set()

    async def give(self, interaction: discord.Interaction, work: Callable[[], Awaitable[str]]) -> None:
        """Do something and tell what came of it. What nobody would be told of is not done.

        That is so for one that comes too late, and for one that another process of the same account has taken.
        """
        if await _open(interaction):
            await _tell(interaction, await _said(work))

    async def give_surely(
        self, interaction: discord.Interaction, work: Callable[[], Awaitable[str]], meanwhile: str
    ) -> None:
        """Do what must happen whatever becomes of the answer; `meanwhile` is said where it takes long."""
        task = asyncio.create_task(_said(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Begun before anything is asked of Discord.
        await asyncio.sleep(0)
        if not await _open(interaction):
            return
        done, _ = await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
        if not done:
            await _tell(interaction, meanwhile)
            done, _ = await asyncio.wait({task}, timeout=_TOKEN_SECONDS)
        if done and not task.cancelled():
            await _tell(interaction, task.result())

    async def close(self) -> None:
        """Let go of what still goes on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def refuse(interaction: discord.Interaction, text: str) -> None:
    """Tell that there is nothing to be done, if nothing was told yet."""
    if not interaction.response.is_done() and await _open(interaction):
        await _tell(interaction, text)


async def _open(interaction: discord.Interaction) -> bool:
    """Say that an answer follows; gives whether it can."""
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
    except discord.HTTPException as error:
        event = {
            _UNKNOWN_INTERACTION: "discord.interaction_late",
            _ANSWERED: "discord.interaction_taken",
        }.get(error.code, "discord.interaction_refused")
        _log.warning(event, interaction=interaction.id, status=error.status, code=error.code)
        return False
    except (aiohttp.ClientError, OSError) as error:
        _log.warning("discord.interaction_lost", interaction=interaction.id, error=type(error).__name__)
        return False
    return True


async def _said(work: Callable[[], Awaitable[str]]) -> str:
    try:
        return await work()
    except StoreError:
        return STORE_AWAY
    except ChatUnknown:
        return NOT_HERE
    except BotError as error:
        # One line for a person, by its definition.
        return _sentence(str(error))
    except Exception as error:  # noqa: BLE001 - whoever asked must not wait for ever
        _log.error("discord.command_failed", error=type(error).__name__)
        return FAILED


async def _tell(interaction: discord.Interaction, text: str) -> None:
    try:
        await interaction.edit_original_response(content=_cut(text))
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        _log.warning("discord.answer_lost", interaction=interaction.id, error=type(error).__name__)


def _cut(text: str) -> str:
    """At most as much as one message holds, cut at a line."""
    if len(text) <= _LONGEST:
        return text
    return text[: text.rfind("\n", 0, _LONGEST - 1) if "\n" in text[:_LONGEST] else _LONGEST - 1] + "\n…"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
