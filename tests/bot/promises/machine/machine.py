"""The machine: Hypothesis decides who takes which step, and what goes wrong with it.

Each rule is one thing that can happen. Most take a message a good part of its way, since what breaks promises happens
at the fence, and single steps at random hardly ever get there. `number`s pick one of what there is, and 0 is the
plainest, so that what is left of a failure after shrinking is a story that a person can read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from bot.inbox import InboxSettings
from bot.outbox import OutboxSettings
from bot.people import Person
from bot.settings import RuleSettings, Settings
from bot.store.server import EmbeddedServer
from bot.worker import WorkerSettings
from chat.message import ChatKey
from inference.persona import Persona, TypingProfile, load_persona
from safety.kill import KillScope
from safety.mode import Mode
from safety.rules.owner_present import OwnerPresentSettings
from safety.rules.rate_limit import RateLimitSettings
from tests.bot.promises.machine.play import (
    BOT,
    CHATS,
    LEO,
    MAX,
    MIA,
    MONA,
    OLIVIA,
    PLAIN,
    SCOPES,
    VERA,
    Play,
    on_stage,
    pick,
)
from tests.bot.promises.machine.stage import PARTITIONS, Fate, Stage, StillLoop
from tests.bot.promises.machine.street import SAM, as_edited
from tests.fakes.persona import write_persona

NUMBER: Final = st.integers(0, 11)
CHAT: Final = st.sampled_from(CHATS)
SCOPE: Final = st.sampled_from(SCOPES)
MODES: Final = st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.AUTO, Mode.MANUAL])
TROUBLE: Final = st.sampled_from([Fate.ANSWER_LOST, Fate.REFUSED, Fate.DEATH_AFTER, Fate.DEATH_BEFORE])
ANSWERS: Final = st.sampled_from(
    [PLAIN, ("yes",), ("one", "two", "three"), ("i want to die",), ("@everyone come",), ("pineapple",)]
)
"""What the model writes: some of it may leave, some of it a rule must hold or drop."""
BRINKS: Final = st.sampled_from(["fence", "fenced", "send", "sent", "settle", "model", "window_take"])


class PromiseMachine(RuleBasedStateMachine):
    """Everything that can happen, every promise checked after every step."""

    stage: ClassVar[Stage]
    service_settings: ClassVar[Settings]
    persona: ClassVar[Persona]
    steps: ClassVar[Counter[str]]
    manual: ClassVar[bool] = False
    """Whether every chat begins in manual mode."""

    def __init__(self) -> None:
        super().__init__()
        self.play = Play(self.stage, self.service_settings, self.persona)

    @initialize(
        modes=st.tuples(MODES, MODES, MODES),
        services=st.integers(2, 3),
        deaf=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    )
    def the_owner_enables_the_chats(
        self, modes: tuple[Mode, ...], services: int, deaf: tuple[bool, ...]
    ) -> None:
        if self.manual:
            modes = (Mode.MANUAL,) * len(CHATS)
        self._tell(lambda: self.play.begin(modes, services, deaf))

    # The way of a message.

    @rule(chat=CHAT, number=NUMBER, leo=st.booleans())
    def somebody_writes(self, chat: ChatKey, number: int, leo: bool) -> None:
        self._tell(lambda: self.play.writes(chat, LEO if leo else MIA, "Sam? hi", number))

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS, answer=ANSWERS)
    def an_answer_comes_to_the_brink(
        self, chat: ChatKey, number: int, brink: str, answer: tuple[str, ...]
    ) -> None:
        self._tell(lambda: self.play.bring(chat, number, brink, answer))

    @rule(chat=CHAT, number=NUMBER)
    def an_answer_is_about_to_leave(self, chat: ChatKey, number: int) -> None:
        self._tell(lambda: self.play.bring(chat, number, "fence"))

    @rule(chat=CHAT, number=NUMBER)
    def an_answer_is_with_the_messenger(self, chat: ChatKey, number: int) -> None:
        self._tell(lambda: self.play.bring(chat, number, "send"))

    @rule()
    def the_model_is_away(self) -> None:
        def go() -> None:
            for call in self.play.waits("model")[:1]:
                self.play.street.next_answer = None
                self.play.step(call)
                self.play.street.next_answer = PLAIN

        self._tell(go)

    @rule(number=NUMBER, times=st.integers(1, 6))
    def something_goes_on(self, number: int, times: int) -> None:
        def go() -> None:
            for _ in range(times):
                if able := self.play.able():
                    self.play.step(pick(able, number))

        self._tell(go)

    @rule(brink=BRINKS)
    def all_goes_on(self, brink: str) -> None:
        self._tell(lambda: self.play.until({brink}, 15))

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS, fate=TROUBLE)
    def something_goes_wrong(self, chat: ChatKey, number: int, brink: str, fate: Fate) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            if able := self.play.able():
                self.play.step(pick(able, number // 3), fate)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS)
    def a_service_stands_still(self, chat: ChatKey, number: int, brink: str) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            if not (able := self.play.able()):
                return
            process = pick(able, number // 3).process
            self.play.ledger.tell(f"{process.name} stands still")
            process.asleep = True

        self._tell(go)

    @precondition(lambda self: any(process.asleep for process in self.play.services))
    @rule(number=NUMBER, first=st.booleans())
    def a_service_goes_on(self, number: int, first: bool) -> None:
        def go() -> None:
            process = pick([process for process in self.play.services if process.asleep], number)
            self.play.ledger.tell(f"{process.name} goes on")
            process.asleep = False
            self.stage.rest()
            mine = [call for call in self.play.able() if call.process is process]
            if first and mine:
                self.play.step(mine[0])

        self._tell(go)

    @precondition(lambda self: self.play.services)
    @rule(number=NUMBER)
    def a_service_dies(self, number: int) -> None:
        def go() -> None:
            process = pick(self.play.services, number)
            self.play.ledger.tell(f"{process.name} dies")
            self.stage.kill(process)
            self.play.look()
            self.play.replace_the_dead()

        self._tell(go)

    # Messengers.

    @precondition(lambda self: self.play.street.undelivered)
    @rule(number=NUMBER, service=NUMBER)
    def a_message_is_delivered_again(self, number: int, service: int) -> None:
        self._tell(lambda: self.play.hears(pick(self.play.street.undelivered, number), service))

    @precondition(lambda self: any(self.play.ledger.accepted.values()))
    @rule(number=NUMBER, service=NUMBER, edited=st.booleans())
    def an_old_message_comes_again(self, number: int, service: int, edited: bool) -> None:
        def go() -> None:
            message = pick(self.play.heard, number)
            self.play.ledger.tell(f"{message.id} of {message.chat} comes again{', edited' if edited else ''}")
            self.play.hears(as_edited(message, "Sam? well") if edited else message, service)
            for call in self.play.until({"accept"}, 1):
                self.play.step(call)

        self._tell(go)

    @precondition(lambda self: self.play.street.said)
    @rule(number=NUMBER, service=NUMBER)
    def a_messenger_echoes(self, number: int, service: int) -> None:
        def go() -> None:
            message = pick(self.play.street.said, number).message
            self.play.ledger.tell(f"{message.chat} echoes {message.id}, which is the stand-in's own")
            self.play.hears(message, service)
            for call in self.play.until({"accept"}, 1):
                self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, service=NUMBER, brink=BRINKS, own=st.sampled_from([False, False, True]))
    def somebody_deletes(self, chat: ChatKey, number: int, service: int, brink: str, own: bool) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            said = [one.message for one in self.play.street.said] if own else self.play.written
            if said:
                self.play.deletes(pick(said[::-1], number), service)

        self._tell(go)

    @rule(chat=CHAT, service=NUMBER)
    def a_bot_writes(self, chat: ChatKey, service: int) -> None:
        self._tell(lambda: self.play.writes(chat, BOT, "Sam? beep", service))

    @rule(chat=CHAT, service=NUMBER)
    def the_owner_writes(self, chat: ChatKey, service: int) -> None:
        def go() -> None:
            message = self.play.street.write(chat, SAM, "it is me", own=True)
            self.play.ledger.tell(f"the owner writes {message.id} in {chat}")
            self.play.hears(message, service)

        self._tell(go)

    @precondition(lambda self: self.play.waits("send"))
    @rule(number=NUMBER, told=st.booleans())
    def a_messenger_fails(self, number: int, told: bool) -> None:
        def go() -> None:
            call = pick(self.play.waits("send"), number)
            street = self.play.street
            street.refuses, street.answer_lost = told, not told
            self.play.ledger.tell(
                "the messenger says no" if told else "the messenger takes it, and does not say so"
            )
            self.play.step(call)
            street.refuses = street.answer_lost = False

        self._tell(go)

    @precondition(lambda self: self.play.street.in_the_air)
    @rule(number=NUMBER)
    def what_was_long_under_way_arrives(self, number: int) -> None:
        def go() -> None:
            bubble = pick(sorted(self.play.street.in_the_air, key=lambda one: one.id), number)
            self.play.ledger.tell(f"{self.play.ledger.name(bubble.id)} arrives late")
            self.play.street.land(bubble)
            self.play.look()

        self._tell(go)

    # Clocks.

    @rule(seconds=st.sampled_from([1, 3, 12, 40]))
    def time_passes(self, seconds: int) -> None:
        self._tell(lambda: self.play.pass_time(seconds))

    @rule(minutes=st.sampled_from([-70, 70]))
    def the_clock_jumps(self, minutes: int) -> None:
        self._tell(lambda: self.play.jump(minutes))

    # Kills.

    @precondition(lambda self: len(self.play.standing()) < 2)
    @rule(
        chat=CHAT, scope=SCOPE, number=NUMBER, brink=BRINKS, whole=st.sampled_from([True, True, True, False])
    )
    def somebody_kills(self, chat: ChatKey, scope: KillScope, number: int, brink: str, whole: bool) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            self.play.deed(number, lambda desk: desk.kill(VERA, scope), at_once=whole)

        self._tell(go)

    @precondition(lambda self: not self.play.standing())
    @rule(chat=CHAT, number=NUMBER, brink=BRINKS)
    def somebody_says_the_word(self, chat: ChatKey, number: int, brink: str) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            self.play.writes(chat, MIA, "p i n e a p p l e", number)
            for _ in range(PARTITIONS):
                for call in self.play.waits("kill")[:1]:
                    self.play.step(call)

        self._tell(go)

    @precondition(lambda self: self.play.ledger.kills)
    @rule(
        number=NUMBER, service=NUMBER, whole=st.sampled_from([True, True, True, False]), owner=st.booleans()
    )
    def somebody_resumes(self, number: int, service: int, whole: bool, owner: bool) -> None:
        def go() -> None:
            scope = pick(self.play.standing(), number)
            by = MAX if not owner else OLIVIA
            self.play.deed(service, lambda desk: desk.resume(by, scope), at_once=whole)

        self._tell(go)

    # Moderators and the owner.

    @rule(chat=CHAT, mode=st.sampled_from([Mode.MANUAL, *Mode]), number=NUMBER, brink=BRINKS)
    def the_owner_changes_the_mode(self, chat: ChatKey, mode: Mode, number: int, brink: str) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            self.play.deed(number, lambda desk: desk.set_mode(OLIVIA, chat, mode))

        self._tell(go)

    @rule(
        chat=CHAT,
        number=NUMBER,
        by=st.sampled_from([MAX, MONA, VERA]),
        edit=st.sampled_from([None, None, "ok", "ok\nfine"]),
        whole=st.sampled_from([True, True, False]),
    )
    def somebody_approves(
        self, chat: ChatKey, number: int, by: Person, edit: str | None, whole: bool
    ) -> None:
        def go() -> None:
            if draft := self.play.hold(chat, number):
                self.play.deed(number, lambda desk: desk.approve(by, draft, edit), at_once=whole)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, edit=st.sampled_from([None, "ok"]), no=st.booleans())
    def two_moderators_decide_at_once(self, chat: ChatKey, number: int, edit: str | None, no: bool) -> None:
        def go() -> None:
            if not (draft := self.play.hold(chat, number)):
                return
            self.play.deed(number, lambda desk: desk.approve(MAX, draft, edit), at_once=False)
            if no:
                self.play.deed(number + 1, lambda desk: desk.reject(MONA, draft), at_once=False)
            else:
                self.play.deed(number + 1, lambda desk: desk.approve(MONA, draft), at_once=False)
            for call in (*self.play.waits("approve"), *self.play.waits("reject")):
                self.play.step(call)

        self._tell(go)

    @precondition(lambda self: self.play.open_drafts())
    @rule(number=NUMBER, service=NUMBER, by=st.sampled_from([MAX, VERA]))
    def somebody_rejects(self, number: int, service: int, by: Person) -> None:
        draft = pick(self.play.open_drafts(), number)
        self._tell(lambda: self.play.deed(service, lambda desk: desk.reject(by, draft, "no")))

    @precondition(lambda self: self.play.waits("sweep"))
    @rule(number=NUMBER)
    def the_sweeper_comes(self, number: int) -> None:
        def go() -> None:
            process = pick(self.play.waits("sweep"), number).process
            for _ in range(PARTITIONS):
                for call in [call for call in self.play.waits("sweep") if call.process is process][:1]:
                    self.play.step(call)

        self._tell(go)

    def teardown(self) -> None:
        try:
            if self.play.services:
                self._tell(self.play.end)
        finally:
            self.play.over()
            self.steps["steps"] += self.play.steps
            self.steps["examples"] += 1
            self.steps.update(self.play.ledger.reached)

    def _tell(self, happens: Callable[[], object]) -> None:
        try:
            happens()
        except BaseException as error:
            error.add_note("The story:\n  " + "\n  ".join(self.play.ledger.story))
            raise


class KillsMachine(PromiseMachine):
    """Where kills come in the middle of everything, twice, by halves, and are lifted again."""

    @rule(
        chat=CHAT, scope=SCOPE, number=NUMBER, brink=st.sampled_from(["fence", "fenced", "settle", "model"])
    )
    def a_kill_comes_at_the_brink(self, chat: ChatKey, scope: KillScope, number: int, brink: str) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            self.play.deed(number, lambda desk: desk.kill(VERA, scope))
            for call in self.play.waits(brink):
                self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS)
    def a_kill_is_lifted_at_once(self, chat: ChatKey, number: int, brink: str) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            scope = pick(SCOPES, number)
            self.play.deed(number, lambda desk: desk.kill(VERA, scope))
            self.play.deed(number, lambda desk: desk.resume(OLIVIA, scope))
            self.play.until({brink}, 10)

        self._tell(go)

    @rule(scope=SCOPE, number=NUMBER)
    def a_kill_comes_while_one_is_lifted(self, scope: KillScope, number: int) -> None:
        def go() -> None:
            self.play.deed(number, lambda desk: desk.kill(VERA, scope))
            self.play.deed(number, lambda desk: desk.resume(OLIVIA, scope), at_once=False)
            self.play.deed(number + 1, lambda desk: desk.kill(VERA, scope))
            for call in self.play.waits("resume"):
                self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, brink=st.sampled_from(["fence", "fenced"]))
    def a_kill_waits_for_the_store(self, chat: ChatKey, number: int, brink: str) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            for call in self.play.waits(brink)[:1]:
                process = call.process
                awake = [service for service in self.play.services if not service.asleep]
                self.play.deed(awake.index(process), lambda desk: desk.kill(VERA, SCOPES[0]), at_once=False)
                self.play.ledger.tell(f"{process.name} has heard a kill that the store does not know yet")
                self.play.go_on(process, 8, without={"kill"})
                self.play.pass_time(3)
                for _ in range(6):
                    looks = [c for c in self.play.waits("outbox_claim") if c.process is process]
                    for look in looks:
                        self.play.step(look)
                    self.play.go_on(process, 4, without={"kill"})

        self._tell(go)


class DeathsMachine(PromiseMachine):
    """Where processes die, stand still, and lose the answers to what they asked."""

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS, fate=TROUBLE)
    def what_is_at_the_brink_goes_wrong(self, chat: ChatKey, number: int, brink: str, fate: Fate) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            for call in self.play.waits(brink)[:1]:
                self.play.step(call, fate)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS, seconds=st.sampled_from([12, 40]))
    def somebody_follows_one_who_stands_still(
        self, chat: ChatKey, number: int, brink: str, seconds: int
    ) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            for call in self.play.waits(brink)[:1]:
                process = call.process
                self.play.ledger.tell(f"{process.name} stands still")
                process.asleep = True
                self.play.pass_time(seconds)
                self.play.until({brink, "sent"}, 15)
                self.play.ledger.tell(f"{process.name} goes on")
                process.asleep = False
                self.stage.rest()
                self.play.go_on(process, 4)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER)
    def what_one_who_stood_still_could_not_write_comes_late(self, chat: ChatKey, number: int) -> None:
        def go() -> None:
            self.play.bring(chat, number, "model")
            for call in self.play.waits("model")[:1]:
                process = call.process
                self.play.ledger.tell(f"{process.name} stands still")
                process.asleep = True
                self.play.pass_time(12)
                self.play.until({"settle"}, 15)
                self.play.ledger.tell(f"{process.name} goes on, and the model is away for it")
                process.asleep = False
                self.play.street.next_answer = None if number % 2 else PLAIN
                self.stage.rest()
                self.play.go_on(process, 5)
                self.play.street.next_answer = PLAIN

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, told=st.booleans())
    def a_repeat_fails(self, chat: ChatKey, number: int, told: bool) -> None:
        def go() -> None:
            self.play.bring(chat, number, "send")
            for call in self.play.waits("send")[:1]:
                self.play.step(call, Fate.DEATH_AFTER)
                self.play.pass_time(40)
                street = self.play.street
                for again in self.play.until({"send"}, 25)[:1]:
                    street.refuses, street.answer_lost = told, not told
                    self.play.ledger.tell("the messenger fails")
                    self.play.step(again)
                    street.refuses = street.answer_lost = False
                    self.play.go_on(again.process, 1)

        self._tell(go)


class ApprovalsMachine(PromiseMachine):
    """Where every chat begins in manual mode, and moderators decide."""

    manual = True

    @rule(chat=CHAT, number=NUMBER)
    def a_draft_is_held(self, chat: ChatKey, number: int) -> None:
        self._tell(lambda: self.play.hold(chat, number))

    @rule(chat=CHAT, number=NUMBER, by=st.sampled_from([MAX, MONA, OLIVIA, VERA]))
    def somebody_takes_a_draft(self, chat: ChatKey, number: int, by: Person) -> None:
        def go() -> None:
            if draft := self.play.hold(chat, number):
                over = by is OLIVIA
                self.play.deed(number, lambda desk: desk.claim(by, draft, take_over=over))

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, by=st.sampled_from([MAX, VERA]), far=st.integers(0, 3))
    def somebody_has_a_draft_written_anew(self, chat: ChatKey, number: int, by: Person, far: int) -> None:
        def go() -> None:
            if draft := self.play.hold(chat, number):
                self.play.deed(number, lambda desk: desk.regenerate(by, draft, newest=number % 2 == 0))
                if far:
                    self.play.until({"model", "rewritten"} if far < 3 else {"accept"}, 10)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, scope=SCOPE)
    def an_approval_and_a_kill(self, chat: ChatKey, number: int, scope: KillScope) -> None:
        def go() -> None:
            if draft := self.play.hold(chat, number):
                self.play.deed(number, lambda desk: desk.approve(MAX, draft))
                self.play.deed(number, lambda desk: desk.kill(VERA, scope))
                self.play.until({"fence"}, 10)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER)
    def a_text_changes_under_an_approval(self, chat: ChatKey, number: int) -> None:
        def go() -> None:
            if draft := self.play.hold(chat, number):
                self.play.deed(number, lambda desk: desk.approve(MAX, draft), at_once=False)
                approvals = self.play.waits("approve")
                self.play.deed(number, lambda desk: desk.regenerate(MONA, draft))
                for _ in range(30):
                    others = [c for c in self.play.able() if c not in approvals and c.what != "sweep"]
                    if self.play.ledger.last.state(draft) != "rewriting" or not others:
                        break
                    self.play.step(min(others, key=lambda call: call.number))
                for call in approvals:
                    if call in self.stage.waiting:
                        self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, mode=st.sampled_from([Mode.OFF, Mode.SHADOW, Mode.AUTO]))
    def an_approval_and_another_mode(self, chat: ChatKey, number: int, mode: Mode) -> None:
        def go() -> None:
            if draft := self.play.hold(chat, number):
                where = self.play.ledger.drafts[draft].chat
                self.play.deed(number, lambda desk: desk.approve(MAX, draft))
                self.play.deed(number, lambda desk: desk.set_mode(OLIVIA, where, mode))
                for call in self.play.until({"fence"}, 10):
                    self.play.step(call)
                self.play.writes(where, MIA, "Sam? hi", number)
                for call in self.play.waits("accept"):
                    self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER)
    def the_chat_moves_on(self, chat: ChatKey, number: int) -> None:
        def go() -> None:
            self.play.hold(chat, number)
            for _ in range(6):
                self.play.writes(chat, LEO, "Sam? well", number)
            for call in self.play.waits("accept"):
                self.play.step(call)

        self._tell(go)


class ClocksMachine(PromiseMachine):
    """Where clocks jump and time passes while an answer is on its way."""

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS, minutes=st.sampled_from([-70, 70]))
    def the_clock_jumps_at_the_brink(self, chat: ChatKey, number: int, brink: str, minutes: int) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            self.play.jump(minutes)
            for call in self.play.waits(brink)[:1]:
                self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, brink=BRINKS, seconds=st.sampled_from([3, 12, 40]))
    def time_passes_at_the_brink(self, chat: ChatKey, number: int, brink: str, seconds: int) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            self.play.pass_time(seconds)
            for call in self.play.waits(brink)[:1]:
                self.play.step(call)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER, brink=st.sampled_from(["send", "sent", "fenced"]), first=st.booleans())
    def nothing_runs_for_hours_after_a_hand_over(
        self, chat: ChatKey, number: int, brink: str, first: bool
    ) -> None:
        def go() -> None:
            self.play.bring(chat, number, brink)
            for call in self.play.waits(brink)[:1]:
                if brink == "send":
                    self.play.step(call, Fate.DEATH_AFTER)
                else:
                    self.stage.kill(call.process)
                    self.play.look()
                    self.play.replace_the_dead()
                if first:
                    self.play.pass_time(9000)

        self._tell(go)

    @rule(chat=CHAT, number=NUMBER)
    def a_draft_waits_too_long(self, chat: ChatKey, number: int) -> None:
        def go() -> None:
            if self.play.hold(chat, number):
                self.play.jump(70)

        self._tell(go)


@contextmanager
def _stage(folder: Path) -> Iterator[tuple[Stage, Settings, Persona]]:
    """One real Redis and one still loop, for all examples of a run."""
    with asyncio.Runner() as outside, asyncio.Runner(loop_factory=StillLoop) as inside:
        server = EmbeddedServer(folder / "redis")
        outside.run(server.__aenter__())
        redis: Any = Redis(unix_socket_path=str(server.socket), decode_responses=True)
        try:
            # These examples are not about power cuts; thousands of flushes to the disk would be most of the time.
            inside.run(redis.config_set("appendfsync", "no"))
            typing = TypingProfile(longest_seconds=1e-12)
            persona = inside.run(load_persona(write_persona(folder / "persona", typing)))
            service_settings = Settings(
                state_dir=folder / "state",
                persona=folder / "persona",
                partitions=PARTITIONS,
                turns=InboxSettings(pause_seconds=0.5, longest_pause_seconds=2.0),
                worker=WorkerSettings(most_attempts=4, most_messages=3),
                outbox=OutboxSettings(moved_past_messages=6, most_tries=3),
                rules=RuleSettings(
                    rate_limit=RateLimitSettings(
                        chat_answers=9999,
                        person_answers=9999,
                        account_answers=9999,
                        everywhere_answers=9999,
                    ),
                    owner_present=OwnerPresentSettings(minutes=0.2),
                ),
            )
            loop: Any = inside.get_loop()
            stage = Stage(loop, redis)
            patch = on_stage(stage)
            try:
                yield stage, service_settings, persona
            finally:
                patch.undo()
        finally:
            inside.run(redis.aclose())
            outside.run(server.__aexit__(None, None, None))


STEPS: Final = 5_000
"""How many steps each of the four machines takes at least, so that together they take 20,000."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The steps of one run."""

    steps: int
    by_kind: Mapping[str, int]

    def enough(self) -> None:
        """Raise AssertionError if it was too few, or nothing got as far as the messenger."""
        assert self.steps >= STEPS, self
        assert self.by_kind["sent"] >= 30, self


def run(machine: type[PromiseMachine], examples: int = 42, rules: int = 50, most_rounds: int = 3) -> Taken:
    """Run a machine in rounds until it took `STEPS` steps; prints each round's seed, gives the steps taken.

    `PROMISE_SEED` takes an earlier run's seed again, `PROMISE_EXAMPLES` sets another number of examples, and with
    `PROMISE_SHRINK=0` a failure is shown as it was found.
    """
    chosen = int(os.environ.get("PROMISE_SEED") or secrets.randbits(32))
    examples = int(os.environ.get("PROMISE_EXAMPLES") or examples)
    logs = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = Path(tempfile.mkdtemp(prefix="u-", dir="/tmp"))
    try:
        with _stage(folder) as (stage, service_settings, persona):
            facts: dict[str, Any] = {
                "stage": stage,
                "service_settings": service_settings,
                "persona": persona,
                "steps": Counter(),
            }
            ready = type(machine.__name__, (machine,), facts)
            profile = settings(
                max_examples=examples,
                stateful_step_count=rules,
                deadline=None,
                database=None,
                print_blob=True,
                phases=(Phase.generate,)
                if os.environ.get("PROMISE_SHRINK") == "0"
                else (Phase.generate, Phase.shrink),
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            taken: Counter[str] = ready.steps  # type: ignore[attr-defined]
            for further in range(most_rounds):
                # How far an example gets is chance: a round that stayed short is followed by another one.
                round_seed = (chosen + further) % 2**32
                print(f"{machine.__name__}: PROMISE_SEED={round_seed}", flush=True)  # noqa: T201 - to have it again
                run_state_machine_as_test(seed(round_seed)(ready), settings=profile)
                if taken["steps"] >= STEPS:
                    break
    finally:
        structlog.configure(**logs)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{machine.__name__}: {dict(taken)}", flush=True)  # noqa: T201 - a failure can be had again
    return Taken(taken["steps"], taken)
