"""A service that speaks as a model at a host: with the owner's yes, of those who agreed alone, and as nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.app import Office, engine_of, open_office, open_service
from bot.errors import HostNotAgreed, SettingsInvalid
from bot.hosted_settings import HostedSettings
from bot.inbox import InboxSettings
from bot.settings import Settings
from inference.persona import Hosted, Persona
from safety.consent import How, Purpose
from safety.mode import Mode
from tests.bot.playground import LEO, MIA, Playground, running, until
from tests.bot.promises.neighbourhood import entries
from tests.fakes.hosted.persona import MODEL, hosted_persona
from tests.fakes.hosted.rules import Fault
from tests.fakes.hosted.server import BASES, KEY, FakeHost, fake_host

MIAS, LEOS = "Sam, does the axolotl sleep?", "the pangolin is under the stairs"


@pytest.fixture
async def fake() -> AsyncIterator[FakeHost]:
    async with fake_host() as host:
        yield host


@pytest.fixture
async def persona(fake: FakeHost, tmp_path: Path) -> Persona:
    return await hosted_persona(fake, tmp_path / "persona")


@pytest.fixture
def at_host(settings: Settings, persona: Persona) -> Settings:
    hosted = HostedSettings(api_key=SecretStr(KEY))
    return settings.model_copy(update={"persona": persona.folder, "hosted": hosted})


@pytest.fixture
async def office(at_host: Settings) -> AsyncIterator[Office]:
    async with open_office(at_host) as office:
        yield office


async def agree(office: Office, persona: Persona) -> Hosted:
    hosted = persona.base.hosted
    assert hosted is not None
    await office.host_consents.agree(hosted, "olivia", ("what leaves",))
    return hosted


async def answering(fake: FakeHost) -> None:
    async def streaming() -> bool:
        return fake.chat.streams == 1

    await until(streaming)


async def hung_up_on(fake: FakeHost) -> None:
    async def closed() -> bool:
        return fake.chat.aborted == 1

    await until(closed)


async def let_be_sent(office: Office, room: Playground, *people: str) -> None:
    for person in people:
        who = {"mia": MIA, "leo": LEO}[person]
        await office.consents.grant(room.key, who, Purpose.HOSTED, How.OWNER, "olivia")


async def test_without_the_owners_yes_nothing_is_opened_and_nobody_speaks(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    before = fake.connections
    with pytest.raises(HostNotAgreed, match="`understudy hosted speak`"):
        async with open_service(office):
            pass
    hosted = await agree(office, persona)
    # A yes to another model, or to another address on the same machine, is none to this.
    await office.host_consents.take_back("olivia", hosted)
    for other in (
        Hosted(base_url=hosted.base_url, model="ft:other"),
        Hosted(base_url=f"{hosted.base_url}/v2", model=MODEL),
    ):
        await office.host_consents.agree(other, "olivia", ())
        with pytest.raises(HostNotAgreed):
            async with open_service(office):
                pass
    assert fake.connections == before


async def test_a_host_is_shown_what_those_wrote_who_agreed_and_nobody_else(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    await agree(office, persona)
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia")
    async with running(office):
        alone = await room.settled(await room.say(LEOS, LEO))
        assert (alone.outcome, fake.chat.streams) == ("ignored", 0)
        assert f"nobody who wrote agreed that {fake.name} reads it" in alone.reason
        assert (await room.settled(await room.say(MIAS))).outcome == "answered"
        assert await room.answers() == ["quokka smile"]
    assert MIAS in fake.chat.shown
    assert "pangolin" not in fake.chat.shown
    assert "Leo" not in fake.chat.shown
    facts = [facts for kind, _, facts in await entries(office, room.key) if "answers" in facts]
    assert facts[0]["host"] == [fake.name]


async def test_of_a_turn_of_several_the_host_is_shown_a_part_and_the_journal_says_which_not(
    at_host: Settings, fake: FakeHost, persona: Persona
) -> None:
    patient = InboxSettings(pause_seconds=1.0, longest_pause_seconds=5.0)
    async with open_office(at_host.model_copy(update={"turns": patient})) as office:
        await agree(office, persona)
        room = Playground(office)
        await room.open(Mode.MANUAL)
        await let_be_sent(office, room, "mia")
        async with running(office):
            hers, his = await room.say(MIAS), await room.say(f"Sam, {LEOS}", LEO)
            await until(office.desk.drafts.waiting)
        (draft,) = await office.desk.drafts.waiting()
        prefix = office.store.partitions.prefix(office.store.partitions.of(room.key))
        kept = await office.store.hash(f"{prefix}draft:{draft.id}")
        facts = [facts for _, _, facts in await entries(office, room.key) if "answers" in facts]
    assert facts[0]["unsent"] == [his.id]
    assert kept["refers_to"] == hers.id
    assert MIAS in fake.chat.shown
    assert "pangolin" not in fake.chat.shown


async def test_who_takes_it_back_is_shown_no_longer(office: Office, fake: FakeHost, persona: Persona) -> None:
    await agree(office, persona)
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia", "leo")
    async with running(office):
        assert (await room.settled(await room.say(f"Sam, {LEOS}", LEO))).outcome == "answered"
        assert "pangolin" in fake.chat.shown
        await office.consents.withdraw(room.key, LEO, Purpose.HOSTED, How.OWNER, "olivia")
        fake.chat.asked.clear()
        assert (await room.settled(await room.say(MIAS))).outcome == "answered"
        assert "pangolin" not in fake.chat.shown


async def test_a_yes_that_somebody_takes_back_closes_the_request_in_which_their_words_went(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    await agree(office, persona)
    fake.chat.says, fake.chat.pause = (lambda messages: "word " * 400), 0.05
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia")
    async with running(office):
        message = await room.say(MIAS)
        await answering(fake)
        await office.consents.withdraw(room.key, MIA, Purpose.HOSTED, How.OWNER, "olivia")
        await hung_up_on(fake)
        found = await room.settled(message)
        assert (found.outcome, fake.chat.streams) == ("ignored", 1)
        assert "nobody who wrote agreed" in found.reason


async def test_who_asks_whether_it_is_a_bot_is_answered_and_the_host_does_not_hear_of_it(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    await agree(office, persona)
    room = Playground(office)
    await room.open()
    async with running(office):
        assert (await room.settled(await room.say("Sam, are you a bot?", LEO))).outcome == "answered"
        assert "stand-in" in (await room.answers())[0]
    assert fake.chat.streams == 0


async def test_a_kill_closes_the_request_at_the_host_and_nothing_leaves(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    await agree(office, persona)
    fake.chat.says, fake.chat.pause = (lambda messages: "word " * 400), 0.05
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia")
    async with running(office):
        message = await room.say(MIAS)
        await answering(fake)
        await room.say("pineapple", LEO)
        await hung_up_on(fake)
        assert (await room.settled(message)).outcome == "ignored"
        assert await room.answers() == []


async def test_a_base_that_answers_under_the_models_name_says_nothing_in_the_chat(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    await agree(office, persona)
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia")
    async with running(office) as service:
        assert (await room.settled(await room.say(MIAS))).outcome == "answered"
        fake.chat.answers_as[MODEL] = BASES[0]
        message = await room.say("Sam, and the okapi?")

        async def told() -> bool:
            (here,) = await office.attendance.present()
            return "bare base model answers" in here.model_trouble

        await until(told)
        assert await room.answers() == ["quokka smile"]
        found = await room.outcome(message)
        assert found is not None
        assert found.outcome != "answered"
        assert not service.engine.alive


async def test_a_yes_that_is_taken_back_while_it_runs_ends_it(
    office: Office, fake: FakeHost, persona: Persona
) -> None:
    await agree(office, persona)
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia")
    async with running(office) as service:
        assert (await room.settled(await room.say(MIAS))).outcome == "answered"
        await office.host_consents.take_back("olivia")
        asked = len(fake.requests)
        await room.say("Sam, and the okapi?")

        async def silent() -> bool:
            return not service.engine.alive

        await until(silent)
        assert "nobody agreed that chats are sent to" in service.engine.trouble
        assert len(fake.requests) == asked


@pytest.mark.parametrize(
    ("status", "why"),
    [(401, "refuses the key"), (404, "has no model"), (429, "left alone for 3600 s"), (500, "failed (500)")],
)
async def test_a_host_that_refuses_is_said_to_people_and_nothing_is_sent(
    office: Office, fake: FakeHost, persona: Persona, status: int, why: str
) -> None:
    await agree(office, persona)
    room = Playground(office)
    await room.open()
    await let_be_sent(office, room, "mia")
    async with running(office):
        fake.chat.refusal, fake.chat.retry_after = Fault("no", status=status), "3600" if status == 429 else ""
        await room.say(MIAS)

        async def told() -> bool:
            return any(why in here.model_trouble for here in await office.attendance.present())

        await until(told)
        assert await room.answers() == []


@pytest.mark.parametrize(
    ("hosted", "why"),
    [
        ({}, "UNDERSTUDY_HOSTED__API_KEY"),
        (
            {"api_key": KEY, "base_url": "https://api.openai.com/v1"},
            "hosted.base_url is https://api.openai.com",
        ),
    ],
)
async def test_the_key_of_one_host_is_not_sent_to_another(
    settings: Settings, persona: Persona, hosted: dict[str, str], why: str
) -> None:
    changed = settings.model_copy(update={"hosted": HostedSettings.model_validate(hosted)})
    with pytest.raises(SettingsInvalid, match=why):
        engine_of(changed, persona)


async def test_a_host_beyond_this_machine_is_reached_over_tls_alone(
    settings: Settings, persona: Persona
) -> None:
    hosted = Hosted(base_url="http://host.example/v1", model=MODEL)
    elsewhere = replace(persona, base=persona.base.model_copy(update={"hosted": hosted}))
    said = {"api_key": SecretStr(KEY)}
    with pytest.raises(SettingsInvalid, match="https://"):
        engine_of(settings.model_copy(update={"hosted": HostedSettings(**said)}), elsewhere)
    plain = HostedSettings(**said, plain_http=True)
    assert not engine_of(settings.model_copy(update={"hosted": plain}), elsewhere).alive
