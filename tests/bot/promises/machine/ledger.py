"""What should be: a model in plain Python of what was promised, which watches each step and judges it.

It knows nothing of the scripts' insides. It hears what was asked and what was answered, sees what really stands in the
chats, and compares. Each objection names the promise that it is about.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bot.messengers.base import Bubble
from chat.message import ChatKey
from safety.kill import KillScope, scopes_of
from tests.bot.promises.machine.snapshot import NOTHING, Snapshot
from tests.bot.promises.machine.stage import Call, Fate, Process
from tests.bot.promises.machine.street import KEYED, WHOLES, Street

MAY_RESUME: Final = frozenset({"olivia"})
MAY_APPROVE: Final = frozenset({"olivia", "max", "mona"})
FINAL: Final = frozenset(
    {"deleted", "ignored", "failed", "answered", "expired", "stale", "rejected", "shadow", "unknown", "own"}
)
OPEN: Final = frozenset({"held", "frozen", "rewriting"})
CLOSED: Final = frozenset({"sent", "rejected", "expired", "stale", "shadow", "void", "failed", "unknown"})
_FAR_MS: Final = 600_000
"""What lies further ahead than this was due under a clock that has gone back since."""
_YES_MS: Final = 2000


@dataclass
class Claimed:
    """The turn that a chat's worker has in hand, or had last."""

    ids: list[str]
    generation: int
    at: int
    until: int
    process: Process
    turn: str
    position: int
    """How many messages of others the chat had had, up to the end of the turn."""
    good: bool = True
    settled: bool = False
    rules_failed: bool = False


@dataclass
class Planned:
    """A draft, and by when and on whose word it may leave."""

    chat: ChatKey
    claimed: int
    """The step at which the turn was claimed that it answers."""
    position: int
    expires: int
    lifetime: int
    approved: int = 0
    """When it was approved, by whomever, by the wall clock."""
    by_a_person: bool = False
    planned: int = 0
    """The step at which its bubbles were put into the outbox, last time."""


@dataclass
class Ledger:
    """The books beside the store's own."""

    street: Street
    moved_limit: int
    stay_ms: int
    """How long the owner counts as there after a message of their own."""
    step: int = 0
    objections: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)
    last: Snapshot = NOTHING
    modes: dict[ChatKey, str] = field(default_factory=dict)
    known: dict[ChatKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    accepted: dict[ChatKey, list[str]] = field(default_factory=lambda: defaultdict(list))
    by_bots: set[str] = field(default_factory=set)
    queue: dict[ChatKey, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What was accepted and is not decided on, in order."""
    context: dict[ChatKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What stands in the transcript."""
    deleted: set[str] = field(default_factory=set)
    claims: dict[ChatKey, Claimed] = field(default_factory=dict)
    tokens: dict[ChatKey, int] = field(default_factory=dict)
    kills: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """By partition and scope: the ids of the kills that stand."""
    kills_known: set[tuple[str, str, str]] = field(default_factory=set)
    """Partition, scope and id of every kill that was ever written."""
    seen: dict[Call, set[str]] = field(default_factory=dict)
    """Which kills stood when somebody set out to lift them."""
    writing: dict[tuple[Process, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """In which partitions a process knows a kill to be written."""
    stopped: dict[tuple[str, str], int] = field(default_factory=dict)
    """By partition and scope: the step of the last kill or resume."""
    heard: dict[tuple[Process, str], KillScope] = field(default_factory=dict)
    """Kills that a process has heard and not put on record yet."""
    drafts: dict[str, Planned] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    owner_at: dict[ChatKey, int] = field(default_factory=dict)
    taken: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Which moderator has taken a draft, and until when."""
    rewrites: dict[str, int] = field(default_factory=dict)
    """The token of whoever writes another text for a draft."""
    order: list[str] = field(default_factory=list)
    """Bubbles in the order in which they were planned."""
    flying: dict[str, ChatKey] = field(default_factory=dict)
    """Bubbles that passed the fence, with nothing on record of what came of it."""
    yes: dict[tuple[Process, str], int] = field(default_factory=dict)
    """When a process asked the fence about a bubble, for which it said yes, by the wall clock."""
    gone: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often a bubble was let go without a later word that it did not leave."""
    recorded: set[str] = field(default_factory=set)
    edits: dict[str, list[str]] = field(default_factory=dict)
    """What the model wrote, of drafts that a person has edited."""
    now: int = 0
    """The wall clock at the last step."""
    at: int = 0
    """The time that the last step brought along."""
    expected: dict[str, str] = field(default_factory=dict)
    """What state a draft must be in after this step."""
    landed: int = 0
    idle: bool = False
    """Whether the last step was a look for work where there was none."""
    reached: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often each kind of call went through."""

    # Judging.

    def must(self, holds: bool, promise: int, text: str) -> None:
        if not holds:
            self.objections.append(f"promise {promise}: {text}")

    def tell(self, sentence: str) -> None:
        self.story.append(sentence)

    def tell_time(self, seconds: float) -> None:
        """Time that passes bit by bit is one line."""
        before = (
            self.story.pop().split() if self.story and self.story[-1].endswith(" seconds pass") else ["0"]
        )
        self.tell(f"{float(before[0]) + seconds:g} seconds pass")

    def name(self, id_: str) -> str:
        """A draft's or bubble's name in the story."""
        draft, dot, rest = id_.partition(".")
        return self.names.setdefault(draft, f"d{len(self.names) + 1}") + dot + rest

    def _stands(self, chat: ChatKey, prefix: str) -> bool:
        return any((prefix, str(scope)) in self.kills for scope in scopes_of(chat, WHOLES.get(chat)))

    def _last_stop(self, chat: ChatKey, prefix: str) -> int:
        return max(self.stopped.get((prefix, str(scope)), 0) for scope in scopes_of(chat, WHOLES.get(chat)))

    # Steps, as they were taken.

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
                self._rules_failed(call)
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
            self._distrust_times()
        watcher = getattr(self, f"_{call.what}", None)
        if watcher is not None:
            watcher(call, call.arguments, call.answer)
        if fate is not Fate.DONE and self.story:
            self.story[-1] += f", {fate}"
        if fate is Fate.ANSWER_LOST and call.what == "window_take":
            self._rules_failed(call)
        if fate is Fate.DONE and call.what == "kill":
            self._written(call)

    def _rules_failed(self, call: Call) -> None:
        for claim in self.claims.values():
            if claim.process is call.process and claim.turn == call.arguments[1]:
                claim.rules_failed = True

    def _accept(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        chat, id_, own = ChatKey.parse(given[1]), str(given[2]), given[4] != 0
        mode = self.modes.get(chat, "off")
        wanted = "off" if mode == "off" else "duplicate" if id_ in self.known[chat] else "accepted"
        if wanted == "accepted" and own:
            wanted = "echo" if given[4] == 2 else "own"
        if wanted != "off" and given[9] == 1:
            wanted = "edited"
        self.tell(f"{call.process.name} takes in {id_} of {chat}: {answer}")
        self.must(answer == wanted, 7 if own else 3, f"{id_} of {chat} came in as {answer}, not as {wanted}")
        if wanted in {"accepted", "own", "echo"}:
            self.known[chat].add(id_)
            self.context[chat].add(id_)
        if wanted == "own":
            self._owner_here(chat, int(given[0]))
        if wanted == "accepted":
            self.accepted[chat].append(id_)
            self.queue[chat].append(id_)
            if json.loads(given[3])["author"].get("is_bot"):
                self.by_bots.add(id_)

    def _owner_here(self, chat: ChatKey, now: int) -> None:
        """The owner writes in person: the stand-in steps back, and what was under way is void."""
        self.owner_at[chat] = now
        if (claim := self.claims.get(chat)) is not None:
            claim.good = False
        for id_, draft in self.drafts.items():
            if draft.chat == chat and self.last.state(id_) in {"held", "rewriting", "approved"}:
                self.expected[id_] = "void"

    def _delete(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        """What is gone is in no prompt, and nothing answers it."""
        chat, ids = ChatKey.parse(given[1]), json.loads(given[2])
        self.tell(f"{call.process.name} writes down that {', '.join(ids)} of {chat} was deleted")
        self.deleted.update(ids)
        self.known[chat].update(ids)
        taken = self.context[chat].intersection(ids)
        claim = self.claims.get(chat)
        if claim is not None and not claim.settled:
            behind = self.queue[chat][len(claim.ids) :]
            if taken.difference(behind):
                claim.good = False
            claim.ids = [id_ for id_ in claim.ids if id_ not in ids]
            # With nothing left of it the next turn is another one.
            claim.settled = not claim.ids
        self.queue[chat] = [id_ for id_ in self.queue[chat] if id_ not in ids]
        self.context[chat] -= taken
        for id_, fields in self.last.drafts.items():
            answers = set(json.loads(fields.get("answers", fields["messages"])))
            if fields["state"] in OPEN | {"approved"} and answers.intersection(taken):
                self.expected[id_] = "void"
            elif fields["chat"] == str(chat) and taken:
                # Whoever writes another text for it has the message before them.
                self.rewrites.pop(id_, None)

    def _claim(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        if answer is None:
            return
        chat, generation, now = ChatKey.parse(answer[0]), int(answer[1]), int(given[0])
        ids = [json.loads(text)["id"] for text in answer[7]]
        self.tell(f"{call.process.name} claims {chat} (generation {generation}): {', '.join(ids)}")
        waiting, most, overload = len(self.queue[chat]), int(given[3]), int(given[4])
        if waiting > overload and (chat not in self.claims or self.claims[chat].settled):
            self.tell(f"{chat} is overloaded: only the newest {most} are answered")
            self.queue[chat] = self.queue[chat][-most:]
        due = self.queue[chat][: len(ids)]
        self.must(ids == due, 4, f"{chat}: the turn is {ids}, next are {due}")
        self.must(bool(answer[4]) == self._stands(chat, call.prefix), 1, f"{chat}: the claim's kill is wrong")
        if (before := self.claims.get(chat)) is not None:
            self.must(generation > before.generation, 4, f"{chat}: the generation did not grow")
            if before.ids[:1] == ids[:1]:
                self.must(before.ids == ids, 2, f"{chat}: who follows another sees another turn")
            if before.good and now == self.now:
                self.must(not 0 < before.until - now <= _FAR_MS, 4, f"{chat} is in two workers' hands")
        # A call that waited while the clock jumped brings an old time along; then only its token says anything.
        until = now + int(given[2]) if now == self.now else 0
        position = len(self.accepted[chat]) - (len(self.queue[chat]) - len(ids))
        self.claims[chat] = Claimed(
            ids, generation, self.step, until, call.process, _turn(chat, ids), position
        )

    def _good(self, chat: ChatKey, generation: object) -> Claimed | None:
        claim = self.claims.get(chat)
        return (
            claim if claim is not None and claim.good and claim.generation == int(str(generation)) else None
        )

    def _renew(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        chat = ChatKey.parse(given[1])
        claim = self._good(chat, given[2])
        self.must((answer != -1) == (claim is not None), 4, f"{chat}: a claim that was lost was renewed")
        if claim is not None:
            claim.until = int(given[0]) + int(given[3]) if int(given[0]) == self.now else 0

    def _postpone(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        chat = ChatKey.parse(given[1])
        claim = self._good(chat, given[2])
        self.tell(f"{call.process.name} gives the turn of {chat} back: {answer}")
        self.must(
            (answer != "lost") == (claim is not None), 4, f"{chat}: a claim that was lost was given back"
        )
        if claim is not None:
            claim.good = False

    def _settle(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        chat, now, decision = ChatKey.parse(given[1]), int(given[0]), json.loads(given[4])
        claim = self._good(chat, given[2])
        what = (
            f"{decision['kind']} {self.name(decision['draft'])}" if "draft" in decision else decision["kind"]
        )
        self.tell(f"{call.process.name} settles {', '.join(decision['messages'])} as {what}: {answer}")
        self.must(
            (answer != "lost") == (claim is not None), 4, f"{chat}: a lost claim was settled ({answer})"
        )
        if answer == "lost" or claim is None:
            return
        due = self.queue[chat][: len(decision["messages"])]
        self.must(
            decision["messages"] == due, 7, f"{chat}: decided on {decision['messages']}, next are {due}"
        )
        self.queue[chat] = self.queue[chat][len(due) :]
        claim.good, claim.settled = False, True
        if answer != "draft":
            return
        killed = claim.at <= self._last_stop(chat, call.prefix) or self._stands(chat, call.prefix)
        mode, id_ = self.modes.get(chat, "off"), decision["draft"]
        self.must(mode != "off", 6, f"{chat}: a draft in a chat that is off")
        self.must(not set(decision["messages"]) <= self.by_bots, 7, f"{chat}: a bot was answered")
        self.must(not claim.rules_failed, 5, f"{chat}: a rule failed, and it was answered all the same")
        self.must(id_ not in self.drafts, 7, f"{chat}: a turn was answered twice")
        expires = int(decision["expires_at"])
        # Messages of others up to the end of the turn; what came later makes it stale one day.
        draft = Planned(chat, claim.at, claim.position, expires, expires - now)
        self.drafts[id_] = draft
        if mode == "shadow":
            self.expected[id_] = "shadow"
        elif killed:
            self.expected[id_] = "frozen"
        elif mode == "auto" and not decision["hold"]:
            self.expected[id_] = "approved"
            draft.planned, draft.approved = self.step, now
            self._plan([f"{id_}.1.{index}" for index in range(1, len(decision["bubbles"]) + 1)])
        else:
            self.expected[id_] = "held"

    def _approve(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        now, id_, by, edited = int(given[0]), given[1], given[2], given[3]
        draft, before, fields = self.drafts[id_], self.last.state(id_), self.last.drafts[id_]
        self.tell(f"{by} approves {self.name(id_)}{' as edited' if edited else ''}: {answer[0]}")
        self.must(by in MAY_APPROVE, 6, f"{by} may not approve")
        stands, mode = self._stands(draft.chat, call.prefix), self.modes.get(draft.chat, "off")
        late = draft.expires <= now
        moved = len(self.accepted[draft.chat]) - draft.position >= self.moved_limit
        if before not in OPEN:
            wanted = "decided"
        elif self._taken_by_other(id_, by, now):
            wanted = "claimed"
        elif before == "rewriting":
            wanted = "rewriting"
        elif int(given[5]) not in {0, int(fields.get("version", "1"))}:
            wanted = "changed"
        elif stands:
            wanted = "killed"
        elif mode in {"off", "shadow"}:
            wanted = mode
        else:
            wanted = "expired" if late else "stale" if moved else "approved"
        self.must(answer[0] == wanted, 6, f"{self.name(id_)} ({before}) was {answer[0]}, not {wanted}")
        if answer[0] != "approved":
            return
        draft.by_a_person, draft.planned, draft.approved = True, self.step, now
        draft.expires, draft.position = now + draft.lifetime, len(self.accepted[draft.chat])
        bubbles, sent = json.loads(fields["bubbles"]), int(fields["sent"])
        if edited:
            self.edits.setdefault(id_, bubbles)
            bubbles = bubbles[:sent] + json.loads(edited)
        attempt = int(fields["attempt"]) + (before == "frozen" or sent > 0)
        self._plan([f"{id_}.{attempt}.{index}" for index in range(sent + 1, len(bubbles) + 1)])

    def _plan(self, ids: list[str]) -> None:
        """Bubbles go into the outbox; one that was there before and came back is planned anew."""
        self.order = [id_ for id_ in self.order if id_ not in ids] + ids

    def _taken_by_other(self, id_: str, by: str, now: int) -> bool:
        taken = self.taken.get(id_)
        return taken is not None and taken[0] != by and taken[1] > now and self.last.state(id_) in OPEN

    def _claim_draft(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        now, id_, by = int(given[0]), given[1], given[2]
        self.tell(f"{by} takes {self.name(id_)}: {answer[0]}")
        self.must(by in MAY_APPROVE, 6, f"{by} may not take drafts")
        wanted = "taken" if self.last.state(id_) in OPEN else "decided"
        if wanted == "taken" and self._taken_by_other(id_, by, now) and str(given[4]) != "1":
            wanted = "claimed"
        self.must(answer[0] == wanted, 6, f"{self.name(id_)} was {answer[0]}, not {wanted}")
        if answer[0] == "taken":
            self.taken[id_] = by, int(given[3])

    def _regenerate(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        id_, by = given[1], given[2]
        self.tell(f"{by} has {self.name(id_)} written anew: {answer[0]}")
        self.must(by in MAY_APPROVE, 6, f"{by} may not have drafts rewritten")
        if answer[0] == "ordered":
            self.must(self.last.state(id_) in {"held", "frozen"}, 6, "what was decided is written anew")
            self.must(
                not self._taken_by_other(id_, by, int(given[0])), 6, "what another has taken is written anew"
            )
            self.expected[id_] = "rewriting"
            self.drafts[id_].expires = int(given[0]) + self.drafts[id_].lifetime

    def _claim_rewrite(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        if answer is not None:
            self.tell(
                f"{call.process.name} takes {self.name(answer[0])} to write it anew (token {answer[1]})"
            )
            self.rewrites[answer[0]] = int(answer[1])

    def _rewritten(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        now, id_ = int(given[0]), given[1]
        self.tell(f"{call.process.name} writes {self.name(id_)} anew: {answer}")
        lost = self.last.state(id_) != "rewriting" or self.rewrites.get(id_) != int(given[2])
        self.must(
            (answer == "lost") == lost, 6, f"{self.name(id_)}: another text by one who lost it: {answer}"
        )
        if answer in {"written", "kept"}:
            self.expected[id_] = "held"
            self.drafts[id_].expires = now + self.drafts[id_].lifetime
        if answer == "written":
            self.edits.pop(id_, None)
            if given[6] != "":
                self.drafts[id_].position = int(given[6])

    def _reject(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        now, id_, by = int(given[0]), given[1], given[2]
        before = self.last.state(id_)
        self.tell(f"{by} rejects {self.name(id_)}: {answer[0]}")
        self.must(by in MAY_APPROVE, 6, f"{by} may not reject")
        may = before in OPEN and not self._taken_by_other(id_, by, now)
        self.must((answer[0] == "rejected") == may, 6, f"a draft that was {before} was {answer[0]}")

    def _enable(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        self.must(given[2] in MAY_RESUME, 6, f"{given[2]} may not enable a chat")
        mode = json.loads(given[4])["mode"]
        self.tell(f"{given[2]} enables {given[1]} in {self.modes.setdefault(ChatKey.parse(given[1]), mode)}")

    def _set_chat(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        changed = json.loads(given[3])
        if "mode" in changed:
            self.tell(f"{given[2]} sets {given[1]} to {changed['mode']}")
            self.modes[ChatKey.parse(given[1])] = changed["mode"]
        self.must(given[2] in MAY_RESUME, 6, f"{given[2]} may not change a chat")

    def _sweep(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        if answer:
            self.tell(f"{call.process.name} sweeps {answer} drafts away")
        # A sweep lets go of what was taken until its own time. One that began before the clock went back is ahead of
        # whoever took a draft since: to them, it lapses early.
        for id_, (_, until) in list(self.taken.items()):
            if until <= int(given[0]) and self._is_in(self.drafts[id_].chat, call.prefix):
                self.tell(f"nobody has taken {self.name(id_)} any longer")
                del self.taken[id_]

    # Kills.

    def _kill(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        scope, by, id_ = KillScope.parse(given[1]), given[2], given[4]
        mark, new = (call.prefix, given[1]), (call.prefix, given[1], id_) not in self.kills_known
        self.must(bool(answer[0]) == new, 1, f"a kill of {scope} was new: {answer[0]}, and should be: {new}")
        self.tell(f"KILL {scope} by {by}, written in partition {call.prefix[12]}: {answer[1]} in flight")
        here = [
            b
            for b, chat in self.flying.items()
            if scope.covers(chat, WHOLES.get(chat)) and self._is_in(chat, call.prefix)
        ]
        self.must(int(answer[1]) == len(here), 1, f"the kill counts {answer[1]} in flight, and {here} are")
        if new:
            self.kills_known.add((call.prefix, given[1], id_))
            self.kills.setdefault(mark, set()).add(id_)
            self.stopped[mark] = self.step

    def _written(self, call: Call) -> None:
        """Note that a process knows a kill to be on record; when it is so everywhere, it relies on that."""
        mark = call.process, call.arguments[4]
        self.writing[mark].add(call.prefix)
        if len(self.writing[mark]) == self.street.stage.partitions.count:
            self.heard.pop(mark, None)

    def _refresh(self, draft: Planned) -> None:
        """What lay under a kill gets its whole time again."""
        draft.expires = max(draft.expires, self.at + draft.lifetime)
        draft.position = len(self.accepted[draft.chat])

    def _resume(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        mark = call.prefix, given[1]
        self.tell(f"{given[2]} resumes {given[1]} in partition {call.prefix[12]}: {answer}")
        self.must(given[2] in MAY_RESUME, 1, f"{given[2]} may not resume")
        if int(answer) == 1:
            self.must(self.kills.get(mark) == self.seen[call], 1, f"a kill of {given[1]} was lifted unseen")
            self.kills.pop(mark, None)
            self.stopped[mark] = self.step
            scope = KillScope.parse(given[1])
            for id_, draft in self.drafts.items():
                covered = scope.covers(draft.chat, WHOLES.get(draft.chat))
                if covered and self._is_in(draft.chat, call.prefix) and self.last.state(id_) in OPEN:
                    self._refresh(draft)

    def _is_in(self, chat: ChatKey, prefix: str) -> bool:
        return self.street.stage.prefix_of(chat) == prefix

    # The way out.

    def _outbox_claim(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        if answer is None:
            return
        chat = ChatKey.parse(answer[0])
        self.tell(f"{call.process.name} takes {self.name(answer[2])} from the outbox (token {answer[1]})")
        self.must(int(answer[1]) > self.tokens.get(chat, 0), 3, f"{chat}: the sender's token did not grow")
        self.tokens[chat] = int(answer[1])

    def _at_the_head(self, given: tuple[Any, ...]) -> bool:
        out = self.last.out.get(given[1], [])
        return self.tokens.get(ChatKey.parse(given[1])) == int(given[2]) and out[:1] == [given[3]]

    def _fence(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        now, chat, id_ = int(given[0]), ChatKey.parse(given[1]), given[3]
        name = self.name(id_)
        self.tell(f"the fence says {answer} for {name} to {call.process.name}")
        self.must(
            (answer == "lost") == (not self._at_the_head(given)), 3, f"the fence said {answer} for {name}"
        )
        if answer == "unknown":
            self.flying.pop(id_, None)
        if answer != "go":
            return
        draft, mode = self.drafts[id_.partition(".")[0]], self.modes.get(chat, "off")
        fields = self.last.drafts[id_.partition(".")[0]]
        answers = json.loads(fields.get("answers", fields["messages"]))
        self.must(not self.deleted.intersection(answers), 6, f"{name} goes, and what it answers was deleted")
        stop, again = self._last_stop(chat, call.prefix), self.gone[id_] > 0
        self.must(not self._stands(chat, call.prefix), 1, f"after a kill the fence let {name} go")
        self.must(draft.planned > stop, 1, f"{name} was planned before a kill and woke up after it")
        self.must(draft.by_a_person or draft.claimed > stop, 1, f"{name} was being written at a kill")
        wanted = mode == "auto" or (mode == "manual" and draft.by_a_person)
        self.must(
            wanted, 6, f"{name} may go in {mode}, approved by {'a person' if draft.by_a_person else 'rules'}"
        )
        self.must(self.last.state(id_.partition(".")[0]) == "approved", 6, f"{name} goes without an approval")
        owner = self.owner_at.get(chat, 0)
        here = abs(now - owner) < self.stay_ms and owner > draft.approved
        self.must(not here, 6, f"{name} goes, and the owner is here")
        if again:
            self.must(chat.messenger == KEYED, 3, f"{name} is repeated, and its fate is unknown")
        else:
            self.must(draft.expires > now, 6, f"{name} goes after its time")
            moved = len(self.accepted[chat]) - draft.position
            self.must(moved < self.moved_limit, 6, f"{name} goes, and the chat has moved past it")
        self.gone[id_] += 1
        self.flying[id_] = chat
        self.yes[call.process, id_] = now

    def meet(self, call: Call) -> None:
        """Hear of a call as it comes to the gate."""
        if call.what == "send":
            self._handed_over(call.process, call.arguments[0])
        elif call.what == "resume":
            self.seen[call] = set(self.kills.get((call.prefix, call.arguments[1]), ()))
        elif call.what == "kill" and not call.arguments[6]:
            scope, id_ = call.arguments[1], call.arguments[4]
            if not any((other, known) == (scope, id_) for _, other, known in self.kills_known):
                # The process that hears a kill stops at once, also before anything is on record.
                self.heard[call.process, id_] = KillScope.parse(scope)

    def _handed_over(self, process: Process, bubble: Bubble) -> None:
        """A process gives a bubble to a messenger: from here on nobody can call it back."""
        name, prefix = self.name(bubble.id), self.street.stage.prefix_of(bubble.chat)
        self.tell(f"{process.name} hands {name} to the messenger")
        asked = self.yes.get((process, bubble.id))
        self.must(asked is not None, 1, f"{name} is handed over without the fence")
        if asked is None:
            return
        old = self.street.stage.clock.now - asked
        self.must(0 <= old <= _YES_MS, 1, f"{name} is handed over on a yes {old} ms old")
        whole = WHOLES.get(bubble.chat)
        latched = any(
            scope.covers(bubble.chat, whole) for (who, _), scope in self.heard.items() if who is process
        )
        self.must(not latched, 1, f"{name} is handed over by a process that has heard a kill")
        if self._stands(bubble.chat, prefix):
            self.must(
                bubble.id in self.flying, 1, f"{name} is handed over after a kill that did not count it"
            )

    def _sent(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        chat, id_ = ChatKey.parse(given[1]), given[2]
        self.tell(f"{call.process.name} writes down that {self.name(id_)} has left")
        self.recorded.add(id_)
        self.flying.pop(id_, None)
        if given[3] not in self.known[chat] and not id_.endswith(".0"):
            self.context[chat].add(given[3])
        self.known[chat].add(given[3])
        said = any(said.bubble.id == id_ for said in self.street.said)
        self.must(said, 3, f"{self.name(id_)} is on record as sent, and it is not in the chat")

    def _unsent(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        id_ = given[3]
        self.tell(f"{call.process.name} writes down that {self.name(id_)} has not left: {answer}")
        self.must(
            (answer == "lost") == (not self._at_the_head(given)), 3, f"a lost sender planned {self.name(id_)}"
        )
        before = given[7] == 1
        self.must(
            not before or answer not in {"planned", "failed"}, 3, f"{self.name(id_)} may have left before"
        )
        if answer in {"planned", "failed"}:
            self.gone[id_] = 0
        if answer in {"planned", "failed", "unknown"}:
            self.flying.pop(id_, None)

    def _unknown(self, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
        self.tell(f"{call.process.name} writes down that nobody knows of {self.name(given[3])}: {answer}")
        self.must((answer == "lost") == (not self._at_the_head(given)), 3, "a lost sender gave a bubble up")
        if answer == "unknown":
            self.flying.pop(given[3], None)

    def without_effect(self, call: Call) -> bool:
        """Whether a call must change nothing at all: it is a repetition, or its token is worth nothing any more."""
        given = call.arguments
        if call.what == "accept":
            chat = ChatKey.parse(given[1])
            again = given[2] in self.known[chat] and given[9] != 1
            return again or self.modes.get(chat, "off") == "off"
        if call.what in {"settle", "renew", "postpone"}:
            return self._good(ChatKey.parse(given[1]), given[2]) is None
        if call.what in {"fence", "unsent", "unknown"}:
            return not self._at_the_head(given)
        if call.what == "release":
            return self.tokens.get(ChatKey.parse(given[1])) != int(given[2])
        return False

    def clock_jumped(self, minutes: int) -> None:
        """From here on nobody can say by the clock until when a claim was good; its token says so all the same."""
        self.tell(f"the clock jumps by {minutes} minutes")
        self._distrust_times()

    def _distrust_times(self) -> None:
        for claim in self.claims.values():
            claim.until = 0

    # After each step.

    def check(self, now: Snapshot) -> None:
        """Compare the store's books with these and with the chats. Raises AssertionError."""
        before, self.last = self.last, now
        self._note_announcements(now)
        self._check_outcomes(before, now)
        self._check_transcripts(now)
        self._check_drafts(before, now)
        kills = frozenset(self.kills)
        self.must(
            now.kills == kills, 1, f"the kills that stand are {set(now.kills)}, they should be {set(kills)}"
        )
        self.must(
            now.flight == set(self.flying), 1, f"in flight are {self.flying}, on record {set(now.flight)}"
        )
        self._check_chats(now)
        self._object()

    def _note_announcements(self, now: Snapshot) -> None:
        """A chat in which the stand-in has not said what it is hears that first, as bubble 0 of the answer."""
        for bubbles in now.out.values():
            for id_ in bubbles:
                if id_.endswith(".0") and id_ not in self.order:
                    first = next((at for at, other in enumerate(self.order) if other == id_[:-1] + "1"), None)
                    self.order.insert(len(self.order) if first is None else first, id_)

    def _check_outcomes(self, before: Snapshot, now: Snapshot) -> None:
        for chat, ids in self.accepted.items():
            found, earlier = now.outcomes.get(str(chat), {}), before.outcomes.get(str(chat), {})
            for id_ in ids:
                self.must(id_ in found, 2, f"{id_} of {chat} has no outcome")
                was, is_ = earlier.get(id_), found.get(id_)
                late = was == "unknown" and is_ == "answered"
                if was in {"ignored", "deleted"} and is_ in {"unknown", "answered"}:
                    late = any(
                        fields["state"] == "void" and id_ in json.loads(fields["messages"])
                        for fields in before.drafts.values()
                    )
                if was in FINAL:
                    self.must(is_ == was or late, 2, f"{id_} of {chat} was {was} and is {is_}")
                if id_ not in self.queue[chat]:
                    self.must(is_ != "waiting", 2, f"{id_} of {chat} was decided on and waits")
                if id_ in self.deleted:
                    self.must(is_ in FINAL, 8, f"{id_} of {chat} was deleted and is {is_}")

    def _check_transcripts(self, now: Snapshot) -> None:
        for chat, ids in now.transcripts.items():
            kept = self.deleted.intersection(ids)
            self.must(not kept, 8, f"{kept} of {chat} were deleted and are in the context")

    def _check_drafts(self, before: Snapshot, now: Snapshot) -> None:
        for id_, fields in now.drafts.items():
            was, is_ = before.state(id_), fields["state"]
            wanted = self.expected.pop(id_, is_)
            self.must(is_ == wanted, 6, f"draft {self.name(id_)} is {is_}, and should be {wanted}")
            if is_ == "frozen" != was:
                self._refresh(self.drafts[id_])
            if is_ not in OPEN:
                self.taken.pop(id_, None)
            if was in CLOSED:
                # What was just being handed over is called what it turns out to be.
                late = (was, is_) in {("unknown", "sent"), ("void", "sent"), ("void", "unknown")}
                self.must(is_ == was or late, 2, f"draft {self.name(id_)} was {was} and is {is_}")
            shown = id_ in now.open
            self.must(shown == (is_ in OPEN), 3, f"draft {self.name(id_)} is {is_}, shown as open: {shown}")
            if id_ in self.edits:
                kept = json.loads(fields.get("original", "null"))
                self.must(kept == self.edits[id_], 6, f"draft {self.name(id_)}: the model's text is not kept")
            out = now.out.get(fields["chat"], [])
            waits = [bubble for bubble in out if bubble.startswith(id_ + ".") and bubble not in self.flying]
            # One that was voided while a bubble was being handed over: the fence takes out what did not leave.
            if is_ in (OPEN | CLOSED) - {"void"}:
                self.must(not waits, 6, f"draft {self.name(id_)} is {is_}, and its bubbles wait to leave")

    def _check_chats(self, now: Snapshot) -> None:
        said = self.street.said
        fresh, self.landed = said[self.landed :], len(said)
        for one in fresh:
            name, chat = self.name(one.bubble.id), one.bubble.chat
            self.must(self.gone[one.bubble.id] > 0, 1, f"{name} stands in {chat} and never passed the fence")
            text = one.bubble.text.lower()
            self.must("@everyone" not in text, 7, f"{name} pings everyone")
            self.must("pineapple" not in text, 1, f"{name} says the kill word")
            draft = one.bubble.id.partition(".")[0]
            same = [s for s in said if _place(s.bubble) == _place(one.bubble)]
            self.must(len(same) == 1, 3, f"{name} stands {len(same)} times in {chat}")
            later = [
                s
                for s in said
                if s.bubble.chat == chat and s is not one and self._after(s.bubble, one.bubble)
            ]
            late = now.state(draft) == "unknown"
            self.must(not later or late, 4, f"{name} comes after {[self.name(s.bubble.id) for s in later]}")

    def _after(self, one: Bubble, other: Bubble) -> bool:
        return self.order.index(one.id) > self.order.index(other.id)

    def check_end(self) -> None:
        """When everything has come to its end. Raises AssertionError."""
        for chat, ids in self.accepted.items():
            found = self.last.outcomes.get(str(chat), {})
            for id_ in ids:
                self.must(found.get(id_) in FINAL | OPEN, 2, f"{id_} of {chat} ends as {found.get(id_)}")
            self.must(not self.queue[chat], 2, f"{chat}: {self.queue[chat]} were never decided on")
        waits = {chat: bubbles for chat, bubbles in self.last.out.items() if bubbles}
        self.must(not waits, 2, f"bubbles wait to leave for ever: {waits}")
        for id_ in self._uncertain():
            state = self.last.state(id_.partition(".")[0])
            self.must(state == "unknown", 3, f"nobody knows of {self.name(id_)}, and its draft is {state}")
        self._object()

    def check_whole(self) -> None:
        """When whoever finishes what others left half done has had the time. Raises AssertionError."""
        by_scope = defaultdict(set)
        for prefix, scope in self.kills:
            by_scope[scope].add(prefix)
        for scope, prefixes in by_scope.items():
            whole = len(prefixes) == self.street.stage.partitions.count
            self.must(whole, 1, f"the kill of {scope} stands in {prefixes} alone")
        self._object()

    def _object(self) -> None:
        if self.objections:
            raise AssertionError(self.objections[0])

    def _uncertain(self) -> Iterator[str]:
        """Bubbles that were let go, and of which no record says what came of it."""
        yield from (id_ for id_, times in self.gone.items() if times and id_ not in self.recorded)


def _place(bubble: Bubble) -> tuple[str, str]:
    """Which bubble of which draft, whatever attempt it left with."""
    draft, _, index = bubble.id.split(".")
    return draft, index


def _turn(chat: ChatKey, ids: list[str]) -> str:
    """The id of a turn, which follows from its messages alone."""
    return hashlib.sha256("\0".join([str(chat), *ids]).encode()).hexdigest()[:16]
