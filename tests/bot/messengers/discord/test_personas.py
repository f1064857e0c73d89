"""Two personas in one channel: each its own account, service and state, on one Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import SecretStr

from bot.app import Office, open_office, open_service
from bot.messengers.discord.connector import DiscordConnector
from bot.messengers.discord.settings import DiscordSettings
from bot.settings import Settings
from chat.message import Chat
from inference.persona import TypingProfile
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from safety.rules.echo import EchoSettings
from tests.bot.messengers.discord.server import Place
from tests.bot.playground import MODERATOR, until
from tests.fakes.discord.client import soon
from tests.fakes.discord.server import Bot
from tests.fakes.discord.world import Member, Posted
from tests.fakes.model_server import ModelServer, ServedEngine
from tests.fakes.persona import write_persona

QUICK = TypingProfile(characters_per_second=1e6, reading_seconds=0, pause_seconds=0, longest_seconds=1e-3)
TURNS = 3
WORDS = (
    "lakes",
    "rivers",
    "hills",
    "woods",
    "fields",
    "bridges",
    "boats",
    "clouds",
    "wind",
    "snow",
    "moss",
    "birds",
)


@dataclass(frozen=True)
class Persona:
    """One of them: its account on Discord, and what steers it."""

    bot: Bot
    office: Office
    place: Place

    def said(self) -> list[str]:
        return [posted.content for posted in self.place.fake.posted(self.place.channel, self.bot.user)]

    async def has_decided(self, posted: Posted) -> bool:
        outcome = (await self.office.desk.chats.outcomes(self.place.key)).get(str(posted.id))
        return outcome is not None and outcome.outcome not in {"waiting", "approved", "held"}

    async def is_killed(self) -> bool:
        return bool(await self.office.kill_switch.kills())


@asynccontextmanager
async def persona(
    settings: Settings,
    bot: Bot,
    partner: Bot,
    place: Place,
    model: ModelServer,
    policy: ChatPolicy,
    turns: int,
) -> AsyncIterator[Persona]:
    """A whole service in a state folder of its own; with `turns` 0 it has no partner."""
    folder: Path = settings.state_dir / bot.user.name
    echo = EchoSettings((f"discord/{partner.user.id}",), turns) if turns else EchoSettings()
    # Whether an answer is drawn is another rule's, and chance.
    rules = settings.rules.model_copy(update={"echo": echo, "off": ("probability",)})
    mine = settings.model_copy(
        update={
            "state_dir": folder,
            "persona": write_persona(folder / "persona", QUICK),
            "rules": rules,
        }
    )
    connector = DiscordConnector(
        DiscordSettings(token=SecretStr(bot.token)), bot.user.name, wires=place.fake.connector
    )
    async with open_office(mine) as office:
        await office.desk.chats.enable(Chat(place.key, "general"), "olivia", policy)
        async with open_service(office, [connector], ServedEngine(model.url)) as service:
            task = asyncio.create_task(service.run())
            try:
                await soon(lambda: connector.hears)
                yield Persona(bot, office, place)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def both(
    settings: Settings,
    place: Place,
    model: ModelServer,
    turns: int = TURNS,
    mode: Mode = Mode.AUTO,
    disclosure: Disclosure = Disclosure.REVEALED,
) -> AsyncIterator[tuple[Persona, Persona]]:
    chance = Random(7)
    # Never the same again: what repeats itself is another rule's.
    model.say = lambda _: " and ".join(chance.sample(WORDS, 3))
    kim = place.fake.bot("kim")
    place.guild.members[kim.user.id] = Member(kim.user)
    policy = ChatPolicy(mode=mode, probability=1.0, disclosure=frozenset({disclosure}))
    async with (
        persona(settings, place.bot, kim, place, model, policy, turns) as one,
        persona(settings, kim, place.bot, place, model, policy, turns) as other,
    ):
        yield one, other


async def quiet(place: Place, *personas: Persona) -> None:
    """Wait until both have decided on all that stands in the channel, and nothing new came meanwhile."""

    async def decided() -> bool:
        before = len(place.fake.posted(place.channel))
        for posted in place.fake.posted(place.channel):
            for one in personas:
                if posted.author is not one.bot.user and not await one.has_decided(posted):
                    return False
        return len(place.fake.posted(place.channel)) == before

    await until(decided, 60)


async def test_two_personas_talk_for_so_many_turns_and_a_person_starts_them_anew(
    settings: Settings, place: Place, model: ModelServer
) -> None:
    async with both(settings, place, model) as (one, other):
        before = 0, 0
        for greeting in ("hello everybody", "still awake?"):
            place.fake.say(place.channel, place.mia, greeting)
            await quiet(place, one, other)
            after = len(one.said()), len(other.said())
            # Each answers Mia once, and then a few times the other.
            assert sum(after) - sum(before) > 2
            assert all(1 <= late - early <= 1 + TURNS for late, early in zip(after, before, strict=True))
            before = after


async def test_without_the_setting_bots_among_themselves_are_not_answered(
    settings: Settings, place: Place, model: ModelServer
) -> None:
    async with both(settings, place, model, turns=0) as (one, other):
        place.fake.say(place.channel, place.mia, "hello everybody")
        await soon(lambda: one.said() and other.said(), 60)
        await quiet(place, one, other)
        assert (len(one.said()), len(other.said())) == (1, 1)


async def test_a_kill_word_by_anybody_stops_both(
    settings: Settings, place: Place, model: ModelServer
) -> None:
    async with both(settings, place, model, turns=50) as (one, other):
        place.fake.say(place.channel, place.mia, "hello everybody")
        await soon(lambda: len(one.said()) > 2 and len(other.said()) > 2, 60)
        place.fake.say(place.channel, place.mia, "pineapple")
        await until(one.is_killed)
        await until(other.is_killed)
        # One bubble of each may have been in Discord's hands.
        said = [*one.said(), *other.said()]
        marker = place.fake.say(place.channel, place.mia, "still there?")

        async def heard() -> bool:
            return await one.has_decided(marker) and await other.has_decided(marker)

        await until(heard, 60)
        assert len([*one.said(), *other.said()]) <= len(said) + 2
        before = [*one.said(), *other.said()]
        again = place.fake.say(place.channel, place.mia, "hello?")

        async def heard_again() -> bool:
            return await one.has_decided(again) and await other.has_decided(again)

        await until(heard_again, 60)
        assert [*one.said(), *other.said()] == before


async def test_in_manual_mode_each_of_their_turns_waits_for_its_own_moderator(
    settings: Settings, place: Place, model: ModelServer
) -> None:
    async with both(settings, place, model, mode=Mode.MANUAL) as (one, other):
        place.fake.say(place.channel, place.mia, "hello everybody")
        await until(one.office.desk.drafts.waiting)
        await until(other.office.desk.drafts.waiting)
        assert one.said() == other.said() == []
        (draft,) = await one.office.desk.drafts.waiting()
        await one.office.desk.approve(MODERATOR, draft.id)
        await soon(one.said)

        async def answered() -> bool:
            return len(await other.office.desk.drafts.waiting()) == 2

        await until(answered)
        assert other.said() == []


async def test_each_says_what_it_is(settings: Settings, place: Place, model: ModelServer) -> None:
    async with both(settings, place, model, disclosure=Disclosure.ANNOUNCED) as (one, other):
        place.fake.say(place.channel, place.mia, "hello everybody")
        await soon(lambda: len(one.said()) > 1 and len(other.said()) > 1, 60)
        await quiet(place, one, other)
        for persona in (one, other):
            assert "Sam" in persona.said()[0]
            # The announcement, an answer to Mia, and the turns with each other.
            assert len(persona.said()) <= 2 + TURNS
