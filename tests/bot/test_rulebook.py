"""The rulebook: what each rule said is counted once for each turn, and shown beside what it does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.app import Office, open_office, open_service
from bot.settings import RuleSettings, Settings
from safety.chain import DRAFT_RULES, GATE_RULES
from safety.mode import Mode
from safety.verdict import Outcome
from tests.bot.playground import OWNER, Playground, running
from tests.fakes.model_server import ModelServer, ServedEngine


async def _verdicts(office: Office) -> dict[str, dict[Outcome, int]]:
    return {
        entry.name: {outcome: count for outcome, count in entry.verdicts.items() if count}
        for entry in await office.rulebook.read(1)
    }


async def test_all_rules_stand_there_in_their_order_with_a_sentence_each(office: Office) -> None:
    entries = await office.rulebook.read()
    assert tuple(entry.name for entry in entries if entry.chain == "gate") == GATE_RULES
    assert tuple(entry.name for entry in entries if entry.chain == "draft") == DRAFT_RULES
    assert all(entry.on and not any(entry.verdicts.values()) for entry in entries)
    assert [entry.name for entry in entries if not entry.does.endswith((".", ":"))] == []


async def test_a_turns_verdicts_are_counted(office: Office, model: ModelServer) -> None:
    room = Playground(office)
    await room.open(Mode.AUTO, probability=1.0)
    async with running(office, ServedEngine(model.url)):
        await room.settled(await room.say("Sam, coffee?"))
        await office.desk.set_probability(OWNER, room.key, 0.0)
        await room.settled(await room.say("nothing for anybody"))
    verdicts = await _verdicts(office)
    assert verdicts["kill"] == {Outcome.ALLOW: 2}
    assert verdicts["probability"] == {Outcome.ALLOW: 1, Outcome.DROP: 1}
    assert verdicts["rate_limit"] == {Outcome.ALLOW: 1}
    assert verdicts["kill_word"] == {Outcome.ALLOW: 1}


async def test_a_rule_that_is_switched_off_is_shown_as_off_and_not_asked(
    state_dir: Path, model: ModelServer
) -> None:
    settings = Settings(state_dir=state_dir, rules=RuleSettings(off=("probability", "length")))
    async with open_office(settings) as office:
        room = Playground(office)
        await room.open(Mode.AUTO, probability=0.0)
        async with running(office, ServedEngine(model.url)):
            assert (await room.settled(await room.say("nothing for anybody"))).outcome == "answered"
        verdicts = await _verdicts(office)
        assert verdicts["probability"] == verdicts["length"] == {}
        assert verdicts["kill_word"] == {Outcome.ALLOW: 1}
        off = {entry.name for entry in await office.rulebook.read() if not entry.on}
        assert off == {"probability", "length"}


async def test_a_flood_is_answered_once_at_its_newest_and_the_rest_is_on_record(
    office: Office, model: ModelServer
) -> None:
    room = Playground(office)
    await room.open(Mode.AUTO, probability=1.0)
    most, overload = office.settings.worker.most_messages, office.settings.worker.overload_messages
    count = overload + 30
    async with open_service(office, engine=ServedEngine(model.url)) as service:
        # Nobody works yet: all of it waits in the chat's box.
        flood = [await room.say(f"flood {number}") for number in range(count)]
        for message in flood:
            await service.inbox.receive(message)
        task = asyncio.create_task(service.run())
        try:
            await room.settled(flood[-1])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    outcomes = await office.desk.chats.outcomes(room.key)
    became = [outcomes[message.id] for message in flood]
    assert {found.outcome for found in became[:-most]} == {"ignored"}
    assert {found.reason for found in became[:-most]} == {
        "too much came at once: only the newest turn is answered"
    }
    assert {found.outcome for found in became[-most:]} == {"answered"}
    entries = await office.desk.journal.newest(500)
    overloaded = [entry for entry in entries if entry.kind == "turn.overloaded"]
    assert [len(entry.facts["messages"]) for entry in overloaded] == [count - most]
