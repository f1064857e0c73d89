"""Messages that come late: missed, or said before the stand-in was in the chat."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.app import Office
from bot.inbox import Inbox, Received
from bot.kill_ear import KillSettings
from bot.kill_switch import RedisKillSwitch
from bot.owner import OwnerPresence
from bot.settings import Settings
from bot.turn_queue import TurnQueue
from chat.message import Author, ChatKey, Message
from safety.consent import How, Purpose
from safety.kill import KillReach, KillScope
from safety.mode import Mode
from safety.rules.owner_present import OwnerPresentSettings
from tests.bot.playground import LEO, MIA, OWNER, ROOM, Playground, let_in
from tests.fakes.clock import FakeClock

WITHIN = timedelta(minutes=10)
OLIVIA = Author("o", "Olivia")
EVERYWHERE = KillScope.everywhere()


class Late:
    """Gives messages as a connector does that was away for a while; `ago` is in seconds before now."""

    def __init__(self, office: Office, inbox: Inbox) -> None:
        self.office = office
        self.inbox = inbox

    def message(
        self,
        id_: int,
        text: str,
        ago: float,
        author: Author = MIA,
        *,
        own: bool = False,
        edited: bool = False,
    ) -> Message:
        at = datetime.fromtimestamp(self.office.clock.now_ms() / 1000, UTC) - timedelta(seconds=ago)
        return Message(ROOM, str(id_), author, text, at, own, edited=edited)

    async def say(
        self, id_: int, text: str, ago: float = 1.0, author: Author = MIA, *, own: bool = False
    ) -> Received:
        return await self.inbox.catch_up(self.message(id_, text, ago, author, own=own), WITHIN)

    async def transcript(self) -> list[str]:
        return [message.text for message in await self.office.desk.chats.transcript(ROOM)]

    async def outcome(self, id_: int) -> tuple[str, str]:
        found = (await self.office.desk.chats.outcomes(ROOM))[str(id_)]
        return found.outcome, found.reason

    async def kinds(self) -> list[str]:
        return [entry.kind for entry in await self.office.desk.journal.newest(100)]


def inbox_of(office: Office, kill: KillSettings | None = None, stay: float = 10.0) -> Inbox:
    presence = OwnerPresence(office.store, office.clock, OwnerPresentSettings(minutes=stay))
    return Inbox(
        *(office.store, office.clock, office.kill_switch, office.kill_words, office.settings.turns),
        *(office.faults, kill),
        owner=presence,
    )


@pytest.fixture
async def late(office: Office, room: Playground) -> Late:
    late = Late(office, inbox_of(office))
    await let_in(office, ROOM, 86_400)
    return late


async def test_what_was_missed_lately_is_answered_as_usual_and_what_is_older_is_context(late: Late) -> None:
    assert await late.say(1, "old", 601) is Received.CONTEXT
    assert await late.say(2, "young", 599) is Received.ACCEPTED
    assert await late.transcript() == ["old", "young"]
    assert await late.outcome(1) == ("ignored", "it was missed, and is older than 10 minutes")
    assert (await late.outcome(2))[0] == "waiting"
    assert (await late.kinds())[:2] == ["message.accepted", "message.context"]


async def test_nothing_is_answered_by_a_clock_that_is_behind(late: Late) -> None:
    assert await late.say(1, "from the future", -180) is Received.CONTEXT
    assert await late.say(2, "a little ahead", -60) is Received.ACCEPTED


async def test_what_was_said_before_the_stand_in_came_is_context_and_nothing_else(late: Late) -> None:
    await let_in(late.office, ROOM, 60)
    assert await late.say(1, "pineapple", 300) is Received.CONTEXT
    assert await late.say(2, "stop talking to me", 120) is Received.CONTEXT
    assert await late.say(3, "mine", 61, OLIVIA, own=True) is Received.OWN
    assert await late.transcript() == ["pineapple", "stop talking to me", "mine"]
    assert await late.office.kill_switch.kills() == ()
    assert (await late.office.consents.of(ROOM)).may_answer(MIA.id)
    assert (await late.office.desk.chats.get(ROOM)).owner_seen is None
    assert await late.outcome(1) == ("ignored", "it was said before the stand-in was in the chat")
    assert await late.say(4, "pineapple", 59) is Received.ACCEPTED
    assert await late.office.kill_switch.kills() != ()


async def test_nothing_late_is_kept_of_who_opted_out_nor_of_a_chat_that_is_off(
    late: Late, room: Playground
) -> None:
    await late.office.consents.withdraw(ROOM, LEO, Purpose.ANSWERED, How.OWNER, "olivia")
    assert await late.say(1, "hello", 5, LEO) is Received.OPTED_OUT
    await late.office.desk.chats.set_mode(ROOM, Mode.OFF, "olivia")
    assert await late.say(2, "hello") is Received.OFF
    await late.office.desk.chats.disable(ROOM, "olivia")
    assert await late.say(3, "pineapple") is Received.OFF
    assert await late.office.kill_switch.kills() == ()
    assert await late.transcript() == []


async def test_what_was_said_while_the_chat_was_off_is_not_missed(late: Late) -> None:
    await late.office.desk.chats.set_mode(ROOM, Mode.OFF, "olivia")
    heard = late.message(5, "among us", 5)
    assert await late.inbox.receive(heard) is Received.OFF
    await late.office.desk.chats.set_mode(ROOM, Mode.AUTO, "olivia")
    assert await late.inbox.catch_up(heard, WITHIN) is Received.DUPLICATE
    assert await late.transcript() == []


async def test_a_message_is_taken_once_and_in_its_place_however_often_it_is_fetched(late: Late) -> None:
    assert await late.inbox.receive(late.message(7, "seven", 9)) is Received.ACCEPTED
    for _ in range(2):
        assert await late.say(9, "nine") is (Received.ACCEPTED if _ == 0 else Received.DUPLICATE)
    assert await late.say(8, "behind the watermark") is Received.DUPLICATE
    assert await late.say(7, "seven", 9) is Received.DUPLICATE
    assert await late.inbox.receive(late.message(10, "ten", 1)) is Received.ACCEPTED
    assert await late.transcript() == ["seven", "nine", "ten"]


async def test_the_watermark_is_the_newest_by_number_and_moves_with_whatever_was_decided(late: Late) -> None:
    async def mark() -> str:
        standing = await late.inbox.standing(ROOM)
        assert standing is not None
        return standing.watermark

    assert await mark() == ""
    await late.inbox.receive(late.message(999999999999999999, "a", 9))
    await late.inbox.receive(late.message(1000000000000000001, "b", 8))
    await late.inbox.receive(late.message(1000000000000000000, "late for once", 8))
    assert await mark() == "1000000000000000001"
    assert await late.say(1000000000000000002, "stop talking to me", 2) is Received.OBEYED
    assert await mark() == "1000000000000000002"
    assert await late.say(1000000000000000003, "me again", 2) is Received.OPTED_OUT
    assert await mark() == "1000000000000000003"
    # An edit says nothing of what came before it.
    edited = late.message(1000000000000000009, "x", 1, LEO, edited=True)
    assert await late.inbox.receive(edited) is Received.EDITED
    assert await mark() == "1000000000000000003"
    await late.office.desk.chats.disable(ROOM, "olivia")
    assert await late.inbox.standing(ROOM) is None


@pytest.mark.parametrize(
    ("said", "resumed", "stands"), [(50, None, True), (50, 40, False), (30, 40, True), (86_000, None, True)]
)
async def test_a_missed_kill_word_counts_unless_somebody_resumed_since(
    late: Late, said: float, resumed: float | None, stands: bool
) -> None:
    if resumed is not None:
        await _lift(late.office, EVERYWHERE, resumed)
    await late.say(1, "pine apple", said)
    assert bool(await late.office.kill_switch.kills()) is stands
    assert ("kill_word.lifted" in await late.kinds()) is not stands
    assert await late.transcript() == ["pine apple"]


async def test_a_resume_of_something_else_or_by_a_clock_that_was_ahead_lifts_no_missed_kill(
    late: Late,
) -> None:
    await _lift(late.office, KillScope.chat(ROOM), 0)
    await _lift(late.office, EVERYWHERE, -3600)
    await late.inbox.hear_late(late.message(1, "pineapple", 30))
    assert [str(kill.scope) for kill in await late.office.kill_switch.kills()] == ["everywhere"]


async def test_a_missed_kill_that_was_heard_before_is_none(late: Late) -> None:
    word = late.message(1, "pineapple", 20)
    await late.inbox.receive(word)
    await late.office.desk.resume(OWNER, EVERYWHERE)
    await late.inbox.hear_late(word)
    assert await late.inbox.catch_up(word, WITHIN) is Received.DUPLICATE
    assert await late.office.kill_switch.kills() == ()


async def test_only_those_who_may_kill_also_late(office: Office, room: Playground) -> None:
    late = Late(office, inbox_of(office, KillSettings(KillReach.CHAT, people=("local/leo",))))
    await let_in(office, ROOM, 60)
    await late.say(1, "pineapple", 5)
    assert await office.kill_switch.kills() == ()
    await late.say(2, "pineapple", 5, LEO)
    assert [kill.scope for kill in await office.kill_switch.kills()] == [KillScope.chat(ROOM)]


async def test_a_missed_edit_takes_the_place_of_the_text_and_its_kill_word_counts(late: Late) -> None:
    await late.inbox.receive(late.message(1, "apple pie", 5))
    await late.say(2, "yes", 4)
    changed = replace(late.message(1, "pineapple pie", 5), edited=True)
    at = datetime.fromtimestamp(late.office.clock.now_ms() / 1000, UTC)
    await late.inbox.catch_up(changed, WITHIN, at)
    assert await late.transcript() == ["pineapple pie", "yes"]
    assert await late.office.kill_switch.kills() != ()


async def test_a_missed_no_counts_and_a_missed_way_back_only_if_nobody_said_no_since(late: Late) -> None:
    assert await late.say(1, "stop talking to me", 3600) is Received.OBEYED
    assert not (await late.office.consents.of(ROOM)).may_answer(MIA.id)
    # She said it before that no was written down.
    assert await late.say(2, "talk to me again", 1800) is Received.OPTED_OUT
    assert not (await late.office.consents.of(ROOM)).may_answer(MIA.id)
    await late.office.consents.grant(ROOM, MIA, Purpose.ANSWERED, How.OWNER, "olivia")
    assert await late.say(1, "stop talking to me", 3600) is Received.DUPLICATE
    assert (await late.office.consents.of(ROOM)).may_answer(MIA.id)


async def test_the_owner_who_was_missed_was_there_when_they_wrote(late: Late) -> None:
    async def seen() -> float | None:
        at = (await late.office.desk.chats.get(ROOM)).owner_seen
        now = late.office.clock.now_ms() / 1000
        return None if at is None else round(now - at.timestamp())

    assert await late.say(1, "yesterday", 3600, OLIVIA, own=True) is Received.OWN
    assert await seen() is None
    assert await late.say(2, "just now", 300, OLIVIA, own=True) is Received.OWN
    assert await seen() == 300
    await late.inbox.owner_types(ROOM)
    assert await late.say(3, "before I typed", 200, OLIVIA, own=True) is Received.OWN
    assert await seen() == 0
    assert await late.transcript() == ["yesterday", "just now", "before I typed"]


async def test_what_is_context_stands_before_the_answer_also_between_the_turns_messages(
    late: Late, settings: Settings
) -> None:
    await late.inbox.receive(late.message(1, "first", 700))
    await late.say(2, "too old", 650)
    await late.say(3, "second", 5)
    await asyncio.sleep(0.3)
    claim = await TurnQueue(late.office.store, late.office.clock, 1.0, 20, 60).claim("w")
    assert claim is not None
    assert [message.text for message in claim.turn.messages] == ["first", "second"]
    assert [message.text for message in claim.turn.history] == ["too old"]


async def test_the_chats_of_a_messenger_are_those_that_an_owner_enabled(late: Late) -> None:
    assert await late.inbox.chats("local") == (ROOM,)
    assert await late.inbox.chats("discord") == ()
    assert await late.inbox.standing(ChatKey("local", "elsewhere")) is None


async def _lift(office: Office, scope: KillScope, ago: float) -> None:
    """Have somebody kill, and resume, so many seconds before now."""
    switch = RedisKillSwitch(office.store, FakeClock(office.clock.now_ms() - int(ago * 1000)))
    await switch.kill(scope, "olivia", "test")
    await switch.resume(scope, "olivia")
