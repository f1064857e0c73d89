"""The command tree: Discord knows our commands and no others, and what comes of them is never a stack trace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import discord
import structlog
from discord import app_commands

from bot.messengers.discord.answers import FAILED, refuse

_log = structlog.get_logger()
_RETRY_SECONDS: Final = 60.0
_GROUPS: Final = frozenset({1, 2})
"""The types of an option that holds options: a command of a group, and a group."""
_NO_SCOPE: Final = "invite the bot anew, with the scope applications.commands; the rest works without"
_OLD: Final = "This command has changed since Discord showed it to you: type it anew."
_PERMISSIONS: Final = "default_member_permissions"
# What decides how a command looks and who may use it. Discord adds ids and versions, and leaves out what is empty.
_SHAPE: Final = (
    *("name", "description", "type", "options", "required", "choices", "value", "autocomplete"),
    *("min_value", "max_value", "min_length", "max_length", "channel_types"),
    *("contexts", "integration_types", _PERMISSIONS, "nsfw"),
)


class CommandTree(app_commands.CommandTree):
    """Calls the commands of one life of the account."""

    async def interaction_check(self, interaction: discord.Interaction, /) -> bool:
        """Take only what can be read: what cannot is one line in the log."""
        readable = interaction.channel_id is not None and _is_readable(interaction.data)
        if not readable:
            _log.error("discord.interaction_unreadable", interaction=interaction.id)
        return readable

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Say that a command could not be called; the library's own words would quote what was typed."""
        _log.error("discord.command_not_called", interaction=interaction.id, error=type(error).__name__)
        known = (
            app_commands.CommandNotFound,
            app_commands.CommandSignatureMismatch,
            app_commands.TransformerError,
        )
        await refuse(interaction, _OLD if isinstance(error, known) else FAILED)


class CommandSet:
    """Has Discord know the commands: once a process, and only where what it knows is not the same already.

    Processes of one version agree, whoever is first; of two versions, the one that was started last has the say.
    """

    def __init__(self, commands: app_commands.Group | None) -> None:
        self._commands = commands
        self._lock = asyncio.Lock()
        self._known = False

    @asynccontextmanager
    async def on(self, client: discord.Client) -> AsyncIterator[None]:
        """Answer the commands of a client that is signed in, until the end of the block."""
        if self._commands is None:
            yield
            return
        tree = CommandTree(client)
        tree.add_command(self._commands)
        publishing = asyncio.create_task(self._publish(tree))
        try:
            yield
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)

    async def _publish(self, tree: CommandTree) -> None:
        """Return once Discord has them, or has refused them for good."""
        async with self._lock:
            while not self._known:
                try:
                    self._known = await _put(tree)
                except (discord.DiscordServerError, aiohttp.ClientError, OSError) as error:
                    _log.warning("discord.commands_wait", error=type(error).__name__)
                    await asyncio.sleep(_RETRY_SECONDS)
                except discord.Forbidden as error:
                    _log.error("discord.no_commands", reason=_NO_SCOPE, code=error.code)
                    return
                except Exception as error:  # noqa: BLE001 - whatever it is, all else works without commands
                    _log.error(
                        "discord.no_commands", reason=f"they did not get there ({type(error).__name__})"
                    )
                    return


async def _put(tree: CommandTree) -> bool:
    """Give Discord the commands, unless it holds the very same; True once it does."""
    own = [command.to_dict(tree) for command in tree.get_commands()]
    changed = _shapes(await _held(tree)) != _shapes(own)
    if changed:
        await tree.sync()
    _log.info("discord.commands_known", changed=changed)
    return True


def _bare(value: object) -> object:
    """What of a command counts."""
    if isinstance(value, Mapping):
        kept = {key: _bare(part) for key, part in value.items() if key in _SHAPE and _counts(part)}
        if _PERMISSIONS in kept:
            # A number to the library, its digits to Discord.
            kept[_PERMISSIONS] = str(kept[_PERMISSIONS])
        return kept
    return [_bare(part) for part in value] if isinstance(value, list) else value


def _counts(part: object) -> bool:
    # A permission of 0 is not none at all: only administrators may then.
    return part is not None and part is not False and part != []


def _shapes(commands: Sequence[Any]) -> list[Any]:
    return sorted(map(_bare, commands), key=lambda command: (str(command["name"]), str(command["type"])))


async def _held(tree: CommandTree) -> Sequence[Any]:
    """What Discord holds, as it says it: discord.py's `AppCommand` loses the contexts but the first."""
    if tree.client.application_id is None:
        raise app_commands.MissingApplicationID
    return await tree.client.http.get_global_commands(tree.client.application_id)


def _is_readable(data: object) -> bool:
    """Whether a command's data has the form that the library relies on."""
    return (
        isinstance(data, Mapping)
        and isinstance(data.get("name"), str)
        and all(_is_option(option) for option in _list(data.get("options")))
    )


def _is_option(option: object) -> bool:
    if not isinstance(option, Mapping) or not isinstance(option.get("name"), str):
        return False
    if option.get("type") in _GROUPS:
        return all(_is_option(inner) for inner in _list(option.get("options")))
    return isinstance(option.get("type"), int) and "value" in option


def _list(value: object) -> list[object]:
    """The options, none where there are none; something else is none that could be read."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
