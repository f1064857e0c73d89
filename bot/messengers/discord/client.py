"""The client: what discord.py tells of, passed on in the order in which it was told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

import aiohttp
import discord
import structlog

from bot.errors import StoreError
from bot.messengers.base import Ears
from bot.messengers.discord.buttons import CardButton
from bot.messengers.discord.channels import Channel, place_of, reviews
from bot.messengers.discord.decisions import Decisions
from bot.messengers.discord.gateway import end_sessions
from bot.messengers.discord.handing import Told, trace
from bot.messengers.discord.history import Gap, History, Session
from bot.messengers.discord.lanes import Deleted, Lanes
from bot.messengers.discord.names import Names
from bot.messengers.discord.permissions import may_read
from bot.messengers.discord.reading import Reader, key_of
from bot.places import Place
from chat.message import ChatKey

_log = structlog.get_logger()


def intents() -> discord.Intents:
    """What the bot asks Discord for: channels, messages with their text, emoji, and who types.

    No members, no presences.
    """
    wanted = discord.Intents.none()
    wanted.guilds = wanted.messages = wanted.typing = wanted.message_content = True
    wanted.emojis_and_stickers = True
    return wanted


class Client(discord.Client):
    """One life of one shard of the bot's account; after an end a new one is made.

    `lanes` take what it hears, `history` asks for what it did not; both outlive it. `begin` is waited for before a
    session is begun. With `follow`, threads are parts of their channel.
    """

    def __init__(
        self,
        ears: Ears,
        lanes: Lanes,
        history: History,
        names: Names,
        owners: Collection[str],
        connector: aiohttp.BaseConnector | None,
        told: Told,
        shard: tuple[int, int] = (0, 1),
        begin: Callable[[bool], Awaitable[None]] | None = None,
        decisions: Decisions | None = None,
        review_channel: str = "",
        *,
        follow: bool = True,
    ) -> None:
        super().__init__(
            intents=intents(),
            shard_id=shard[0],
            shard_count=shard[1],
            connector=connector,
            http_trace=trace(told),
            # No model may ping anybody.
            allowed_mentions=discord.AllowedMentions.none(),
            # What is said is kept by the inbox.
            max_messages=None,
        )
        self._ears = ears
        self._names = names
        self._owners = owners
        self._lanes = lanes
        self._history = history
        self._begin = begin
        self._follow = follow
        self._places: dict[ChatKey, Place] = {}
        self._echoes: dict[str, asyncio.Future[discord.Message]] = {}
        self._review_channel = review_channel
        self.presses = decisions
        """Who is told of presses on cards; None where this process reviews no drafts."""
        self._is_open = False
        self._session: Session | None = None

    @property
    def hears(self) -> bool:
        """Whether the gateway is open, and what was said before it was has been heard."""
        return self._is_open and self._session is not None and self._session.caught_up

    def echo(self, nonce: str) -> asyncio.Future[discord.Message]:
        """What comes when the gateway tells of the message with this nonce."""
        future: asyncio.Future[discord.Message] = asyncio.get_running_loop().create_future()
        self._echoes[nonce] = future
        future.add_done_callback(lambda _: self._echoes.pop(nonce, None))
        return future

    async def close(self) -> None:
        """Leave Discord; of whatever session there was, nothing goes on."""
        try:
            await super().close()
        finally:
            await end_sessions(self)

    async def setup_hook(self) -> None:
        """Have buttons found again by their ids, also of cards that another process posted."""
        self.add_dynamic_items(CardButton)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Wait until a session may be begun; the library's own waits 5 s each time, whoever else begins one."""
        if self._begin is not None:
            await self._begin(initial)

    async def on_connect(self) -> None:
        """A session has begun; what was said before it, nobody tells of."""
        self._is_open = True
        self._session = self._history.begin(self, self.look_at)

    async def on_resumed(self) -> None:
        """A session goes on; what was missed has been told."""
        self._is_open = True

    async def on_disconnect(self) -> None:
        """The connection is gone; another is made."""
        self._is_open = False

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote. No step before `put` may wait: tasks begin in the order of their events."""
        if self.user is not None and message.author.id == self.user.id:
            echo = self._echoes.get(str(message.nonce))
            if echo is not None and not echo.done():
                echo.set_result(message)
        self._put(message, edited=False)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """A message was changed. A link's preview changes one as well; nobody has edited it then."""
        if payload.message.edited_at is not None:
            self._put(payload.message, edited=True)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A message was deleted, by its author or a moderator."""
        self._lanes.put(Deleted(key_of(payload.channel_id), (str(payload.message_id),)))

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Many were deleted at once."""
        ids = sorted(payload.message_ids)
        self._lanes.put(Deleted(key_of(payload.channel_id), tuple(map(str, ids))))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel was deleted, with all that was said in it; its threads are told of by themselves."""
        self._lanes.put(Deleted(key_of(channel.id), None))

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread was deleted, with all that was said in it."""
        self._lanes.put(Deleted(key_of(payload.thread_id), None))

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        """A channel may be called otherwise, or may be read again."""
        self._look_around()
        if may_read(after, after.guild.me) and not may_read(before, before.guild.me):
            self._read_again([after, *(one for one in after.guild.threads if one.parent_id == after.id)])

    async def on_thread_update(self, before: discord.Thread, after: discord.Thread) -> None:
        """A thread may be called otherwise."""
        self._look_around()

    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """A server may be called otherwise."""
        self._look_around()

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was let into a server, perhaps anew."""
        self._read_again([*guild.channels, *guild.threads])

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A server is there, perhaps after an outage."""
        self._read_again([*guild.channels, *guild.threads])

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """A role may let its holders read more than before."""
        if after in after.guild.me.roles and after.permissions.value & ~before.permissions.value:
            self._read_again([*after.guild.channels, *after.guild.threads])

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """The bot may have other roles; of nobody else is this told."""
        if self.user is not None and after.id == self.user.id and before.roles != after.roles:
            self._read_again([*after.guild.channels, *after.guild.threads])

    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        """Somebody types; of interest where it is the owner."""
        if str(payload.user_id) not in self._owners or str(payload.channel_id) == self._review_channel:
            return
        try:
            await self._ears.owner_types(key_of(payload.channel_id))
        except StoreError:
            # The next key stroke says it again.
            return

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Somebody sent a modal in; buttons and commands find their own way."""
        if self.presses is not None:
            await self.presses.sent_in(interaction)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Say that an event could not be taken; the library's own words would quote it."""
        _log.exception("discord.event_failed", event=event_method, exc_info=False)

    def _put(self, message: discord.Message, *, edited: bool) -> None:
        if self.user is None:
            return
        read = Reader(self.user.id, self._names, self._owners).read(message, edited=edited)
        if read is None:
            return
        if reviews(message.channel, self._review_channel):
            # No chat: what moderators say among themselves is kept by nobody. The kill word counts all the same.
            if not read.own or not read.stand_in:
                self._lanes.hear(read)
            return
        if isinstance(message.channel, discord.Thread) and message.channel.parent is not None:
            # A forum has no messages of its own.
            self.look_at(message.channel.parent)
        self.look_at(message.channel, message.author)
        gap = None
        if self._session is not None:
            self._history.reach(read.chat, self._session)
            gap = Gap(read.chat, self._session, self._history)
        self._lanes.put(read, gap)

    def _read_again(self, channels: Iterable[discord.abc.Snowflake]) -> None:
        if self._session is not None:
            self._history.again(self._session, [channel.id for channel in channels])

    def _look_around(self) -> None:
        for chat in list(self._places):
            channel = self.get_channel(int(chat.chat_id))
            if channel is not None:
                self.look_at(channel)

    def look_at(self, channel: Channel, person: discord.abc.User | None = None) -> None:
        """Tell where a channel is, if that is news."""
        if self.user is None:
            return
        place = place_of(channel, self._names, self.user.id, follow=self._follow, person=person)
        if place is not None and self._places.get(place.chat) != place:
            self._places[place.chat] = place
            self._lanes.put(place)
