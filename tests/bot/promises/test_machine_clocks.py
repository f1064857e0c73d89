"""Promises 1 to 7 in any order of steps. What time does to answers on their way."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from chat.message import ChatKey
from tests.bot.promises.machine.machine import BRINKS, CHAT, NUMBER, PromiseMachine
from tests.bot.promises.machine.run import run
from tests.bot.promises.machine.stage import Fate


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


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_when_clocks_jump() -> None:
    run(ClocksMachine).enough()
