"""The server: `async with fake_discord() as discord`; tests change its fields, act as its people, read what it holds.

The client is led here as documented: by the connector it is given, whose resolver knows Discord's names alone, and
whose certificate is the test's own.
"""

from __future__ import annotations

import re
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import aiohttp
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.fakes.discord.commands import typed
from tests.fakes.discord.gateway import Connection, Session, tell_each
from tests.fakes.discord.interactions import COMMAND, Interaction, invoked
from tests.fakes.discord.permissions import PRIVILEGED, Intent, Permission, permissions_in
from tests.fakes.discord.rest import Asked, Rest
from tests.fakes.discord.world import (
    DIRECT,
    FORUM,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    REPLY,
    TEXT,
    Channel,
    Guild,
    Member,
    Posted,
    Role,
    User,
    pings_of,
    snowflake,
)

HOSTS = ("discord.com", "gateway.discord.gg", "gateway-resume.discord.gg")
_FLAGS = {Intent.PRESENCES: 1 << 13, Intent.MEMBERS: 1 << 15, Intent.MESSAGE_CONTENT: 1 << 19}


@dataclass(eq=False)
class Bot:
    """A bot's account, and what its page in the developer portal says."""

    user: User
    token: str = field(default_factory=lambda: f"{secrets.token_hex(12)}.fake.{secrets.token_hex(18)}")
    application: int = field(default_factory=snowflake)
    allowed: Intent = PRIVILEGED
    """The privileged intents that are switched on."""
    public: bool = True
    owner: User | None = None
    code_grant: bool = False
    endpoint: str | None = None
    """Where interactions are posted instead of the gateway telling of them."""
    identified: int = 0
    identified_at: float = float("-inf")
    hasty: int = 0
    """How many sessions it was refused because it had begun another just before."""
    resumed: int = 0
    commands: dict[int | None, list[dict[str, Any]]] = field(default_factory=dict)
    """By server, None for everywhere."""
    synced: int = 0
    """How often commands were put."""
    without_commands: set[int] = field(default_factory=set)
    """The servers that it was invited to without the scope applications.commands."""

    @property
    def flags(self) -> int:
        return sum(flag for intent, flag in _FLAGS.items() if self.allowed & intent)


@dataclass
class Play:
    """What requests meet instead of, or after, the ordinary handling.

    `took` says whether the request has its effect. Then it is answered with `status`, the connection is dropped, or
    it is held until the caller is gone. `handle` is the ordinary answer, only late.
    """

    method: str
    path: str
    """A regular expression for the path below /api/v10."""
    then: Literal["answer", "drop", "hold", "handle"] = "answer"
    took: bool = False
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    """How long the answer takes, the effect being there at once."""
    times: int = 1
    met: int = 0

    def is_of(self, method: str, path: str) -> bool:
        return self.met < self.times and self.method == method and re.fullmatch(self.path, path) is not None


@dataclass
class Limit:
    """So many requests in so many seconds, for each channel or whatever else the route's first part names."""

    count: int
    seconds: float
    used: dict[str, list[float]] = field(default_factory=dict)

    def take(self, whose: str) -> tuple[int, float]:
        """Take one; gives how many are left, less than 0 for none, and the seconds until there are all again."""
        now = time.monotonic()
        used = [at for at in self.used.get(whose, []) if now - at < self.seconds]
        self.used[whose] = used
        left = self.count - len(used) - 1
        if left >= 0:
            used.append(now)
        return left, self.seconds - (now - used[0])


class FakeDiscord:
    """One Discord. `violations` must be empty when a test ends: what no client that reads the documentation does."""

    def __init__(self) -> None:
        self.users: dict[int, User] = {}
        self.bots: dict[str, Bot] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.sessions: dict[str, Session] = {}
        self.interactions: dict[str, Interaction] = {}
        self.typings: list[tuple[int, int]] = []
        """Who showed typing where: the channel's id, the user's id."""
        self.violations: list[str] = []
        self.asked: list[Asked] = []
        self.plays: list[Play] = []
        self.mood: Callable[[str, str], Play | None] | None = None
        """Asked by method and path what a request meets, where no play is for it."""
        self.limits: dict[tuple[str, str], Limit] = {}
        """By method and route, such as `("POST", "/channels/{}/messages")`."""
        self.heartbeat_ms = 41_250
        self.identify_seconds = 0.0
        """How far apart a bot's sessions must be begun (`max_concurrency` 1); by its documentation, 5 s."""
        self.refuses_gateway = False
        """Whether nobody gets a connection to the gateway."""
        self.most_guilds = 2500
        """How many servers one shard may hear."""
        self.nonce_seconds = 300.0
        """How long a nonce is remembered: "the past few minutes"."""
        self.slow_for_bots = False
        """Whether slow mode holds for bots as well; by its documentation it does not."""
        self.interaction_seconds = 3.0
        self.tells = True
        """Whether the gateway tells of new messages; what it does not tell is lost on the way."""
        self.connections: list[Connection] = []
        self.port = 0
        self._authority = trustme.CA()

    # What is there.

    def person(self, name: str, display: str | None = None) -> User:
        return self._known(User(name, display))

    def bot(self, name: str, **fields: Any) -> Bot:  # noqa: ANN401
        bot = Bot(self._known(User(name, bot=True)), **fields)
        self.bots[bot.token] = bot
        return bot

    def guild(self, name: str, owner: User, *members: User, shard: tuple[int, int] | None = None) -> Guild:
        """A server; `shard` is (number, count) of the shard that is to hear it."""
        guild = Guild(name, owner, snowflake() if shard is None else _heard_by(*shard))
        self.guilds[guild.id] = guild
        for member in members:
            guild.members[member.id] = Member(member)
        return guild

    def join(self, guild: Guild, user: User) -> None:
        """Somebody is let into a server; a bot is told of it with all its channels."""
        guild.members[user.id] = Member(user)

        def told(session: Session) -> tuple[str, object] | None:
            is_new = session.bot.user is user and session.has(guild)
            return ("GUILD_CREATE", guild.shown(user)) if is_new else None

        tell_each(self, told)

    def leave(self, guild: Guild, user: User) -> None:
        """Somebody is put out of a server."""
        here = [
            session for session in self.sessions.values() if session.bot.user is user and session.has(guild)
        ]
        del guild.members[user.id]
        for session in here:
            session.tell("GUILD_DELETE", {"id": str(guild.id)})

    def allow(self, guild: Guild, role: Role, permissions: Permission) -> None:
        """Have a role's holders do that, and no more."""
        role.permissions = permissions
        data = {"guild_id": str(guild.id), "role": role.shown()}
        tell_each(self, lambda session: ("GUILD_ROLE_UPDATE", data) if session.has(guild) else None)

    def give(self, guild: Guild, role: Role, bot: Bot) -> None:
        """Give a bot a role. Without the members intent it is told of itself alone."""
        member = guild.members[bot.user.id]
        member.roles.append(role.id)
        data = {"guild_id": str(guild.id)} | member.shown()
        tell_each(
            self,
            lambda session: (
                ("GUILD_MEMBER_UPDATE", data) if session.bot is bot and session.has(guild) else None
            ),
        )

    def drop_role(self, guild: Guild, role: int) -> None:
        """Delete a role: nobody holds it any more, and no channel's overwrites name it."""
        del guild.roles[role]
        for member in guild.members.values():
            member.roles = [held for held in member.roles if held != role]
        for channel in guild.channels.values():
            channel.overwrites.pop(role, None)
        data = {"guild_id": str(guild.id), "role_id": str(role)}
        tell_each(self, lambda session: ("GUILD_ROLE_DELETE", data) if session.has(guild) else None)

    def text(self, guild: Guild, name: str, kind: int = TEXT) -> Channel:
        channel = Channel(kind, name, guild)
        guild.channels[channel.id] = self.channels[channel.id] = channel
        tell_each(self, lambda session: self._of_channel(session, channel, "CHANNEL_CREATE"))
        return channel

    def forum(self, guild: Guild, name: str) -> Channel:
        return self.text(guild, name, FORUM)

    def thread(self, parent: Channel, name: str, *, private: bool = False) -> Channel:
        """Also a forum's post."""
        assert parent.guild is not None
        thread = Channel(PRIVATE_THREAD if private else PUBLIC_THREAD, name, parent.guild, parent)
        parent.guild.channels[thread.id] = self.channels[thread.id] = thread
        tell_each(self, lambda session: self._of_channel(session, thread, "THREAD_CREATE"))
        return thread

    def add_to(self, thread: Channel, user: User) -> None:
        """Add somebody to a thread: a bot is told of the thread, itself in it, and then of who was added."""
        thread.joined.add(user.id)

        def told(session: Session) -> tuple[str, object] | None:
            return self._of_channel(session, thread, "THREAD_CREATE") if session.bot.user is user else None

        def added(session: Session) -> tuple[str, object] | None:
            if session.bot.user is not user:
                return None
            members = {"member_count": len(thread.joined), "added_members": [thread.member(user)]}
            return "THREAD_MEMBERS_UPDATE", {"id": str(thread.id), "removed_member_ids": []} | members | {
                "guild_id": _place(thread)["guild_id"]
            }

        tell_each(self, told)
        tell_each(self, added)

    def rename(self, what: Channel | Guild, name: str) -> None:
        what.name = name
        if isinstance(what, Guild):
            tell_each(self, lambda s: ("GUILD_UPDATE", what.shown(s.bot.user)) if s.has(what) else None)
            return
        event = "THREAD_UPDATE" if what.is_thread else "CHANNEL_UPDATE"
        tell_each(self, lambda session: self._of_channel(session, what, event))

    def remove(self, channel: Channel) -> None:
        """Delete a channel or thread; of a channel's threads nothing more is said."""
        assert channel.guild is not None
        event = "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE"
        tell_each(self, lambda session: self._of_channel(session, channel, event))
        for gone in [channel, *(one for one in channel.guild.channels.values() if one.parent is channel)]:
            del channel.guild.channels[gone.id], self.channels[gone.id]

    def archive(self, thread: Channel, *, archived: bool = True) -> None:
        thread.archived = archived
        tell_each(self, lambda session: self._of_channel(session, thread, "THREAD_UPDATE"))

    def direct(self, one: User, other: User) -> Channel:
        for channel in self.channels.values():
            if channel.kind == DIRECT and {*channel.recipients} == {one, other}:
                return channel
        channel = Channel(DIRECT, recipients=[one, other])
        self.channels[channel.id] = channel
        return channel

    def deny(self, channel: Channel, user: User, permissions: Permission) -> None:
        """Take these permissions from somebody, and no others. Bots are told, also who sees the channel no more."""
        channel.overwrites[user.id] = (Permission(0), permissions)
        tell_each(
            self,
            lambda session: ("CHANNEL_UPDATE", channel.shown()) if session.has(channel.guild) else None,
        )

    # What people do.

    def say(
        self,
        channel: Channel,
        author: User,
        content: str,
        *,
        reply_to: Posted | None = None,
        **fields: Any,  # noqa: ANN401
    ) -> Posted:
        kind = REPLY if reply_to else fields.pop("kind", 0)
        pings = pings_of(content, None, may_everyone=True)
        return self.post(
            Posted(
                channel,
                author,
                content,
                kind=kind,
                reply_to=reply_to.id if reply_to else None,
                pings=pings,
                **fields,
            )
        )

    def post(self, posted: Posted) -> Posted:
        """Put a message in its channel and tell of it."""
        if posted.only_for is None:
            posted.channel.messages[posted.id] = posted
        if self.tells:
            tell_each(self, lambda session: self._of_message(session, posted, "MESSAGE_CREATE"))
        return posted

    def edit(self, posted: Posted, content: str) -> None:
        posted.content = content
        posted.edited_at = datetime.now(UTC)
        self.changed(posted)

    def changed(self, posted: Posted) -> None:
        """Tell that a message is not what it was: also of a link's preview, which nobody edited."""
        tell_each(self, lambda session: self._of_message(session, posted, "MESSAGE_UPDATE"))

    def delete(self, posted: Posted) -> None:
        posted.channel.messages.pop(posted.id, None)

        def told(session: Session) -> tuple[str, object] | None:
            place = _place(posted.channel)
            return (
                ("MESSAGE_DELETE", {"id": str(posted.id)} | place) if self._hears(session, posted) else None
            )

        tell_each(self, told)

    def delete_many(self, *posted: Posted) -> None:
        """A moderator's bulk delete, in one channel."""
        channel = posted[0].channel
        for one in posted:
            del channel.messages[one.id]
        ids = [str(one.id) for one in posted]

        def told(session: Session) -> tuple[str, object] | None:
            hears = self._hears(session, posted[0])
            return ("MESSAGE_DELETE_BULK", {"ids": ids} | _place(channel)) if hears else None

        tell_each(self, told)

    def type(self, channel: Channel, user: User) -> None:
        """Somebody types in a channel."""

        def told(session: Session) -> tuple[str, object] | None:
            intent = Intent.GUILD_TYPING if channel.guild else Intent.DIRECT_TYPING
            if not session.intents & intent or not self._sees(session, channel):
                return None
            member = channel.guild.members.get(user.id) if channel.guild else None
            data = {"user_id": str(user.id), "timestamp": int(time.time())} | _place(channel)
            return "TYPING_START", data | ({"member": member.shown()} if member else {})

        tell_each(self, told)

    def invoke(
        self,
        bot: Bot,
        channel: Channel,
        user: User,
        kind: int,
        data: dict[str, Any],
        message: Posted | None = None,
    ) -> Interaction:
        """Somebody uses a command (2), presses a component (3) or sends a modal (5)."""
        return invoked(self, bot, channel, user, kind, data, message)

    def command(self, bot: Bot, channel: Channel, user: User, line: str, **options: Any) -> Interaction:  # noqa: ANN401
        """Somebody types a command that Discord shows them, such as `understudy kill`."""
        return invoked(self, bot, channel, user, COMMAND, typed(bot, channel, user, line, options), None)

    # What goes wrong.

    def play(self, method: str, path: str, **fields: Any) -> Play:  # noqa: ANN401
        play = Play(method, path, **fields)
        self.plays.append(play)
        return play

    def reconnect(self) -> None:
        """Ask every connection to reconnect and resume."""
        for connection in self.open_connections:
            connection.reconnect()

    def invalidate(self, *, resumable: bool) -> None:
        for connection in self.open_connections:
            connection.invalidate(resumable=resumable)
        if not resumable:
            self.sessions.clear()

    def close_gateway(self, code: int) -> None:
        for connection in self.open_connections:
            connection.close(code)

    def cut(self) -> None:
        """The network is gone, for every connection of the gateway."""
        for connection in self.open_connections:
            connection.cut()

    @property
    def open_connections(self) -> list[Connection]:
        return [session.connection for session in self.sessions.values() if session.connection is not None]

    def violate(self, what: str) -> None:
        self.violations.append(what)

    # What the client gets.

    def connector(self) -> aiohttp.TCPConnector:
        """A connector that leads a client here."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return connector_to(self.port, context)

    def write_authority(self, path: Path) -> None:
        """Write down whom a client in another process is to trust."""
        self._authority.cert_pem.write_to_path(str(path))

    def posted(self, channel: Channel, author: User | None = None) -> list[Posted]:
        return [one for one in channel.messages.values() if author is None or one.author is author]

    def times_asked(self, method: str, path: str) -> int:
        return sum(one.method == method and re.fullmatch(path, one.path) is not None for one in self.asked)

    # How it is served.

    def application(self) -> web.Application:
        async def gateway(request: web.Request) -> web.StreamResponse:
            if self.refuses_gateway:
                return web.Response(status=503)
            connection = Connection(self, request)
            self.connections.append(connection)
            return await connection.run()

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.host.split(":")[0].startswith("gateway"):
                return await gateway(request)
            return await rest.handle(request)

        rest = Rest(self)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        return application

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*HOSTS).configure_cert(context)
        return context

    def _known(self, user: User) -> User:
        self.users[user.id] = user
        return user

    def _sees(self, session: Session, channel: Channel) -> bool:
        return session.has(channel.guild) and bool(
            permissions_in(channel, session.bot.user) & Permission.VIEW_CHANNEL
        )

    def _hears(self, session: Session, posted: Posted) -> bool:
        channel = posted.channel
        intent = Intent.GUILD_MESSAGES if channel.guild else Intent.DIRECT_MESSAGES
        if posted.only_for is not None and posted.author is not session.bot.user:
            return False
        return bool(session.intents & intent) and self._sees(session, channel)

    def _of_message(self, session: Session, posted: Posted, event: str) -> tuple[str, object] | None:
        if not self._hears(session, posted):
            return None
        if posted.channel.guild is None and event == "MESSAGE_CREATE":
            self._open_direct(session, posted.channel)
        contents = bool(session.intents & Intent.MESSAGE_CONTENT)
        shown = posted.as_event(session.bot.user, contents=contents, users=self.users)
        # The nonce is told once, and not when a message is fetched again.
        if posted.nonce is not None and event == "MESSAGE_CREATE":
            shown["nonce"] = posted.nonce
        return event, shown

    def _open_direct(self, session: Session, channel: Channel) -> None:
        if len(channel.messages) == 1:
            session.tell("CHANNEL_CREATE", channel.shown(session.bot.user))

    def _of_channel(self, session: Session, channel: Channel, event: str) -> tuple[str, object] | None:
        if not session.intents & Intent.GUILDS or not self._sees(session, channel):
            return None
        return event, channel.shown(session.bot.user)


def _heard_by(number: int, count: int) -> int:
    id_ = snowflake()
    while (id_ >> 22) % count != number:
        id_ += 1 << 22
    return id_


def _place(channel: Channel) -> dict[str, str]:
    guild = {"guild_id": str(channel.guild.id)} if channel.guild else {}
    return {"channel_id": str(channel.id)} | guild


def connector_to(port: int, context: ssl.SSLContext) -> aiohttp.TCPConnector:
    """A connector that leads a client to the fake at a port."""
    return aiohttp.TCPConnector(resolver=_Names(port), ssl=context, limit=0)


class _Names(AbstractResolver):
    """Knows Discord's names alone: nothing of a test can reach anybody else."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in HOSTS:
            raise OSError(f"a test has no business with {host}")
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self._port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        return


@asynccontextmanager
async def fake_discord() -> AsyncIterator[FakeDiscord]:
    """Serve a Discord on a free port."""
    fake = FakeDiscord()
    runner = web.AppRunner(fake.application(), access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=fake.server_context())
        await site.start()
        (address,) = runner.addresses
        fake.port = int(address[1])
        yield fake
    finally:
        for connection in fake.open_connections:
            connection.cut()
        await runner.cleanup()
