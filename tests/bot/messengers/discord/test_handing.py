"""One request for each yes of the fence: the last guard stands in the trace itself."""

from __future__ import annotations

import aiohttp
import pytest

from bot.messengers.base import Pause
from bot.messengers.discord.handing import FRESH_SECONDS, Handing, trace
from bot.messengers.discord.troubles import Late, Refused
from chat.message import ChatKey
from tests.bot.messengers.discord.server import Place
from tests.fakes.discord.server import Limit


class Heard:
    """What was told of limits: of which chat (None: of the account), and for how long."""

    def __init__(self) -> None:
        self.told: list[tuple[ChatKey | None, float]] = []

    def __call__(self, pause: Pause, chat: ChatKey | None) -> None:
        self.told.append((chat, pause.seconds))


async def ask(place: Place, handing: Handing | None, told: Heard) -> int:
    if handing is not None:
        handing.begin()
    async with (
        aiohttp.ClientSession(connector=place.fake.connector(), trace_configs=[trace(told)]) as session,
        session.get(
            "https://discord.com/api/v10/users/@me",
            headers={"Authorization": f"Bot {place.bot.token}", "User-Agent": "DiscordBot (test, 1)"},
        ) as response,
    ):
        return response.status


async def test_a_request_that_begins_late_is_not_made(place: Place) -> None:
    handing = Handing(place.key)
    handing.at -= FRESH_SECONDS + 1
    with pytest.raises(Late):
        await ask(place, handing, Heard())
    assert place.fake.asked == []
    assert not handing.begun


async def test_one_that_begins_in_time_is_made_and_noted(place: Place) -> None:
    handing, heard = Handing(place.key), Heard()
    assert await ask(place, handing, heard) == 200
    assert handing.begun
    assert heard.told == []


@pytest.mark.parametrize(("status", "wait"), [(429, "7.5"), (500, "soon"), (503, "")])
async def test_an_answer_that_would_be_repeated_ends_it(place: Place, status: int, wait: str) -> None:
    place.fake.play("GET", "/users/@me", status=status, headers={"Retry-After": wait})
    heard = Heard()
    with pytest.raises(Refused) as error:
        await ask(place, Handing(place.key), heard)
    seconds = 7.5 if status == 429 else 0.0
    assert (error.value.status, error.value.retry_after) == (status, seconds)
    assert heard.told == ([(place.key, seconds)] if seconds else [])


@pytest.mark.parametrize(
    "headers",
    [{"X-RateLimit-Global": "true"}, {"X-RateLimit-Scope": "global"}, {"Via": ""}],
    ids=["global", "scope", "the guard before Discord"],
)
@pytest.mark.parametrize("hands", [True, False])
async def test_a_limit_of_the_account_is_told_of_whatever_request_met_it(
    place: Place, headers: dict[str, str], hands: bool
) -> None:
    place.fake.play("GET", "/users/@me", status=429, headers={"Retry-After": "65"} | headers)
    heard = Heard()
    try:
        assert await ask(place, Handing(place.key) if hands else None, heard) == 429
    except Refused:
        assert hands
    assert heard.told == [(None, 65.0)]


async def test_a_limit_of_another_route_is_none_of_the_chats(place: Place) -> None:
    place.fake.play("GET", "/users/@me", status=429, headers={"Retry-After": "65"})
    heard = Heard()
    assert await ask(place, None, heard) == 429
    assert heard.told == []


async def test_the_last_request_that_is_welcome_says_until_when(place: Place) -> None:
    place.fake.limits["GET", "/users/@me"] = Limit(2, 30.0)
    heard = Heard()
    await ask(place, Handing(place.key), heard)
    assert heard.told == []
    await ask(place, Handing(place.key), heard)
    ((chat, seconds),) = heard.told
    assert (chat, 0 < seconds <= 30.0) == (place.key, True)


@pytest.mark.parametrize("body", [{"code": 20016}, {"code": "no number"}, {}])
async def test_why_it_was_refused_is_read_where_it_is_said(place: Place, body: dict[str, object]) -> None:
    place.fake.play("GET", "/users/@me", status=429, headers={"Retry-After": "1"}, body=body)
    with pytest.raises(Refused) as error:
        await ask(place, Handing(place.key), Heard())
    assert error.value.code == (20016 if body == {"code": 20016} else 0)


async def test_requests_that_hand_nothing_over_are_left_alone(place: Place) -> None:
    place.fake.play("GET", "/users/@me", status=503)
    assert await ask(place, None, Heard()) == 503
