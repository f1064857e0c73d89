"""The connector: the bot's account on Discord, kept alive, and the one place where its bubbles leave."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import aiohttp
import discord
import structlog

from bot.cards import Cards
from bot.desk import Desk
from bot.messengers.base import (
    Bubble,
    Ears,
    Pause,
    SendError,
    SendImpossible,
    SendRefused,
    SendUncertain,
    Wires,
)
from bot.messengers.discord.answers import Answers
from bot.messengers.discord.board import Board
from bot.messengers.discord.channels import reviews
from bot.messengers.discord.client import Client
from bot.messengers.discord.command_tree import CommandSet
from bot.messengers.discord.commands import Commands
from bot.messengers.discord.customs import emoji_of, may_react, refers_to, slow_mode
from bot.messengers.discord.decisions import Decisions
from bot.messengers.discord.gateway import connected
from bot.messengers.discord.handing import Handing
from bot.messengers.discord.history import History
from bot.messengers.discord.lacks import IN_REVIEW, Lacks
from bot.messengers.discord.lanes import Lanes
from bot.messengers.discord.names import Names
from bot.messengers.discord.posting import Post
from bot.messengers.discord.reading import MESSENGER, Reader
from bot.messengers.discord.roles import Roles
from bot.messengers.discord.settings import DiscordSettings
from bot.messengers.discord.shards import Shards, Turns
from bot.messengers.discord.troubles import Late, send_error, trouble
from bot.messengers.discord.wording import Wording, reads, worded
from bot.pacing import Pacing
from bot.presence import Held
from chat.message import ChatKey, Message

_log = structlog.get_logger()
_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 300.0
_LIVED_SECONDS: Final = 60.0
"""Who was on Discord for so long is back at once."""
_TYPING_SECONDS: Final = 8.0
"""Discord shows it for 10 s."""
_CLOCKS: Final = timedelta(minutes=2)
"""How far Discord's clock and ours may be apart, and how long discord.py may take for a message."""
_KEYED: Final = timedelta(minutes=1)
"""For how long Discord surely knows a nonce: it promises "the past few minutes"."""
_HEARD: Final = "\N{ZIPPER-MOUTH FACE}"
"""Under the message that killed."""
_HISTORY: Final = 500
"""Messages since a bubble was handed over, among which it is looked for."""
_MINUTE: Final = timedelta(minutes=1)
_ELSEWHERE: Final = "another process hears this chat"
_NOT_KNOWN_YET: Final = "Discord is being asked where this chat is"
Kind = TypeVar("Kind")


class DiscordConnector:
    """The bot's account. It ends for nothing: whatever keeps it from Discord is said in one line and tried again.

    `desk` is where people on Discord watch and steer; without one they can do neither. `wires` makes the connector of
    each connection to Discord, as discord.py takes it; None is its own. `pacing` is shared with other processes
    of the account; without one the connector paces itself alone. `cards` is what is known of the drafts that are
    reviewed on Discord; without it none are.
    """

    messenger: Final = MESSENGER
    # Its nonce is known for a few minutes; after that the channel's history says whether a bubble has left.
    idempotent: Final = True

    def __init__(
        self,
        settings: DiscordSettings,
        persona: str,
        desk: Desk | None = None,
        wires: Wires | None = None,
        pacing: Pacing | None = None,
        cards: Cards | None = None,
        keyed: timedelta = _KEYED,
    ) -> None:
        self._settings = settings
        self._keyed = keyed
        self._names = Names.read(persona, settings.people)
        self._desk = desk
        self._wires = wires
        self._shards = Shards(settings.shards, settings.shard_ids or range(settings.shards))
        self._turns = Turns()
        self._decisions = Decisions(desk, Roles(settings)) if desk is not None else None
        self._board = Board(self._shards, settings, desk, cards, persona) if desk and cards else None
        self._troubles = dict.fromkeys(self._shards.mine, "Discord is not connected yet")
        self._typed: dict[ChatKey, float] = {}
        self._pacing = pacing or Pacing(MESSENGER)
        self._lacks = Lacks(settings.review_channel)
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def trouble(self) -> str:
        """Why the bot is not on Discord, or not with all of its shards, or may not write there; empty where it may."""
        if away := next(filter(None, self._troubles.values()), ""):
            return away
        if (pause := self._pacing.own()) is None:
            return ""
        # To the minute: a line that changed with every look would be logged as often.
        until = datetime.now(UTC) + timedelta(seconds=pause.seconds) + _MINUTE
        return f"{pause.reason}, until {until:%H:%M} UTC"

    @property
    def hears(self) -> bool:
        """Whether all that this process is to hear on Discord is heard right now."""
        return self._shards.hear

    def serves(self, chat: ChatKey) -> bool:
        """Whether a chat is heard here, right now: only then may a bubble be handed over."""
        if chat in self._settings.review or not chat.chat_id.isdecimal():
            # It may have been enabled before drafts were reviewed there, or is no channel at all.
            return False
        client = self._shards.client_of(int(chat.chat_id))
        return client is not None and client.hears and not self._reviews(client, chat)

    def troubles(self, chats: Sequence[ChatKey]) -> Mapping[str, str]:
        """Why the bot is not on Discord; while it is, what it lacks in these chats, as far as they are heard here.

        Also what is wrong with the channel in which drafts are reviewed, and with the file that names people.
        """
        if self.trouble:
            return {MESSENGER: self.trouble}
        lacking = {str(chat): self._lack(chat) for chat in chats}
        if self._board is not None and self._board.troubles:
            lacking[f"{MESSENGER}/{self._settings.review_channel}"] = "; ".join(self._board.troubles)
        lacking[MESSENGER] = self._names.lack
        return {place: line for place, line in lacking.items() if line}

    @property
    def held(self) -> tuple[Held, ...]:
        """The shards that are signed in here."""
        return tuple(
            Held(f"discord/{client.user.id}", client.shard_id or 0, self._shards.count)
            for client in self._shards.clients
            if client.user is not None
        )

    async def listen(self, ears: Ears) -> None:
        """Be on Discord until cancelled."""
        lanes, answers = Lanes(ears), Answers()
        history = History(
            *(ears, self._names, self._settings, lanes.put, self._shards.client_of, self._shards.locate)
        )
        commands = CommandSet(self._commands(ears, answers))
        try:
            async with asyncio.TaskGroup() as group:
                for number in self._shards.mine:
                    group.create_task(self._keep(number, ears, lanes, history, commands))
                if self._board is not None:
                    group.create_task(self._board.run())
        finally:
            for task in self._tasks:
                task.cancel()
            await self._shards.close()
            await history.close()
            await self._lacks.close()
            await lanes.close()
            await answers.close()

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        """Show that the account types. Never fails: it is only a courtesy."""
        client, now = self._shards.client_of(int(chat.chat_id)), time.monotonic()
        if client is None or now - self._typed.get(chat, float("-inf")) < _TYPING_SECONDS:
            return
        self._typed = {of: at for of, at in self._typed.items() if now - at < _TYPING_SECONDS} | {chat: now}
        self._begin(_shown_typing(client, int(chat.chat_id)))

    def sign(self, chat: ChatKey, message_id: str) -> None:
        """React to a message. That has a bucket of its own, and no slow mode."""
        client = self._shards.client_of(int(chat.chat_id))
        if client is not None and may_react(client, int(chat.chat_id)):
            self._begin(_reacted(client, int(chat.chat_id), int(message_id)))

    async def pause(self, chat: ChatKey) -> Pause | None:
        """What Discord has asked this or another process to wait with, and slow mode."""
        return await self._pacing.pause(chat)

    async def send(self, bubble: Bubble) -> Message:
        """Post a bubble, as several messages where it is too long for one."""
        number, given_at = int(bubble.chat.chat_id), time.monotonic()
        client = self._shards.client_of(number)
        if client is None or client.user is None:
            elsewhere = self._shards.is_elsewhere(number)
            raise SendRefused(_ELSEWHERE if elsewhere else self.trouble or _NOT_KNOWN_YET)
        if not client.hears:
            # A kill word that is said now, or was missed, would not be heard.
            raise SendRefused(
                "the connection to Discord is down for the moment, or what was missed is being read"
            )
        if (pause := self._pacing.own(bubble.chat)) is not None:
            raise SendRefused(pause.reason, pause.seconds)
        wording = worded(
            *(bubble.text, bubble.people),
            pings=self._settings.pings,
            emoji=emoji_of(client, number),
            escape=self._settings.markdown == "escape",
        )
        channel = client.get_partial_messageable(number)
        there = await self._there(client, channel, bubble, wording)
        reference = refers_to(client, number, bubble.reply_to)
        posted: discord.Message | None = None
        begun = False
        for index, part in enumerate(wording.parts):
            if begun and index not in there:
                given_at = time.monotonic()
                if not await bubble.goes_on():
                    raise SendUncertain("a part of it left, and then a kill came, or nobody could say")
            begun = begun or index not in there
            post = Post(part, nonce_of(bubble.id, index), wording.pinged, reference if index == 0 else None)
            try:
                posted = there.get(index) or await self._post(
                    client, channel, post, Handing(bubble.chat, given_at)
                )
            except SendRefused as error:
                if posted is None:
                    raise
                raise SendUncertain(f"a part of it left, and then: {error}", error.retry_after) from error
        self._typed.pop(bubble.chat, None)
        if posted is None:
            raise SendImpossible("there is nothing in it to send")
        if slow := slow_mode(client, channel.id):
            self._told(Pause(slow, "slow mode: the channel's next message comes later"), bubble.chat)
        message = Reader(client.user.id, self._names).author(client.user)
        return Message(
            *(bubble.chat, str(posted.id), message, bubble.text, posted.created_at),
            own=True,
            reply_to=bubble.reply_to if reference else None,
            stand_in=True,
        )

    def _lack(self, chat: ChatKey) -> str:
        if not chat.chat_id.isdecimal():
            return "this is no channel's id: a right-click on the channel, Copy Channel ID"
        client = self._shards.client_of(int(chat.chat_id))
        if client is None:
            return ""
        return IN_REVIEW if self._reviews(client, chat) else self._lacks.of(client, int(chat.chat_id))

    def _reviews(self, client: Client, chat: ChatKey) -> bool:
        return reviews(client.get_channel(int(chat.chat_id)), self._settings.review_channel)

    def _commands(self, ears: Ears, answers: Answers) -> Commands | None:
        if self._desk is None:
            return None
        roles, follow = Roles(self._settings), self._settings.threads == "follow"
        return Commands(ears, self._desk, roles, self._names, answers, follow=follow)

    async def _keep(
        self, number: int, ears: Ears, lanes: Lanes, history: History, commands: CommandSet
    ) -> None:
        """Keep one shard on Discord."""
        wait = _FIRST_WAIT_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._live(number, ears, lanes, history, commands)
            except Exception as error:  # noqa: BLE001 - an event that cannot be parsed ends the client with anything
                said, self._troubles[number] = self.trouble, trouble(error)
                if self.trouble != said:
                    _log.error("discord.away", reason=self.trouble)
            wait = _FIRST_WAIT_SECONDS if time.monotonic() - began > _LIVED_SECONDS else wait * 2
            await asyncio.sleep(min(wait, _LONGEST_WAIT_SECONDS))

    async def _live(
        self, number: int, ears: Ears, lanes: Lanes, history: History, commands: CommandSet
    ) -> None:
        client = Client(
            *(ears, lanes, history, self._names, self._settings.owner),
            self._wires() if self._wires else None,
            told=self._told,
            shard=(number, self._shards.count),
            begin=self._turns.take,
            follow=self._settings.threads == "follow",
            decisions=self._decisions,
            review_channel=self._settings.review_channel,
        )
        try:
            await client.login(self._settings.token.get_secret_value())
            self._troubles[number] = ""
            _log.info("discord.signed_in", shard=number)
            with self._shards.with_client(number, client):
                async with commands.on(client):
                    await connected(client)
        finally:
            await client.close()

    async def _post(
        self, client: Client, channel: discord.PartialMessageable, post: Post, handing: Handing
    ) -> discord.Message:
        """Post one message. It counts as soon as Discord tells of it: the library may return seconds later."""
        pause = self._pacing.own(handing.chat)
        if pause is not None and pause.seconds > handing.seconds_left:
            # discord.py would hold it back for so long.
            raise SendRefused(pause.reason, pause.seconds)
        echo = client.echo(post.nonce)
        posting = self._begin(post.made(channel, handing))
        waited = {posting, echo}
        try:
            done, _ = await asyncio.wait(
                waited, timeout=handing.seconds_left, return_when=asyncio.FIRST_COMPLETED
            )
            if not done and not handing.begun:
                # It waits for a bucket that is used up, and would be too late anyway.
                posting.cancel()
                raise send_error(Late())
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            posting.cancel()
            raise
        finally:
            found = echo.result() if echo.done() else None
            echo.cancel()
        if found is not None:
            return found
        try:
            return await posting
        except Exception as error:
            raise send_error(error) from error

    async def _there(
        self, client: Client, channel: discord.PartialMessageable, bubble: Bubble, wording: Wording
    ) -> dict[int, discord.Message]:
        """The parts, by number, of a bubble that was handed over before which stand in the channel already."""
        since = bubble.handed_over_at
        if since is None or datetime.now(UTC) - since < self._keyed:
            return {}
        try:
            self._check_readable(client, channel.id)
            return await _own_since(client, channel, since - _CLOCKS, bubble, wording)
        except SendError:
            raise
        except Exception as error:
            raise SendUncertain(f"whether it left cannot be looked up: {send_error(error)}") from error

    @staticmethod
    def _check_readable(client: Client, channel_id: int) -> None:
        channel = client.get_channel(channel_id)
        if isinstance(channel, discord.TextChannel | discord.Thread):
            may = channel.permissions_for(channel.guild.me)
            if not may.read_message_history:
                # Discord gives an empty history then, which would read as: it did not leave.
                raise SendUncertain(
                    "the bot may not read the channel's history: give its role that permission"
                )

    def _told(self, pause: Pause, chat: ChatKey | None) -> None:
        """Discord asks to wait: for this process from now on, for the others as soon as the store has it."""
        self._pacing.note(pause, chat)
        self._begin(self._pacing.share(pause, chat))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        # What was told of by the gateway has left, whatever the library came to say of it afterwards.
        _ = task.cancelled() or task.exception()

    def _begin(self, work: Coroutine[Any, Any, Kind]) -> asyncio.Task[Kind]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task


def nonce_of(bubble: str, part: int) -> str:
    """The idempotency key of a bubble's part; Discord takes at most 25 characters."""
    return hashlib.sha256(f"{bubble}\0{part}".encode()).hexdigest()[:24]


async def _shown_typing(client: Client, channel: int) -> None:
    with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        await client.get_partial_messageable(channel).typing()


async def _reacted(client: Client, channel: int, message: int) -> None:
    with suppress(discord.DiscordException, aiohttp.ClientError, OSError):
        await client.get_partial_messageable(channel).get_partial_message(message).add_reaction(_HEARD)


async def _own_since(
    client: Client, channel: discord.PartialMessageable, since: datetime, bubble: Bubble, wording: Wording
) -> dict[int, discord.Message]:
    # By what it says: with other settings it was perhaps worded otherwise.
    wanted = [reads(part, bubble.people) for part in wording.parts]
    found: dict[int, discord.Message] = {}
    looked_at = 0
    async for message in channel.history(limit=_HISTORY, after=since, oldest_first=True):
        looked_at += 1
        if client.user is None or message.author.id != client.user.id:
            continue
        said = reads(message.content, bubble.people)
        number = next((at for at, part in enumerate(wanted) if part == said and at not in found), None)
        if number is not None:
            found[number] = message
    if looked_at == _HISTORY and len(found) < len(wanted):
        raise SendUncertain("so much was said since that nobody can say whether it left")
    return found
