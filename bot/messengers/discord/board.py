"""The board: the review channel, kept in step with the drafts.

It looks at what Redis holds whenever something changes, and every few seconds; so it does not matter where a decision
was made, or which process saw it. A card is in one process's hand at a time. That it is posted once rests on the
record that stands before the post, its nonce, and the channel's history where that record has no message.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import discord
import structlog

from bot.cards import Card, Cards, Held
from bot.chats import ChatState
from bot.desk import Desk
from bot.drafts import Draft, blocked
from bot.errors import ChatUnknown, DraftRefused, StoreError
from bot.messengers.base import SendError, SendUncertain
from bot.messengers.discord.faces import Face, Setting, draft_on, erased, face_of
from bot.messengers.discord.reading import MESSENGER
from bot.messengers.discord.review_channel import ReviewChannel, channel_of, find, may_post
from bot.messengers.discord.settings import DiscordSettings
from bot.messengers.discord.shards import Shards
from bot.messengers.discord.troubles import send_error
from chat.message import ChatKey, Message
from safety.kill import Kill

_log = structlog.get_logger()
_EVERY_SECONDS: Final = 1.0
_SOONEST_SECONDS: Final = 0.1
_LOOKED_SECONDS: Final = 10.0
"""How long a channel, or a card that could not be changed, is not asked for again."""
_LATEST: Final = 0.8
"""The share of a lease after which a request is given up: what is done must still be ours to write down."""
_CLOCKS: Final = timedelta(minutes=2)
"""How far Discord's clock and ours may be apart."""
_HISTORY: Final = 1000
"""Messages of the review channel that are looked through for a card that may stand there."""
_GONE: Final = frozenset({10003, 10008})
"""Discord's words for a channel and for a message that is not there any more."""


class Board:
    """Posts a card for each draft that waits, and has every card say what has become of its draft."""

    def __init__(
        self, shards: Shards, settings: DiscordSettings, desk: Desk, cards: Cards, persona: str
    ) -> None:
        self._shards = shards
        self._settings = settings
        self._desk = desk
        self._cards = cards
        self._persona = persona
        self._channel: ReviewChannel | None = None
        self._looked = float("-inf")
        self._later: dict[str, float] = {}
        self.troubles: tuple[str, ...] = ()
        """What is wrong with the review channel, a line each with what to do."""

    async def run(self) -> None:
        """Keep the board until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._cards.wakeup.run())
            # Beside each other: what is to be taken off a card must not wait for a channel that takes few posts.
            group.create_task(self._often(self._follow))
            if self._settings.review_channel:
                group.create_task(self._often(self._post_all))

    async def _often(self, step: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            try:
                if any(client.is_ready() for client in self._shards.clients):
                    await step()
            except StoreError as error:
                _log.warning("discord.board_waits", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a card that cannot be shown must not end the service
                _log.error("discord.board_failed", error=type(error).__name__)
            await asyncio.sleep(_SOONEST_SECONDS)
            await self._cards.wakeup.wait(_EVERY_SECONDS)

    # What stands there is followed.

    async def _follow(self) -> None:
        look = _Look(self._desk)
        self._later = {one: at for one, at in self._later.items() if at > time.monotonic()}
        wanted: list[tuple[bool, Card]] = []
        for card in await self._cards.all():
            if card.draft not in self._later:
                await self._guarded(card.draft, self._compare(card, look, wanted))
        # First what is to say less: texts that nobody needs any more.
        for _, card in sorted(wanted, key=lambda one: one[0]):
            await self._guarded(card.draft, self._change(card))

    async def _compare(self, card: Card, look: _Look, wanted: list[tuple[bool, Card]]) -> None:
        face = await self._face(card.draft, card.chat, look)
        # One of which no message is known is posted, while its draft waits; after that it is found, or was never there.
        known = card.message or not face.buttons
        if not face.quotes or (known and not card.gone and card.face != face.digest):
            wanted.append((face.quotes, card))

    async def _change(self, card: Card) -> None:
        async with self._in_hand(card.draft, card.chat, card.channel) as held:
            if held is not None:
                # Only now: what was read before the card was in hand may be older than what it shows.
                face = await self._face(card.draft, card.chat, _Look(self._desk))
                if held.card.face == face.digest:
                    await self._cards.give_back(held)
                else:
                    await self._show(held, face)

    async def _show(self, held: Held, face: Face) -> None:
        card, message = held.card, held.card.message
        if held.tried:
            found = await self._found(held)
            message = "" if found is None else str(found.id)
        if card.gone and face.quotes:
            await self._cards.give_back(held)
            return
        if card.gone or not message:
            await self._cards.drop(held)
            return
        try:
            place = self._place(card).get_partial_message(int(message))
            await place.edit(embeds=face.embeds, view=face.view())
        except discord.NotFound as error:
            if error.code not in _GONE:
                raise
            _log.warning("discord.card_gone", draft=card.draft)
            await (self._cards.lose(held) if face.quotes else self._cards.drop(held))
            return
        await (self._cards.show(held, message, face.digest) if face.quotes else self._cards.drop(held))

    # What waits is posted.

    async def _post_all(self) -> None:
        await self._look_for_channel()
        if self._channel is None or not may_post(self._channel):
            return
        here = self._settings.review_channel
        # One that stands in the channel that was named before does nobody any good.
        cards = [card for card in await self._cards.all() if card.channel == here]
        known = {card.draft for card in cards if card.message or card.gone}
        for draft in await self._desk.drafts.waiting():
            if draft.id not in known and draft.id not in self._later and self._reviewed(draft.chat):
                await self._guarded(draft.id, self._post(draft))

    async def _post(self, draft: Draft) -> None:
        async with self._in_hand(draft.id, draft.chat, self._settings.review_channel) as held:
            if held is None:
                return
            if held.card.channel != self._settings.review_channel:
                await self._take_down(held)
                return
            if held.card.message or held.card.gone:
                await self._cards.give_back(held)
                return
            face = await self._face(draft.id, draft.chat, _Look(self._desk))
            posted = await self._found(held) if held.tried else None
            if posted is not None:
                await self._cards.show(held, str(posted.id), "")
            elif not face.buttons:
                await self._cards.drop(held)
            else:
                await self._cards.show(held, await self._posted(held, face), face.digest)

    async def _take_down(self, held: Held) -> None:
        """Take away a card in a channel that is not the named one any more; the next round posts it where it is."""
        found = await self._found(held) if held.tried else None
        message = str(found.id) if found is not None else held.card.message
        if message and not held.card.gone:
            # A channel that is gone, or was closed to the bot, must not keep the draft from being decided.
            with suppress(discord.NotFound, discord.Forbidden):
                await self._place(held.card).get_partial_message(int(message)).delete()
        await self._cards.drop(held)

    async def _posted(self, held: Held, face: Face) -> str:
        view = face.view() or discord.utils.MISSING
        try:
            posted = await self._place(held.card).send(
                embeds=face.embeds, view=view, nonce=_nonce_of(held.card)
            )
        except (discord.Forbidden, discord.NotFound):
            # It surely does not stand there, and may have to stand elsewhere the next time.
            await self._cards.drop(held)
            raise
        return str(posted.id)

    async def _found(self, held: Held) -> discord.Message | None:
        """The card in its channel, where it may have been posted without a word of that on record."""
        card = held.card
        known = channel_of(self._shards, int(card.channel))
        if isinstance(known, ReviewChannel) and not may_post(known):
            # Discord gives an empty history then, which would read as: it does not stand there.
            raise SendUncertain("the bot may not read the review channel's history")
        history = self._place(card).history(limit=_HISTORY, after=card.began - _CLOCKS)
        me = {client.user for client in self._shards.clients}
        try:
            async for message in history:
                if message.author in me and draft_on(message) == card.draft:
                    return message
        except discord.NotFound:
            return None
        return None

    async def _look_for_channel(self) -> None:
        id_ = int(self._settings.review_channel)
        if channel_of(self._shards, id_) is None and time.monotonic() - self._looked < _LOOKED_SECONDS:
            return
        self._looked = time.monotonic()
        before = self._channel
        self._channel, self.troubles = await find(self._shards, id_)
        if self._channel is not None and before is None:
            self._later.clear()

    def _reviewed(self, chat: ChatKey) -> bool:
        return chat.messenger == MESSENGER or self._settings.review_other_messengers

    # What both need.

    async def _guarded(self, draft: str, work: Coroutine[Any, Any, None]) -> None:
        """One card that cannot be shown does not keep the others from it; it is tried again later."""
        try:
            async with asyncio.timeout(self._cards.lease_seconds * _LATEST):
                await work
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a foreign error may quote what could not be shown
            self._later[draft] = time.monotonic() + _LOOKED_SECONDS
            reason = error if isinstance(error, SendError) else send_error(error)
            _log.warning("discord.card_not_shown", draft=draft, reason=str(reason))

    @asynccontextmanager
    async def _in_hand(self, draft: str, chat: ChatKey, channel: str) -> AsyncIterator[Held | None]:
        """Take a card; what the block does not write down is given back, as of unknown face where the block failed."""
        held = await self._cards.take(draft, chat, channel)
        try:
            yield held
        except BaseException:
            if held is not None:
                with suppress(StoreError):
                    await self._cards.show(held, held.card.message, "")
            raise

    def _place(self, card: Card) -> discord.PartialMessageable:
        """Where a card stands. Any of the account's clients may post and change it."""
        return self._shards.clients[0].get_partial_messageable(int(card.channel))

    async def _face(self, draft_id: str, chat: ChatKey, look: _Look) -> Face:
        try:
            draft = await self._desk.drafts.get(draft_id)
            return face_of(draft, await look.setting(draft.chat), self._persona)
        except (DraftRefused, ChatUnknown):
            return erased(draft_id, chat)


class _Look:
    """What stands around drafts, each chat read once."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._chats: dict[ChatKey, tuple[ChatState, tuple[Message, ...]]] = {}
        self._kills: tuple[Kill, ...] | None = None

    async def setting(self, key: ChatKey) -> Setting:
        """Raises ChatUnknown and StoreAway."""
        if self._kills is None:
            self._kills = await self._desk.kill_switch.kills()
        if key not in self._chats:
            self._chats[key] = (await self._desk.chats.get(key), await self._desk.chats.transcript(key))
        state, said = self._chats[key]
        killed = any(kill.scope.covers(key, state.chat.part_of) for kill in self._kills)
        return Setting(state.chat.title, said, blocked(state.policy.mode, killed=killed))


def _nonce_of(card: Card) -> str:
    """The same for each try at one post; Discord takes at most 25 characters."""
    text = f"card\0{card.draft}\0{card.began.timestamp()}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]
