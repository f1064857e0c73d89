"""What should be: a model in plain Python of what was promised, which watches each step and judges it.

It knows nothing of the scripts' insides. It hears what was asked and what was answered, sees what really stands in the
chats, and compares. Each objection names the promise that it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from chat.message import ChatKey
from tests.bot.promises.machine import audit, decisions, kills, turns, way_out
from tests.bot.promises.machine.books import Books
from tests.bot.promises.machine.snapshot import Snapshot
from tests.bot.promises.machine.stage import Call, Fate

_Watcher = Callable[[Books, Call, tuple[Any, ...], Any], None]
_WATCHERS: Final[Mapping[str, _Watcher]] = {
    "accept": turns.accept,
    "delete": turns.delete,
    "claim": turns.claim,
    "renew": turns.renew,
    "postpone": turns.postpone,
    "settle": turns.settle,
    "approve": decisions.approve,
    "claim_draft": decisions.claim_draft,
    "regenerate": decisions.regenerate,
    "claim_rewrite": decisions.claim_rewrite,
    "rewritten": decisions.rewritten,
    "reject": decisions.reject,
    "sweep": decisions.sweep,
    "enable": decisions.enable,
    "set_chat": decisions.set_chat,
    "kill": kills.kill,
    "resume": kills.resume,
    "outbox_claim": way_out.outbox_claim,
    "fence": way_out.fence,
    "sent": way_out.sent,
    "unsent": way_out.unsent,
    "unknown": way_out.unknown,
}
"""Who hears of what went through, by the call's name."""


class Ledger(Books):
    """The books, and who keeps them."""

    def watch(self, call: Call, fate: Fate) -> None:
        """Hear of a call that went through, or was given up."""
        try:
            self._watch(call, fate)
        except Exception as error:  # noqa: BLE001 - this runs inside of what is watched, which must not take it for its own
            self.objections.append(f"the ledger cannot follow {call.what}: {error!r}")

    def _watch(self, call: Call, fate: Fate) -> None:
        if call.what == "read":
            return
        if fate is Fate.GIVEN_UP or fate is Fate.REFUSED:
            if call.what == "window_take":
                turns.rules_failed(self, call)
            return
        self.step += 1
        self.reached[call.what] += 1
        self.idle = not call.answer and call.what in {"claim", "outbox_claim", "claim_rewrite", "sweep"}
        self.now = self.street.stage.clock.now
        # A call that waited while the clock jumped brings along the time at which it was made.
        self.at = (
            int(call.arguments[0]) if call.arguments and isinstance(call.arguments[0], int) else self.now
        )
        if self.at != self.now:
            # It may also have put others' times right by its own, which is wrong.
            self.distrust_times()
        if (watcher := _WATCHERS.get(call.what)) is not None:
            watcher(self, call, call.arguments, call.answer)
        if fate is not Fate.DONE and self.story:
            self.story[-1] += f", {fate}"
        if fate is Fate.ANSWER_LOST and call.what == "window_take":
            turns.rules_failed(self, call)
        if fate is Fate.DONE and call.what == "kill":
            kills.written(self, call)

    def meet(self, call: Call) -> None:
        """Hear of a call as it comes to the gate."""
        if call.what == "send":
            way_out.handed_over(self, call.process, call.arguments[0])
        elif call.what == "resume":
            kills.seen(self, call)
        elif call.what == "kill":
            kills.heard(self, call)

    def without_effect(self, call: Call) -> bool:
        """Whether a call must change nothing at all: it is a repetition, or its token is worth nothing any more."""
        given = call.arguments
        if call.what == "accept":
            chat = ChatKey.parse(given[1])
            again = given[2] in self.known[chat] and given[9] != 1
            return again or self.modes.get(chat, "off") == "off"
        if call.what in {"settle", "renew", "postpone"}:
            return self.good(ChatKey.parse(given[1]), given[2]) is None
        if call.what in {"fence", "unsent", "unknown"}:
            return not self.at_the_head(given)
        if call.what == "release":
            return self.tokens.get(ChatKey.parse(given[1])) != int(given[2])
        return False

    def clock_jumped(self, minutes: int) -> None:
        """From here on nobody can say by the clock until when a claim was good; its token says so all the same."""
        self.tell(f"the clock jumps by {minutes} minutes")
        self.distrust_times()

    def check(self, now: Snapshot) -> None:
        """Compare the store's books with these and with the chats. Raises AssertionError."""
        audit.check(self, now)

    def check_end(self) -> None:
        """The same when everything has come to its end. Raises AssertionError."""
        audit.check_end(self)

    def check_whole(self) -> None:
        """Whether kills stand whole, once whoever finishes what others left half done has had the time.

        Raises AssertionError.
        """
        audit.check_whole(self)
