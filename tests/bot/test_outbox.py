"""What a connector is given of the outbox: the bubbles of the chats that it serves, and what became of each before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.app import Office, open_service
from bot.messengers.base import Bubble, SendUncertain
from bot.outbox import Outbox
from chat.message import Chat, ChatKey
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.fakes.model_server import ModelServer, ServedEngine

HERE = ChatKey(MEMORY, "here")


async def test_a_bubble_that_is_handed_over_again_says_when_that_was_first(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger()
    tries: list[Bubble] = []

    async def lose_the_first(bubble: Bubble) -> None:
        tries.append(bubble)
        if len(tries) <= 2:
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
    # A key is known since the first time, and a history must be read from there on.
    assert tries[2].handed_over_at == again


async def test_a_bubble_waits_for_whoever_serves_its_chat_behind_as_many_others_as_there_are(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger()
    served: set[ChatKey] = set()
    messenger.serves = served.__contains__
    policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
    chats = [ChatKey(MEMORY, f"chat-{number}") for number in range(4)]
    for chat in chats:
        await office.desk.chats.enable(Chat(chat, str(chat)), "olivia", policy)
    outbox = Outbox(office.store, office.clock, office.settings.outbox)
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        running = asyncio.create_task(service.run())
        for chat in chats:
            messenger.hear(chat, "hello")

        async def approved() -> bool:
            return [draft.state for draft in await office.desk.drafts.newest()] == ["approved"] * 4

        await until(approved)
        # More than are looked at at once, all of them due longer.
        for partition in office.store.partitions.all():
            name = office.store.partitions.prefix(partition) + f"outbox:{MEMORY}"
            await office.store.ask("zadd", name, {f"{MEMORY}/other-{number}": 1 for number in range(250)})
        assert await outbox.claim(MEMORY, served.__contains__) is None
        served.add(chats[3])
        await until(lambda: _true(messenger.texts(chats[3])))
        assert {bubble.chat for bubble in messenger.said} == {chats[3]}
        served.update(chats)
        await until(lambda: _true(len(messenger.said) == 4))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _true(what: object) -> object:
    return what
