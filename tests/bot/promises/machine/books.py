"""What the ledger keeps beside the store's own books, and what several of its parts ask of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from chat.message import ChatKey
from safety.kill import KillScope, scopes_of
from tests.bot.promises.machine.snapshot import NOTHING, Snapshot
from tests.bot.promises.machine.stage import Call, Process
from tests.bot.promises.machine.street import WHOLES, Street

MAY_RESUME: Final = frozenset({"olivia"})
MAY_APPROVE: Final = frozenset({"olivia", "max", "mona"})
OPEN: Final = frozenset({"held", "frozen", "rewriting"})
FAR_MS: Final = 600_000
"""What lies further ahead than this was due under a clock that has gone back since."""


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
class Books:
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
    doubted: set[str] = field(default_factory=set)
    """Drafts whose text was written with a message before it that was deleted since, and that nobody has seen since."""
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

    def judge(self) -> None:
        """Raise AssertionError with the first objection, if there is one."""
        if self.objections:
            raise AssertionError(self.objections[0])

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

    # What several ask.

    def stands(self, chat: ChatKey, prefix: str) -> bool:
        return any((prefix, str(scope)) in self.kills for scope in scopes_of(chat, WHOLES.get(chat)))

    def last_stop(self, chat: ChatKey, prefix: str) -> int:
        return max(self.stopped.get((prefix, str(scope)), 0) for scope in scopes_of(chat, WHOLES.get(chat)))

    def covers(self, scope: KillScope, chat: ChatKey, prefix: str) -> bool:
        """Whether a kill of a scope that is written in a partition stops a chat there."""
        return scope.covers(chat, WHOLES.get(chat)) and self.is_in(chat, prefix)

    def is_in(self, chat: ChatKey, prefix: str) -> bool:
        return self.street.stage.prefix_of(chat) == prefix

    def good(self, chat: ChatKey, generation: object) -> Claimed | None:
        claim = self.claims.get(chat)
        return (
            claim if claim is not None and claim.good and claim.generation == int(str(generation)) else None
        )

    def taken_by_other(self, id_: str, by: str, now: int) -> bool:
        taken = self.taken.get(id_)
        return taken is not None and taken[0] != by and taken[1] > now and self.last.state(id_) in OPEN

    def at_the_head(self, given: tuple[Any, ...]) -> bool:
        out = self.last.out.get(given[1], [])
        return self.tokens.get(ChatKey.parse(given[1])) == int(given[2]) and out[:1] == [given[3]]

    def plan(self, ids: list[str]) -> None:
        """Bubbles go into the outbox; one that was there before and came back is planned anew."""
        self.order = [id_ for id_ in self.order if id_ not in ids] + ids

    def refresh(self, draft: Planned) -> None:
        """What lay under a kill gets its whole time again."""
        draft.expires = max(draft.expires, self.at + draft.lifetime)
        draft.position = len(self.accepted[draft.chat])

    def distrust_times(self) -> None:
        for claim in self.claims.values():
            claim.until = 0
