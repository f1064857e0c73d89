"""Promises 2 to 4: a process that dies at any point loses nothing, sends nothing twice, and keeps the order."""

from __future__ import annotations

import random
import signal

import pytest

from bot.answer import seed_of
from bot.app import Office
from bot.faults import POINTS
from bot.settings import Settings
from chat.message import Chat
from chat.transcript import Turn
from tests.bot.playground import until
from tests.bot.promises.neighbourhood import Neighbourhood, answer, entries, in_flight, seeds_of
from tests.bot.promises.processes import ServiceProcess
from tests.fakes.model_server import ModelServer


@pytest.mark.parametrize(
    ("point", "idempotent"),
    [
        *((point, True) for point in POINTS if not point.startswith("rewriter.")),
        # Before the sender it makes no difference whether the messenger knows keys.
        *((point, False) for point in POINTS if point.startswith("sender.")),
    ],
)
async def test_a_process_that_dies_there_loses_nothing_and_repeats_nothing(
    office: Office, settings: Settings, model: ModelServer, point: str, idempotent: bool
) -> None:
    model.say = answer
    rooms = Neighbourhood(office, 3)
    await rooms.open()
    await rooms.post(3)
    doomed = ServiceProcess(settings, model.url, idempotent=idempotent, faults=f"{point}=kill:2")
    async with doomed:
        assert await doomed.died() == -signal.SIGKILL
    unknown = frozenset() if idempotent else await in_flight(office)
    if point == "sender.fenced" and not idempotent:
        assert unknown, "the test means to catch a bubble in the messenger's hand"
    await rooms.post(3)
    async with ServiceProcess(settings, model.url, idempotent=idempotent):
        outcomes = await rooms.settled()
    assert set(outcomes) <= {"answered"} | ({"unknown"} if unknown else set())
    assert "answered" in outcomes
    await rooms.check_books(may_be_unknown=unknown)
    await _same_ids_and_seeds(rooms, model)


async def _same_ids_and_seeds(rooms: Neighbourhood, model: ModelServer) -> None:
    """However often a turn was tried: its draft and its seed follow from its messages."""
    seeds: set[int] = set()
    for room in rooms.rooms:
        said = {message.id: message for other, message in rooms.posted if other is room}
        decisions = [f for kind, _, f in await entries(rooms.office, room.key) if kind == "turn.decided"]
        for facts in decisions:
            turn = Turn(Chat(room.key, ""), tuple(said[id_] for id_ in facts["messages"]))
            assert facts["turn"] == facts["draft"] == turn.id
            assert seeds_of([facts]) == [seed_of(turn.id, 0)]
        seeds |= set(seeds_of(decisions))
    assert set(model.seeds) == seeds, "a retry asks for the same sample"


async def test_a_storm_of_deaths_loses_nothing_doubles_nothing_and_keeps_the_order(
    office: Office, settings: Settings, model: ModelServer
) -> None:
    chance = random.Random(20)
    model.say, model.pause = answer, 0.01
    rooms = Neighbourhood(office, 6)
    await rooms.open()

    async def so_many_posted_are_answered(count: int) -> bool:
        return (
            sum(found is not None and found.outcome == "answered" for found in await rooms.outcomes())
            >= count
        )

    async with ServiceProcess(settings, model.url) as one, ServiceProcess(settings, model.url) as two:
        for round_ in range(5):
            await rooms.post(20)
            # In the middle of the work, not at a time: a busy machine must not make this another test.
            goal = 20 * round_ + chance.randint(1, 12)
            await until(lambda goal=goal: so_many_posted_are_answered(goal), 30)  # type: ignore[misc]
            victim = one if chance.random() < 0.5 else two
            victim.kill()
            assert await victim.died() == -signal.SIGKILL
            victim.start()
        assert set(await rooms.settled()) == {"answered"}
    await rooms.check_books()
