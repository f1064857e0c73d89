"""History: what was said while nobody listened, and before the stand-in was let in; Discord is asked for it.

A session of the gateway that could not be resumed tells of nothing that came before it. So each chat is read up on
once a session, in its lane: behind what was heard before, and ahead of what is heard now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import aiohttp
import discord
import structlog

from bot.backlog import Standing
from bot.errors import StoreAway, StoreError
from bot.messengers.base import Ears
from bot.messengers.discord.channels import reviews
from bot.messengers.discord.names import Names
from bot.messengers.discord.reading import MESSENGER, Reader, key_of
from bot.messengers.discord.settings import DiscordSettings
from bot.messengers.discord.troubles import is_final, send_error
from chat.message import ChatKey, Message

_log = structlog.get_logger()
_PAGE: Final = 100
"""As many as Discord gives for one request."""
_PAGES: Final = 10
"""Of missed messages of a chat that are fetched at most, the newest: more than a model is ever shown."""
_AT_ONCE: Final = 4
"""Chats that are read up on side by side; what was fetched of each is in memory meanwhile."""
_TRIES: Final = 5
_TRY_SECONDS: Final = 60.0
_FIRST_WAIT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.3
_LOOK_SECONDS: Final = 10.0
"""How often is looked for chats that were enabled since."""
_SERVERS_SECONDS: Final = 2.0
"""How long a session's servers are waited for: names of roles and channels come with them."""
_LOOK_AGAIN_SECONDS: Final = 0.05
# A RuntimeError is a client's that was closed meanwhile.
_FAULTS: Final = (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError, TimeoutError)


class Session:
    """One session of a client with the gateway: which chats were read up on since it began."""

    def __init__(self, client: discord.Client) -> None:
        self.client = client
        self.begun: set[ChatKey] = set()
        self.done: set[ChatKey] = set()
        self.awaited: frozenset[ChatKey] | None = None
        """The chats that had been enabled when it began; None until that is known."""
        self.tries = _TRIES
        """How often Discord is asked; once, after it failed as often: not each chat must wait for that."""

    @property
    def caught_up(self) -> bool:
        """Whether each missed kill word has been heard, so far as Discord gives it."""
        return self.awaited is not None and self.awaited <= self.done


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """Where in a chat's lane something may be missing: what was said before a session began."""

    chat: ChatKey
    session: Session
    history: History

    async def fill(self, heard: Callable[[], int | None]) -> None:
        """Tell of what is missing. Raises StoreAway before anything was told.

        `heard` gives the id of the first message that is known to follow: from there on the gateway tells.
        """
        await self.history.fill(self, heard)

    def __str__(self) -> str:
        """Where it is."""
        return f"{self.chat}/gap"


@dataclass(frozen=True, slots=True)
class _Late:
    """A message that was fetched; `changed_at` is when it got the text that it has, where it was edited."""

    message: Message
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Missing:
    """What is missing of a chat: messages, oldest first, and the ids of those that were deleted."""

    late: Sequence[_Late] = ()
    deleted: Sequence[str] = ()


class History:
    """Fills gaps. It outlives clients and sessions, as the lanes do.

    `put` takes a gap into its chat's lane; `client_of` gives the client that hears a channel, None where there is none;
    `located` finds out where channels are.
    """

    def __init__(
        self,
        ears: Ears,
        names: Names,
        settings: DiscordSettings,
        put: Callable[[Gap], None],
        client_of: Callable[[int], discord.Client | None],
        located: Callable[[Iterable[int]], Awaitable[bool]],
    ) -> None:
        self._ears = ears
        self._names = names
        self._settings = settings
        self._within = timedelta(minutes=settings.answer_within_minutes)
        self._put = put
        self._client_of = client_of
        self._located = located
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._told: set[ChatKey] = set()
        self._looks: dict[discord.Client, asyncio.Task[None]] = {}

    def begin(self, client: discord.Client, look_at: Callable[[discord.Thread], None]) -> Session:
        """A client's session has begun; every chat of it is behind. `look_at` tells where a thread is."""
        session = Session(client)
        if client in self._looks:
            self._looks[client].cancel()
        self._looks[client] = asyncio.create_task(self._look(session, look_at))
        return session

    def reach(self, chat: ChatKey, session: Session) -> None:
        """Put a gap before what is heard next of a chat, where nothing was heard of it in this session."""
        if chat not in session.begun:
            session.begun.add(chat)
            self._put(Gap(chat, session, self))

    def again(self, session: Session, channels: Iterable[int]) -> None:
        """Have channels read up on once more: for a while the bot was not let in, or might not read them."""
        for chat in map(key_of, channels):
            if chat not in session.begun:
                continue
            session.begun.discard(chat)
            session.done.discard(chat)
            if session.awaited is not None:
                # Until then nothing leaves: a kill word may have been said meanwhile.
                session.awaited |= {chat}
            self.reach(chat, session)

    async def close(self) -> None:
        """Look for nothing any more."""
        for look in self._looks.values():
            look.cancel()
        await asyncio.gather(*self._looks.values(), return_exceptions=True)

    async def fill(self, gap: Gap, heard: Callable[[], int | None]) -> None:
        """Tell of what is missing in a gap, see `Gap.fill`."""
        try:
            standing = await self._ears.standing(gap.chat)
            if standing is None:
                gap.session.begun.discard(gap.chat)
            else:
                await self._servers(await self._client(gap))
                async with self._room:
                    await self._tell(gap.chat, await self._fetched(gap, standing), heard)
        except StoreAway:
            raise
        except Exception as error:  # noqa: BLE001 - what is said now must not wait for ever behind what was said
            self._give_up(gap.chat, f"it failed ({type(error).__name__})")
        gap.session.done.add(gap.chat)

    async def _look(self, session: Session, look_at: Callable[[discord.Thread], None]) -> None:
        """Have each enabled chat read up on, also those in which nobody says anything, and those enabled later."""
        for client in [one for one in self._looks if one.is_closed()]:
            del self._looks[client]
        while not session.client.is_closed():
            try:
                chats = await self._ears.chats(MESSENGER)
                enabled = [
                    chat
                    for chat in chats
                    if chat.chat_id.isdecimal() and not self._reviews(session.client, chat)
                ]
                if session.awaited is None:
                    # Before that nobody knows which chats are this session's.
                    await self._servers(session.client)
                    if not await self._located(int(chat.chat_id) for chat in enabled):
                        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                        continue
                # One that was disabled begins anew when it is enabled again.
                session.begun.intersection_update(enabled)
                mine = [chat for chat in enabled if self._client_of(int(chat.chat_id)) is session.client]
                if session.awaited is None and mine:
                    for thread in await self._threads(session.client, mine):
                        look_at(thread)
                        mine.append(key_of(thread.id))
            except StoreError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception as error:  # noqa: BLE001 - who does not look is silent for good, and nobody would know why
                _log.error("discord.history_not_looked_for", error=type(error).__name__)
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            if session.awaited is None:
                session.awaited = frozenset(mine)
            for chat in mine:
                self.reach(chat, session)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _threads(self, client: discord.Client, enabled: Sequence[ChatKey]) -> list[discord.Thread]:
        """The active threads of enabled channels in which nobody has been heard yet, and somebody wrote since."""
        found: list[discord.Thread] = []
        known = {*enabled, *self._settings.review}
        for chat in enabled:
            channel = client.get_channel(int(chat.chat_id))
            if not isinstance(channel, discord.TextChannel | discord.ForumChannel):
                continue
            new = [one for one in channel.threads if key_of(one.id) not in known]
            standing = await self._ears.standing(chat) if new else None
            if standing is not None:
                since = discord.utils.time_snowflake(standing.let_in)
                found += [one for one in new if (one.last_message_id or one.id) > since]
        return found

    async def _client(self, gap: Gap) -> discord.Client:
        """The client to ask with. One that has ended is followed by another, as soon as Discord can be reached."""
        while True:
            client = gap.session.client
            if not client.is_closed():
                return client
            successor = self._client_of(int(gap.chat.chat_id))
            if successor is not None and not successor.is_closed():
                return successor
            await asyncio.sleep(_RETRY_SECONDS)

    @staticmethod
    async def _servers(client: discord.Client) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SERVERS_SECONDS):
                while any(guild.unavailable for guild in client.guilds):  # noqa: ASYNC110 - nothing says that all are there
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _fetched(self, gap: Gap, standing: Standing) -> _Missing:
        """What is missing in a gap; nothing where Discord does not give it, with a line that says so."""
        wait, tries = _FIRST_WAIT_SECONDS, 0
        while True:
            client = await self._client(gap)
            try:
                async with asyncio.timeout(_TRY_SECONDS):
                    found = await self._read(client, gap.chat, standing)
            except _FAULTS as error:
                # A client that has ended says nothing of Discord.
                tries += not client.is_closed()
                final = is_final(error) or isinstance(error, _Unreadable)
                if final or tries >= gap.session.tries:
                    gap.session.tries = _TRIES if final else 1
                    self._give_up(gap.chat, _reason(error))
                    return _Missing()
                await asyncio.sleep(wait)
                wait *= 2
            else:
                self._told.discard(gap.chat)
                gap.session.tries = _TRIES
                return found

    def _reviews(self, client: discord.Client, chat: ChatKey) -> bool:
        review = self._settings.review_channel
        return chat in self._settings.review or reviews(client.get_channel(int(chat.chat_id)), review)

    async def _hidden(self, client: discord.Client, number: int) -> bool:
        """Whether drafts are reviewed in a channel that the gateway has not told of, such as an archived thread."""
        review = self._settings.review_channel
        if not review or client.get_channel(number) is not None:
            return False
        return reviews(await client.fetch_channel(number), review)

    async def _read(self, client: discord.Client, chat: ChatKey, standing: Standing) -> _Missing:
        channel = _channel_of(client, int(chat.chat_id))
        if channel is None or await self._hidden(client, int(chat.chat_id)):
            return _Missing()
        let_in = discord.utils.time_snowflake(standing.let_in)
        mark = int(standing.watermark) if standing.watermark else let_in
        if client.user is None:
            raise _Unreadable
        reader = Reader(client.user.id, self._names, self._settings.owner)
        late: list[_Late] = []
        deleted: list[str] = []
        before: discord.Object | None = None
        for _ in range(_PAGES):
            page = [one async for one in channel.history(limit=_PAGE, before=before)]
            if before is None:
                late += _changes(reader, page, mark, standing)
                # An empty one is what Discord also gives where the history is not for the bot.
                if page or not isinstance(channel, discord.PartialMessageable):
                    deleted = _deleted(page, standing)
            fresh = [one for one in page if one.id > mark]
            # The newest first: a kill word needs not wait until the whole gap has been read.
            for found in _readable(reader, fresh, standing):
                await self._hear(found)
                late.append(found)
            if len(fresh) < _PAGE:
                break
            before = discord.Object(page[-1].id)
        else:
            _log.warning("discord.too_much_missed", chat=str(chat), kept=len(late))
        if not standing.watermark and self._settings.history_messages:
            limit = self._settings.history_messages
            page = [one async for one in channel.history(limit=limit, before=discord.Object(let_in))]
            late += _readable(reader, page, standing)
        return _Missing(sorted(late, key=lambda one: int(one.message.id)), deleted)

    async def _hear(self, late: _Late) -> None:
        try:
            await self._ears.hear_late(late.message, late.changed_at)
        except StoreError:
            # `catch_up` hears it again.
            return

    def _give_up(self, chat: ChatKey, reason: str) -> None:
        if chat not in self._told:
            self._told.add(chat)
            _log.error("discord.history_not_read", chat=str(chat), reason=reason)

    async def _tell(self, chat: ChatKey, missing: _Missing, heard: Callable[[], int | None]) -> None:
        if missing.deleted:
            await _insist(partial(self._ears.deleted, chat, missing.deleted), str(chat))
        for late in missing.late:
            following = heard()
            if following is not None and int(late.message.id) >= following:
                return
            await _insist(
                partial(self._ears.catch_up, late.message, self._within, late.changed_at), str(late.message)
            )


async def _insist(tell: Callable[[], Awaitable[object]], what: str) -> None:
    """Tell of something until the store has it."""
    while True:
        try:
            await tell()
        except StoreAway:
            await asyncio.sleep(_RETRY_SECONDS)
        except Exception as error:  # noqa: BLE001 - the next ones must not wait for ever behind it
            _log.error("discord.message_not_kept", message=what, error=type(error).__name__)
            return
        else:
            return


class _Unreadable(discord.DiscordException):
    """The channel's history is not for the bot: Discord gives an empty one, and does not say why."""


def _channel_of(client: discord.Client, number: int) -> discord.abc.Messageable | None:
    """Where to ask; None for what has no messages of its own, such as a forum."""
    channel = client.get_channel(number)
    match channel:
        case discord.ForumChannel() | discord.CategoryChannel():
            return None
        case discord.Thread(parent=None):
            pass
        case discord.TextChannel() | discord.Thread() | discord.VoiceChannel() | discord.StageChannel():
            if not channel.permissions_for(channel.guild.me).read_message_history:
                raise _Unreadable
            return channel
    # A direct conversation, or a thread that is archived: Discord tells of neither when a session begins.
    return client.get_partial_messageable(number)


def _readable(reader: Reader, page: Sequence[discord.Message], standing: Standing) -> list[_Late]:
    """What somebody typed of a page. Discord gives no nicknames with it: people keep the names they were heard by."""
    names = {message.author.id: message.author.name for message in standing.transcript}
    late: list[_Late] = []
    for one in page:
        message = reader.read(one)
        if message is not None:
            author = message.author
            known = replace(author, name=names.get(author.id, author.name))
            late.append(_Late(replace(message, author=known), one.edited_at))
    return late


def _changes(reader: Reader, page: Sequence[discord.Message], mark: int, standing: Standing) -> list[_Late]:
    """The messages of a page that stand in the transcript with another text; nobody else edits the stand-in's own."""
    known = {message.id: message.text for message in standing.transcript if not message.stand_in}
    edited = [one for one in page if one.id <= mark and one.edited_at is not None]
    return [
        replace(late, message=replace(late.message, edited=True))
        for late in _readable(reader, edited, standing)
        if known.get(late.message.id, late.message.text) != late.message.text
    ]


def _deleted(page: Sequence[discord.Message], standing: Standing) -> list[str]:
    """The ids of messages that stand in the transcript, and in their place in the channel no more."""
    first = page[-1].id if len(page) == _PAGE else 0
    there = {str(one.id) for one in page}
    ids = [message.id for message in standing.transcript if message.id.isdecimal()]
    return [id_ for id_ in ids if int(id_) >= first and id_ not in there]


def _reason(error: Exception) -> str:
    match error:
        case _Unreadable() | discord.Forbidden(code=50013):
            return "the bot may not read the channel's history: give its role Read Message History"
        case _:
            return str(send_error(error))
