"""The demo's own room as a stage: what its people do there is done by the desk, and what they see is what was sent."""

from __future__ import annotations

import pytest

from bot.app import Office
from bot.demo.script import LEO, MIA
from bot.demo.stage import LocalStage
from bot.drafts import Draft
from bot.errors import NotAllowed
from bot.people import Role
from safety.mode import Mode
from tests.bot.playground import Playground, running, until
from tests.fakes.model_server import ModelServer, ServedEngine


async def test_its_people_say_decide_and_see(office: Office, room: Playground, model: ModelServer) -> None:
    stage, desk = LocalStage(office), office.desk
    assert stage.chat == room.key
    async with running(office, ServedEngine(model.url)):
        await stage.set_mode(Mode.MANUAL)
        assert (await desk.chats.get(stage.chat)).policy.mode is Mode.MANUAL

        async def outcome(id_: str, wanted: str) -> None:
            async def settled() -> bool:
                found = (await desk.chats.outcomes(stage.chat)).get(id_)
                return found is not None and found.outcome == wanted

            await until(settled)

        async def held(id_: str) -> Draft:
            await outcome(id_, "held")
            (draft,) = await desk.drafts.waiting()
            return draft

        first = await stage.say(MIA, "Sam?")
        await stage.reject(await held(first), "dull")
        await outcome(first, "rejected")
        second = await stage.say(LEO, "Sam, and now?")
        await stage.approve(await held(second), "yes\nsure")
        await outcome(second, "answered")
        assert await stage.answers() == ["yes", "sure"]
        own = [message for message in await office.rooms.said(stage.chat) if message.own]
        assert await stage.text_of(own[-1].id) == "sure"

        killed = await stage.say(LEO, "pineapple")
        await outcome(killed, "ignored")
        with pytest.raises(NotAllowed):
            await stage.resume(Role.MODERATOR)
        assert await office.kill_switch.kills()
        await stage.resume(Role.OWNER)
        assert not await office.kill_switch.kills()
