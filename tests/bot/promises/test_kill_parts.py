"""Promise 1 for chats that are parts of others: who kills a channel means its threads and posts as well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from bot.app import Office, open_office, open_service
from bot.errors import DraftRefused
from bot.inbox import Received
from bot.outbox import Fence, Outbox
from bot.places import Place
from bot.settings import Settings
from bot.turn_queue import Claim, DraftPlan, TurnQueue
from chat.message import Chat, ChatKey, Message
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import MIA, MODERATOR, OWNER, VIEWER, until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.bot.promises.processes import server_pid, stopped
from tests.bot.promises.test_consent import inbox_of
from tests.fakes.model_server import ModelServer, ServedEngine

CHANNEL, THREAD, OTHER = (ChatKey(MEMORY, name) for name in ("channel", "thread", "other"))
POLICY = ChatPolicy(Mode.AUTO, 1.0, disclosure=frozenset({Disclosure.REVEALED}))
OF_CHANNEL, OF_THREAD = KillScope.chat(CHANNEL), KillScope.chat(THREAD)


class Steps:
    """A channel that the stand-in is in, a thread in it, and the steps of a turn, taken by hand."""

    def __init__(self, office: Office) -> None:
        self.office, self.kill = office, office.kill_switch.kill
        self.inbox = inbox_of(office)
        self.queue = TurnQueue(office.store, office.clock, 10.0, 20, 60)
        self.outbox = Outbox(office.store, office.clock, office.settings.outbox)
        self._numbers = count(1)

    async def open(self, *, follows: bool = True) -> None:
        assert self.office.store.partitions.of(CHANNEL) != self.office.store.partitions.of(THREAD)
        await self.enable(CHANNEL)
        await self.inbox.place(Place(THREAD, "tents", CHANNEL, follows=follows))
        if not follows:
            await self.enable(THREAD)

    async def enable(self, chat: ChatKey) -> None:
        await self.office.desk.chats.enable(Chat(chat, chat.chat_id), "olivia", POLICY)

    async def hear(self, chat: ChatKey = THREAD) -> Received:
        message = Message(chat, f"m{next(self._numbers)}", MIA, "Sam?", datetime.now(UTC))
        return await self.inbox.receive(message)

    async def claim(self) -> Claim:
        claims: list[Claim] = []

        async def claimed() -> bool:
            found = await self.queue.claim("w")
            claims.extend([found] if found else [])
            return found is not None

        await until(claimed)
        return claims[0]

    async def settle(self, claim: Claim, *, hold: bool = False) -> str:
        plan = DraftPlan(
            claim.turn.id, ("sure",), hold=hold, expires_at_ms=self.office.clock.now_ms() + 60_000
        )
        await self.queue.settle(claim, "draft", "fine", {}, plan)
        return plan.id

    async def drafted(self, *, hold: bool = False) -> str:
        """Have an answer wait in the thread."""
        assert await self.hear() is Received.ACCEPTED
        return await self.settle(await self.claim(), hold=hold)

    async def fence(self) -> Fence | None:
        outgoing = await self.outbox.claim(MEMORY)
        return None if outgoing is None else await self.outbox.fence(outgoing, idempotent=True)


@pytest.mark.parametrize("follows", [True, False])
async def test_what_is_about_to_leave_in_a_thread_is_stopped_by_the_kill_of_its_channel(
    office: Office, follows: bool
) -> None:
    steps = Steps(office)
    await steps.open(follows=follows)
    draft = await steps.drafted()
    await steps.kill(OF_CHANNEL, "vera", "enough")
    assert await steps.fence() is Fence.KILLED
    assert (await office.desk.drafts.get(draft)).state == "frozen"
    with pytest.raises(DraftRefused, match="resume first"):
        await office.desk.approve(MODERATOR, draft)
    assert [one.id for one in await office.desk.resume(OWNER, OF_CHANNEL)] == [draft]
    assert await steps.fence() is None, "the resume alone lets nothing go"
    await office.desk.approve(MODERATOR, draft)
    assert await steps.fence() is Fence.GO


@pytest.mark.parametrize("lifted", [True, False])
async def test_what_is_being_written_for_a_thread_at_the_kill_of_its_channel_does_not_leave(
    office: Office, lifted: bool
) -> None:
    steps = Steps(office)
    await steps.open()
    await steps.hear()
    claim = await steps.claim()
    await steps.kill(OF_CHANNEL, "vera", "enough")
    if lifted:
        await office.desk.resume(OWNER, OF_CHANNEL)
    assert (await office.desk.drafts.get(await steps.settle(claim))).state == "frozen"


async def test_a_bubble_in_a_thread_that_is_with_the_messenger_is_counted_by_the_kill_of_its_channel(
    office: Office,
) -> None:
    steps = Steps(office)
    await steps.open()
    await steps.drafted()
    assert await steps.fence() is Fence.GO
    assert (await steps.kill(OF_CHANNEL, "vera", "enough")).in_flight == 1


async def test_a_thread_that_begins_to_follow_under_the_kill_is_under_it_from_its_first_message(
    office: Office,
) -> None:
    steps = Steps(office)
    await steps.open()
    await steps.kill(OF_CHANNEL, "vera", "enough")
    assert await steps.hear() is Received.ACCEPTED
    claim = await steps.claim()
    assert claim.kill is not None
    assert claim.kill.scope == OF_CHANNEL
    assert (await office.desk.drafts.get(await steps.settle(claim))).state == "frozen"
    standing = await office.kill_switch.standing(THREAD)
    assert standing is not None
    assert standing.scope == OF_CHANNEL


@pytest.mark.parametrize("step", ["followed", "follow", "accept", "claim", "settle", "outbox_claim", "fence"])
@pytest.mark.parametrize("after", [True, False])
async def test_a_kill_of_the_channel_at_any_moment_of_a_threads_first_answer_stops_it(
    office: Office, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    steps = Steps(office)
    await steps.open()
    run, killed = office.store.run, False

    async def kill_between(name: str, *arguments: Any) -> Any:  # noqa: ANN401
        nonlocal killed
        if name != step or killed:
            return await run(name, *arguments)
        answer = await run(name, *arguments) if after else None
        killed = True
        await steps.kill(OF_CHANNEL, "vera", "enough")
        return answer if after else await run(name, *arguments)

    monkeypatch.setattr(office.store, "run", kill_between)
    await steps.drafted()
    answer = await steps.fence()
    assert killed
    # Once the fence has said yes it is on its way, and the kill counts it.
    assert answer in ({Fence.GO} if (step, after) == ("fence", True) else {None, Fence.KILLED})


async def test_the_resume_of_a_channel_lifts_what_it_laid_and_a_thread_killed_by_itself_stays_killed(
    office: Office,
) -> None:
    steps = Steps(office)
    await steps.open()
    draft = await steps.drafted(hold=True)
    await steps.kill(OF_CHANNEL, "vera", "enough")
    await steps.kill(OF_THREAD, "mia", "enough here")
    assert await office.desk.resume(OWNER, OF_CHANNEL) == (await office.desk.drafts.get(draft),)
    with pytest.raises(DraftRefused, match="resume first"):
        await office.desk.approve(MODERATOR, draft)
    assert [kill.scope for kill in await office.kill_switch.kills()] == [OF_THREAD]
    await steps.kill(OF_CHANNEL, "vera", "enough")
    await office.desk.resume(OWNER, OF_THREAD)
    with pytest.raises(DraftRefused, match="resume first"):
        await office.desk.approve(MODERATOR, draft)
    await office.desk.resume(OWNER, OF_CHANNEL)
    await office.desk.approve(MODERATOR, draft)
    assert await steps.fence() is Fence.GO


async def test_the_kill_of_a_thread_stops_neither_its_channel_nor_the_next_thread(office: Office) -> None:
    steps = Steps(office)
    await steps.open()
    await steps.inbox.place(Place(OTHER, "boats", CHANNEL))
    await steps.kill(OF_THREAD, "vera", "enough")
    for chat in (CHANNEL, OTHER):
        await steps.hear(chat)
        await steps.settle(await steps.claim())
        assert await steps.fence() is Fence.GO


async def test_a_thread_that_was_disabled_and_enabled_again_is_still_its_channels(office: Office) -> None:
    steps = Steps(office)
    await steps.open(follows=False)
    await steps.hear()
    await office.desk.disable(OWNER, THREAD)
    await steps.enable(THREAD)
    (thread,) = [state.chat for state in await office.desk.chats.all() if state.chat.key == THREAD]
    assert thread.part_of == CHANNEL


async def test_half_a_kill_of_a_channel_is_finished_for_its_threads(office: Office) -> None:
    steps = Steps(office)
    await steps.open()
    await steps.drafted()
    at_home = office.store.partitions.of(CHANNEL)
    what = (str(OF_CHANNEL), "mia", "enough", "k1", 86_400_000, 0)
    await office.store.run("kill", at_home, office.clock.now_ms(), *what)
    await office.kill_switch.complete()
    await office.kill_switch.complete()
    assert await steps.fence() is Fence.KILLED
    assert await office.kill_switch.resume(OF_CHANNEL, "olivia")
    assert await office.kill_switch.kills() == ()


class ThreadMessenger(MemoryMessenger):
    """Tells first that the thread lies in the channel."""

    async def listen(self, ears: Any) -> None:  # noqa: ANN401
        await ears.place(Place(THREAD, "tents", CHANNEL))
        await super().listen(ears)


async def test_the_kill_of_a_channel_cancels_what_is_written_for_its_threads_also_while_redis_is_away(
    settings: Settings, model: ModelServer
) -> None:
    model.pause, model.say = 1.0, lambda _: "one two three four five six seven eight nine ten"
    messenger = ThreadMessenger()
    async with open_office(settings) as office:
        await office.desk.chats.enable(Chat(CHANNEL, "channel"), "olivia", POLICY)
        async with open_service(office, [messenger], ServedEngine(model.url)) as service:
            serving = asyncio.create_task(service.run())
            message = messenger.hear(THREAD, "Sam?")
            await until(lambda: _holds(lambda: model.running == 1))
            async with stopped(server_pid(settings)):
                killing = asyncio.create_task(office.desk.kill(VIEWER, OF_CHANNEL))
                await until(lambda: _holds(lambda: model.cancelled == 1), 5)
            await killing

            async def ignored() -> bool:
                outcome = (await office.desk.chats.outcomes(THREAD)).get(message.id)
                return outcome is not None and outcome.outcome == "ignored"

            await until(ignored)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    assert (model.finished, messenger.calls) == (0, 0)


async def _holds(true: Callable[[], bool]) -> bool:
    return true()


async def test_a_process_that_knows_of_the_kill_of_a_channel_hands_nothing_over_in_its_threads(
    settings: Settings, model: ModelServer
) -> None:
    """The fence has said yes, Redis hangs, and the kill is heard: here alone nobody else could say no."""
    held_up = _HeldUp()
    messenger = ThreadMessenger()
    async with open_office(settings, faults=held_up) as office:
        await office.desk.chats.enable(Chat(CHANNEL, "channel"), "olivia", POLICY)
        async with open_service(office, [messenger], ServedEngine(model.url)) as service:
            serving = asyncio.create_task(service.run())
            messenger.hear(THREAD, "Sam?")
            await held_up.reached.wait()
            async with stopped(server_pid(settings)):
                killing = asyncio.create_task(office.desk.kill(VIEWER, OF_CHANNEL))
                await asyncio.sleep(0)
                assert office.kill_switch.latched(THREAD, CHANNEL)
                assert not office.kill_switch.latched(OTHER, None)
                held_up.go_on.set()
                await asyncio.sleep(0.5)
                assert messenger.calls == 0
            await killing
            await until(lambda: _frozen(office))
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    assert messenger.calls == 0


async def _frozen(office: Office) -> bool:
    return [draft.state for draft in await office.desk.drafts.waiting()] == ["frozen"]


class _HeldUp:
    """Holds the sender between the fence's yes and the messenger."""

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def reach(self, point: str) -> None:
        if point == "sender.fenced":
            self.reached.set()
            await self.go_on.wait()
