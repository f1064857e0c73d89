"""Sliding windows on a real Redis: all or none, over partitions, however many ask at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.app import Office
from bot.windows import RedisWindows
from chat.message import ChatKey
from safety.window import Reach, WindowAnswer, WindowLimit
from tests.safety.builders import MemoryWindows

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHATS = [ChatKey("local", f"room-{number}") for number in range(12)]


def limits(*people: str, **answers: int) -> list[WindowLimit]:
    given = {"chat": 99, "person": 99, "account": 99, "everywhere": 99} | answers
    return [
        WindowLimit(Reach.CHAT, given["chat"], 60),
        *(WindowLimit(Reach.PERSON, given["person"], 60, who) for who in people or ("mia",)),
        WindowLimit(Reach.ACCOUNT, given["account"], 60),
        WindowLimit(Reach.EVERYWHERE, given["everywhere"], 60),
    ]


@pytest.mark.parametrize("reach", ["chat", "person", "account", "everywhere"])
async def test_many_workers_at_once_never_overfill_a_window(office: Office, reach: str) -> None:
    workers = [RedisWindows(office.store) for _ in range(4)]
    chats = CHATS[:1] if reach == "chat" else CHATS
    asked = [
        workers[number % 4].take(chats[number % len(chats)], limits(**{reach: 7}), f"turn-{number}", NOON)
        for number in range(60)
    ]
    answers = await asyncio.gather(*asked)
    assert sum(answer.taken for answer in answers) == 7
    assert {answer.full for answer in answers} == {None, Reach(reach)}


async def test_what_a_full_window_refuses_takes_no_place_in_the_others(office: Office) -> None:
    windows = RedisWindows(office.store)
    one, other = CHATS[:2]
    assert (await windows.take(one, limits(chat=1), "first", NOON)).taken
    for number in range(5):
        assert not (await windows.take(one, limits(chat=1), f"refused-{number}", NOON)).taken
    # Of the account's three places one is taken, not six.
    for number in range(2):
        assert (await windows.take(other, limits(account=3), f"more-{number}", NOON)).taken
    answer = await windows.take(other, limits(account=3), "too-many", NOON + timedelta(seconds=15))
    assert answer == WindowAnswer(False, Reach.ACCOUNT, 45.0)


async def test_a_retry_counts_once_also_where_the_first_try_got_only_half_way(office: Office) -> None:
    windows = RedisWindows(office.store)
    chat = CHATS[0]
    # A worker that died between two windows has left its mark in the first.
    assert (await windows.take(chat, limits()[:1], "turn", NOON)).taken
    for _ in range(3):
        assert (await windows.take(chat, limits(chat=2, everywhere=2), "turn", NOON)).taken
    assert (await windows.take(chat, limits(chat=2, everywhere=2), "next", NOON)).taken
    assert not (await windows.take(chat, limits(chat=2), "third", NOON)).taken


async def test_one_person_with_room_is_enough_and_only_those_with_room_count(office: Office) -> None:
    windows = RedisWindows(office.store)
    assert (await windows.take(CHATS[0], limits("mia", person=1), "a", NOON)).taken
    assert (await windows.take(CHATS[1], limits("mia", "tom", person=1), "b", NOON)).taken
    answer = await windows.take(CHATS[2], limits("mia", "tom", person=1), "c", NOON)
    assert (answer.taken, answer.full) == (False, Reach.PERSON)


async def test_a_clock_that_goes_back_does_not_close_a_window_for_long(office: Office) -> None:
    windows = RedisWindows(office.store)
    later = NOON + timedelta(hours=5)
    assert (await windows.take(CHATS[0], limits(chat=1), "later", later)).taken
    assert (await windows.take(CHATS[0], limits(chat=1), "now", NOON)).taken


async def test_no_key_names_a_person(office: Office) -> None:
    await RedisWindows(office.store).take(CHATS[0], limits("491701234567"), "turn", NOON)
    keys = await office.store.ask("keys", "understudy:{window*")
    assert len(keys) == 4
    assert not any("4917" in key for key in keys)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_redis_answers_as_the_plain_model_does(office: Office, data: st.DataObject) -> None:
    """The same questions to a dictionary in memory, which has no half steps, and to Redis."""
    await office.store.ask("flushall")
    redis, memory = RedisWindows(office.store), MemoryWindows()
    at = NOON
    for number in range(data.draw(st.integers(1, 25))):
        at += timedelta(seconds=data.draw(st.integers(0, 40)))
        people = data.draw(st.sets(st.sampled_from(["mia", "tom", "leo"]), min_size=1))
        asked = limits(*sorted(people), chat=3, person=2, account=4, everywhere=5)
        chat = data.draw(st.sampled_from(CHATS[:3]))
        turn = f"turn-{data.draw(st.sampled_from([number, 0]))}"
        assert await redis.take(chat, asked, turn, at) == await memory.take(chat, asked, turn, at)
