"""Promises 1, 6 and 8 where something is deleted: it leaves the context, nothing answers it, no text of it is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from bot.app import Office, Service, open_office
from bot.errors import StoreAway
from bot.inbox import Inbox, Received
from bot.outbox import Fence, Outbox, Outgoing
from bot.rewrites import NewText, Rewrites
from bot.settings import Settings
from bot.turn_queue import Claim, DraftPlan, TurnQueue
from chat.message import Author, Message
from safety.consent import How, Purpose
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant
from tests.bot.playground import LEO, MIA, MODERATOR, OWNER, Playground, until
from tests.bot.promises.test_consent import SECRET, everything
from tests.fakes.clock import JumpingClock
from tests.fakes.model_server import ModelServer

SAM = Author("persona:sam", "Sam")
LONG = "\n".join(f"bubble {letter} of a long answer" for letter in "abcdefgh")


async def _drafts(office: Office) -> list[tuple[str, str]]:
    return [(draft.state, draft.reason) for draft in await office.desk.drafts.newest()]


async def _has(office: Office, state: str) -> bool:
    return any(found == state for found, _ in await _drafts(office))


# The whole way, in a room of the local messenger.


async def test_a_deleted_message_is_forgotten_everywhere(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: "what a nice bassoon"
    asked = await room.say(f"Sam, {SECRET}")
    assert (await room.settled(asked)).outcome == "answered"
    assert "xylophone" in await everything(office)
    await office.rooms.delete(room.key, asked.id)

    async def forgotten() -> bool:
        return "xylophone" not in await everything(office)

    await until(forgotten)
    (decided,) = [one for one in await office.desk.journal.newest() if one.kind == "turn.decided"]
    assert decided.facts["said"] == [{"id": asked.id, "author": "Mia", "text": "", "deleted": True}]
    assert decided.facts["answers"], "how it was decided stays on record"
    assert (await room.settled(asked)).outcome == "answered"
    assert "message.deleted" in await room.kinds()
    after = await room.say("Sam, and now?")
    await room.settled(after)
    assert "xylophone" not in str(model.prompts[-1])


async def test_an_edits_dataset_has_nothing_of_what_was_deleted(room: Playground, office: Office) -> None:
    await office.consents.grant(room.key, MIA, Purpose.TRAINED, How.OWNER, "olivia")
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    asked = await room.say(f"Sam, {SECRET}")
    await office.desk.approve(MODERATOR, await plant(office, asked, "sure"), "no")
    (edit,) = await office.desk.edits(OWNER)
    assert edit.said == (f"Mia: Sam, {SECRET}",)
    await inbox_of(office).deleted(room.key, [asked.id])
    assert all(not edit.said for edit in await office.desk.edits(OWNER))
    assert "xylophone" not in await everything(office)


async def test_what_is_being_written_to_a_deleted_message_is_given_up(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.pause, model.say = 0.4, lambda _: "one two three four five six seven eight nine"
    asked = await room.say("Sam?")

    async def writing() -> bool:
        return model.running > 0

    await until(writing)
    await office.rooms.delete(room.key, asked.id)
    found = await room.settled(asked, 5)
    assert (found.outcome, found.reason) == ("deleted", "it was deleted")

    async def cancelled() -> bool:
        return model.cancelled == 1

    await until(cancelled)
    assert await room.answers() == []
    assert await office.desk.drafts.newest() == ()


async def test_what_is_written_with_a_deleted_message_before_it_is_written_again(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await office.desk.set_probability(OWNER, room.key, 0.0)
    before = await room.say(SECRET, LEO)
    assert (await room.settled(before)).outcome == "ignored"
    model.pause, model.say = 0.4, lambda _: "one two three four five six seven eight nine"
    asked = await room.say("Sam?")

    async def writing() -> bool:
        return model.running > 0

    await until(writing)
    assert "xylophone" in str(model.prompts[-1])
    await office.rooms.delete(room.key, before.id)
    model.pause = 0.0
    assert (await room.settled(asked, 10)).outcome == "answered"
    assert "xylophone" not in str(model.prompts[-1])
    assert len(await room.answers()) == 1


async def test_the_rest_of_a_burst_stays_unsaid(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: LONG
    asked = await room.say("Sam?")
    await until(room.answers)
    await office.rooms.delete(room.key, asked.id)

    async def void() -> bool:
        return await _has(office, "void")

    await until(void)
    said = len(await room.answers())
    after = await room.say("what was that", LEO)
    await room.settled(after)
    # One bubble may have been in the messenger's hands.
    burst = [text for text in await room.answers() if text.startswith("bubble ")][: len(LONG.splitlines())]
    assert len(set(burst)) <= said + 1 < 8 + said
    assert (await room.outcome(asked)) is not None


# Step by step, with nobody else at work.


def inbox_of(office: Office) -> Inbox:
    return Inbox(
        *(office.store, office.clock, office.kill_switch, office.kill_words, office.settings.turns),
        office.faults,
    )


@dataclass
class Steps:
    """A chat, and the parts that a service is made of."""

    office: Office
    room: Playground
    inbox: Inbox
    queue: TurnQueue
    outbox: Outbox
    rewrites: Rewrites
    clock: JumpingClock

    def message(self, id_: str, text: str = "Sam?", author: Author = MIA) -> Message:
        return Message(self.room.key, id_, author, text, datetime.now(UTC))

    async def heard(self, *ids: str) -> None:
        for id_ in ids:
            assert await self.inbox.receive(self.message(id_)) is Received.ACCEPTED
        self.clock.jump_seconds += 10

    async def delete(self, *ids: str) -> None:
        await self.inbox.deleted(self.room.key, ids)

    async def claim(self) -> Claim:
        claim = await self.queue.claim("w")
        assert claim is not None
        return claim

    async def drafted(self, claim: Claim, *bubbles: str, hold: bool = False) -> str:
        expires = self.clock.now_ms() + 600_000
        plan = DraftPlan("d1", bubbles or ("sure", "why not"), hold=hold, expires_at_ms=expires)
        return await self.queue.settle(claim, "draft", "fine", {}, plan)

    async def next(self) -> Outgoing:
        outgoing = await self.outbox.claim("local")
        assert outgoing is not None
        return outgoing

    async def outcomes(self) -> dict[str, str]:
        found = await self.office.desk.chats.outcomes(self.room.key)
        return {id_: one.outcome for id_, one in found.items()}

    async def said(self) -> list[str]:
        return [message.id for message in await self.office.desk.chats.transcript(self.room.key)]

    async def state(self) -> tuple[str, str]:
        draft = await self.office.desk.drafts.get("d1")
        return draft.state, draft.reason


VOID = ("void", "what it answers was deleted")


@pytest.fixture
async def steps(settings: Settings) -> AsyncIterator[Steps]:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open()
        inbox = Inbox(
            office.store, clock, office.kill_switch, office.kill_words, settings.turns, office.faults
        )
        queue, outbox = (
            TurnQueue(office.store, clock, 10.0, 2, 1000),
            Outbox(office.store, clock, settings.outbox),
        )
        yield Steps(office, room, inbox, queue, outbox, Rewrites(office.store, clock, 10.0), clock)


async def test_a_delete_that_comes_before_its_message_wins(steps: Steps) -> None:
    await steps.delete("m1")
    assert await steps.inbox.receive(steps.message("m1", SECRET)) is Received.DUPLICATE
    assert "xylophone" not in await everything(steps.office)
    assert await steps.queue.claim("w") is None
    assert await steps.outcomes() == {"m1": "deleted"}


async def test_an_edit_that_comes_after_the_delete_brings_nothing_back(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.delete("m1")
    changed = Message(steps.room.key, "m1", MIA, SECRET, datetime.now(UTC), edited=True)
    assert await steps.inbox.receive(changed) is Received.EDITED
    assert "xylophone" not in await everything(steps.office)


async def test_a_kill_word_that_is_deleted_keeps_its_kill(steps: Steps) -> None:
    await steps.delete("late")
    await steps.inbox.receive(steps.message("word", "pineapple"))
    await steps.delete("word")
    assert await steps.office.kill_switch.kills()
    await steps.office.kill_switch.resume(KillScope.everywhere(), "olivia")
    await steps.inbox.receive(steps.message("late", "pine apple"))
    assert await steps.office.kill_switch.kills(), "also where the delete came first"


async def test_nothing_is_kept_of_deletes_in_a_chat_that_nobody_enabled(office: Office) -> None:
    room = Playground(office)
    await inbox_of(office).deleted(room.key, ["secret-1"])
    assert "secret-1" not in await everything(office)


@pytest.mark.parametrize("state", ["held", "frozen", "rewriting", "approved"])
async def test_a_pending_draft_is_void(steps: Steps, state: str) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim(), hold=state in {"held", "rewriting"})
    if state == "frozen":
        await steps.office.desk.kill(OWNER, KillScope.chat(steps.room.key))
        await steps.outbox.fence(await steps.next(), idempotent=True)
    if state == "rewriting":
        await steps.office.desk.regenerate(MODERATOR, "d1")
    assert (await steps.state())[0] == state
    await steps.delete("m1")
    assert await steps.state() == VOID
    assert await steps.outcomes() == {"m1": "deleted"}
    assert await steps.outbox.claim("local") is None
    assert await steps.office.desk.drafts.waiting() == ()
    assert await steps.rewrites.claim() is None


async def test_the_fence_stops_a_bubble_that_a_sender_has_in_hand(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim())
    outgoing = await steps.next()
    await steps.delete("m1")
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.LOST
    assert await steps.state() == VOID


async def test_a_bubble_past_the_fence_is_on_record_and_the_rest_stops(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim())
    outgoing = await steps.next()
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.GO
    await steps.delete("m1")
    await steps.outbox.sent(outgoing, steps.message("receipt", "sure", SAM))
    draft = await steps.office.desk.drafts.get("d1")
    assert (draft.state, draft.sent) == ("void", 1)
    assert await steps.outbox.claim("local") is None
    assert await steps.said() == ["receipt"]


async def test_what_was_void_before_stays_so_for_the_reason_it_was(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim())
    outgoing = await steps.next()
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.GO
    # The owner writes while a bubble is on its way.
    await steps.inbox.receive(Message(steps.room.key, "own", SAM, "it is me", datetime.now(UTC), own=True))
    assert await steps.state() == ("void", "the owner is here")
    await steps.delete("m1")
    assert await steps.state() == ("void", "the owner is here")
    assert (await steps.outcomes())["m1"] == "ignored"


async def test_a_draft_that_answers_more_is_void_too_and_the_others_are_on_record(steps: Steps) -> None:
    await steps.heard("m1", "m2")
    await steps.drafted(await steps.claim(), hold=True)
    await steps.delete("m2")
    assert await steps.state() == VOID
    assert await steps.outcomes() == {"m1": "ignored", "m2": "deleted"}
    assert await steps.said() == ["m1"]


async def test_a_draft_of_other_messages_stays(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim(), hold=True)
    await steps.heard("m2")
    await steps.delete("m2")
    assert (await steps.state())[0] == "held"
    assert await steps.outcomes() == {"m1": "held", "m2": "deleted"}
    assert await steps.queue.claim("w") is None


DOUBT = "it was written with a message that was deleted since"


async def _written_with_a_message_before(steps: Steps, *, hold: bool = False) -> None:
    """A draft that answers m2, with m1 before it."""
    await steps.heard("m1")
    await steps.queue.settle(await steps.claim(), "ignored", "why not", {})
    await steps.heard("m2")
    await steps.drafted(await steps.claim(), hold=hold)


@pytest.mark.parametrize("by", ["rules", "max"])
async def test_what_nobody_has_seen_sent_yet_waits_again_when_a_message_before_it_is_deleted(
    steps: Steps, by: str
) -> None:
    await _written_with_a_message_before(steps, hold=by == "max")
    if by == "max":
        await steps.office.desk.approve(MODERATOR, "d1")
    outgoing = await steps.next()
    await steps.delete("m1")
    assert await steps.state() == ("held", DOUBT)
    assert await steps.outcomes() == {"m1": "ignored", "m2": "held"}
    # Approved anew, in other words: whoever had the first bubble in hand does not send the old ones.
    await steps.office.desk.approve(MODERATOR, "d1", "other words")
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.LOST
    assert await steps.outbox.fence(again := await steps.next(), idempotent=True) is Fence.GO
    assert again.bubble.text == "other words"


async def test_what_waits_says_that_a_message_before_it_was_deleted_until_it_is_written_anew(
    steps: Steps,
) -> None:
    await _written_with_a_message_before(steps, hold=True)
    await steps.delete("m1")
    assert await steps.state() == ("held", DOUBT)
    await steps.office.desk.regenerate(MODERATOR, "d1")
    rewrite = await steps.rewrites.claim()
    assert rewrite is not None
    assert await steps.rewrites.kept(rewrite, "the model failed", {}) == "kept"
    assert await steps.state() == ("held", f"the model failed; {DOUBT}")
    await steps.office.desk.regenerate(MODERATOR, "d1")
    rewrite = await steps.rewrites.claim()
    assert rewrite is not None
    assert await steps.rewrites.written(rewrite, NewText(("anew",)), "fine", {}) == "written"
    assert await steps.state() == ("held", "fine")


@pytest.mark.parametrize("sent", [True, False])
async def test_of_what_has_begun_to_leave_the_rest_stays_unsaid(steps: Steps, sent: bool) -> None:
    await _written_with_a_message_before(steps)
    outgoing = await steps.next()
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.GO
    if sent:
        await steps.outbox.sent(outgoing, steps.message("receipt", "sure", SAM))
    await steps.delete("m1")
    assert await steps.state() == ("void", DOUBT)
    if not sent:
        await steps.outbox.sent(outgoing, steps.message("receipt", "sure", SAM))
    assert await steps.outbox.claim("local") is None
    assert (await steps.outcomes())["m2"] == "ignored"


async def test_what_was_said_after_the_messages_that_it_answers_is_not_in_a_draft(steps: Steps) -> None:
    await _written_with_a_message_before(steps)
    await steps.heard("m3")
    await steps.delete("m3")
    assert (await steps.state())[0] == "approved"


async def test_a_kill_goes_on_over_a_draft_whose_context_was_deleted(steps: Steps) -> None:
    await _written_with_a_message_before(steps)
    await steps.office.desk.kill(OWNER, KillScope.chat(steps.room.key))
    await steps.outbox.fence(await steps.next(), idempotent=True)
    await steps.delete("m1")
    assert await steps.state() == ("frozen", DOUBT)


async def test_a_turn_in_hand_is_lost_and_what_is_left_of_it_is_decided_anew(steps: Steps) -> None:
    await steps.heard("m1", "m2")
    claim = await steps.claim()
    await steps.delete("m1")
    assert await steps.drafted(claim) == "lost"
    again = await steps.claim()
    assert ([message.id for message in again.turn.messages], again.attempts) == (["m2"], 1)
    assert await steps.drafted(again) == "draft"
    assert (await steps.outcomes())["m1"] == "deleted"


async def test_a_turn_in_hand_is_kept_where_nothing_of_it_was_deleted(steps: Steps) -> None:
    await steps.heard("m1", "m2")
    claim = await steps.claim()
    await steps.heard("m3")
    await steps.delete("m3", "never-heard")
    assert await steps.drafted(claim) == "draft"
    assert (await steps.outcomes())["m3"] == "deleted"


async def test_a_text_that_was_written_anew_with_the_newest_messages_answers_those_too(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim(), hold=True)
    await steps.heard("m2")
    await steps.office.desk.regenerate(MODERATOR, "d1", newest=True)
    rewrite = await steps.rewrites.claim()
    assert rewrite is not None
    assert await steps.rewrites.written(rewrite, NewText(("both",)), "fine", {}) == "written"
    await steps.delete("m2")
    assert await steps.state() == VOID


async def test_another_text_in_the_making_is_lost_with_what_was_shown(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim(), hold=True)
    await steps.heard("m2")
    await steps.office.desk.regenerate(MODERATOR, "d1", newest=True)
    rewrite = await steps.rewrites.claim()
    assert rewrite is not None
    await steps.delete("m2")
    assert await steps.rewrites.written(rewrite, NewText(("both",)), "fine", {}) == "lost"
    again = await steps.rewrites.claim()
    assert again is not None
    assert again.turn is not None
    assert [message.id for message in again.turn.messages] == ["m1"]


async def test_an_own_message_that_a_moderator_deletes_leaves_the_context(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim(), "sure")
    outgoing = await steps.next()
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.GO
    await steps.outbox.sent(outgoing, steps.message("receipt", "sure", SAM))
    assert await steps.said() == ["m1", "receipt"]
    await steps.delete("receipt")
    assert await steps.said() == ["m1"]
    assert await steps.outcomes() == {"m1": "answered", "receipt": "own"}


async def test_an_own_message_that_is_gone_before_it_is_on_record_stays_out(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.drafted(await steps.claim(), "sure")
    outgoing = await steps.next()
    assert await steps.outbox.fence(outgoing, idempotent=True) is Fence.GO
    await steps.delete("receipt")
    await steps.outbox.sent(outgoing, steps.message("receipt", "sure", SAM))
    assert await steps.said() == ["m1"]
    assert (await steps.state())[0] == "sent"


async def test_one_text_leaves_the_journal_and_its_neighbours_stay_in_order(steps: Steps) -> None:
    await steps.heard("m1", "m2")
    await steps.queue.settle(await steps.claim(), "ignored", "why not", {"seed": 2**62, "none": []})
    await steps.heard("m3")
    await steps.queue.settle(await steps.claim(), "ignored", "why not", {})

    async def said() -> list[list[str]]:
        entries = await steps.office.desk.journal.newest()
        return [[line["text"] for line in one.facts["said"]] for one in entries if one.kind == "turn.decided"]

    await steps.delete("m1")
    assert await said() == [["Sam?"], ["", "Sam?"]]
    await steps.delete("m2")
    assert await said() == [["Sam?"], ["", ""]]
    oldest = next(e for e in reversed(await steps.office.desk.journal.newest()) if e.kind == "turn.decided")
    assert (oldest.facts["seed"], oldest.facts["none"], oldest.facts["messages"]) == (2**62, [], ["m1", "m2"])


async def test_of_a_chat_that_was_deleted_itself_nothing_that_was_said_is_left(steps: Steps) -> None:
    for number in range(6):
        assert await steps.inbox.receive(steps.message(f"x{number}", SECRET)) is Received.ACCEPTED
        steps.clock.jump_seconds += 10
        await steps.queue.settle(await steps.claim(), "ignored", "why not", {})
    await steps.heard("m1", "m2")
    await steps.drafted(await steps.claim(), "sure", hold=True)
    await steps.inbox.receive(steps.message("waits", SECRET))
    await steps.inbox.deleted(steps.room.key, None)
    assert "xylophone" not in await everything(steps.office)
    assert await steps.said() == []
    assert await steps.state() == VOID
    assert (await steps.outcomes())["waits"] == "deleted"


async def test_a_delete_again_changes_nothing(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.queue.settle(await steps.claim(), "ignored", "why not", {})
    await steps.delete("m1")
    before = await everything(steps.office)
    await steps.delete("m1")
    after = await everything(steps.office)
    assert after.count("message.deleted") == before.count("message.deleted")


async def test_while_the_store_is_away_a_delete_is_an_error_that_is_told_again(steps: Steps) -> None:
    await steps.heard("m1")
    await steps.office.store.ask("config_set", "maxmemory", 1)
    try:
        with pytest.raises(StoreAway):
            await steps.delete("m1")
    finally:
        await steps.office.store.ask("config_set", "maxmemory", 0)
    assert await steps.said() == ["m1"]
    await steps.delete("m1")
    assert await steps.said() == []
