"""What a connector is told of a bubble that was handed over before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.app import Office, open_service
from bot.messengers.base import Bubble, SendUncertain
from chat.message import Chat, ChatKey
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.fakes.model_server import ModelServer, ServedEngine

HERE = ChatKey(MEMORY, "here")


async def test_a_bubble_that_is_handed_over_again_says_when_it_was_the_last_time(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger()
    tries: list[Bubble] = []

    async def lose_the_first(bubble: Bubble) -> None:
        tries.append(bubble)
        if len(tries) == 1:
            raise SendUncertain("lost")

    messenger.before_send = lose_the_first
    policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(HERE, "here"), "olivia", policy)
    began = datetime.now(UTC)
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        running = asyncio.create_task(service.run())
        messenger.hear(HERE, "hello")

        async def sent() -> bool:
            return bool(messenger.said)

        await until(sent)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert tries[0].handed_over_at is None
    assert tries[1].id == tries[0].id
    again = tries[1].handed_over_at
    assert again is not None
    assert began.replace(microsecond=0) <= again <= datetime.now(UTC)
