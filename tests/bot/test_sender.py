"""The sender's pace: it types for as long as a person would, says so all the while, and not for longer than it must."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.app import Office, open_service
from bot.messengers.base import Pause
from bot.settings import Settings
from chat.message import Chat, ChatKey
from inference.pace import TypingProfile
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.bot.promises.neighbourhood import entries
from tests.fakes.model_server import ModelServer, ServedEngine
from tests.fakes.persona import write_persona

HERE = ChatKey(MEMORY, "here")


class Typist(MemoryMessenger):
    """Notes for how long typing is to be shown, and how much had been sent by then."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[tuple[int, float]] = []

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        self.shown.append((len(self.said), seconds))


@pytest.fixture
def settings(settings: Settings, state_dir: Path) -> Settings:
    # 1.5 s for each bubble of the answer.
    pace = TypingProfile(characters_per_second=2.0, reading_seconds=0, pause_seconds=0, jitter=0)
    return settings.model_copy(update={"persona": write_persona(state_dir / "typist", pace)})


async def answered(office: Office, model: ModelServer, messenger: Typist) -> None:
    model.say = lambda _: "yes\nbye"
    policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(HERE, "here"), "olivia", policy)
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        messenger.hear(HERE, "hello")

        async def both() -> bool:
            return len(messenger.said) == 2

        await until(both)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_typing_is_shown_again_and_again_until_the_bubble_is_sent(
    office: Office, model: ModelServer
) -> None:
    messenger = Typist()
    await answered(office, model, messenger)
    for sent in (0, 1):
        shown = [seconds for before, seconds in messenger.shown if before == sent]
        # What is left to type, from all of it to the last stretch.
        assert shown == sorted(shown, reverse=True)
        assert 1.5 <= shown[0] < 2.0
        assert len(shown) > 2
    assert max(before for before, _ in messenger.shown) == 1


async def test_a_pause_as_long_as_the_typing_holds_nothing_up(office: Office, model: ModelServer) -> None:
    messenger = Typist()
    messenger.paused = Pause(1.4, "slow mode")
    await answered(office, model, messenger)
    assert "bubble.postponed" not in [kind for kind, _, _ in await entries(office, HERE)]


async def test_of_a_longer_pause_the_end_is_typed_through(office: Office, model: ModelServer) -> None:
    messenger = Typist()
    messenger.paused = Pause(1.7, "slow mode")
    running = asyncio.create_task(answered(office, model, messenger))

    async def postponed() -> bool:
        return "bubble.postponed" in [kind for kind, _, _ in await entries(office, HERE)]

    await until(postponed)
    assert messenger.shown == []
    messenger.paused = None
    await running
    facts = next(facts for kind, _, facts in await entries(office, HERE) if kind == "bubble.postponed")
    assert (facts["reason"], facts["wait_seconds"]) == ("slow mode", 1)
