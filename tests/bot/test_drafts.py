"""Drafts and the moderators who decide on them: claims, candidates, other texts, staleness, and one decision each."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.app import Office, open_office
from bot.desk import Desk, Look
from bot.drafts import ApprovalSettings, Candidate, candidates_to_json
from bot.errors import DraftRefused, NotAllowed
from bot.people import Person, Role
from bot.settings import Settings
from chat.message import Chat, ChatKey, Message
from safety.consent import Purpose
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant
from tests.bot.playground import MIA, MODERATOR, OWNER, ROOM, VIEWER, Playground
from tests.fakes.clock import JumpingClock

MONA = Person("mona", Role.MODERATOR)


@pytest.fixture
async def draft(office: Office, room: Playground) -> str:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    return await plant(office, await room.say("Sam?"))


async def kinds(office: Office, draft_id: str) -> list[tuple[str, str]]:
    """What the journal says of a draft and by whom, oldest first."""
    entries = await office.desk.journal.newest(500)
    return [
        (entry.kind, entry.facts["by"])
        for entry in reversed(entries)
        if entry.facts.get("draft") == draft_id and entry.kind.startswith("draft.")
    ]


async def refusal(deed: Awaitable[None]) -> str:
    with pytest.raises(DraftRefused) as caught:
        await deed
    return caught.value.answer


# Claims.


async def test_what_one_moderator_has_taken_no_other_decides_on(office: Office, draft: str) -> None:
    desk = office.desk
    await desk.claim(MODERATOR, draft)
    found = await desk.drafts.get(draft)
    assert found.taken_by == "max"
    assert found.taken_until is not None
    for deed in (
        *(desk.approve(MONA, draft), desk.reject(MONA, draft), desk.regenerate(MONA, draft)),
        *(desk.claim(MONA, draft), desk.release(MONA, draft), desk.approve(OWNER, draft)),
    ):
        assert await refusal(deed) == "claimed"
    with pytest.raises(DraftRefused, match="max has taken it"):
        await desk.approve(MONA, draft)
    assert (await desk.drafts.get(draft)).state == "held"
    await desk.approve(MODERATOR, draft)
    after = await desk.drafts.get(draft)
    assert (after.state, after.decided_by, after.taken_by) == ("approved", "max", None)


async def test_a_draft_that_was_given_back_is_anybodys(office: Office, draft: str) -> None:
    await office.desk.claim(MODERATOR, draft)
    await office.desk.release(MODERATOR, draft)
    await office.desk.reject(MONA, draft, "no")
    assert (await office.desk.drafts.get(draft)).decided_by == "mona"
    assert await kinds(office, draft) == [
        *(("draft.held", "rules"), ("draft.taken", "max"), ("draft.released", "max")),
        ("draft.rejected", "mona"),
    ]


async def test_only_an_owner_takes_over(office: Office, draft: str) -> None:
    await office.desk.claim(MODERATOR, draft)
    with pytest.raises(NotAllowed):
        await office.desk.claim(MONA, draft, take_over=True)
    await office.desk.claim(OWNER, draft, take_over=True)
    assert await refusal(office.desk.approve(MODERATOR, draft)) == "claimed"
    assert (await office.desk.drafts.get(draft)).taken_by == "olivia"
    entry = (await office.desk.journal.newest(1))[0]
    assert (entry.kind, entry.facts["reason"]) == ("draft.taken", "taken over from max")


async def test_a_claim_lapses(settings: Settings) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        draft = await plant(office, await room.say("Sam?"))
        await office.desk.claim(MODERATOR, draft)
        clock.jump_seconds += 270
        assert await refusal(office.desk.claim(MONA, draft)) == "claimed"
        # Who has it may have it longer.
        await office.desk.claim(MODERATOR, draft)
        clock.jump_seconds += 270
        assert await refusal(office.desk.claim(MONA, draft)) == "claimed"
        clock.jump_seconds += 31
        assert (await office.desk.drafts.get(draft)).taken_by is None
        # Also before anybody has swept.
        await office.desk.claim(MONA, draft)
        clock.jump_seconds += 301
        await office.desk.drafts.sweep()
        assert await kinds(office, draft) == [
            *(("draft.held", "rules"), ("draft.taken", "max"), ("draft.taken", "mona")),
            ("draft.released", "clock"),
        ]


async def test_a_sweep_that_began_before_the_clock_went_back_ends_a_claim_early_and_nothing_else(
    settings: Settings,
) -> None:
    clock, before = JumpingClock(), JumpingClock()
    async with open_office(settings, clock) as office, open_office(settings, before) as sweeper:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        draft = await plant(office, await room.say("Sam?"))
        held = await office.desk.drafts.get(draft)
        clock.jump_seconds -= 3600
        await office.desk.claim(MODERATOR, draft)
        assert await refusal(office.desk.approve(MONA, draft)) == "claimed"
        assert await sweeper.desk.drafts.sweep() == 0
        assert await office.desk.drafts.get(draft) == held
        await office.desk.approve(MONA, draft)
        assert await refusal(office.desk.approve(MODERATOR, draft)) == "decided"
        # Each is dated by the clock of whoever wrote it.
        assert await kinds(office, draft) == [
            *(("draft.taken", "max"), ("draft.approved", "mona")),
            *(("draft.held", "rules"), ("draft.released", "clock")),
        ]


async def test_of_many_who_take_a_draft_at_once_one_gets_it(office: Office, draft: str) -> None:
    people = [Person(f"mod{number}", Role.MODERATOR) for number in range(20)]
    results = await asyncio.gather(
        *(office.desk.claim(person, draft) for person in people), return_exceptions=True
    )
    winners = [person.name for person, result in zip(people, results, strict=True) if result is None]
    assert [(await office.desk.drafts.get(draft)).taken_by] == winners


async def test_two_processes_full_of_moderators_send_once(
    office: Office, settings: Settings, room: Playground
) -> None:
    """Two offices have a connection each, as two processes have: Redis alone decides between them."""
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    async with open_office(settings) as other:
        for number in range(5):
            draft = await plant(office, await room.say(f"Sam? {number}"), f"yes {number}")

            async def approve(desk: Desk, name: str, draft: str = draft) -> bool:
                text = None if name.endswith("0") else f"edited by {name}"
                try:
                    await desk.approve(Person(name, Role.MODERATOR), draft, text)
                except DraftRefused as error:
                    assert error.answer == "decided"  # noqa: PT017 - one of forty
                    return False
                return True

            desks = [(office.desk, f"here{n}") for n in range(20)] + [
                (other.desk, f"there{n}") for n in range(20)
            ]
            results = await asyncio.gather(*(approve(desk, name) for desk, name in desks))
            assert results.count(True) == 1
            winner = desks[results.index(True)][1]
            after = await office.desk.drafts.get(draft)
            assert after.decided_by == winner
            prefix = office.store.partitions.prefix(office.store.partitions.of(ROOM))
            leaving = await office.store.ask("lrange", f"{prefix}out:{ROOM}", 0, -1)
            assert leaving.count(f"{draft}.1.1") == 1
            assert len(leaving) == 1
            await office.store.ask("delete", f"{prefix}out:{ROOM}")


# Roles.

VERBS: dict[str, tuple[Callable[[Desk, Person, str], Awaitable[Any]], Role]] = {
    "approve": (lambda desk, person, draft: desk.approve(person, draft), Role.MODERATOR),
    "edit": (lambda desk, person, draft: desk.approve(person, draft, "no"), Role.MODERATOR),
    "reject": (lambda desk, person, draft: desk.reject(person, draft), Role.MODERATOR),
    "claim": (lambda desk, person, draft: desk.claim(person, draft), Role.MODERATOR),
    "take over": (lambda desk, person, draft: desk.claim(person, draft, take_over=True), Role.OWNER),
    "release": (lambda desk, person, draft: desk.release(person, draft), Role.MODERATOR),
    "regenerate": (lambda desk, person, draft: desk.regenerate(person, draft), Role.MODERATOR),
    "approve many": (lambda desk, person, draft: desk.approve_many(person, [Look(draft)]), Role.MODERATOR),
    "reject many": (lambda desk, person, draft: desk.reject_many(person, [Look(draft)]), Role.MODERATOR),
    "edits": (lambda desk, person, draft: desk.edits(person), Role.OWNER),
    "summary": (lambda desk, person, draft: desk.summary(person), Role.VIEWER),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("verb", VERBS)
async def test_each_deed_needs_its_role(office: Office, draft: str, verb: str, role: Role) -> None:
    deed, needed = VERBS[verb]
    ranks = list(Role)
    person = Person("somebody", role)
    before = await office.desk.drafts.get(draft)
    if ranks.index(role) >= ranks.index(needed):
        await deed(office.desk, person, draft)
        return
    with pytest.raises(NotAllowed):
        await deed(office.desk, person, draft)
    assert await office.desk.drafts.get(draft) == before


# Candidates.

THREE = (
    Candidate(1, ("@everyone come",), 1, "broadcast: it would ping everyone"),
    Candidate(2, ("sure",), 2, None),
    Candidate(3, ("no", "sorry"), 3, None),
)


async def candidates(office: Office, room: Playground) -> str:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    fields = {"candidates": candidates_to_json(THREE), "chosen": "2"}
    return await plant(office, await room.say("Sam?"), "sure", fields=fields)


async def test_the_candidate_that_is_named_leaves(office: Office, room: Playground) -> None:
    draft = await candidates(office, room)
    found = await office.desk.drafts.get(draft)
    assert (found.candidates, found.chosen, found.bubbles) == (THREE, 2, ("sure",))
    await office.desk.approve(MODERATOR, draft, candidate=3)
    after = await office.desk.drafts.get(draft)
    assert (after.state, after.chosen, after.bubbles, after.original) == (
        "approved",
        3,
        ("no", "sorry"),
        None,
    )


async def test_a_candidate_that_the_rules_refused_does_not_leave(office: Office, room: Playground) -> None:
    draft = await candidates(office, room)
    assert await refusal(office.desk.approve(MODERATOR, draft, candidate=1)) == "refused"
    assert await refusal(office.desk.approve(MODERATOR, draft, candidate=4)) == "candidate"
    # The store refuses it by itself, too.
    assert await refusal(office.desk.drafts.approve(draft, "max", candidate=1)) == "refused"
    assert await refusal(office.desk.drafts.approve(draft, "max", candidate=4)) == "candidate"
    assert (await office.desk.drafts.get(draft)).state == "held"


async def test_an_edit_of_a_candidate_keeps_that_candidates_text(office: Office, room: Playground) -> None:
    draft = await candidates(office, room)
    await office.desk.approve(MODERATOR, draft, "no way", candidate=3)
    after = await office.desk.drafts.get(draft)
    assert (after.bubbles, after.original, after.edited_by) == (("no way",), ("no", "sorry"), "max")
    assert after.edited_at is not None


async def test_a_text_that_came_meanwhile_does_not_leave_unseen(office: Office, draft: str) -> None:
    seen = await office.desk.drafts.get(draft)
    assert seen.version == 1
    assert await refusal(office.desk.approve(MODERATOR, draft, version=2)) == "changed"
    assert await refusal(office.desk.regenerate(MODERATOR, draft, version=2)) == "changed"
    await office.desk.approve(MODERATOR, draft, version=1)


async def test_an_approved_text_is_judged_with_the_personas_names(office: Office, room: Playground) -> None:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    draft = await plant(office, await room.say("Sam?"), fields={"names": json.dumps(["Sam"])})
    assert await refusal(office.desk.approve(MODERATOR, draft, "Sam: hi")) == "rules"
    await office.desk.approve(MODERATOR, draft, "it is me")


# Many at once.


async def test_of_many_each_is_decided_for_itself(office: Office, room: Playground) -> None:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    ids = [await plant(office, await room.say(f"Sam? {n}"), f"yes {n}") for n in range(4)]
    await office.desk.claim(MONA, ids[1])
    await office.desk.reject(MONA, ids[2])
    looks = [*(Look(id_) for id_ in ids), Look("none"), Look(ids[0])]
    results = await office.desk.approve_many(MODERATOR, looks)
    assert [result.came_to for result in results] == [
        *("approved", "claimed", "decided", "approved", "missing", "decided")
    ]
    assert [result.draft for result in results] == [look.draft for look in looks]
    states = [(await office.desk.drafts.get(id_)).state for id_ in ids]
    assert states == ["approved", "held", "rejected", "approved"]
    results = await office.desk.reject_many(MONA, [Look(ids[1]), Look(ids[0])], "too many")
    assert [result.came_to for result in results] == ["rejected", "decided"]


async def test_a_chat_that_is_disabled_meanwhile_does_not_keep_the_others_from_being_decided(
    office: Office, draft: str
) -> None:
    gone = ChatKey("local", "gone")
    await office.desk.chats.enable(Chat(gone, "Gone"), "olivia")
    message = Message(gone, "m1", MIA, "Sam?", datetime.now(UTC))
    lost = await plant(office, message)
    # Between two looks at it: its draft was still read, its settings are not there any more.
    prefix = office.store.partitions.prefix(office.store.partitions.of(gone))
    await office.store.ask("hdel", f"{prefix}chat:{gone}", "mode")
    results = await office.desk.approve_many(MODERATOR, [Look(lost), Look(draft)])
    assert [result.came_to for result in results] == ["missing", "approved"]


# Time.


async def test_a_draft_that_is_gone_does_not_keep_the_others_from_expiring(settings: Settings) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        draft = await plant(office, await room.say("Sam?"))
        prefix = office.store.partitions.prefix(office.store.partitions.of(ROOM))
        await office.store.ask("zadd", f"{prefix}drafts:open", {"gone": 1})
        clock.jump_seconds = 86_400
        assert await office.desk.drafts.sweep() == 1
        assert (await office.desk.drafts.get(draft)).state == "expired"
        assert await office.store.ask("zrange", f"{prefix}drafts:open", 0, -1) == []


async def test_under_a_kill_nothing_expires_and_afterwards_there_is_time_again(settings: Settings) -> None:
    clock = JumpingClock()
    async with open_office(settings, clock) as office:
        room = Playground(office)
        await room.open(Mode.MANUAL)
        draft = await plant(office, await room.say("Sam?"))
        await office.desk.kill(OWNER, KillScope.everywhere())
        clock.jump_seconds += 7200
        assert await office.desk.drafts.sweep() == 0
        assert (await office.desk.drafts.get(draft)).state == "held"
        (waiting,) = await office.desk.resume(OWNER, KillScope.everywhere())
        assert await office.desk.drafts.sweep() == 0
        left = (waiting.expires_at.timestamp() * 1000 - clock.now_ms()) / 60_000
        assert 55 < left <= 60
        clock.jump_seconds += 3601
        assert await office.desk.drafts.sweep() == 1
        assert (await office.desk.drafts.get(draft)).state == "expired"


async def test_a_frozen_draft_waits_although_the_chat_moves_on(
    office: Office, draft: str, room: Playground
) -> None:
    await office.desk.regenerate(MODERATOR, draft)
    await office.desk.kill(VIEWER, KillScope.everywhere())
    assert await office.desk.drafts.sweep() == 1
    assert (await office.desk.drafts.get(draft)).state == "frozen"
    prefix = office.store.partitions.prefix(office.store.partitions.of(ROOM))
    await office.store.ask("hset", f"{prefix}chat:{ROOM}", "heard", 100)
    await office.desk.resume(OWNER, KillScope.everywhere())
    assert await office.desk.drafts.sweep() == 0
    assert (await office.desk.drafts.get(draft)).state == "frozen"


# What is made of them.


async def test_rejections_are_counted_by_their_reason(office: Office, room: Playground) -> None:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    ids = [await plant(office, await room.say(f"Sam? {n}")) for n in range(4)]
    for id_, reason in zip(ids, ("not how I talk", "not how I talk", "wrong"), strict=False):
        await office.desk.reject(MODERATOR, id_, reason)
    await office.desk.approve(MODERATOR, ids[3], "edited")
    summary = await office.desk.summary(VIEWER)
    assert summary.states == {"rejected": 3, "approved": 1}
    assert summary.reasons == {"not how I talk": 2, "wrong": 1}
    assert summary.edited == 1


async def test_an_edit_is_kept_for_later_with_both_texts(office: Office, room: Playground) -> None:
    await office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
    message = await room.say("Sam?")
    draft = await plant(office, message)
    other = await plant(office, await room.say("Sam, really?"))
    await office.desk.approve(MODERATOR, other)
    await office.desk.approve(MODERATOR, draft, "no\nsorry")
    (edit,) = await office.desk.edits(OWNER)
    assert (edit.draft, edit.chat, edit.messages) == (draft, ROOM, (message.id,))
    assert (edit.model, edit.approved, edit.by) == (("sure", "see you there"), ("no", "sorry"), "max")
    # Who was never asked is not quoted.
    assert edit.said == ()
    await office.desk.agree(OWNER, ROOM, MIA, Purpose.TRAINED, agreed=True)
    (edit,) = await office.desk.edits(OWNER)
    assert edit.said == ("Mia: Sam?",)
    # Of a chat that is not enabled any more nothing is taken.
    await office.desk.disable(OWNER, ROOM)
    assert await office.desk.edits(OWNER) == ()


async def test_the_settings_of_approvals_refuse_what_makes_no_sense() -> None:
    for wrong in (
        *({"candidates": 0}, {"candidates": 6}, {"claim_minutes": 0}, {"most_regenerations": -1}),
        *({"most_stale_regenerations": -1}, {"when_stale": "maybe"}),
    ):
        with pytest.raises(ValueError, match=r"."):
            dataclasses.replace(ApprovalSettings(), **wrong)
