"""One request for each yes of the fence: the last guard stands in the trace itself."""

from __future__ import annotations

import aiohttp
import pytest

from bot.messengers.discord.handing import FRESH_SECONDS, Handing, trace
from bot.messengers.discord.troubles import Late, Refused
from tests.bot.messengers.discord.server import Place


async def ask(place: Place, handing: Handing | None) -> int:
    if handing is not None:
        handing.begin()
    async with (
        aiohttp.ClientSession(connector=place.fake.connector(), trace_configs=[trace()]) as session,
        session.get(
            "https://discord.com/api/v10/users/@me",
            headers={"Authorization": f"Bot {place.bot.token}", "User-Agent": "DiscordBot (test, 1)"},
        ) as response,
    ):
        return response.status


async def test_a_request_that_begins_late_is_not_made(place: Place) -> None:
    handing = Handing()
    handing.at -= FRESH_SECONDS + 1
    with pytest.raises(Late):
        await ask(place, handing)
    assert place.fake.asked == []
    assert not handing.begun


async def test_one_that_begins_in_time_is_made_and_noted(place: Place) -> None:
    handing = Handing()
    assert await ask(place, handing) == 200
    assert handing.begun


@pytest.mark.parametrize(("status", "wait"), [(429, "7.5"), (500, "soon"), (503, "")])
async def test_an_answer_that_would_be_repeated_ends_it(place: Place, status: int, wait: str) -> None:
    place.fake.play("GET", "/users/@me", status=status, headers={"Retry-After": wait})
    with pytest.raises(Refused) as error:
        await ask(place, Handing())
    assert (error.value.status, error.value.retry_after) == (status, 7.5 if status == 429 else 0.0)


async def test_requests_that_hand_nothing_over_are_left_alone(place: Place) -> None:
    place.fake.play("GET", "/users/@me", status=503)
    assert await ask(place, None) == 503
