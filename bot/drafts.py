"""Drafts: texts that the model wrote and that may not leave yet, and what moderators do with them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from bot.clock import Clock, as_datetime
from bot.errors import DraftRefused
from bot.store.store import Store
from chat.message import ChatKey
from safety.mode import Mode

OPEN_STATES: Final = frozenset({"held", "frozen", "rewriting"})
MOST_CANDIDATES: Final = 5

_REFUSALS: Final = {
    "missing": "there is no such draft",
    "decided": "it has already been decided",
    "claimed": "somebody else has taken it",
    "rewriting": "another text is being written: wait for it, or reject the draft",
    "changed": "its text has changed meanwhile: look at it again",
    "candidate": "it has no such candidate: `understudy drafts` lists them",
    "refused": "the rules refused that candidate: choose another, or edit it",
    "partly_sent": "some of it has left already: edit or reject the rest",
    "limit": "as many other texts as allowed have been written: edit it, or reject it",
    "killed": "a kill is in force: the owner must resume first",
    "off": "the chat is switched off",
    "shadow": "the chat is in shadow mode, where nothing is sent",
    "expired": "it has expired",
    "stale": "the chat has moved past it",
    "moved": "the chat has moved past it, and another text is being written",
}


@dataclass(frozen=True, slots=True)
class ApprovalSettings:
    """How drafts are decided on. Raises ValueError for a number out of range."""

    candidates: int = 1
    """Texts to choose from, 1 to 5, where a moderator decides."""
    claim_minutes: float = 5.0
    """How long a moderator who takes a draft has it alone."""
    most_regenerations: int = 5
    """How often a draft's text may be written anew because a moderator asks for it."""
    when_stale: Literal["void", "regenerate"] = "void"
    """What happens with a held draft that its chat has moved past: it is closed as `stale`, or, in a chat in manual
    mode, written anew with what has been said since."""
    most_stale_regenerations: int = 2
    """How often that may happen to one draft before it is closed as `stale` all the same."""

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise ValueError(f"candidates is from 1 to {MOST_CANDIDATES}")
        if not self.claim_minutes > 0:
            raise ValueError("claim_minutes is more than 0")
        if min(self.most_regenerations, self.most_stale_regenerations) < 0:
            raise ValueError("a number of regenerations is 0 or more")
        if self.when_stale not in {"void", "regenerate"}:
            raise ValueError("when_stale is void or regenerate")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the texts to choose from."""

    number: int
    """From 1."""
    bubbles: tuple[str, ...]
    seed: int
    refusal: str | None
    """Why the rules refused it; such a candidate cannot be approved as it is."""


@dataclass(frozen=True, slots=True)
class Version:
    """A text that a draft had before another one was written."""

    bubbles: tuple[str, ...]
    replaced_at: datetime
    asked_by: str
    """Who asked for the other one; `clock` where the chat had moved past it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """One draft of one or more bubbles.

    `state` is `held`, `frozen` or `rewriting` (open), `approved` (on its way), or final: `sent`, `rejected`,
    `expired`, `stale`, `shadow`, `void`, `failed`, `unknown`.
    """

    id: str
    chat: ChatKey
    turn: str
    messages: tuple[str, ...]
    bubbles: tuple[str, ...]
    original: tuple[str, ...] | None
    """What the model wrote, where a moderator edited it."""
    edited_by: str | None
    edited_at: datetime | None
    candidates: tuple[Candidate, ...]
    """The texts to choose from, those that the rules refused included; `bubbles` is number `chosen`."""
    chosen: int
    version: int
    """Counts the texts it has had, from 1; a decision names the one that it is about."""
    versions: tuple[Version, ...]
    """The texts it had before, oldest first."""
    state: str
    reason: str
    decided_by: str | None
    taken_by: str | None
    """Which moderator has taken it to decide on it; nobody else may until `taken_until`."""
    taken_until: datetime | None
    created_at: datetime
    expires_at: datetime
    sent: int
    """How many bubbles have left."""
    names: tuple[str, ...]
    """The persona's names, which the rules judge its texts with."""
    fields: Mapping[str, str]
    """How it was made: persona, fingerprint, seed, sampling."""

    @property
    def open(self) -> bool:
        """Whether it waits for a moderator."""
        return self.state in OPEN_STATES

    @property
    def left(self) -> tuple[str, ...]:
        """The bubbles that have not left."""
        return self.bubbles[self.sent :]

    def text_of(self, candidate: int | None) -> tuple[str, ...]:
        """Give what would leave with a candidate. Raises DraftRefused: `candidate`, `refused`, `partly_sent`."""
        if candidate is None or (candidate == self.chosen and self.original is None):
            return self.left
        found = next((one for one in self.candidates if one.number == candidate), None)
        if found is None:
            raise refused(self.id, "candidate")
        if found.refusal is not None:
            raise refused(self.id, "refused")
        if self.sent:
            raise refused(self.id, "partly_sent")
        return found.bubbles


class Drafts:
    """Reads drafts, and changes them in single steps. All methods raise StoreAway."""

    def __init__(
        self, store: Store, clock: Clock, moved_past_messages: int, settings: ApprovalSettings | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._moved = moved_past_messages
        self._settings = settings or ApprovalSettings()

    async def get(self, draft_id: str) -> Draft:
        """Give one draft. Raises DraftRefused (`missing`)."""
        for partition in self._store.partitions.all():
            fields = await self._store.hash(self._name(partition, draft_id))
            if fields:
                return draft_of(draft_id, fields, self._clock.now_ms())
        raise refused(draft_id, "missing")

    async def waiting(self) -> tuple[Draft, ...]:
        """Give the open drafts, oldest first."""
        return await self._listed("open", 0, -1)

    async def newest(self, count: int = 50) -> tuple[Draft, ...]:
        """Give the newest drafts of any state, newest first."""
        found = await self._listed("all", -count, -1)
        return tuple(reversed(found))[:count]

    async def approve(
        self,
        draft_id: str,
        by: str,
        bubbles: Sequence[str] | None = None,
        *,
        candidate: int | None = None,
        version: int | None = None,
        objection: str = "",
    ) -> None:
        """Let a draft leave: as it is, as another candidate, or as edited. Two approvals send once.

        `version` is the one that was looked at: a text that was written meanwhile does not leave unseen.
        `objection` is what rules would have held the text for, for the journal. Raises DraftRefused.
        """
        edited = json.dumps(list(bubbles)) if bubbles else ""
        await self._decide(
            "approve",
            "approved",
            draft_id,
            by,
            edited,
            candidate or 0,
            version or 0,
            *self._staleness,
            objection,
        )

    async def reject(self, draft_id: str, by: str, reason: str) -> None:
        """Throw a draft away. Raises DraftRefused."""
        await self._decide("reject", "rejected", draft_id, by, reason or "rejected")

    async def claim(self, draft_id: str, by: str, *, take_over: bool = False) -> None:
        """Take a draft for a while, so that nobody else decides on it; who has it already has it longer.

        With `take_over`, also from somebody else. Raises DraftRefused.
        """
        until = self._clock.now_ms() + int(self._settings.claim_minutes * 60_000)
        await self._decide("claim_draft", "taken", draft_id, by, until, int(take_over))

    async def release(self, draft_id: str, by: str, *, take_over: bool = False) -> None:
        """Give a draft that was taken back; with `take_over`, also somebody else's. Raises DraftRefused."""
        await self._decide("release_draft", "released", draft_id, by, int(take_over))

    async def regenerate(
        self, draft_id: str, by: str, *, newest: bool = False, version: int | None = None
    ) -> None:
        """Have another text written; the draft is `rewriting` until then, and keeps its text if none comes of it.

        With `newest` the model sees what has been said since. Raises DraftRefused.
        """
        most = self._settings.most_regenerations
        await self._decide("regenerate", "ordered", draft_id, by, int(newest), version or 0, most)

    async def sweep(self) -> int:
        """Close (or have rewritten) the open drafts whose time has come or that their chat has moved past.

        Gives how many. Under a kill all of them wait.
        """
        return sum(
            [
                int(await self._store.run("sweep", partition, self._clock.now_ms(), *self._staleness))
                for partition in self._store.partitions.all()
            ]
        )

    async def kept(self) -> AsyncIterator[Draft]:
        """Give every draft that is still on record, of any state, in no particular order."""
        for partition in self._store.partitions.all():
            name = f"{self._store.partitions.prefix(partition)}drafts:all"
            for id_ in await self._store.ask("zrange", name, 0, -1):
                if fields := await self._store.hash(self._name(partition, id_)):
                    yield draft_of(id_, fields, self._clock.now_ms())

    @property
    def _staleness(self) -> tuple[int, str, int]:
        return self._moved, self._settings.when_stale, self._settings.most_stale_regenerations

    async def _decide(self, script: str, done: str, draft_id: str, by: str, *arguments: str | float) -> None:
        draft = await self.get(draft_id)
        answer, state, who = await self._store.run(
            script, draft.chat, self._clock.now_ms(), draft_id, by, *arguments
        )
        if answer != done:
            raise refused(draft_id, answer, state, who)

    async def _listed(self, index: str, first: int, last: int) -> tuple[Draft, ...]:
        drafts: list[Draft] = []
        now = self._clock.now_ms()
        for partition in self._store.partitions.all():
            name = f"{self._store.partitions.prefix(partition)}drafts:{index}"
            ids = await self._store.ask("zrange", name, first, last)
            # One that was decided long ago may be gone, and its place in the list not yet.
            drafts += [
                draft_of(id_, fields, now)
                for id_ in ids
                if (fields := await self._store.hash(self._name(partition, id_)))
            ]
        return tuple(sorted(drafts, key=lambda draft: (draft.created_at, draft.id)))

    def _name(self, partition: int, draft_id: str) -> str:
        return f"{self._store.partitions.prefix(partition)}draft:{draft_id}"


_MADE_FIELDS: Final = ("persona", "fingerprint", "seed")


def draft_of(draft_id: str, fields: Mapping[str, str], now_ms: int) -> Draft:
    """Read a draft as the scripts write it; a moderator's claim that has lapsed is none."""
    bubbles, original = _texts(fields["bubbles"]), fields.get("original")
    taken_until = int(fields.get("taken_until", 0))
    taken = taken_until > now_ms
    candidates = candidates_from_json(fields.get("candidates", "[]"))
    return Draft(
        id=draft_id,
        chat=ChatKey.parse(fields["chat"]),
        turn=fields["turn"],
        messages=_texts(fields["messages"]),
        bubbles=bubbles,
        original=_texts(original) if original else None,
        edited_by=fields.get("edited_by"),
        edited_at=as_datetime(int(fields["edited_at"])) if "edited_at" in fields else None,
        candidates=candidates or (Candidate(1, bubbles, int(fields.get("seed", 0)), None),),
        chosen=int(fields.get("chosen", 1)),
        version=int(fields.get("version", 1)),
        versions=tuple(_version(line) for line in json.loads(fields.get("versions", "[]"))),
        state=fields["state"],
        reason=fields["reason"],
        decided_by=fields.get("decided_by"),
        taken_by=fields.get("taken_by") if taken else None,
        taken_until=as_datetime(taken_until) if taken else None,
        created_at=as_datetime(int(fields["created_at"])),
        expires_at=as_datetime(int(fields["expires_at"])),
        sent=int(fields["sent"]),
        names=_texts(fields.get("names", "[]")),
        fields={name: fields[name] for name in _MADE_FIELDS if name in fields},
    )


def candidates_to_json(candidates: Sequence[Candidate]) -> str:
    """Write candidates as the scripts read them."""
    return json.dumps([{**asdict(one), "refusal": one.refusal or ""} for one in candidates])


def candidates_from_json(text: str) -> tuple[Candidate, ...]:
    """Undo that."""
    return tuple(
        Candidate(line["number"], tuple(line["bubbles"]), line["seed"], line["refusal"] or None)
        for line in json.loads(text)
    )


def _version(line: Mapping[str, Any]) -> Version:
    return Version(tuple(line["bubbles"]), as_datetime(int(line["at"])), line["by"])


def _texts(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def blocked(mode: Mode, *, killed: bool) -> str | None:
    """Say why nothing may leave a chat now, if so; with `killed` while a kill covers it."""
    if killed:
        return _REFUSALS["killed"]
    return _REFUSALS[mode] if mode in {Mode.OFF, Mode.SHADOW} else None


def refused(draft_id: str, answer: str, state: str = "", who: str = "") -> DraftRefused:
    """Say why something could not be done with a draft."""
    text = _REFUSALS[answer]
    if answer == "decided":
        text += f" ({state}" + (f" by {who})" if who else ")")
    elif answer == "claimed":
        text = f"{who} has taken it: ask them, or wait until the claim lapses"
    return DraftRefused(answer, f"draft {draft_id}: {text}")
