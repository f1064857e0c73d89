"""Promises 1 to 7 in any order of steps. What dies, stands still, or loses the answer to what it asked."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from chat.message import ChatKey
from tests.bot.promises.machine.machine import BRINKS, CHAT, NUMBER, TROUBLE, PromiseMachine
from tests.bot.promises.machine.play import PLAIN
from tests.bot.promises.machine.run import run
from tests.bot.promises.machine.stage import Fate


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


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_around_deaths() -> None:
    run(DeathsMachine).enough()
