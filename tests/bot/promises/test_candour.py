"""Asked whether it is a bot, the stand-in tells the truth or a person answers; it never denies: in seven languages."""

from __future__ import annotations

import pytest

from bot.app import Office, Service, open_office
from bot.settings import Settings
from safety.kill import KillScope
from safety.mode import Mode
from safety.owed import TRUE_ANSWER, CandourMode, CandourSettings
from tests.bot.playground import LEO, MODERATOR, OWNER, Playground, running
from tests.fakes.model_server import ModelServer, ServedEngine

QUESTIONS = (
    *("are you a bot?", "bist du ein Bot?", "¿eres un bot?", "es-tu un robot ?"),
    *("você é um robô?", "sei un bot?", "ben je een bot?"),
)
TRUTH = TRUE_ANSWER.replace("{name}", "Sam")


@pytest.mark.parametrize("question", QUESTIONS)
async def test_the_answer_is_true_and_not_the_models(
    room: Playground, office: Office, model: ModelServer, service: Service, question: str
) -> None:
    model.say = lambda _: "no lol im human"
    # Ambient talk is never answered here, and still this is owed.
    await office.desk.set_probability(OWNER, room.key, 0.0)
    found = await room.settled(await room.say(question))
    assert found.outcome == "answered", found
    assert "\n".join(await room.answers()) == TRUTH
    assert model.prompts == []


async def test_it_is_told_as_often_as_it_is_asked(
    room: Playground, model: ModelServer, service: Service
) -> None:
    for author in (None, LEO):
        message = await (room.say("Sam, are you a bot?", author) if author else room.say("are you a bot?"))
        assert (await room.settled(message)).outcome == "answered"
    assert len(await room.answers()) == 2


async def test_it_can_be_held_for_a_person_in_auto_too(settings: Settings, model: ModelServer) -> None:
    candour = CandourSettings(CandourMode.HOLD, "a program of {name}'s wrote this")
    async with open_office(settings.model_copy(update={"candour": candour})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            message = await room.say("are you a bot?")
            found = await room.settled(message)
            assert (found.outcome, "a person answers" in found.reason) == ("held", True)
            (draft,) = await office.desk.drafts.waiting()
            assert draft.bubbles == ("a program of Sam's wrote this",)
            await office.desk.approve(MODERATOR, draft.id)
            assert (await room.settled(message)).outcome == "answered"


async def test_in_manual_mode_a_moderator_approves_it_as_any_other_draft(
    room: Playground, office: Office, service: Service
) -> None:
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    assert (await room.settled(await room.say("are you a bot?"))).outcome == "held"


async def test_a_kill_and_the_owners_presence_stand_above_it(
    room: Playground, office: Office, service: Service
) -> None:
    await office.desk.owner_here(OWNER, room.key, here=True)
    assert (await room.settled(await room.say("are you a bot?"))).reason == "the owner is here"
    await office.desk.owner_here(OWNER, room.key, here=False)
    await office.desk.kill(OWNER, KillScope.everywhere())
    assert "kill" in (await room.settled(await room.say("are you a bot?"))).reason
    assert await room.answers() == []


async def test_an_answer_that_a_rule_objects_to_is_held_and_not_dropped(
    settings: Settings, model: ModelServer
) -> None:
    candour = CandourSettings(answer="\n".join(["yes i am"] * 12))
    async with open_office(settings.model_copy(update={"candour": candour})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            found = await room.settled(await room.say("are you a bot?"))
            assert (found.outcome, "a true answer is owed" in found.reason) == ("held", True)
