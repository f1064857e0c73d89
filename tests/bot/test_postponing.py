"""Where a messenger asks to wait: nothing is tried meanwhile, nothing is lost, and a kill ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.app import Office, open_service
from bot.messengers.base import Bubble, Pause, SendImpossible, SendRefused, SendUncertain
from bot.outbox import Fence
from chat.message import Chat, ChatKey
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import OWNER, until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.bot.promises.neighbourhood import entries
from tests.bot.promises.test_repeats import CHAT, Desk, desk
from tests.fakes.model_server import ModelServer, ServedEngine

__all__ = ["desk"]
HERE = ChatKey(MEMORY, "here")
HOUR = Pause(3600.0, "please wait")


async def waits(desk: Desk) -> float:
    """Seconds until the chat's next bubble is due."""
    store = desk.office.store
    due = await store.ask(
        "zscore", f"{store.partitions.prefix(store.partitions.of(CHAT))}outbox:keyed", str(CHAT)
    )
    return float(due - desk.clock.now) / 1000


async def test_however_often_a_messenger_asks_to_wait_the_bubble_still_leaves(desk: Desk) -> None:
    outgoing = await desk.handed_over()
    for _ in range(9):
        await desk.outbox.postponed(outgoing, Pause(50.0, "please wait"), fenced=True)
        assert await waits(desk) == 50.0
        outgoing = await desk.through_the_fence()
    assert outgoing.bubble.id.endswith(".1.1")
    assert await desk.state() == "approved"
    # The first of the tries that count is still to come.
    for _ in range(2):
        await desk.outbox.unsent(outgoing, "no")
        outgoing = await desk.through_the_fence()
    await desk.outbox.unsent(outgoing, "no")
    assert await desk.state() == "failed"


async def test_a_wait_before_the_fence_takes_no_try_back_that_was_never_made(desk: Desk) -> None:
    await desk.outbox.unsent(await desk.handed_over(), "no")
    for _ in range(5):
        await desk.outbox.postponed(await desk.next(), Pause(5.0, "please wait"), fenced=False)
    for _ in range(2):
        await desk.outbox.unsent(await desk.through_the_fence(), "no")
    assert await desk.state() == "failed"


async def test_a_long_wait_is_looked_at_again_and_is_in_the_journal_each_time(desk: Desk) -> None:
    await desk.outbox.postponed(await desk.handed_over(), HOUR, fenced=True)
    assert 0 < await waits(desk) <= 600
    found = [facts for kind, _, facts in await entries(desk.office, CHAT) if kind == "bubble.postponed"]
    assert [(one["reason"], one["wait_seconds"]) for one in found] == [("please wait", 300)]


async def test_what_may_have_left_stays_so_while_it_waits(desk: Desk) -> None:
    outgoing = await desk.handed_over()
    await desk.outbox.postponed(outgoing, Pause(50.0, "a part of it left"), fenced=True, perhaps_left=True)
    again = await desk.next()
    assert again.handed_over_before
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert await desk.outbox.fence(again, idempotent=True) is Fence.UNKNOWN


async def test_when_it_was_handed_over_is_told_of_the_first_time_that_nobody_knows_of(desk: Desk) -> None:
    first = await desk.handed_over()
    at = desk.clock.now
    await desk.outbox.postponed(first, Pause(50.0, "a part of it left"), fenced=True, perhaps_left=True)
    await desk.outbox.postponed(await desk.through_the_fence(), Pause(50.0, "wait"), fenced=True)
    again = await desk.next()
    assert again.bubble.handed_over_at is not None
    assert again.bubble.handed_over_at.timestamp() * 1000 == at


async def test_a_kill_freezes_what_waits_without_its_coming_to_the_fence(desk: Desk) -> None:
    await desk.outbox.postponed(await desk.handed_over(), HOUR, fenced=True)
    await desk.office.desk.drafts.sweep()
    assert await desk.state() == "approved"
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    assert await desk.office.desk.drafts.sweep() == 1
    assert await desk.state() == "frozen"
    await desk.office.desk.resume(OWNER, KillScope.everywhere())
    desk.clock.now += 10**7
    assert await desk.outbox.claim("keyed") is None


async def test_a_kill_that_was_resumed_since_freezes_it_all_the_same(desk: Desk) -> None:
    await desk.outbox.postponed(await desk.handed_over(), HOUR, fenced=True)
    await desk.office.desk.kill(OWNER, KillScope.everywhere())
    await desk.office.desk.resume(OWNER, KillScope.everywhere())
    await desk.office.desk.drafts.sweep()
    assert await desk.state() == "frozen"


async def test_who_lost_the_chat_postpones_nothing(desk: Desk) -> None:
    slow = await desk.handed_over()
    await desk.through_the_fence()
    due = await waits(desk)
    await desk.outbox.postponed(slow, HOUR, fenced=True)
    assert await waits(desk) == due


Send = Callable[[Bubble], Awaitable[None]]


@asynccontextmanager
async def serving(office: Office, model: ModelServer, messenger: MemoryMessenger) -> AsyncIterator[None]:
    policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(HERE, "here"), "olivia", policy)
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def kinds(office: Office) -> list[str]:
    return [kind for kind, _, _ in await entries(office, HERE)]


async def outcome(office: Office) -> str:
    found = list((await office.desk.chats.outcomes(HERE)).values())
    return found[0].outcome if found else ""


@pytest.mark.parametrize("error", [SendRefused, SendUncertain])
async def test_waits_that_a_messenger_names_are_no_failed_tries(
    office: Office, model: ModelServer, error: type[SendRefused | SendUncertain]
) -> None:
    model.say = lambda _: "one\ntwo\nthree"
    messenger = MemoryMessenger()
    most = office.settings.outbox.most_tries

    async def ask_to_wait(bubble: Bubble) -> None:
        if messenger.calls <= most + 3:
            raise error("please wait", 0.01)

    messenger.before_send = ask_to_wait
    async with serving(office, model, messenger):
        messenger.hear(HERE, "hello")

        async def answered() -> bool:
            return await outcome(office) == "answered"

        await until(answered)
    assert [bubble.text for bubble in messenger.said] == ["one", "two", "three"]
    assert (await kinds(office)).count("bubble.postponed") == most + 3


async def test_what_never_can_leave_is_tried_once(office: Office, model: ModelServer) -> None:
    messenger = MemoryMessenger()

    async def close(bubble: Bubble) -> None:
        raise SendImpossible("the chat is gone")

    messenger.before_send = close
    async with serving(office, model, messenger):
        messenger.hear(HERE, "hello")

        async def failed() -> bool:
            return await outcome(office) == "failed"

        await until(failed)
    assert messenger.calls == 1
    (found,) = (await office.desk.chats.outcomes(HERE)).values()
    assert found.reason == "the chat is gone"


async def test_during_a_pause_nothing_is_handed_over_and_a_kill_ends_it(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger()
    messenger.paused = HOUR
    async with serving(office, model, messenger):
        messenger.hear(HERE, "hello")

        async def postponed() -> bool:
            return "bubble.postponed" in await kinds(office)

        await until(postponed)
        assert "bubble.sending" not in await kinds(office)
        await office.desk.kill(OWNER, KillScope.everywhere())

        async def frozen() -> bool:
            return await outcome(office) == "frozen"

        await until(frozen)
    assert messenger.calls == 0
