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
