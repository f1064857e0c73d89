"""What keeps a messenger or a chat from working is seen wherever a person looks, and gone when it is mended."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from bot.app import Office, open_service
from bot.presence import Presence
from bot.troubles import Troubles, troubles_of
from chat.message import Chat, ChatKey
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.fakes.model_server import ModelServer, ServedEngine

CHAT = ChatKey(MEMORY, "garden")
HIDDEN = "the account may not see it"
AWAY = "the account was closed"


async def test_a_running_service_says_it_and_takes_it_back(office: Office, model: ModelServer) -> None:
    messenger = MemoryMessenger()
    await office.desk.chats.enable(
        Chat(CHAT, "Garden"), "olivia", ChatPolicy(mode=Mode.AUTO, probability=1.0)
    )
    other = ChatKey(MEMORY, "not enabled")
    messenger.lacks = {CHAT: HIDDEN, other: HIDDEN}
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())

        async def said(troubles: dict[str, str]) -> None:
            async def seen() -> bool:
                present = await office.attendance.present()
                return bool(present) and troubles_of(present) == troubles

            await until(seen)

        await said({str(CHAT): HIDDEN})
        messenger.lacks, messenger.away = {}, {MEMORY: AWAY}
        await said({MEMORY: AWAY})
        messenger.away = {}
        await said({})
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_log_says_what_is_new_and_what_is_mended_once() -> None:
    messenger = MemoryMessenger()

    async def chats(_: str) -> tuple[ChatKey, ...]:
        return (CHAT,)

    troubles = Troubles([messenger], chats)
    with capture_logs() as logs:
        messenger.lacks = {CHAT: HIDDEN}
        await troubles.look()
        await troubles.look()
        messenger.lacks = {CHAT: AWAY}
        await troubles.look()
        messenger.lacks = {}
        await troubles.look()
        await troubles.look()
    assert [(one["event"], one.get("reason")) for one in logs] == [
        ("messenger.trouble", HIDDEN),
        ("messenger.trouble", AWAY),
        ("messenger.mended", None),
    ]


def test_what_several_services_say_is_one_list() -> None:
    def present(**troubles: str) -> Presence:
        return Presence("a", 1, 1, "sam", "f", True, 0, "", troubles)

    assert troubles_of([present(x="1"), present(), present(y="2")]) == {"x": "1", "y": "2"}


async def test_chats_of_a_messenger_without_an_account_are_said_to_be_deaf_until_they_are_disabled(
    office: Office, model: ModelServer
) -> None:
    chat = ChatKey("discord", "7")
    await office.desk.chats.enable(Chat(chat, "general"), "olivia")
    async with open_service(office, [MemoryMessenger()], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())

        async def said() -> dict[str, str]:
            return troubles_of(await office.attendance.present())

        async def deaf() -> bool:
            return "discord.token is not set" in (await said()).get("discord", "")

        async def fine() -> bool:
            return bool(await office.attendance.present()) and await said() == {}

        await until(deaf)
        await office.desk.chats.disable(chat, "olivia")
        await until(fine)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_has_the_account_has_no_line_of_it() -> None:
    async def chats(_: str) -> tuple[ChatKey, ...]:
        return (CHAT,)

    missing = {MEMORY: "no token", "other": "none either"}
    assert (await Troubles([MemoryMessenger()], chats, missing).look()).deaf == {"other": "none either"}


def test_what_one_service_is_deaf_to_is_no_trouble_while_another_hears_it() -> None:
    deaf = Presence("a", 1, 1, "sam", "f", True, 0, deaf={MEMORY: "no token"})
    hears = Presence("b", 1, 1, "sam", "f", True, 0)
    assert troubles_of([deaf, deaf]) == {MEMORY: "no token"}
    assert troubles_of([deaf, hears]) == {}
