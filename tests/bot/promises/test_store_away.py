"""Promises 1, 2, 3 and 5 while Redis hangs, dies, or refuses: silence, and then everything as if nothing had been."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.app import Office, Service, open_office, open_service
from bot.errors import StoreAway
from bot.settings import Settings
from bot.store import store
from chat.message import Chat, ChatKey, Message
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import OWNER, PENDING, until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.bot.promises.neighbourhood import answer
from tests.bot.promises.processes import lives, server_pid, stopped
from tests.fakes.model_server import ModelServer, ServedEngine

Condition = Callable[[], Awaitable[bool]]
CHATS = [ChatKey(MEMORY, f"chat-{number}") for number in range(4)]


class HeldUp:
    """Faults that hold whoever reaches a point until they are let go."""

    def __init__(self, point: str) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self._point = point

    async def reach(self, point: str) -> None:
        if point == self._point:
            self.reached.set()
            await self.go_on.wait()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)


@asynccontextmanager
async def _serving(office: Office, model: ModelServer, messenger: MemoryMessenger) -> AsyncIterator[Service]:
    for chat in CHATS:
        policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
        await office.desk.chats.enable(Chat(chat, chat.chat_id), "olivia", policy)
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            yield service
        finally:
            assert not task.done(), task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _outcomes(office: Office, messages: list[Message]) -> list[str]:
    """Wait until each message has a final outcome, also across an outage."""

    async def found() -> list[str]:
        books = {chat: await office.desk.chats.outcomes(chat) for chat in CHATS}
        known = [books[message.chat].get(message.id) for message in messages]
        return [outcome.outcome for outcome in known if outcome and outcome.outcome not in PENDING]

    async def all_final() -> bool:
        try:
            return len(await found()) == len(messages)
        except StoreAway:
            return False

    await until(all_final, 40)
    return await found()


def _hear(messenger: MemoryMessenger, round_: int = 0) -> list[Message]:
    """A message in each chat."""
    return [messenger.hear(chat, f"Sam? q{round_ * 10 + n}") for n, chat in enumerate(CHATS)]


async def _all_is_well(office: Office, messenger: MemoryMessenger, messages: list[Message]) -> None:
    """Each message has its outcome; each answer was said once, its bubbles together and in order; life goes on."""
    assert set(await _outcomes(office, messages)) == {"answered"}
    assert await _outcomes(office, _hear(messenger, 9)) == ["answered"] * len(CHATS)
    for chat in CHATS:
        texts = messenger.texts(chat)
        asked = [text.split()[0] for text in texts[::2]]
        assert texts == [line for name in asked for line in (f"{name} yes", f"{name} sure thing")]
        assert asked == sorted(set(asked), key=lambda name: int(name[1:]))


async def test_a_redis_that_is_killed_again_and_again_is_started_again_and_nothing_is_lost_or_doubled(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    model.say = answer
    messenger = MemoryMessenger()
    async with _serving(office, model, messenger):
        messages: list[Message] = []
        for round_ in range(3):
            said = len(messenger.said)
            messages += _hear(messenger, round_)
            await until(_more_than(messenger, said))
            pid = server_pid(settings)
            os.kill(pid, signal.SIGKILL)
            await until(_another_server(settings, pid))
        await _all_is_well(office, messenger, messages)


def _more_than(messenger: MemoryMessenger, count: int) -> Condition:
    async def more() -> bool:
        return len(messenger.said) > count

    return more


def _another_server(settings: Settings, before: int) -> Condition:
    async def another() -> bool:
        try:
            pid = server_pid(settings)
        except (FileNotFoundError, ValueError):
            return False
        return pid != before and lives(pid)

    return another


async def test_while_redis_hangs_nothing_is_sent_and_afterwards_everything_once(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    model.say = answer
    messenger = MemoryMessenger()

    async def slowly(_: object) -> None:
        await asyncio.sleep(0.02)

    messenger.before_send = slowly
    async with _serving(office, model, messenger):
        messages: list[Message] = []
        for round_ in range(3):
            said = len(messenger.said)
            messages += _hear(messenger, round_)
            await until(_more_than(messenger, said))
            async with stopped(server_pid(settings)):
                await asyncio.sleep(0.4)  # what had passed the fence before is at the messenger by now
                calls = messenger.calls
                await asyncio.sleep(0.4)
                assert messenger.calls == calls
        await _all_is_well(office, messenger, messages)


async def test_a_messenger_without_keys_gets_nothing_twice_when_redis_hangs(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    model.say = answer
    messenger = MemoryMessenger(idempotent=False)
    async with _serving(office, model, messenger):
        messages: list[Message] = []
        for round_ in range(3):
            said_before = len(messenger.said)
            messages += _hear(messenger, round_)
            await until(_more_than(messenger, said_before))
            async with stopped(server_pid(settings)):
                await asyncio.sleep(0.5)
        assert set(await _outcomes(office, messages)) <= {"answered", "unknown"}
    said = [bubble.text for bubble in messenger.said]
    assert len(said) == len(set(said)) == messenger.calls


async def test_a_kill_word_heard_while_redis_is_away_silences_at_once_and_is_on_record_afterwards(
    settings: Settings, model: ModelServer
) -> None:
    held_up = HeldUp("sender.fenced")
    messenger = MemoryMessenger()
    async with open_office(settings, faults=held_up) as office, _serving(office, model, messenger) as service:
        message = messenger.hear(CHATS[0], "Sam?")
        await held_up.reached.wait()  # the fence has said yes; the bubble is not handed over yet
        async with stopped(server_pid(settings)):
            said = Message(CHATS[2], "k1", message.author, "PINEAPPLE please", message.sent_at)
            hearing = asyncio.create_task(service.inbox.receive(said))
            await asyncio.sleep(0)
            held_up.go_on.set()
            await asyncio.sleep(0.5)
            assert messenger.calls == 0
            assert not hearing.done()
        await hearing
        (kill,) = await office.kill_switch.kills()
        assert kill.scope == KillScope.everywhere()
        assert await _outcomes(office, [message]) == ["frozen"]
        assert messenger.calls == 0
        assert not office.kill_switch.latched(CHATS[0], None), "from here on the store says it"


async def test_a_kill_heard_while_redis_is_away_cancels_what_is_being_written(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    model.pause, model.say = 1.0, lambda _: "one two three four five six seven eight nine ten"
    messenger = MemoryMessenger()
    async with _serving(office, model, messenger):
        message = messenger.hear(CHATS[0], "Sam?")
        await until(lambda: _is(model.running, 1))
        async with stopped(server_pid(settings)):
            killing = asyncio.create_task(office.kill_switch.kill(KillScope.everywhere(), "vera", "enough"))
            await until(lambda: _is(model.cancelled, 1), 5)
        await killing
        assert await _outcomes(office, [message]) == ["ignored"]
        assert (model.finished, messenger.calls) == (0, 0)


async def _is(value: int, wanted: int) -> bool:
    return value == wanted


async def test_a_kill_whose_caller_gave_up_waiting_is_put_on_record_all_the_same(
    office: Office, settings: Settings
) -> None:
    async with stopped(server_pid(settings)):
        killing = asyncio.create_task(office.kill_switch.kill(KillScope.chat(CHATS[0]), "vera", "enough"))
        await asyncio.sleep(0.05)
        killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        assert office.kill_switch.latched(CHATS[0], None)
    await until(lambda: _on_record(office))


async def _on_record(office: Office) -> bool:
    return len(await office.kill_switch.kills()) == 1


async def test_a_resume_that_was_long_on_its_way_does_not_lift_a_newer_kill(office: Office) -> None:
    scope, chat = KillScope.chat(CHATS[0]), CHATS[0]
    name = office.store.partitions.prefix(office.store.partitions.of(chat)) + "kill"
    await office.kill_switch.kill(scope, "vera", "enough")
    seen = await office.store.ask("hget", name, f"latest|{scope}")
    assert await office.kill_switch.resume(scope, "olivia")
    await office.kill_switch.kill(scope, "vera", "again")
    assert await office.store.run("resume", chat, office.clock.now_ms(), str(scope), "olivia", seen) == -1
    assert await office.kill_switch.standing(chat) is not None
    assert await office.kill_switch.resume(scope, "olivia")


async def test_a_redis_that_refuses_to_write_silences_and_does_not_end_the_service(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger()
    async with _serving(office, model, messenger):
        # A replica that was not promoted yet, as after a failover, and a full one.
        for refuse, allow in (
            (("replicaof", "127.0.0.1", "1"), ("replicaof", "NO", "ONE")),
            (("config_set", "maxmemory", "1"), ("config_set", "maxmemory", "0")),
        ):
            calls = messenger.calls
            await office.store.ask(*refuse)
            messages = _hear(messenger)
            with pytest.raises(StoreAway):
                await office.desk.set_mode(OWNER, CHATS[3], Mode.AUTO)
            await asyncio.sleep(0.5)
            assert messenger.calls == calls
            await office.store.ask(*allow)
            assert await _outcomes(office, messages) == ["answered"] * len(CHATS)


async def test_a_kill_survives_the_restart_of_the_service_and_of_redis(
    settings: Settings, model: ModelServer
) -> None:
    async with open_office(settings) as office:
        before = server_pid(settings)
        await office.kill_switch.kill(KillScope.everywhere(), "vera", "enough")
    assert not lives(before)
    messenger = MemoryMessenger()
    async with open_office(settings) as office, _serving(office, model, messenger):
        assert server_pid(settings) != before
        (kill,) = await office.kill_switch.kills()
        assert (kill.by, kill.reason) == ("vera", "enough")
        messages = _hear(messenger)
        assert set(await _outcomes(office, messages)) == {"ignored"}
        assert (messenger.calls, model.prompts) == (0, [])
        await office.desk.resume(OWNER, KillScope.everywhere())
        assert await _outcomes(office, [messenger.hear(CHATS[0], "Sam?")]) == ["answered"]
