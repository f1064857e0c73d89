"""Promises 1 to 7 in any order of steps. What moderators decide, two at once, too late, or under a kill."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from bot.people import Person
from chat.message import ChatKey
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.promises.machine.machine import CHAT, NUMBER, SCOPE, PromiseMachine
from tests.bot.promises.machine.play import LEO, MAX, MIA, MONA, OLIVIA, VERA
from tests.bot.promises.machine.run import run


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


@pytest.mark.timeout(900)
def test_no_order_of_steps_breaks_a_promise_around_approvals() -> None:
    run(ApprovalsMachine).enough()
