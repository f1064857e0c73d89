"""What keeps the bot from Discord, or from a channel, is one line, and all else goes on meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.app import Office, open_service
from bot.troubles import troubles_of
from chat.message import Chat
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.messengers.discord.server import Place
from tests.bot.playground import Playground, until
from tests.fakes.discord.permissions import Intent, Permission
from tests.fakes.model_server import ModelServer, ServedEngine


def nothing(place: Place) -> None:
    """All is well."""


def unknown_token(place: Place) -> None:
    place.fake.bots.clear()


def revoked_token(place: Place) -> None:
    place.fake.bots.clear()
    place.fake.close_gateway(4004)


def no_intent(place: Place) -> None:
    place.bot.allowed = Intent(0)


def no_permission(place: Place) -> None:
    place.fake.deny(place.channel, place.bot.user, Permission.SEND_MESSAGES)


def unreachable(place: Place) -> None:
    place.fake.play("GET", "/users/@me", then="drop", times=99)


Happens = Callable[[Place], None]
TROUBLES: list[tuple[Happens, Happens, str]] = [
    (unknown_token, nothing, "Discord does not know this token"),
    (nothing, revoked_token, "Discord does not know this token"),
    (no_intent, nothing, "the message content intent is off"),
    (unreachable, nothing, "Discord cannot be reached"),
    (nothing, no_permission, "the bot's role lacks Send Messages there"),
]


@asynccontextmanager
async def serving(office: Office, model: ModelServer, place: Place) -> AsyncIterator[None]:
    with_discord = dataclasses.replace(
        office, settings=office.settings.model_copy(update={"discord": place.settings()})
    )
    async with open_service(
        with_discord, engine=ServedEngine(model.url), wires=place.fake.connector
    ) as service:
        task = asyncio.create_task(service.run())
        try:
            yield
        finally:
            assert not task.done(), task
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("before", "then", "words"), TROUBLES, ids=lambda value: getattr(value, "__name__", "")
)
async def test_it_is_one_line_and_the_rest_keeps_running(
    office: Office,
    room: Playground,
    model: ModelServer,
    place: Place,
    before: Happens,
    then: Happens,
    words: str,
) -> None:
    policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(place.key, "general"), "olivia", policy)

    async def said() -> dict[str, str]:
        return troubles_of(await office.attendance.present())

    before(place)
    async with serving(office, model, place):
        if before is nothing:
            # On Discord, and well.
            async def well() -> bool:
                return bool(place.fake.open_connections) and not await said()

            await until(well)
        then(place)

        async def seen() -> bool:
            return words in "".join((await said()).values())

        await until(seen)
        (line,) = (await said()).values()
        assert place.bot.token not in line
        assert "\n" not in line
        answered = await room.say("Sam?")
        assert (await room.settled(answered)).outcome == "answered"
