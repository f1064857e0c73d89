"""Slash commands: what may be registered, how Discord gives it back, and what a person who types one sends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.faults import invalid_form
from tests.fakes.discord.forms import keys_of
from tests.fakes.discord.permissions import Permission, permissions_in
from tests.fakes.discord.world import Channel, User

if TYPE_CHECKING:
    from tests.fakes.discord.server import Bot

COMMAND, SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN = 1, 1, 2, 3, 4, 5
IN_GUILDS, WITH_THE_BOT = 0, 1
_NAME = re.compile(r"[-_'\w]{1,32}")
_COMMAND_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "type": (int,),
    "description": (str,),
    "options": (list,),
    "nsfw": (bool,),
    "dm_permission": (bool,),
    "default_member_permissions": (str, int, type(None)),
    "contexts": (list, type(None)),
    "integration_types": (list, type(None)),
}
_OPTION_KEYS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "type": (int,),
    "description": (str,),
    "required": (bool,),
    "options": (list,),
    "choices": (list,),
    "autocomplete": (bool,),
    "min_value": (int, float),
    "max_value": (int, float),
    "min_length": (int,),
    "max_length": (int,),
    "channel_types": (list,),
}
_TYPES: dict[int, type] = {STRING: str, INTEGER: int, BOOLEAN: bool}


def registered(bot: Bot, body: object, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Discord holds once it was given a list of commands in the place of those held. Raises Fault."""
    if not isinstance(body, list):
        raise invalid_form("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    found = [_command(one, number) for number, one in enumerate(body)]
    if len({(one["name"], one["type"]) for one in found}) < len(found):
        raise invalid_form("0.name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Command names must be unique")
    ids = {one["name"]: one["id"] for one in held}
    return [
        one
        | {
            "id": ids.get(one["name"], str(bot.application + number + 1)),
            "application_id": str(bot.application),
            "version": str(bot.application + bot.synced),
        }
        for number, one in enumerate(found)
    ]


def typed(bot: Bot, channel: Channel, user: User, line: str, options: dict[str, Any]) -> dict[str, Any]:
    """The data of `/group command` with options; fails where Discord would not show that command to the person."""
    name, _, inner = line.partition(" ")
    command = next((one for one in bot.commands.get(None, []) if one["name"] == name), None)
    assert command is not None, f"Discord knows no /{name}"
    context = IN_GUILDS if channel.guild else WITH_THE_BOT
    assert context in (command.get("contexts") or (IN_GUILDS, WITH_THE_BOT)), f"/{name} is not shown there"
    if channel.guild is not None:
        assert channel.guild.id not in bot.without_commands, "the bot was invited without its commands"
        needed = command.get("default_member_permissions")
        may = permissions_in(channel, user)
        assert needed is None or may & Permission.ADMINISTRATOR or int(needed) & may == int(needed) != 0
    shown = {"id": command["id"], "name": name, "type": COMMAND}
    if not inner:
        return shown | {"options": _values(command.get("options", []), options)}
    known = {one["name"]: one for one in command.get("options", []) if one["type"] == SUBCOMMAND}
    assert inner in known, f"there is no /{line}"
    values = _values(known[inner].get("options", []), options)
    return shown | {"options": [{"name": inner, "type": SUBCOMMAND, "options": values}]}


def _values(known: list[dict[str, Any]], given: dict[str, Any]) -> list[dict[str, Any]]:
    by_name = {one["name"]: one for one in known}
    assert set(given) <= set(by_name), f"no such option: {set(given) - set(by_name)}"
    missing = {name for name, one in by_name.items() if one.get("required")} - set(given)
    assert not missing, f"Discord asks for {missing} first"
    for name, value in given.items():
        choices = [choice["value"] for choice in by_name[name].get("choices", [])]
        assert type(value) is _TYPES[by_name[name]["type"]], f"{name} is of another type"
        assert not choices or value in choices, f"{name} is none of {choices}"
    return [{"name": name, "type": by_name[name]["type"], "value": value} for name, value in given.items()]


def _command(body: object, number: int) -> dict[str, Any]:
    command = keys_of(body, _COMMAND_KEYS)
    kind = command.get("type", COMMAND)
    _check_named(command, str(number), described=kind == COMMAND)
    for name, most in (("contexts", 2), ("integration_types", 1)):
        if not set(command.get(name) or ()) <= set(range(most + 1)):
            raise invalid_form(f"{number}.{name}", "BASE_TYPE_CHOICES", "Value must be one of ...")
    permissions = command.get("default_member_permissions")
    kept = command | {"type": kind, "nsfw": command.get("nsfw", False)}
    kept["default_member_permissions"] = None if permissions is None else str(permissions)
    return kept | _options(command, str(number))


def _options(holder: dict[str, Any], place: str) -> dict[str, Any]:
    """The options as they are given back: what is false or empty is left out."""
    options = [keys_of(one, _OPTION_KEYS) for one in holder.get("options", [])]
    if len(options) > 25:
        raise invalid_form(f"{place}.options", "BASE_TYPE_BAD_LENGTH", "Must be 25 or fewer in length.")
    nesting = {one.get("type") in {SUBCOMMAND, GROUP} for one in options}
    if len(nesting) > 1:
        raise invalid_form(
            f"{place}.options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command and option"
        )
    required = [bool(one.get("required")) for one in options]
    if required != sorted(required, reverse=True):
        raise invalid_form(
            f"{place}.options",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            "Required options must be placed before non-required options",
        )
    kept = []
    for number, one in enumerate(options):
        where = f"{place}.options.{number}"
        _check_named(one, where, described=True)
        _check_choices(one, where)
        inner = _options(one, where)
        kept.append({key: value for key, value in (one | inner).items() if value not in (False, None, [])})
    return {"options": kept} if kept else {}


def _check_named(holder: dict[str, Any], place: str, *, described: bool) -> None:
    name = holder.get("name", "")
    if described and (not _NAME.fullmatch(name) or name != name.lower()):
        raise invalid_form(f"{place}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if described and not 1 <= len(holder.get("description", "")) <= 100:
        raise invalid_form(
            f"{place}.description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."
        )


def _check_choices(option: dict[str, Any], place: str) -> None:
    choices = option.get("choices", [])
    wanted = _TYPES.get(option.get("type", 0), str)
    for choice in choices:
        fine = 1 <= len(choice.get("name", "")) <= 100 and type(choice.get("value")) is wanted
        if not fine or set(choice) - {"name", "value"} or len(str(choice["value"])) > 100:
            raise invalid_form(f"{place}.choices", "UNION_TYPE_CHOICES", "A choice has a name and a value")
    if len(choices) > 25:
        raise invalid_form(f"{place}.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
