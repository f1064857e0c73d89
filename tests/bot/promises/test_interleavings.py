"""Promises 1 to 4 and 6, over interleavings that nobody thought of: the steps of workers, senders and people in any
order, with claims that lapse, processes that stall and come back, and a clock that jumps."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
import structlog

from bot.chats import Chats
from bot.drafts import Drafts
from bot.errors import DraftRefused
from bot.faults import NoFaults
from bot.inbox import Inbox, InboxSettings, Received
from bot.kill_switch import RedisKillSwitch
from bot.messengers.base import Bubble
from bot.outbox import Fence, Outbox, OutboxSettings, Outgoing
from bot.places import Place
from bot.store.store import Store
from bot.turn_queue import Claim, DraftPlan, TurnQueue
from chat.message import Author, Chat, ChatKey, Message
from safety.kill import KillScope, scopes_of
from safety.kill_word import KillWords
from safety.mode import ChatPolicy, Mode
from tests.fakes.clock import FakeClock

KEYED, KEYLESS = "keyed", "keyless"
"""A messenger that knows idempotency keys, and one that does not."""
WHOLES = {ChatKey(KEYED, "b"): ChatKey(KEYED, "a")}
"""A chat that is a part of another, as a thread is of its channel."""
CHATS = (ChatKey(KEYED, "a"), ChatKey(KEYED, "b"), ChatKey(KEYLESS, "c"), ChatKey(KEYLESS, "d"))
SCOPES = (
    *(KillScope.everywhere(), KillScope.account(KEYED), KillScope.account(KEYLESS)),
    *(KillScope.chat(chat) for chat in CHATS),
)
_DAY = datetime(2026, 1, 1, tzinfo=UTC)
TROUBLE = (0, 0, 1, 3)
Step = Callable[[], None]
Answer = TypeVar("Answer")


@dataclass
class World:
    """The store and a loop to ask it with."""

    loop: asyncio.AbstractEventLoop
    store: Store

    def ask(self, question: Coroutine[Any, Any, Answer]) -> Answer:
        return self.loop.run_until_complete(question)


class Walk:
    """Steps in an order that a seed decides, and beside them the little that must be remembered to judge them."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = Random(seed)
        store, clock = self.world.store, FakeClock()
        self.clock = clock
        self.ask(store.ask("flushall"))
        self.ask(store.lay_out())
        self.chats = Chats(store, clock)
        self.drafts = Drafts(store, clock, moved_past_messages=10)
        self.switch = RedisKillSwitch(store, clock)
        inbox = InboxSettings(pause_seconds=0.5, longest_pause_seconds=2.0)
        self.inbox = Inbox(store, clock, self.switch, KillWords(("pineapple",)), inbox, NoFaults())
        self.queue = TurnQueue(store, clock, lease_seconds=10.0, most_messages=3, overload_messages=60)
        self.outbox = Outbox(store, clock, OutboxSettings(moved_past_messages=10, most_tries=3))
        self.now = 0
        """Counts the steps, for what came before what."""
        self.modes: dict[ChatKey, Mode] = {}
        self.accepted: dict[ChatKey, list[Message]] = defaultdict(list)
        self.claims: list[Claim] = []
        self.held_by: dict[ChatKey, Claim] = {}
        """The claim that is good, where there is one."""
        self.outgoings: list[Outgoing] = []
        self.under_way: list[Outgoing] = []
        """Those that may be handed over, by processes that may take their time."""
        self.rooms: dict[ChatKey, list[str]] = defaultdict(list)
        self.keys_known: set[str] = set()
        self.claimed: dict[str, int] = {}
        """When each turn was claimed by the worker that settled it."""
        self.planned: dict[str, int] = {}
        self.planned_texts: dict[ChatKey, list[str]] = defaultdict(list)
        self.by_a_person: set[str] = set()
        """Drafts whose bubbles in the outbox a person has approved."""
        self.gone: Counter[str] = Counter()
        """How often a bubble was let go without a later word that it did not leave."""
        self.stopped: dict[KillScope, int] = {}
        self.standing: set[KillScope] = set()
        always, some = (lambda: True), self.chance.choice
        # Each walk has its own troubles: all of them at once would never let anything get far.
        self.steps: list[tuple[Step, float, Callable[[], object]]] = [
            (self.somebody_writes, 6, always),
            (self.time_passes, 6, always),
            (self.a_moderator_approves, 4, always),
            (self.a_worker_claims, 8, always),
            (self.a_worker_settles, 10, lambda: self.claims),
            (self.a_sender_claims, 10, always),
            (self.a_sender_asks_the_fence, 20, lambda: self.outgoings),
            (self.a_bubble_is_handed_over, 20, lambda: self.under_way),
            (self.a_message_comes_again, some(TROUBLE), lambda: any(self.accepted.values())),
            (self.time_jumps, some(TROUBLE), always),
            (self.somebody_kills, some(TROUBLE), lambda: not self.standing),
            (self.the_owner_resumes, 3, lambda: self.standing),
            (self.the_owner_changes_the_mode, some(TROUBLE), always),
            (self.a_moderator_rejects, some(TROUBLE), always),
            (self.the_sweeper_comes, some(TROUBLE), always),
            (self.a_worker_gives_a_turn_back, some(TROUBLE), lambda: self.claims),
            (self.a_worker_keeps_its_claim, some(TROUBLE), lambda: self.claims),
            (self.a_messenger_says_no, some(TROUBLE), lambda: self.under_way),
            (self.a_messenger_does_not_say, some(TROUBLE), lambda: self.under_way),
            (self.a_sender_dies, some(TROUBLE), lambda: self.outgoings or self.under_way),
        ]
        self.diligence = self.chance.choice([0.4, 0.9])
        """How often what was handed over is written down."""
        self.in_use = self.chance.sample(CHATS, self.chance.choice([1, 1, 2, 4]))
        for chat in CHATS:
            mode = self.chance.choice([Mode.AUTO, Mode.AUTO, Mode.MANUAL])
            policy = ChatPolicy(mode=mode, probability=1.0)
            self.ask(self.chats.enable(Chat(chat, chat.chat_id), "olivia", policy))
            self.modes[chat] = mode
        for part, whole in WHOLES.items():
            self.ask(self.inbox.place(Place(part, part.chat_id, whole, follows=False)))

    def ask(self, question: Coroutine[Any, Any, Answer]) -> Answer:
        return self.world.ask(question)

    def go(self, steps: int) -> None:
        """Take that many steps, then let everything come to an end, and look at the books."""
        taken: list[str] = []
        try:
            for _ in range(steps):
                possible = [(step, weight) for step, weight, there_is in self.steps if there_is()]
                (step,) = self.chance.choices(*zip(*possible, strict=True))
                taken.append(step.__name__)
                step()
                self.nothing_is_said_twice()
            taken.append("the end")
            self.end()
        except BaseException as error:
            error.add_note("after " + ", ".join(taken))
            raise

    # People and time.

    def somebody_writes(self) -> None:
        chat, count = self.chance.choice(self.in_use), self.chance.randint(1, 2)
        for _ in range(count):
            message = Message(
                chat, f"m{self.now}-{len(self.accepted[chat])}", Author("mia", "Mia"), "hi", _DAY
            )
            received = self.ask(self.inbox.receive(message))
            assert received is (Received.OFF if self.modes[chat] is Mode.OFF else Received.ACCEPTED)
            if received is Received.ACCEPTED:
                self.accepted[chat].append(message)

    def a_message_comes_again(self) -> None:
        message = self.chance.choice([message for chat in CHATS for message in self.accepted[chat]])
        before = self._everything()
        assert self.ask(self.inbox.receive(message)) in {Received.DUPLICATE, Received.OFF}
        assert self._everything() == before

    def time_passes(self) -> None:
        self.clock.now += self.chance.choice([300, 1000, 12_000, 40_000, 40_000])

    def time_jumps(self) -> None:
        seconds = self.chance.choice([3600, -3600])
        self.clock.now += int(seconds * 1000)

    def somebody_kills(self) -> None:
        scope = self.chance.choice(SCOPES)
        self.ask(self.switch.kill(scope, "vera", "enough"))
        self.now += 1
        self.standing.add(scope)
        self.stopped[scope] = self.now

    def the_owner_resumes(self) -> None:
        scope = self.chance.choice(sorted(self.standing))
        assert self.ask(self.switch.resume(scope, "olivia"))
        self.standing.discard(scope)

    def the_owner_changes_the_mode(self) -> None:
        chat, mode = self.chance.choice(self.in_use), self.chance.choice([*Mode, Mode.AUTO, Mode.AUTO])
        self.ask(self.chats.set_mode(chat, mode, "olivia"))
        self.modes[chat] = mode

    def a_moderator_approves(self) -> None:
        if not (waiting := self.ask(self.drafts.waiting())):
            return
        draft = self.chance.choice(waiting)
        edit = self.chance.random() < 0.3
        left = [f"{text}!" for text in draft.bubbles[draft.sent :]] if edit else None
        try:
            self.ask(self.drafts.approve(draft.id, "max", left))
        except DraftRefused as error:
            refused = error.answer
        else:
            refused = ""
        assert refused != "decided"
        assert (refused == "killed") == self._killed(draft.chat)
        if refused:
            return
        assert not self._killed(draft.chat)
        assert self.modes[draft.chat] not in {Mode.OFF, Mode.SHADOW}
        self.by_a_person.add(draft.id)
        self._note_plans(draft.chat, draft.id)

    def a_moderator_rejects(self) -> None:
        if waiting := self.ask(self.drafts.waiting()):
            self.ask(self.drafts.reject(self.chance.choice(waiting).id, "max", "no"))

    def the_sweeper_comes(self) -> None:
        self.ask(self.drafts.sweep())

    # Workers.

    def a_worker_claims(self) -> None:
        claim = self.ask(self.queue.claim("w"))
        if claim is None:
            self.clock.now += 600  # whoever is quick is not the one that breaks things
            return
        chat = claim.turn.chat.key
        assert (claim.kill is not None) == self._killed(chat)
        if (before := self.held_by.get(chat)) is not None:
            assert claim.generation > before.generation
            assert claim.turn.id == before.turn.id, "who follows a dead worker sees the same turn"
        self.now += 1
        self.claims.append(claim)
        self.claimed[f"{claim.turn.id}/{claim.generation}"] = self.now
        self.held_by[chat] = claim

    def a_worker_settles(self) -> None:
        claim = self._a_claim()
        kind, bubbles = self.chance.choice(["ignored", "failed", *["draft"] * 6]), self.chance.randint(1, 3)
        draft = None
        if kind == "draft":
            texts = tuple(f"{claim.turn.id}#{index}" for index in range(1, bubbles + 1))
            draft = DraftPlan(claim.turn.id, texts, self.chance.random() < 0.2, self.clock.now + 60_000)
        chat = claim.turn.chat.key
        step = self.queue.settle(claim, kind, "because", {}, draft)
        if self._of_no_effect_when_old(claim, step, "lost"):
            return
        del self.held_by[chat]
        self.claimed[claim.turn.id] = self.claimed[f"{claim.turn.id}/{claim.generation}"]
        self._note_plans(chat, claim.turn.id)

    def a_worker_gives_a_turn_back(self) -> None:
        claim = self._a_claim()
        if not self._of_no_effect_when_old(claim, self.queue.postpone(claim, 1.0, "later"), "lost"):
            # Whoever takes it next has the same turn; this claim is over.
            self.claims.remove(claim)

    def a_worker_keeps_its_claim(self) -> None:
        claim = self._a_claim()
        self._of_no_effect_when_old(claim, self.queue.renew(claim), None)

    def _a_claim(self) -> Claim:
        """More often one that is good than one of those whose workers were too slow."""
        good = [claim for claim in self.held_by.values() if claim in self.claims]
        return self.chance.choice(good if good and self.chance.random() < 0.8 else self.claims)

    def _of_no_effect_when_old(self, claim: Claim, step: Coroutine[Any, Any, object], lost: object) -> bool:
        """Take a worker's step; one whose claim is not good any more must change nothing."""
        good = self.held_by.get(claim.turn.chat.key) is claim and claim in self.claims
        before = None if good else self._everything()
        answer = self.ask(step)
        assert (answer == lost) is not good
        assert good or self._everything() == before
        return not good

    # Senders. Each may take as long as it likes between its steps, or never take the next.

    def a_sender_claims(self) -> None:
        messenger = self.chance.choice(self.in_use).messenger
        if (outgoing := self.ask(self.outbox.claim(messenger))) is not None:
            self.outgoings.append(outgoing)

    def a_sender_asks_the_fence(self) -> None:
        outgoing = self.chance.choice(self.outgoings)
        self.outgoings.remove(outgoing)
        self._fence(outgoing)

    def _fence(self, outgoing: Outgoing) -> None:
        bubble, chat = outgoing.bubble, outgoing.bubble.chat
        idempotent = chat.messenger == KEYED
        answer = self.ask(self.outbox.fence(outgoing, idempotent=idempotent))
        if answer is not Fence.GO:
            return
        assert not self._killed(chat), "after a kill the fence lets nothing go"
        last_kill = max(
            (self.stopped.get(scope, 0) for scope in scopes_of(chat, WHOLES.get(chat))), default=0
        )
        assert self.planned[bubble.id] > last_kill, "what was planned before a kill does not wake up after it"
        if outgoing.draft not in self.by_a_person:
            assert self.claimed[outgoing.draft] > last_kill, (
                "what was being written at a kill is not sent after it"
            )
        mode = self.modes[chat]
        assert mode is Mode.AUTO or (mode is Mode.MANUAL and outgoing.draft in self.by_a_person)
        if not idempotent:
            assert self.gone[bubble.id] == 0, "a bubble whose fate is unknown is not repeated"
        self.gone[bubble.id] += 1
        self.under_way.append(outgoing)

    def a_bubble_is_handed_over(self) -> None:
        outgoing = self._one_under_way()
        self._hand_over(outgoing.bubble)
        if self.chance.random() < self.diligence:
            self.ask(self.outbox.sent(outgoing, self._as_message(outgoing.bubble)))

    def a_messenger_says_no(self) -> None:
        outgoing = self._one_under_way()
        self.ask(self.outbox.unsent(outgoing, "no"))
        self.gone[outgoing.bubble.id] -= 1

    def a_messenger_does_not_say(self) -> None:
        outgoing = self._one_under_way()
        if self.chance.random() < 0.5:
            self._hand_over(outgoing.bubble)
        if outgoing.bubble.chat.messenger == KEYLESS:
            self.ask(self.outbox.unknown(outgoing, "no answer"))
        else:
            self.ask(self.outbox.keep(outgoing, due_ms=self.clock.now + 2000))

    def a_sender_dies(self) -> None:
        dead = self.chance.choice([*self.outgoings, *self.under_way])
        self.outgoings = [outgoing for outgoing in self.outgoings if outgoing is not dead]
        self.under_way = [outgoing for outgoing in self.under_way if outgoing is not dead]

    def _one_under_way(self) -> Outgoing:
        return self.under_way.pop(self.chance.randrange(len(self.under_way)))

    def _hand_over(self, bubble: Bubble) -> None:
        if bubble.chat.messenger == KEYED:
            if bubble.id in self.keys_known:
                return
            self.keys_known.add(bubble.id)
        self.rooms[bubble.chat].append(bubble.text)

    # What must hold.

    def nothing_is_said_twice(self) -> None:
        for chat in CHATS:
            said = Counter(text.rstrip("!") for text in self.rooms[chat])
            assert max(said.values(), default=0) <= 1, said

    def end(self) -> None:
        """Let everything come to an end, and look at the books."""
        for scope in list(self.standing):
            self.ask(self.switch.resume(scope, "olivia"))
        self.standing.clear()
        self.under_way.clear()
        self._let_it_end()
        uncertain: set[str] = set()
        waiting = {draft.id: draft for draft in self.ask(self.drafts.waiting())}
        for chat in CHATS:
            outcomes = self.ask(self.chats.outcomes(chat))
            assert set(outcomes) >= {message.id for message in self.accepted[chat]}
            for message in self.accepted[chat]:
                found = outcomes[message.id]
                assert found.outcome not in {"waiting", "approved"}, (message.id, found)
                if found.outcome in {"held", "frozen"}:
                    assert found.draft in waiting, "a draft that waits for a person is where the person looks"
            decided = [id_ for facts in self._journal(chat, "turn.decided") for id_ in facts["messages"]]
            assert decided == [message.id for message in self.accepted[chat]]
            uncertain |= {facts["draft"] for facts in self._journal(chat, "draft.unknown")}
            certain = [text for text in self.rooms[chat] if text.split("#")[0] not in uncertain]
            order = [text for text in _last_of_each(self.planned_texts[chat]) if text in certain]
            assert certain == order, "a chat's bubbles are said in the order in which they were planned"

    def _let_it_end(self) -> None:
        quiet = 0
        while quiet < 3:
            self.clock.now += 31_000
            quiet += 1
            while (claim := self.ask(self.queue.claim("last"))) is not None:
                self.ask(self.queue.settle(claim, "ignored", "the end", {}))
                quiet = 0
            for messenger in (KEYED, KEYLESS):
                while (outgoing := self.ask(self.outbox.claim(messenger))) is not None:
                    quiet = 0
                    self._fence(outgoing)
                    if self.under_way:
                        self._hand_over(self.under_way.pop().bubble)
                        self.ask(self.outbox.sent(outgoing, self._as_message(outgoing.bubble)))

    # What is remembered, and how it is read.

    def _killed(self, chat: ChatKey) -> bool:
        return any(scope.covers(chat, WHOLES.get(chat)) for scope in self.standing)

    def _note_plans(self, chat: ChatKey, draft: str) -> None:
        self.now += 1
        prefix = self.world.store.partitions.prefix(self.world.store.partitions.of(chat))
        for id_ in self.ask(self.world.store.ask("lrange", f"{prefix}out:{chat}", 0, -1)):
            bubble = self.ask(self.world.store.hash(f"{prefix}bubble:{id_}"))
            if bubble["draft"] == draft:
                self.planned[id_] = self.now
                self.planned_texts[chat].append(bubble["text"])

    def _as_message(self, bubble: Bubble) -> Message:
        return Message(bubble.chat, f"r-{bubble.id}", Author("sam", "Sam"), bubble.text, _DAY, own=True)

    def _journal(self, chat: ChatKey, kind: str) -> list[dict[str, Any]]:
        prefix = self.world.store.partitions.prefix(self.world.store.partitions.of(chat))
        rows = self.ask(self.world.store.ask("xrange", f"{prefix}journal"))
        return [json.loads(f["facts"]) for _, f in rows if (f["kind"], f["chat"]) == (kind, str(chat))]

    def _everything(self) -> str:
        return str(self.ask(self.world.store.ask("eval", _EVERYTHING, 0)))


_EVERYTHING = """
local names, found = redis.call('KEYS', '*'), {}
table.sort(names)
for _, name in ipairs(names) do found[#found + 1] = name .. redis.sha1hex(redis.call('DUMP', name)) end
return redis.sha1hex(table.concat(found))
"""
"""A digest of all that the store holds."""


def _last_of_each(texts: Sequence[str]) -> list[str]:
    """Without what was planned anew later."""
    return [text for number, text in enumerate(texts) if text not in texts[number + 1 :]]


@contextmanager
def _world(folder: Path) -> Iterator[World]:
    with asyncio.Runner() as runner:
        store = Store(folder, None, partitions=2)
        runner.run(store.__aenter__())
        try:
            # These examples are not about power cuts; thousands of flushes to the disk would be most of the time.
            runner.run(store.ask("config_set", "appendfsync", "no"))
            yield World(runner.get_loop(), store)
        finally:
            runner.run(store.__aexit__(None, None, None))


@pytest.mark.parametrize("seed", range(3))
def test_no_interleaving_breaks_a_promise(state_dir: Path, seed: int) -> None:
    logs = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with _world(state_dir) as world:
            for walk in range(int(os.environ.get("PROMISE_WALKS", "40"))):
                Walk(world, seed * 1000 + walk).go(200)
    finally:
        structlog.configure(**logs)
