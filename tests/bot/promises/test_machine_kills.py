"""Promises 1 to 7 in any order of steps. What a kill stops, however it comes and whatever else happens."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from chat.message import ChatKey
from safety.kill import KillScope
from tests.bot.promises.machine.machine import BRINKS, CHAT, NUMBER, SCOPE, PromiseMachine
from tests.bot.promises.machine.play import OLIVIA, SCOPES, VERA, pick
from tests.bot.promises.machine.run import run


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


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_around_kills() -> None:
    run(KillsMachine).enough()
