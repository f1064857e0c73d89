"""The acknowledgement of a kill: at most once, only where the word was said, and only while that is news."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from bot.acknowledger import Acknowledger
from bot.app import Office, open_office, open_service
from bot.chat_words import ChatWords
from bot.errors import SettingsInvalid
from bot.journal_text import in_words
from bot.kill_ear import KillSettings, kill_id
from bot.messengers.base import Bubble, SendRefused, SendUncertain
from bot.settings import Settings
from chat.message import Author, Chat, ChatKey, Message
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import OWNER, running, until
from tests.bot.promises.memory_messenger import MEMORY, MemoryMessenger
from tests.bot.test_backlog import inbox_of
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer, ServedEngine

HERE, THERE = ChatKey(MEMORY, "here"), ChatKey(MEMORY, "there")
EVERYWHERE = KillScope.everywhere()
TEXT = "Sam's stand-in has left"


class Scene:
    """Two chats on a messenger, and who acknowledges there."""

    def __init__(self, office: Office, messenger: MemoryMessenger) -> None:
        self.office = office
        self.messenger = messenger

    def acknowledger(self) -> Acknowledger:
        office = self.office
        words = ChatWords(office.store, office.kill_words)
        return Acknowledger(office.store, office.clock, [self.messenger], words, office.settings.outbox, TEXT)

    async def open(self, mode: Mode) -> None:
        for chat in (HERE, THERE):
            await self.office.desk.chats.enable(Chat(chat, chat.chat_id), "olivia", ChatPolicy(mode=mode))

    async def kill(self, kill_id: str = "k1") -> None:
        await self.office.kill_switch.kill(EVERYWHERE, "mia", "kill word", kill_id)


@pytest.fixture(params=[True, False], ids=["keyed", "keyless"])
async def scene(office: Office, request: pytest.FixtureRequest) -> Scene:
    scene = Scene(office, MemoryMessenger(idempotent=request.param))
    await scene.open(Mode.AUTO)
    return scene


async def test_however_many_ask_it_is_said_once_and_only_there(scene: Scene) -> None:
    await scene.kill()
    await asyncio.gather(*(scene.acknowledger().acknowledge(HERE, "k1") for _ in range(8)))
    if not scene.messenger.idempotent:
        assert scene.messenger.calls == 1
    assert (scene.messenger.texts(HERE), scene.messenger.texts(THERE)) == ([TEXT], [])
    assert (await scene.office.desk.chats.transcript(HERE)) == ()


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.SHADOW])
async def test_in_a_chat_where_nothing_is_sent_nothing_is_acknowledged(scene: Scene, mode: Mode) -> None:
    await scene.office.desk.set_mode(OWNER, HERE, mode)
    await scene.kill()
    await scene.acknowledger().acknowledge(HERE, "k1")
    assert scene.messenger.calls == 0


async def test_what_was_never_heard_or_is_lifted_is_not_acknowledged(scene: Scene) -> None:
    await scene.acknowledger().acknowledge(HERE, "k1")
    await scene.kill()
    await scene.acknowledger().acknowledge(HERE, "other")
    await scene.office.kill_switch.resume(EVERYWHERE, "olivia")
    await scene.acknowledger().acknowledge(HERE, "k1")
    assert scene.messenger.calls == 0


@pytest.mark.parametrize("seconds", [61, -30])
async def test_a_kill_that_is_not_news_is_not_acknowledged(settings: Settings, seconds: float) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        scene = Scene(office, MemoryMessenger())
        await scene.open(Mode.MANUAL)
        await scene.kill()
        clock.jump_seconds += seconds
        await scene.acknowledger().acknowledge(HERE, "k1")
        assert scene.messenger.calls == 0


async def test_one_whose_fate_is_unknown_is_repeated_only_under_a_key(scene: Scene) -> None:
    await scene.kill()
    dies = asyncio.Event()

    async def die(_: object) -> None:
        dies.set()
        await asyncio.Event().wait()

    scene.messenger.before_send = die
    dying = asyncio.create_task(scene.acknowledger().acknowledge(HERE, "k1"))
    await dies.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    scene.messenger.before_send = None
    for _ in range(2):
        await scene.acknowledger().acknowledge(HERE, "k1")
    assert scene.messenger.texts(HERE) == ([TEXT] if scene.messenger.idempotent else [])
    kinds = [entry.kind for entry in await scene.office.desk.journal.newest()]
    assert ("acknowledgement.unknown" in kinds) is not scene.messenger.idempotent


@pytest.mark.parametrize("error", [SendRefused("no"), SendUncertain("perhaps"), RuntimeError("odd")])
async def test_a_messenger_that_fails_is_not_asked_again(scene: Scene, error: Exception) -> None:
    async def fail(_: object) -> None:
        raise error

    scene.messenger.before_send = fail
    await scene.kill()
    for _ in range(2):
        await scene.acknowledger().acknowledge(HERE, "k1")
    assert scene.messenger.calls == 1
    kinds = [entry.kind for entry in await scene.office.desk.journal.newest()]
    came_to = "refused" if isinstance(error, SendRefused) else "unknown"
    assert kinds.count(f"acknowledgement.{came_to}") == 1


@asynccontextmanager
async def _serving(office: Office, model: ModelServer, messenger: MemoryMessenger) -> AsyncIterator[None]:
    async with open_service(office, [messenger], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_kill_word_is_acknowledged_and_a_kill_without_a_word_is_not(
    settings: Settings, model: ModelServer
) -> None:
    settings = settings.model_copy(
        update={"kill": KillSettings(acknowledgement="{name}'s stand-in has left")}
    )
    messenger = MemoryMessenger()
    async with open_office(settings) as office, _serving(office, model, messenger):
        await Scene(office, messenger).open(Mode.AUTO)
        await office.desk.kill(OWNER, EVERYWHERE)
        await asyncio.sleep(0.2)
        assert messenger.said == []
        messenger.hear(HERE, "PINEAPPLE")

        async def said() -> bool:
            return bool(messenger.texts(HERE))

        await until(said)
        await asyncio.sleep(0.2)
        assert [(bubble.chat, bubble.text) for bubble in messenger.said] == [
            (HERE, "Sam's stand-in has left")
        ]


async def test_unless_it_is_set_nothing_is_said(office: Office, model: ModelServer) -> None:
    messenger = MemoryMessenger()
    async with _serving(office, model, messenger):
        await Scene(office, messenger).open(Mode.AUTO)
        messenger.hear(HERE, "pineapple")

        async def killed() -> bool:
            return bool(await office.kill_switch.kills())

        await until(killed)
        await asyncio.sleep(0.2)
        assert messenger.calls == 0


async def test_one_with_a_kill_word_in_it_is_refused(settings: Settings, model: ModelServer) -> None:
    settings = settings.model_copy(update={"kill": KillSettings(acknowledgement="no more pine-apple")})
    async with open_office(settings) as office:
        with pytest.raises(SettingsInvalid, match="acknowledgement contains a kill word"):
            async with running(office, ServedEngine(model.url)):
                pass


async def test_the_chats_own_word_is_not_said_either(scene: Scene) -> None:
    await scene.office.desk.set_kill_words(OWNER, HERE, ("stand-in",))
    await scene.kill()
    words = ChatWords(scene.office.store, scene.office.kill_words)
    await words.refresh()
    acknowledger = scene.acknowledger()
    acknowledger._words = words
    acknowledger.begin(HERE, "k1")
    await asyncio.sleep(0.2)
    assert scene.messenger.calls == 0


def test_a_kill_has_the_id_of_its_message_and_text() -> None:
    message = Message(HERE, "m1", Author("mia", "Mia"), "pineapple", datetime(2026, 1, 1, tzinfo=UTC))
    assert len({kill_id(message), kill_id(message)}) == 1


async def test_however_often_the_word_is_said_while_a_kill_stands_it_is_acknowledged_once(
    scene: Scene,
) -> None:
    """Else the stand-ins of two people, each with the other's word in its acknowledgement, never fall silent."""
    for said in ("k1", "k2", "k1"):
        await scene.kill(said)
        await scene.acknowledger().acknowledge(HERE, said)
    assert scene.messenger.texts(HERE) == [TEXT]
    await scene.office.kill_switch.resume(EVERYWHERE, "olivia")
    await scene.kill("k3")
    await scene.acknowledger().acknowledge(HERE, "k3")
    assert scene.messenger.texts(HERE) == [TEXT, TEXT], "a kill after a resume is news again"


async def test_the_model_does_not_take_it_for_its_own_words_however_it_is_heard_of(scene: Scene) -> None:
    inbox = inbox_of(scene.office)
    heard: list[str] = []

    async def echo(bubble: Bubble) -> None:
        author = Author("persona:sam", "Sam")
        message = Message(bubble.chat, "early", author, bubble.text, datetime.now(UTC), own=True)
        heard.append(await inbox.receive(message))

    scene.messenger.before_send = echo
    await scene.kill()
    await scene.acknowledger().acknowledge(HERE, "k1")
    assert heard == ["echo"]
    assert (await scene.office.desk.chats.transcript(HERE)) == ()
    assert (await scene.office.desk.chats.get(HERE)).owner_seen is None


async def test_of_a_chat_that_is_disabled_while_it_is_said_nothing_is_kept(scene: Scene) -> None:
    async def disable(bubble: Bubble) -> None:
        await scene.office.desk.disable(OWNER, bubble.chat)

    scene.messenger.before_send = disable
    await scene.kill()
    await scene.acknowledger().acknowledge(HERE, "k1")
    assert scene.messenger.texts(HERE) == [TEXT]
    store = scene.office.store
    prefix = store.partitions.prefix(store.partitions.of(HERE))
    for kind in ("transcript", "seen", "outcome"):
        assert not await store.ask("exists", f"{prefix}{kind}:{HERE}")


class Drowsy(JumpingClock):
    """The clock of a process that stands still for three seconds between any two looks at it."""

    def now_ms(self) -> int:
        self.jump_seconds += 3
        return super().now_ms()


async def test_who_stood_still_after_the_yes_says_nothing_any_more(office: Office) -> None:
    scene = Scene(office, MemoryMessenger())
    await scene.open(Mode.AUTO)
    await scene.kill()
    words = ChatWords(office.store, office.kill_words)
    drowsy = Acknowledger(office.store, Drowsy(), [scene.messenger], words, office.settings.outbox, TEXT)
    await drowsy.acknowledge(HERE, "k1")
    assert scene.messenger.calls == 0
    entries = await office.desk.journal.newest(50)
    assert "acknowledgement.refused" in [entry.kind for entry in entries]
    assert "the acknowledgement was refused" in map(in_words, entries)
