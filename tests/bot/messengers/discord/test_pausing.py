"""Where Discord asks to wait: it is not asked meanwhile, by no process of the account; and slow mode."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime

import pytest

from bot.app import Office
from bot.messengers.base import Bubble, Pause, SendRefused, SendUncertain
from bot.messengers.discord.connector import DiscordConnector
from bot.pacing import Pacing
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import Limit

SEND = ("POST", "/channels/{}/messages")
SEND_PATH = r"/channels/\d+/messages"


def refusal(seconds: float, *, everywhere: bool = False) -> dict[str, object]:
    return {"message": "You are being rate limited.", "retry_after": seconds, "global": everywhere}


async def paused(connector: DiscordConnector, place: Place) -> float:
    pause = await connector.pause(place.key)
    return pause.seconds if pause else 0.0


async def test_a_long_wait_of_a_channel_is_told_with_the_refusal_and_to_the_other_processes(
    place: Place, office: Office
) -> None:
    place.fake.play("POST", SEND_PATH, status=429, headers={"Retry-After": "1800"}, body=refusal(1800))
    connector = place.connector(pacing=Pacing("discord", office.store))
    async with listening(connector, Heard()):
        with pytest.raises(SendRefused, match="asks to wait") as error:
            await connector.send(place.bubble("later"))
        assert error.value.retry_after == 1800
        assert 1700 < await paused(connector, place) <= 1800
        elsewhere = place.connector(pacing=Pacing("discord", office.store))
        async with asyncio.timeout(10):
            while not await paused(elsewhere, place):
                await asyncio.sleep(0.02)
        # Another channel is another bucket.
        other = place.fake.text(place.guild, "other")
        await connector.send(Bubble("d2", key_of(other), "x"))
        assert connector.trouble == ""
    assert place.said() == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"X-RateLimit-Global": "true"}, refusal(600, everywhere=True)),
        # Cloudflare answers for Discord: no Via, and no JSON that discord.py would wait for.
        ({"Via": ""}, {}),
    ],
    ids=["global", "cloudflare"],
)
async def test_a_limit_of_the_account_holds_all_channels_and_all_processes_and_outlives_a_restart(
    place: Place, office: Office, headers: dict[str, str], body: dict[str, object]
) -> None:
    def connector() -> DiscordConnector:
        return place.connector(pacing=Pacing("discord", office.store))

    one, other = connector(), connector()
    elsewhere = place.bubble("x")
    elsewhere = type(elsewhere)("d2", key_of(place.fake.text(place.guild, "other")), "x")
    async with listening(one, Heard()), listening(other, Heard()):
        place.fake.play("POST", SEND_PATH, status=429, headers={"Retry-After": "600"} | headers, body=body)
        with pytest.raises(SendRefused) as error:
            await one.send(place.bubble("later"))
        assert error.value.retry_after == 600
        async with asyncio.timeout(10):
            while not await paused(other, place):
                await asyncio.sleep(0.02)
        for asked in (one, other):
            with pytest.raises(SendRefused, match=r"all channels \(rate limit\)"):
                await asked.send(elsewhere)
        assert re.search(r"all channels \(rate limit\), until \d\d:\d\d UTC$", one.trouble)
        assert place.fake.times_asked("POST", SEND_PATH) == 1
    after = connector()
    assert 500 < await paused(after, place) <= 600


async def test_another_request_that_meets_the_limit_of_the_account_stops_the_bubbles_too(
    place: Place,
) -> None:
    headers = {"Retry-After": "600", "X-RateLimit-Global": "true"}
    place.fake.play("POST", r"/channels/\d+/typing", status=429, headers=headers, body=refusal(600))
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.typing(place.key, 3.0)
        await soon(lambda: connector.trouble)
        with pytest.raises(SendRefused, match="all channels"):
            await connector.send(place.bubble("later"))
    assert place.fake.times_asked("POST", SEND_PATH) == 0


async def test_a_bucket_that_is_used_up_is_waited_for_before_the_fence_is_asked(place: Place) -> None:
    place.fake.limits[SEND] = Limit(1, 30.0)
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble("one"))
        async with asyncio.timeout(10):
            while not await paused(connector, place):
                await asyncio.sleep(0.02)
        with pytest.raises(SendRefused) as error:
            await connector.send(place.bubble("two", "d2.1.1"))
        assert 0 < error.value.retry_after <= 30
        assert place.fake.times_asked("POST", SEND_PATH) == 1


async def test_in_slow_mode_the_next_bubble_comes_when_people_may_write_again(place: Place) -> None:
    place.channel.slow_mode = 40
    connector = place.connector()
    async with listening(connector, Heard()):
        assert await connector.pause(place.key) is None
        await connector.send(place.bubble("one"))
        pause = await connector.pause(place.key)
        assert pause is not None
        assert ("slow mode" in pause.reason, 30 < pause.seconds <= 40) == (True, True)
        with pytest.raises(SendRefused, match="slow mode"):
            await connector.send(place.bubble("two", "d2.1.1"))
    assert place.said() == ["one"]


@pytest.mark.parametrize("may", [Permission.MANAGE_MESSAGES, Permission.MANAGE_CHANNELS])
async def test_whom_slow_mode_spares_does_not_wait(place: Place, may: Permission) -> None:
    place.channel.slow_mode = 40
    place.guild.everyone.permissions |= may
    connector = place.connector()
    async with listening(connector, Heard()):
        await connector.send(place.bubble("one"))
        await connector.send(place.bubble("two", "d2.1.1"))
    assert place.said() == ["one", "two"]


async def test_a_thread_has_a_slow_mode_of_its_own(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    thread.slow_mode = 40
    connector = place.connector()
    async with listening(connector, Heard()):
        bubble = place.bubble("one")
        await connector.send(type(bubble)("d1", key_of(thread), "one"))
        assert await connector.pause(key_of(thread)) is not None
        assert await connector.pause(place.key) is None


async def test_slow_mode_that_refuses_a_bot_all_the_same_says_for_how_long(place: Place) -> None:
    place.fake.slow_for_bots = True
    one, other = place.connector(), place.connector()
    async with listening(one, Heard()), listening(other, Heard()):
        place.channel.slow_mode = 40
        await one.send(place.bubble("one"))
        # It knows nothing of the slow mode, which the gateway has not told of.
        with pytest.raises(SendRefused, match="slow mode") as error:
            await other.send(place.bubble("two", "d2.1.1"))
        assert 30 < error.value.retry_after <= 40
        assert await paused(other, place) > 30
    assert place.said() == ["one"]


async def test_the_parts_of_a_long_bubble_wait_for_slow_mode_and_none_comes_twice(place: Place) -> None:
    place.fake.slow_for_bots = True
    place.channel.slow_mode = 1
    text = "a" * 1500 + " " + "b" * 1500
    connector = place.connector()
    async with listening(connector, Heard()):
        before = datetime.now(UTC)
        with pytest.raises(SendUncertain, match="a part of it left") as error:
            await connector.send(place.bubble(text))
        assert 0 < error.value.retry_after <= 1
        async with asyncio.timeout(10):
            while await connector.pause(place.key) is not None:
                await asyncio.sleep(0.02)
        await connector.send(place.bubble(text, handed_over_at=before))
    assert place.said() == ["a" * 1500, "b" * 1500]


async def test_a_pause_that_another_process_told_of_is_known_before_anything_is_sent(
    place: Place, office: Office
) -> None:
    await Pacing("discord", office.store).share(Pause(60.0, "told elsewhere"), place.key)
    connector = place.connector(pacing=Pacing("discord", office.store))
    pause = await connector.pause(place.key)
    assert pause is not None
    assert pause.reason == "told elsewhere"
