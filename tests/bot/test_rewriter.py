"""Candidates and other texts as a running service writes them."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bot.answer import seed_of
from bot.app import Office, open_office
from bot.drafts import ApprovalSettings, Draft
from bot.errors import DraftRefused
from bot.settings import Settings
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.playground import MODERATOR, OWNER, ROOM, VIEWER, Playground, running, until
from tests.fakes.model_server import ModelServer, ServedEngine


@pytest.fixture
def settings(settings: Settings) -> Settings:
    approvals = ApprovalSettings(most_regenerations=2, when_stale="regenerate", most_stale_regenerations=1)
    outbox = dataclasses.replace(settings.outbox, moved_past_messages=2)
    return settings.model_copy(update={"drafts": approvals, "outbox": outbox})


def with_candidates(settings: Settings, count: int) -> Settings:
    drafts = dataclasses.replace(settings.drafts, candidates=count)
    return settings.model_copy(update={"drafts": drafts})


async def held(room: Playground, text: str = "Sam?") -> Draft:
    await room.office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    message = await room.say(text)
    assert (await room.settled(message)).outcome == "held"
    (draft,) = await room.office.desk.drafts.waiting()
    return draft


async def in_state(office: Office, draft_id: str, *states: str) -> Draft:
    async def there() -> bool:
        return (await office.desk.drafts.get(draft_id)).state in states

    await until(there)
    return await office.desk.drafts.get(draft_id)


class Texts:
    """A model that says these, one a prompt, and then the last of them again and again."""

    def __init__(self, *texts: str) -> None:
        self.left = list(texts)

    def __call__(self, messages: list[dict[str, str]]) -> str:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


# Candidates.


async def test_in_manual_mode_there_are_candidates_each_judged(
    settings: Settings, model: ModelServer
) -> None:
    # The second candidate never becomes fit to leave; the third says first what the first one said.
    model.say = Texts("yes", *["Mia: yes"] * 3, "yes", "no\nsorry")
    async with open_office(with_candidates(settings, 3)) as office:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        async with running(office, ServedEngine(model.url)):
            draft = await held(room)
            turn = draft.turn
            assert [(one.number, one.bubbles, one.refusal is None) for one in draft.candidates] == [
                *((1, ("yes",), True), (2, ("Mia: yes",), False), (3, ("no", "sorry"), True))
            ]
            assert (draft.chosen, draft.bubbles) == (1, ("yes",))
            assert model.seeds == [seed_of(turn, number) for number in range(6)]
            entry = next(e for e in await office.desk.journal.newest() if e.kind == "turn.decided")
            assert [answer["candidate"] for answer in entry.facts["answers"]] == [1, 2, 2, 2, 3, 3]
            assert all(answer["rules"] for answer in entry.facts["answers"])
            await office.desk.approve(MODERATOR, draft.id, candidate=3)

            async def said() -> bool:
                return await room.answers() == ["no", "sorry"]

            await until(said)


async def test_where_nobody_is_asked_there_is_one_candidate(settings: Settings, model: ModelServer) -> None:
    async with open_office(with_candidates(settings, 5)) as office:
        room = Playground(office)
        await room.open(Mode.AUTO)
        async with running(office, ServedEngine(model.url)):
            assert (await room.settled(await room.say("Sam?"))).outcome == "answered"
            assert len(model.seeds) == 1
            await office.desk.set_mode(OWNER, ROOM, Mode.SHADOW)
            assert (await room.settled(await room.say("Sam? again"))).outcome == "shadow"
            assert len(model.seeds) == 2


async def test_a_draft_that_a_rule_holds_in_auto_mode_has_candidates(
    settings: Settings, model: ModelServer
) -> None:
    model.say = Texts("I am here for you", "talk to me", "call somebody")
    async with open_office(with_candidates(settings, 3)) as office:
        room = Playground(office)
        await room.open(Mode.AUTO)
        async with running(office, ServedEngine(model.url)):
            message = await room.say("Sam, I want to kill myself")
            assert (await room.settled(message)).outcome == "held"
            (draft,) = await office.desk.drafts.waiting()
            assert len(draft.candidates) == 3


# Other texts.


@pytest.mark.usefixtures("service")
async def test_a_moderator_gets_another_text_and_the_old_one_is_kept(
    office: Office, room: Playground, model: ModelServer
) -> None:
    model.say = Texts("yes", "yes", "no\nsorry")
    draft = await held(room)
    await office.desk.regenerate(MODERATOR, draft.id)
    after = await in_state(office, draft.id, "held")
    assert (after.bubbles, after.version) == (("no", "sorry"), 2)
    assert [(one.bubbles, one.asked_by) for one in after.versions] == [(("yes",), "max")]
    # The same text again was no other text; the seeds follow from the draft and the order.
    assert model.seeds == [seed_of(draft.id, 0), seed_of(f"{draft.id}:1", 0), seed_of(f"{draft.id}:1", 1)]
    with pytest.raises(DraftRefused, match="changed meanwhile"):
        await office.desk.approve(MODERATOR, draft.id, version=1)
    await office.desk.approve(MODERATOR, draft.id)

    async def said() -> bool:
        return await room.answers() == ["no", "sorry"]

    await until(said)
    assert (await in_state(office, draft.id, "sent")).decided_by == "max"


@pytest.mark.usefixtures("service")
async def test_other_texts_are_bounded_and_a_refused_one_leaves_the_old(
    office: Office, room: Playground, model: ModelServer
) -> None:
    model.say = Texts("yes", "Mia: yes")
    draft = await held(room)
    for _ in range(2):
        await office.desk.regenerate(MODERATOR, draft.id)
        after = await in_state(office, draft.id, "held")
        assert (after.bubbles, after.version, after.versions) == (("yes",), 1, ())
        assert after.reason.startswith("no other text: ")
        assert after.reason.endswith("(3 tries)")
    assert len(set(model.seeds)) == 7, "each order asks for other samples"
    with pytest.raises(DraftRefused) as caught:
        await office.desk.regenerate(MODERATOR, draft.id)
    assert caught.value.answer == "limit"
    assert (await office.desk.journal.newest(500))[0].kind == "draft.held"


@pytest.mark.usefixtures("service")
async def test_with_the_newest_the_model_sees_what_was_said_since(
    office: Office, room: Playground, model: ModelServer
) -> None:
    model.say = Texts("yes", "no", "maybe")
    draft = await held(room, "Sam, at ten?")
    await office.desk.set_probability(OWNER, ROOM, 0.0)
    await room.settled(await room.say("or rather at eleven"))
    await office.desk.regenerate(MODERATOR, draft.id)
    await in_state(office, draft.id, "held")
    assert model.prompts[-1][-1]["content"] == "Mia: Sam, at ten?"
    await office.desk.regenerate(MODERATOR, draft.id, newest=True)
    await in_state(office, draft.id, "held")
    assert model.prompts[-1][-1]["content"] == "Mia: Sam, at ten?\nMia: or rather at eleven"


@pytest.mark.usefixtures("service")
async def test_an_edit_of_a_text_written_anew_is_judged_by_what_was_asked_since(
    office: Office, room: Playground, model: ModelServer
) -> None:
    model.say = Texts("yes", "maybe")
    draft = await held(room, "Sam, at ten?")
    await office.desk.set_probability(OWNER, ROOM, 0.0)
    await room.settled(await room.say("hm, or are you just a bot?"))
    await office.desk.regenerate(MODERATOR, draft.id, newest=True)
    await in_state(office, draft.id, "held")
    with pytest.raises(DraftRefused, match="denial"):
        await office.desk.approve(MODERATOR, draft.id, "nope")


@pytest.mark.usefixtures("service")
async def test_what_the_chat_has_moved_past_is_written_anew_but_not_for_ever(
    office: Office, room: Playground, model: ModelServer
) -> None:
    model.say = Texts("yes", "fine by me")
    draft = await held(room)
    await office.desk.set_probability(OWNER, ROOM, 0.0)
    for number in range(2):
        await room.settled(await room.say(f"something else {number}"))
    with pytest.raises(DraftRefused, match="another text is being written"):
        await office.desk.approve(MODERATOR, draft.id)
    after = await in_state(office, draft.id, "held")
    assert (after.bubbles, after.versions[0].asked_by) == (("fine by me",), "clock")
    assert model.prompts[-1][-1]["content"].endswith("something else 1")
    assert await office.desk.drafts.sweep() == 0, "it is as fresh as what it answers"
    for number in range(2):
        await room.settled(await room.say(f"yet something else {number}"))
    assert await office.desk.drafts.sweep() == 1
    assert (await office.desk.drafts.get(draft.id)).state == "stale"


@pytest.mark.usefixtures("service")
async def test_a_draft_that_somebody_works_on_is_not_written_anew_under_their_hands(
    office: Office, room: Playground
) -> None:
    draft = await held(room)
    await office.desk.set_probability(OWNER, ROOM, 0.0)
    await office.desk.claim(MODERATOR, draft.id)
    for number in range(2):
        await room.settled(await room.say(f"something else {number}"))
    assert await office.desk.drafts.sweep() == 0
    assert (await office.desk.drafts.get(draft.id)).state == "held"
    await office.desk.release(MODERATOR, draft.id)
    assert await office.desk.drafts.sweep() == 1
    await in_state(office, draft.id, "rewriting", "held")


@pytest.mark.usefixtures("service")
async def test_a_kill_while_another_text_is_written_freezes_the_old_one(
    office: Office, room: Playground, model: ModelServer
) -> None:
    draft = await held(room)
    model.pause, model.say = 0.3, Texts("one two three four five six seven eight")
    await office.desk.regenerate(MODERATOR, draft.id)

    async def writing() -> bool:
        return model.running > 0

    await until(writing)
    await office.desk.kill(VIEWER, KillScope.chat(ROOM))
    after = await in_state(office, draft.id, "frozen")
    assert (after.bubbles, after.version) == (("sure",), 1)

    async def cancelled() -> bool:
        return model.running == 0

    await until(cancelled, 3)
    assert model.cancelled == 1
    await office.desk.resume(OWNER, KillScope.chat(ROOM))
    await asyncio.sleep(0.5)
    assert (await office.desk.drafts.get(draft.id)).state == "frozen", "a resume does not go on with it"
    assert model.running == 0
    model.pause = 0.0
    await office.desk.approve(MODERATOR, draft.id)
    assert (await in_state(office, draft.id, "sent")).bubbles == ("sure",)


@pytest.mark.usefixtures("service")
async def test_a_draft_rejected_while_another_text_is_written_stays_rejected(
    office: Office, room: Playground, model: ModelServer
) -> None:
    draft = await held(room)
    model.pause = 0.5
    await office.desk.regenerate(MODERATOR, draft.id)

    async def writing() -> bool:
        return model.running > 0

    await until(writing)
    with pytest.raises(DraftRefused, match="another text is being written"):
        await office.desk.approve(OWNER, draft.id)
    await office.desk.reject(OWNER, draft.id, "enough")
    await asyncio.sleep(1.0)
    assert (await office.desk.drafts.get(draft.id)).state == "rejected"
    assert model.running == 0


@pytest.mark.usefixtures("service")
async def test_a_model_that_is_away_is_asked_again(
    office: Office, room: Playground, model: ModelServer
) -> None:
    draft = await held(room)
    model.status, model.say = 503, Texts("back again")
    await office.desk.regenerate(MODERATOR, draft.id)
    name = f"{office.store.partitions.prefix(office.store.partitions.of(ROOM))}draft:{draft.id}"

    async def tried_twice() -> bool:
        return int((await office.store.hash(name))["tries"]) > 1

    await until(tried_twice)
    model.status = 200
    assert (await in_state(office, draft.id, "held")).bubbles == ("back again",)


@pytest.mark.usefixtures("service")
async def test_a_model_that_refuses_leaves_the_old_text_with_the_reason(
    office: Office, room: Playground, model: ModelServer
) -> None:
    draft = await held(room)
    model.status = 400
    await office.desk.regenerate(MODERATOR, draft.id)
    after = await in_state(office, draft.id, "held")
    assert (after.bubbles, after.version) == (("sure",), 1)
    assert after.reason.startswith("no other text: the model gave none")
