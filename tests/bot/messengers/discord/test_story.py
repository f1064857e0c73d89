"""The demo's whole story on Discord: its own script, the whole service, Sam on the real llama.cpp, a real Redis.

Friends write in a channel; the owner steers by slash commands, a moderator decides by the buttons of cards. Nothing of
the service knows that the Discord is a fake: the composition root gets what its connections run over.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from bot.app import Office, Service, open_office, open_service
from bot.demo.headless import HeadlessDemo
from bot.demo.script import FRIENDS
from bot.demo.settings import demo_settings
from bot.drafts import Draft
from bot.errors import NotAllowed
from bot.people import Role
from bot.settings import SAMPLE_PERSONA, ModelSettings, Settings
from chat.message import Author, ChatKey
from safety.mode import Mode
from tests.bot.messengers.discord.server import Place
from tests.bot.messengers.discord.steered import answer_to
from tests.fakes.discord.client import soon
from tests.fakes.discord.components import buttons, press, submit
from tests.fakes.discord.interactions import Interaction
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Posted, User

STEPS = {
    "some talk": r"turn \w+ (ignored|draft|answered)",
    "auto": r"draft \w+ sent by auto: the answer was sent",
    "a promise": r"draft \w+ (rejected|sent) by ",
    "manual": r"mode = manual, by olivia(.|\n)*draft \w+ held by rules(.|\n)*draft \w+ approved by max",
    "edited": r"draft \w+ approved by max[^\n]*: approved with an edit(.|\n)*bubble [\w.]+ passed the fence",
    "the kill word": r"KILL everywhere by Leo in discord/\d+: kill word",
    "silence": r"turn \w+ ignored: a kill is in force \(everywhere\) \(rule kill\)",
    "resume": r"resume everywhere by olivia(.|\n)*bubble [\w.]+ sent, receipt \d+",
    "done": "",
}
"""Each step, and what the journal says in it."""


MAX = Author("max", "Max")


class DiscordStage:
    """The channel, the friends' accounts there, a moderator's and the owner's."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._people = {author: self._joined(author) for author in (*FRIENDS, MAX)}
        self.review = place.fake.text(place.guild, "drafts")
        self.review.overwrites[place.guild.id] = (Permission(0), Permission.VIEW_CHANNEL)
        for user in (place.bot.user, self.moderator):
            self.review.overwrites[user.id] = (
                Permission.VIEW_CHANNEL | Permission.EMBED_LINKS,
                Permission(0),
            )

    @property
    def chat(self) -> ChatKey:
        return self._place.key

    @property
    def moderator(self) -> User:
        return self._people[MAX]

    async def say(self, author: Author, text: str) -> str:
        return str(self._place.fake.say(self._place.channel, self._people[author], text).id)

    async def answers(self) -> list[str]:
        return self._place.said()

    async def text_of(self, id_: str) -> str:
        return self._place.channel.messages[int(id_)].content

    async def told(self, user: User, verb: str, **options: str) -> str:
        """Have somebody use a command; gives what they are told."""
        place = self._place
        return await answer_to(
            place.fake.command(place.bot, place.channel, user, f"understudy {verb}", **options)
        )

    async def set_mode(self, mode: Mode) -> None:
        assert f"**{mode}**" in await self.told(self._place.olivia, "mode", mode=mode.value)

    async def approve(self, draft: Draft, text: str | None = None) -> None:
        card = await self._card(draft)
        if text is None:
            self._press(card, "Approve")
        else:
            await self._send_in(self._press(card, "Edit"), text=text)
        await soon(lambda: not card.components)

    async def reject(self, draft: Draft, reason: str) -> None:
        card = await self._card(draft)
        await self._send_in(self._press(card, "Reject"), words=reason)
        await soon(lambda: not card.components)

    async def _card(self, draft: Draft) -> Posted:
        """The draft's card, once its buttons can be pressed."""

        def cards() -> list[Posted]:
            posted = self._place.fake.posted(self.review, self._place.bot.user)
            return [one for one in posted if draft.id in str(one.components) and buttons(one)["Approve"]]

        await soon(cards)
        (card,) = cards()
        return card

    def _press(self, card: Posted, label: str) -> Interaction:
        return press(self._place.fake, self._place.bot, card, self.moderator, label)

    async def _send_in(self, pressed: Interaction, **values: str) -> None:
        await soon(lambda: pressed.modal)
        submit(self._place.fake, pressed, values)

    async def resume(self, role: Role) -> None:
        said = await self.told(
            self._place.olivia if role is Role.OWNER else self.moderator, "resume", reach="everywhere"
        )
        if "Resumed" not in said:
            raise NotAllowed(said)

    def _joined(self, author: Author) -> User:
        user = self._place.fake.person(author.id, author.name)
        self._place.role("friends", user)
        return user


@asynccontextmanager
async def on_discord(
    place: Place, stage: DiscordStage, folder: Path
) -> AsyncIterator[tuple[Office, Service]]:
    """The whole service as `understudy run` has it, but for where its connections lead; ends if the service does."""
    settings = demo_settings(Settings(persona=SAMPLE_PERSONA, model=ModelSettings(threads=1)), folder)
    discord = place.settings(moderators=(str(stage.moderator.id),), review_channel=str(stage.review.id))
    async with (
        open_office(settings.model_copy(update={"discord": discord})) as office,
        open_service(office, wires=place.fake.connector) as service,
        asyncio.TaskGroup() as group,
    ):
        running = group.create_task(service.run())
        await soon(lambda: place.fake.open_connections and place.bot.commands.get(None))
        yield office, service
        running.cancel()


@pytest.mark.timeout(400)
async def test_the_demos_story_is_played_on_discord_step_by_step(place: Place, state_dir: Path) -> None:
    stage, seen = DiscordStage(place), io.StringIO()
    async with on_discord(place, stage, state_dir) as (office, service):
        assert "is in general in Friends now" in await stage.told(place.olivia, "enable")
        await stage.set_mode(Mode.AUTO)
        console = Console(file=seen, width=400, highlight=False, soft_wrap=True)
        await HeadlessDemo(office, service, console, stage).play()
    titles, parts = _steps(seen.getvalue())
    assert [title.partition(":")[0].partition(",")[0] for title in titles] == list(STEPS)
    for (step, journal), part in zip(STEPS.items(), parts, strict=True):
        lines = "\n".join(line for line in part.splitlines() if line.startswith("    journal "))
        assert re.search(journal, lines), (step, part)
    # Each message has an outcome; each bubble stands there once, and pinged nobody.
    outcomes = await _outcomes(place, stage, state_dir)
    theirs = [one for one in place.channel.messages.values() if one.author is not place.bot.user]
    assert {str(one.id) for one in theirs} <= outcomes
    sent = re.findall(r"bubble ([\w.]+) sent, receipt (\d+)", seen.getvalue())
    own = place.fake.posted(place.channel, place.bot.user)
    assert [int(receipt) for _, receipt in sent] == [posted.id for posted in own]
    assert not any(posted.pings for posted in own)


def _steps(text: str) -> tuple[list[str], list[str]]:
    """The steps' titles, which alone are not indented, and what was printed below each."""
    found = re.split(r"^(?=\S)", text, flags=re.MULTILINE)[1:]
    return [part.splitlines()[0] for part in found][:-1], found[:-1]


async def _outcomes(place: Place, stage: DiscordStage, folder: Path) -> set[str]:
    async with open_office(demo_settings(Settings(persona=SAMPLE_PERSONA), folder)) as office:
        found = await office.desk.chats.outcomes(stage.chat)
    return {id_ for id_, outcome in found.items() if outcome.outcome != "waiting"}
