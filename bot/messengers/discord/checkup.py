"""The checkup: asks Discord, by REST alone, whether the bot can do its work, and how it is let in."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Final

import aiohttp
import discord

from bot.errors import MessengerAway, SettingsInvalid
from bot.messengers.base import Wires
from bot.messengers.discord.lacks import GONE, LOCKED
from bot.messengers.discord.names import Names
from bot.messengers.discord.permissions import FOR_CARDS, HIDDEN, NEEDED, lack
from bot.messengers.discord.reading import MESSENGER, key_of
from bot.messengers.discord.review_channel import NO_TEXTS, exposed, lacking
from bot.messengers.discord.settings import DiscordSettings
from bot.messengers.discord.troubles import Refused, trouble
from chat.errors import PeopleInvalid
from chat.message import Author, Chat

SCOPES: Final = ("bot", "applications.commands")
_PATIENCE_SECONDS: Final = 30.0
"""For each answer."""
_PORTAL: Final = "https://discord.com/developers/applications"
_TEXTS: Final = discord.TextChannel | discord.ForumChannel | discord.VoiceChannel | discord.StageChannel


class Grade(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    ADVICE = "advice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what a person should do about it."""

    about: str
    line: str
    grade: Grade = Grade.FINE


@dataclass(frozen=True, slots=True)
class Report:
    """What a checkup found."""

    findings: tuple[Finding, ...]
    invite: str
    """The link with which an owner of a server lets the bot in."""
    owner: Author | None
    """The person to whom the application belongs; None where a team has it."""
    channels: tuple[Chat, ...]
    """The channels that the bot could take part in as things are."""

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What keeps the bot from its work."""
        return tuple(finding for finding in self.findings if finding.grade is Grade.WRONG)


@dataclass(slots=True)
class _Servers:
    """The servers that the bot is in, and what it may do in their channels."""

    names: list[str] = field(default_factory=list)
    lacks: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By channel id: its name with the server's, and what the bot lacks in it."""
    in_threads: dict[str, str] = field(default_factory=dict)
    """By the id of a channel: what the bot lacks in a thread of it."""
    channels: list[Chat] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    """The ids of their roles."""
    review: tuple[discord.abc.GuildChannel, discord.Member] | None = None
    """The channel in which drafts are to be reviewed, and the bot in its server."""
    without_commands: list[str] = field(default_factory=list)
    """Those that let the bot in without its slash commands."""


async def check_up(settings: DiscordSettings, chats: Collection[Chat], wires: Wires | None = None) -> Report:
    """Look at everything that the bot needs, in the servers it is in and in the `chats` that are enabled.

    Raises SettingsInvalid for a token that Discord does not know, and MessengerAway where it does not answer.
    """
    patience = asyncio.timeout(_PATIENCE_SECONDS)
    client = discord.Client(
        intents=discord.Intents(guilds=True),
        connector=wires() if wires else None,
        http_trace=_impatient(patience),
    )
    try:
        async with patience:
            await client.login(settings.token.get_secret_value())
            return await _look(client, settings, chats)
    except discord.LoginFailure as error:
        raise SettingsInvalid(trouble(error)) from None
    except TimeoutError:
        raise MessengerAway(f"Discord gave no answer within {_PATIENCE_SECONDS:.0f} s") from None
    except Exception as error:  # noqa: BLE001 - what cannot be read raises anything, and its words may quote it
        raise MessengerAway(trouble(error)) from None
    finally:
        await client.close()


async def _look(client: discord.Client, settings: DiscordSettings, chats: Collection[Chat]) -> Report:
    application, me = client.application, client.user
    if application is None or me is None:
        raise discord.InvalidData("a login without an account")
    page = f"{_PORTAL}/{application.id}"
    findings = [Finding("token", f"Discord knows it, as {me.name}"), _intent(application, page)]
    servers = await _servers(client, me, settings.review_channel)
    findings.append(
        Finding("server", ", ".join(servers.names))
        if servers.names
        else Finding("server", "the bot is in none: open the invite link below", Grade.WRONG)
    )
    findings += [
        Finding("commands", f"{name} does not show them: open the invite link again", Grade.ADVICE)
        for name in servers.without_commands
    ]
    findings += [await _chat(client, chat, servers) for chat in chats if chat.key.messenger == MESSENGER]
    findings += _roles(settings, servers)
    if settings.review_channel:
        findings += await _review(client, int(settings.review_channel), servers)
    findings += _people(settings)
    owner = None if application.team else Author(str(application.owner.id), application.owner.name)
    findings += _advice(application, page, settings, owner)
    asked_for = NEEDED | FOR_CARDS if settings.review_channel else NEEDED
    invite = discord.utils.oauth_url(application.id, permissions=asked_for, scopes=SCOPES)
    return Report(tuple(findings), invite, owner, tuple(servers.channels))


def _intent(application: discord.AppInfo, page: str) -> Finding:
    flags = application.flags
    if flags.gateway_message_content or flags.gateway_message_content_limited:
        return Finding("message content", "the intent is on")
    line = f"the intent is off, and every message would be empty: switch it on ({page}/bot, Message Content Intent)"
    return Finding("message content", line, Grade.WRONG)


def _roles(settings: DiscordSettings, servers: _Servers) -> list[Finding]:
    named = {"owner_roles": settings.owner_roles, "moderator_roles": settings.moderator_roles}
    return [
        Finding(setting, f"no server of the bot's has a role {id_}: correct it", Grade.WRONG)
        for setting, ids in named.items()
        for id_ in ids
        if id_ not in servers.roles
    ]


def _people(settings: DiscordSettings) -> list[Finding]:
    if settings.people is None:
        return []
    try:
        names = Names.read("", settings.people)
    except PeopleInvalid as error:
        return [Finding("people", f"{error}: correct it", Grade.WRONG)]
    if names.lack:
        return [Finding("people", names.lack, Grade.WRONG)]
    count = len(names.known)
    return [Finding("people", f"{settings.people} names {count} account{'s' * (count != 1)} of Discord's")]


def _advice(
    application: discord.AppInfo, page: str, settings: DiscordSettings, owner: Author | None
) -> list[Finding]:
    found: list[Finding] = []
    if application.bot_require_code_grant:
        line = (
            f"it keeps the invite link from working: switch it off ({page}/bot, Requires OAuth2 Code Grant)"
        )
        found.append(Finding("code grant", line, Grade.WRONG))
    if application.interactions_endpoint_url:
        line = f"commands and buttons go there and not to the bot: empty it ({page}/information)"
        found.append(Finding("interactions endpoint", line, Grade.WRONG))
    if application.bot_public:
        line = f"anybody may take the bot into a server of theirs: switch it off ({page}/bot, Public Bot)"
        found.append(Finding("public bot", line, Grade.ADVICE))
    if not settings.owner:
        yours = f" (the application belongs to {owner.name}, {owner.id})" if owner else ""
        line = f"discord.owner is empty, so nobody there counts as you: set it to your account's id{yours}"
        found.append(Finding("owner", line, Grade.ADVICE))
    return found


async def _servers(client: discord.Client, me: discord.ClientUser, review: str) -> _Servers:
    found, tree = _Servers(), discord.app_commands.CommandTree(client)
    async for known in client.fetch_guilds(limit=None):
        guild = await client.fetch_guild(known.id, with_counts=False)
        member = await guild.fetch_member(me.id)
        found.names.append(guild.name)
        try:
            await tree.fetch_commands(guild=guild)
        except discord.Forbidden:
            found.without_commands.append(guild.name)
        found.roles |= {str(role.id) for role in guild.roles}
        for channel in await guild.fetch_channels():
            if str(channel.id) == review:
                found.review = channel, member
                continue
            name = f"{channel.name} in {guild.name}"
            found.lacks[str(channel.id)] = name, lack(channel, member)
            found.in_threads[str(channel.id)] = lack(channel, member, thread=True)
            if isinstance(channel, _TEXTS) and not found.lacks[str(channel.id)][1]:
                found.channels.append(Chat(key_of(channel.id), name))
    return found


async def _chat(client: discord.Client, chat: Chat, servers: _Servers) -> Finding:
    key = chat.key
    name, lacking = servers.lacks.get(key.chat_id) or await _elsewhere(client, chat, servers)
    about = f"{key} ({name})" if name != key.chat_id else str(key)
    return Finding(
        about, lacking or "the bot may read and write there", Grade.WRONG if lacking else Grade.FINE
    )


async def _review(client: discord.Client, id_: int, servers: _Servers) -> list[Finding]:
    """What is wrong with the channel in which drafts are reviewed."""
    about = "review channel"
    if servers.review is None:
        try:
            # A thread, perhaps, which no server lists; or nothing that the bot can see.
            await client.fetch_channel(id_)
        except (discord.NotFound, discord.Forbidden):
            line = f"the bot sees no channel {id_}: correct it, or give its role View Channels there"
            return [Finding(about, line, Grade.WRONG)]
        return [Finding(about, f"{id_} is there")]
    channel, me = servers.review
    if not isinstance(channel, discord.TextChannel):
        return [Finding(about, NO_TEXTS, Grade.WRONG)]
    found = [Finding(about, line, Grade.WRONG) for line in (lacking(channel, me),) if line]
    found += [Finding(about, line, Grade.ADVICE) for line in (exposed(channel),) if line]
    return found or [Finding(about, f"{channel.name}: private, and the bot may do its work there")]


async def _elsewhere(client: discord.Client, chat: Chat, servers: _Servers) -> tuple[str, str]:
    """The name of a thread, or of a direct conversation, and what the bot lacks there."""
    try:
        place = await client.fetch_channel(int(chat.key.chat_id))
    except ValueError:
        return chat.title, "this is no channel's id: a right-click on the channel, Copy Channel ID"
    except discord.Forbidden:
        return chat.title, HIDDEN
    except discord.NotFound:
        return chat.title, GONE
    if not isinstance(place, discord.Thread):
        return chat.title, ""
    locked = LOCKED if place.locked else ""
    return place.name, locked or servers.in_threads.get(str(place.parent_id), "")


def _impatient(patience: asyncio.Timeout) -> aiohttp.TraceConfig:
    """Who sets a bot up waits for an answer: discord.py would sit out a 429, and repeat after a 5xx."""

    async def end(
        session: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        # However many servers there are, each answer is waited for as long.
        patience.reschedule(asyncio.get_running_loop().time() + _PATIENCE_SECONDS)
        status = request.response.status
        if status == 429 or status >= 500:
            raise Refused(status)

    config = aiohttp.TraceConfig()
    config.on_request_end.append(end)
    return config
