"""What waits while the store is away is bounded, and nothing of it is lost: not a word that kills, nor a message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.errors import StoreAway
from bot.messengers.discord import lanes as lanes_module
from bot.messengers.discord.history import Gap
from bot.messengers.discord.lanes import Deleted, Lanes
from bot.store import store
from chat.message import ChatKey, Message
from tests.bot.messengers.discord.server import Place, key_of
from tests.bot.messengers.discord.steered import Steered
from tests.bot.playground import MIA, until
from tests.bot.promises.processes import server_pid, stopped
from tests.fakes.discord.client import soon

HERE, THERE = ChatKey("discord", "1"), ChatKey("discord", "2")


class Away:
    """Ears whose store is away until it is not."""

    def __init__(self) -> None:
        self.away = True
        self.heard: list[str] = []
        self.told: list[str] = []

    async def hear(self, message: Message) -> None:
        self.heard.append(message.text)

    async def receive(self, message: Message) -> None:
        self._tell(message.text)

    async def deleted(self, chat: ChatKey, ids: tuple[str, ...]) -> None:
        self._tell(f"deleted {len(ids)}")

    async def fill(self, gap: Gap, first: Any) -> None:  # noqa: ANN401
        self._tell(f"gap before {first()}")

    def _tell(self, what: str) -> None:
        if self.away:
            raise StoreAway("away")
        self.told.append(what)


class Talk:
    """Lanes, and what is put into them."""

    def __init__(self) -> None:
        self.ears = Away()
        ears: Any = self.ears
        self.lanes = Lanes(ears)
        self.numbers = 0

    def say(self, text: str = "hello", chat: ChatKey = HERE) -> None:
        self.numbers += 1
        nobody: Any = self.ears
        message = Message(chat, str(self.numbers), MIA, text, datetime.now(UTC))
        self.lanes.put(message, Gap(chat, nobody, nobody))

    async def go_on(self) -> list[str]:
        self.ears.away = False
        await soon(lambda: self.lanes.waiting == 0)
        told: list[str] = self.ears.told
        return told


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Talk:
    monkeypatch.setattr(lanes_module, "_MOST", 10)
    monkeypatch.setattr(lanes_module, "_MOST_CHARACTERS", 100_000)
    return Talk()


async def test_beyond_so_many_messages_one_gap_stands_for_all_and_each_is_heard_all_the_same(
    talk: Talk,
) -> None:
    with capture_logs() as logs:
        for number in range(1000):
            talk.say(f"m{number}")
    assert talk.lanes.waiting == 11
    assert [line["event"] for line in logs] == ["discord.too_much_waits"]
    await soon(lambda: len(talk.ears.heard) == 999)
    assert await talk.go_on() == [*(f"m{number}" for number in range(10)), "gap before None"]
    talk.say("after")
    assert (await talk.go_on())[-1] == "after"
    await talk.lanes.close()


async def test_beyond_so_many_characters_as_well(talk: Talk) -> None:
    for _ in range(6):
        talk.say("x" * 40_000)
    assert talk.lanes.waiting == 4
    assert [text[:1] for text in await talk.go_on()] == ["x", "x", "x", "g"]
    await talk.lanes.close()


async def test_each_chat_without_room_has_a_gap_and_deletions_are_kept_together(talk: Talk) -> None:
    for number in range(20):
        talk.say()
        talk.lanes.put(Deleted(HERE, (str(number),)))
    talk.say(chat=THERE)
    assert talk.lanes.waiting <= 24
    told = await talk.go_on()
    assert told.count("gap before None") == 2
    assert sum(int(one.split()[1]) for one in told if one.startswith("deleted")) == 20
    assert talk.lanes.waiting == 0
    await talk.lanes.close()


async def test_what_fits_again_stands_behind_the_gap(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(12):
        talk.say()
    monkeypatch.setattr(lanes_module, "_MOST", 12)
    talk.say("fits")
    talk.say("does not")
    told = await talk.go_on()
    assert told[-3:] == ["gap before 13", "fits", "gap before None"]
    await talk.lanes.close()


async def test_thousands_of_messages_while_redis_is_away_are_all_there_afterwards_and_the_word_counts_at_once(
    steered: Steered, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(lanes_module, "_MOST", 100)
    await steered.enable()
    elsewhere = place.fake.text(place.guild, "elsewhere")
    place.fake.say(place.channel, place.mia, "first")

    async def accepted() -> list[str]:
        return [one.text for one in await steered.office.desk.chats.transcript(place.key)]

    await soon_all(accepted, ["first"])
    said = ["first"]
    with capture_logs() as logs:
        async with stopped(server_pid(steered.office.settings)):
            for number in range(700):
                text = "pineapple" if number == 500 else f"m{number}"
                place.fake.say(place.channel, place.mia, text)
                said.append(text)
                for _ in range(3):
                    place.fake.say(elsewhere, place.mia, f"other {number}")
            await soon(lambda: steered.office.kill_switch.latched(place.key, None), 30)
        await soon_all(accepted, said[-200:])
    cut = [line["chat"] for line in logs if line["event"] == "discord.too_much_waits"]
    assert set(cut) == {str(place.key), str(key_of(elsewhere))}
    assert await steered.killed() == ["everywhere"]
    outcomes = await steered.office.desk.chats.outcomes(place.key)
    assert len(outcomes) == len(said)


async def soon_all(found: Any, wanted: list[str]) -> None:  # noqa: ANN401

    async def all_there() -> bool:
        return bool(await found() == wanted)

    await until(all_there, 60)
