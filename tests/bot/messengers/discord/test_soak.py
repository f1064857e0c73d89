"""A long life: what the connector keeps does not grow with what it has heard."""

from __future__ import annotations

import gc
from collections import deque

import pytest

from bot.inbox import Received
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.flood import flood
from tests.fakes.discord.gateway import Session

_ROUND = 10_000
_ROUNDS = 5
_PARTS = 10
_CHANNELS = 50


class Forgetful(Heard):
    """Ears that keep nothing but a count."""

    count = 0

    async def receive(self, message: object) -> Received:
        self.count += 1
        return Received.ACCEPTED

    async def hear(self, message: object) -> None:
        return

    async def until(self, count: int) -> None:
        await soon(lambda: self.count == count, 60)


def kept() -> int:
    """How many things lie in all containers of this process."""
    gc.collect()
    kinds = (dict, list, set, deque)
    return sum(len(one) for one in gc.get_objects() if isinstance(one, kinds))


@pytest.mark.timeout(300)
async def test_fifty_thousand_messages_leave_nothing_behind(place: Place) -> None:
    channels = [place.fake.text(place.guild, f"c{number}") for number in range(_CHANNELS)]
    people = [place.fake.person(f"p{number}") for number in range(200)]
    connector, heard = place.connector(), Forgetful()
    async with listening(connector, heard):
        (session,) = place.fake.sessions.values()
        figures: list[int] = []
        for round_ in range(_ROUNDS):
            for _ in range(_PARTS):
                before = heard.count
                flood(place.fake, session, channels, people, _ROUND // _PARTS)
                await heard.until(before + _ROUND // _PARTS)
            # And what goes out: typing, echoes.
            before = heard.count
            for number, channel in enumerate(channels):
                bubble = place.bubble("yes", f"d{round_}.{number}.1")
                await connector.typing(key_of(channel), 1.0)
                await connector.send(type(bubble)(bubble.id, key_of(channel), bubble.text))
            await heard.until(before + _CHANNELS)
            _forget(place, session)
            figures.append(kept())
    # The first round fills what is bounded: caches of people and channels, and of compiled patterns.
    # After that the fake's nonces remain, one for each bubble; twice as much would be something of ours.
    assert max(figures[1:]) - figures[0] < 1.5 * _CHANNELS * (_ROUNDS - 1), figures


def _forget(place: Place, session: Session) -> None:
    """The fake's own records are none of the connector's."""
    for channel in place.fake.channels.values():
        channel.messages.clear()
    session.told.clear()
    place.fake.asked.clear()
    place.fake.typings.clear()
