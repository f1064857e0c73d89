"""A review channel on the fake Discord, with a chat whose drafts wait there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from bot.app import Office
from bot.cards import Cards
from bot.drafts import Draft
from bot.messengers.discord.connector import DiscordConnector
from chat.message import Author, Chat, ChatKey, Message
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.dashboard.conftest import plant
from tests.bot.messengers.discord.server import Heard, Place, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.components import buttons, press, submit
from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Channel, Member, Posted, User, snowflake

LEASE_SECONDS = 1.5
_MAY = Permission.VIEW_CHANNEL | Permission.EMBED_LINKS


class Review:
    """The place, its review channel, and the moderators: Max and Mona."""

    def __init__(self, office: Office, place: Place) -> None:
        self.office = office
        self.place = place
        self.fake = place.fake
        self.max, self.mona = (self._member(name) for name in ("max", "mona"))
        self.channel = place.fake.text(place.guild, "drafts")
        self.channel.overwrites[place.guild.id] = (Permission(0), Permission.VIEW_CHANNEL)
        for user in (place.bot.user, self.max, self.mona, place.mia):
            self.channel.overwrites[user.id] = (_MAY, Permission(0))
        self.cards = Cards(office.store, office.clock, LEASE_SECONDS)

    def connector(self, **fields: Any) -> DiscordConnector:  # noqa: ANN401
        known: dict[str, Any] = {"moderators": (str(self.max.id), str(self.mona.id))}
        fields = known | {"review_channel": str(self.channel.id)} | fields
        return self.place.connector(self.office.desk, cards=self.cards, **fields)

    @asynccontextmanager
    async def kept(self, **fields: Any) -> AsyncIterator[Heard]:  # noqa: ANN401
        """Keep the board until the end of the block."""
        async with listening(self.connector(**fields), Heard()) as heard:
            yield heard

    async def open(self, key: ChatKey | None = None, title: str = "general in Friends") -> None:
        told = frozenset({Disclosure.REVEALED})
        policy = ChatPolicy(mode=Mode.MANUAL, probability=1.0, disclosure=told)
        await self.office.desk.chats.enable(Chat(key or self.place.key, title), "olivia", policy)

    async def draft(self, *bubbles: str, text: str = "Sam?", key: ChatKey | None = None) -> str:
        """A draft that waits, as an answer to Mia; gives its id."""
        return await plant(self.office, self.message(text, key=key), *bubbles)

    def message(self, text: str, author: Author | None = None, key: ChatKey | None = None) -> Message:
        mia = Author(str(self.place.mia.id), "Mia")
        return Message(key or self.place.key, str(snowflake()), author or mia, text, datetime.now(UTC))

    async def state(self, draft: str) -> Draft:
        return await self.office.desk.drafts.get(draft)

    @property
    def posted(self) -> list[Posted]:
        """The cards that stand in the review channel."""
        return self.fake.posted(self.channel, self.place.bot.user)

    async def card(self) -> Posted:
        """The one card, once it stands there with its buttons."""
        await soon(lambda: self.posted and self.posted[-1].components)
        (card,) = self.posted
        return card

    async def shows(self, words: str, card: Posted | None = None) -> None:
        """Wait until a card shows some words."""
        shown = card or self.posted[-1]
        await soon(lambda: words in text_of(shown))

    def press(self, card: Posted, user: User, label: str) -> Interaction:
        return press(self.fake, self.place.bot, card, user, label)

    def submit(self, opened: Interaction, **values: str) -> Interaction:
        return submit(self.fake, opened, values)

    async def modal(self, card: Posted, user: User, label: str) -> Interaction:
        """Press a button that shows a modal."""
        opened = self.press(card, user, label)
        await soon(lambda: opened.modal)
        return opened

    async def refused(self, pressed: Interaction) -> str:
        """What somebody is told, alone, for whom nothing was done."""
        await soon(lambda: pressed.followups or pressed.answer)
        told = pressed.answer or pressed.followups[0]
        assert told.only_for is pressed.user
        return told.content

    def _member(self, name: str) -> User:
        user = self.fake.person(name, name.capitalize())
        self.place.guild.members[user.id] = Member(user)
        return user


def text_of(card: Posted) -> str:
    """All that a card shows beside its buttons."""
    parts = [card.content]
    for embed in card.embeds:
        parts += [
            embed.get("title", ""),
            embed.get("description", ""),
            (embed.get("footer") or {}).get("text", ""),
        ]
    return "\n".join(parts)


def live(card: Posted) -> list[str]:
    """The buttons that can be pressed."""
    return [label for label, enabled in buttons(card).items() if enabled]


async def gone(review: Review) -> None:
    """Wait until nothing is known of any card any more."""
    async with asyncio.timeout(20):
        while await review.cards.all():
            await asyncio.sleep(0.02)


def away(channel: Channel) -> None:
    """Nobody in it any more."""
    assert channel.guild is not None
    channel.guild.channels.pop(channel.id)
