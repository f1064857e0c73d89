"""Whom a bubble speaks to: a reply where somebody else has written since, and the people of the conversation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.app import open_office
from bot.inbox import Inbox
from bot.messengers.base import Bubble
from bot.outbox import Outbox, OutboxSettings, Outgoing
from bot.settings import Settings
from bot.turn_queue import DraftPlan, TurnQueue
from chat.message import Author, Chat, ChatKey, Message
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.playground import LEO, MIA
from tests.fakes.clock import FakeClock

CHAT = ChatKey("keyed", "a")
ROBO = Author("robo", "Robo", is_bot=True)


class Scene:
    """A chat in which people write, and the answer on its way."""

    def __init__(self, inbox: Inbox, outbox: Outbox, queue: TurnQueue, clock: FakeClock) -> None:
        self._inbox = inbox
        self.outbox = outbox
        self._queue = queue
        self._clock = clock
        self._written = 0

    async def say(self, author: Author, text: str = "hi", *, own: bool = False) -> str:
        self._written += 1
        id_ = f"m{self._written:02}"
        at = datetime(2026, 1, 1, 0, 0, self._written, tzinfo=UTC)
        await self._inbox.receive(Message(CHAT, id_, author, text, at, own))
        return id_

    async def answer(self, *bubbles: str, to: str = "") -> Outgoing:
        """The answer to what was said, on its way; `to` is the message that it is an answer to."""
        self._clock.now += 10_000
        claim = await self._queue.claim("w")
        assert claim is not None
        fields = {"refers_to": to} if to else {}
        plan = DraftPlan(claim.turn.id, bubbles, False, self._clock.now + 10**9, fields)
        assert await self._queue.settle(claim, "draft", "because", {}, plan) == "draft"
        return await self.next()

    async def next(self) -> Outgoing:
        self._clock.now += 60_000
        outgoing = await self.outbox.claim("keyed")
        assert outgoing is not None
        return outgoing

    async def addressed(self, outgoing: Outgoing) -> Bubble:
        return await self.outbox.addressed(outgoing)


@pytest.fixture
async def scene(settings: Settings):  # type: ignore[no-untyped-def]  # noqa: ANN201
    clock = FakeClock()
    async with open_office(settings, clock) as office:
        policy = ChatPolicy(mode=Mode.AUTO, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
        await office.desk.chats.enable(Chat(CHAT, "A"), "olivia", policy)
        store, turns = office.store, replace(settings.turns)
        inbox = Inbox(*(store, clock, office.kill_switch, office.kill_words, turns, office.faults))
        yield Scene(
            inbox, Outbox(store, clock, OutboxSettings()), TurnQueue(store, clock, 10.0, 20, 60), clock
        )


async def test_the_answer_to_what_was_said_last_needs_no_reference(scene: Scene) -> None:
    await scene.say(LEO)
    last = await scene.say(MIA)
    outgoing = await scene.answer("sure", to=last)
    assert (await scene.addressed(outgoing)).reply_to is None


async def test_who_writes_while_the_answer_is_typed_makes_it_one_of_several(scene: Scene) -> None:
    asked = await scene.say(MIA)
    outgoing = await scene.answer("sure", "see you", to=asked)
    await scene.say(LEO)
    assert (await scene.addressed(outgoing)).reply_to == asked
    # The second bubble stands below the first.
    await scene.outbox.sent(outgoing, Message(CHAT, "r1", MIA, "sure", datetime(2026, 1, 1, tzinfo=UTC)))
    assert (await scene.addressed(await scene.next())).reply_to is None


async def test_an_answer_to_one_of_several_of_a_turn_refers_to_it(scene: Scene) -> None:
    asked = await scene.say(MIA, "Sam, are you coming?")
    await scene.say(LEO)
    assert (await scene.addressed(await scene.answer("sure", to=asked))).reply_to == asked


async def test_what_the_same_person_or_the_owner_wrote_since_needs_none(scene: Scene) -> None:
    asked = await scene.say(MIA)
    await scene.say(MIA, "on Friday, I mean")
    outgoing = await scene.answer("sure", to=asked)
    await scene.say(MIA, "?")
    await scene.say(Author("olivia", "Olivia"), "sure, as I said", own=True)
    assert (await scene.addressed(outgoing)).reply_to is None


async def test_what_is_no_answer_refers_to_nothing(scene: Scene) -> None:
    await scene.say(MIA)
    outgoing = await scene.answer("sure")
    await scene.say(LEO)
    assert (await scene.addressed(outgoing)).reply_to is None


async def test_people_are_those_who_have_written_by_names_that_are_theirs_alone(scene: Scene) -> None:
    await scene.say(LEO)
    await scene.say(Author("mia2", "Mia"))
    await scene.say(ROBO)
    await scene.say(Author("nora", "Nora"))
    outgoing = await scene.answer("ask @Leo, @Robo, @Zoe or @Mia, and not Nora", to=await scene.say(MIA))
    assert (await scene.addressed(outgoing)).people == {"Leo": "leo"}
    # Another try names the same, whoever has written since.
    await scene.say(Author("zoe", "Zoe"))
    assert (await scene.addressed(outgoing)).people == {"Leo": "leo"}


async def test_nobody_is_looked_up_for_a_text_that_names_nobody(scene: Scene) -> None:
    await scene.say(LEO)
    outgoing = await scene.answer("sure", to=await scene.say(MIA))
    assert (await scene.addressed(outgoing)).people == {}
