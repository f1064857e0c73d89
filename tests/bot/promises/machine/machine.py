"""The machine: Hypothesis decides who takes which step, and what goes wrong with it.

Each rule is one thing that can happen. Most take a message a good part of its way, since what breaks promises happens
at the fence, and single steps at random hardly ever get there. `number`s pick one of what there is, and 0 is the
plainest, so that what is left of a failure after shrinking is a story that a person can read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from bot.people import Person
from bot.settings import Settings
from chat.message import ChatKey
from inference.persona import Persona
from safety.kill import KillScope
from safety.mode import Mode
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
    pick,
)
from tests.bot.promises.machine.stage import PARTITIONS, Fate, Stage
from tests.bot.promises.machine.street import SAM, as_edited

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
