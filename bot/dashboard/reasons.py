"""Why each turn was or was not answered, in words, out of the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bot.chats import MessageOutcome
from bot.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule said."""

    outcome: str
    rule: str
    reason: str
    facts: str


@dataclass(frozen=True, slots=True)
class Trail:
    """What a chain of rules said of a turn, or of one try at an answer."""

    title: str
    steps: tuple[Step, ...]
    bubbles: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One line of the panel: a turn with what it came to, or something that was done to the chat."""

    id: str
    at: datetime
    verb: str
    """What it came to, in one word: Answered, Held, Ignored."""
    tone: str
    """`good`, `wait`, `quiet`, `bad` or `kill`."""
    why: str
    said: tuple[tuple[str, str], ...] = ()
    """Who said what."""
    trails: tuple[Trail, ...] = ()
    footnotes: tuple[tuple[str, str], ...] = ()


_VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "waiting": ("Waiting", "wait"),
    "draft": ("Held", "wait"),
    "held": ("Held", "wait"),
    "approved": ("Answering", "good"),
    "answered": ("Answered", "good"),
    "ignored": ("Ignored", "quiet"),
    "shadow": ("Shadowed", "quiet"),
    "rejected": ("Rejected", "quiet"),
    "expired": ("Expired", "quiet"),
    "stale": ("Stale", "quiet"),
    "failed": ("Failed", "bad"),
    "unknown": ("Unknown", "bad"),
    "frozen": ("Frozen", "kill"),
    "opted_out": ("Opted out", "quiet"),
    "deleted": ("Deleted", "quiet"),
    "rewriting": ("Rewriting", "wait"),
}
_HANDLED: Final[Mapping[str, tuple[str, str]]] = {
    "draft.taken": ("Taken", "wait"),
    "draft.released": ("Given back", "quiet"),
    "draft.rewriting": ("Rewriting", "wait"),
    "draft.rewritten": ("Rewritten", "wait"),
}
_EVENTS: Final = frozenset(
    {"kill", "resume", "chat.changed", "turn.postponed", "turn.overloaded", "consent.changed"}
    | {"owner.here", "owner.gone"}
)
_DECIDED: Final = ("draft.approved", "draft.rejected")


def reasons(journal: Sequence[JournalEntry], outcomes: Mapping[str, MessageOutcome]) -> tuple[Reason, ...]:
    """Read a chat's journal, newest first."""
    decided = {str(entry.facts.get("draft")): entry for entry in reversed(journal) if entry.kind in _DECIDED}
    lines: list[Reason] = []
    for entry in journal:
        if entry.kind == "turn.decided":
            lines.append(_turn(entry, outcomes, decided))
        elif entry.kind in _HANDLED:
            lines.append(_handled(entry))
        elif entry.kind in _EVENTS:
            lines.append(_event(entry))
    return tuple(lines)


def _turn(
    entry: JournalEntry, outcomes: Mapping[str, MessageOutcome], decided: Mapping[str, JournalEntry]
) -> Reason:
    facts = entry.facts
    ids = facts.get("messages") or []
    # The journal says what was decided then; the outcome what became of it since.
    now = outcomes.get(str(ids[-1])) if ids else None
    outcome = now.outcome if now else str(facts.get("outcome", ""))
    why = now.reason if now else str(facts.get("reason", ""))
    verb, tone = _VERBS.get(outcome, (outcome.capitalize(), "quiet"))
    said_by = decided.get(str(facts.get("draft")))
    if said_by is not None and outcome in {"approved", "answered", "rejected"}:
        why = _decision(said_by)
    return Reason(
        id=entry.id,
        at=entry.at,
        verb=verb,
        tone=tone,
        why=why,
        said=tuple((str(line["author"]), _text(line)) for line in facts.get("said") or ()),
        trails=_trails(facts),
        footnotes=_footnotes(facts),
    )


def _text(line: Mapping[str, Any]) -> str:
    return "(deleted in the chat)" if line.get("deleted") else str(line["text"])


def _decision(entry: JournalEntry) -> str:
    by, reason = str(entry.facts.get("by", "")), str(entry.facts.get("reason", ""))
    if by == "auto":
        return "every rule allowed it, and the chat is in auto mode"
    if entry.kind == "draft.approved":
        approved, _, held = reason.partition(", over what was held: ")
        edited = ", edited" if approved.endswith("edit") else ""
        return f"{by} approved it{edited}" + (f", although it was held ({held})" if held else "")
    return f"{by} rejected it" + (f": {reason}" if reason not in {"", "rejected"} else "")


def _handled(entry: JournalEntry) -> Reason:
    """Something that was done with a draft before it was decided on."""
    facts = entry.facts
    verb, tone = _HANDLED[entry.kind]
    by, reason = str(facts.get("by", "")), str(facts.get("reason", ""))
    why = reason if by == "clock" else f"by {by}: {reason}"
    return Reason(entry.id, entry.at, verb, tone, why, trails=_trails(facts))


def _trails(facts: Mapping[str, Any]) -> tuple[Trail, ...]:
    trails = [Trail("May this turn be answered?", _steps(facts.get("gate") or ()))]
    answers = facts.get("answers") or ()
    several = len({answer.get("candidate") for answer in answers}) > 1
    tries: Counter[object] = Counter()
    for answer in answers:
        candidate = answer.get("candidate")
        tries[candidate] += 1
        title = f"May candidate {candidate} leave?" if several else "May this text leave?"
        if sum(other.get("candidate") == candidate for other in answers) > 1:
            title += f" Try {tries[candidate]}"
        note = f"{answer.get('tokens', 0)} tokens in {answer.get('seconds', 0)} s, seed {answer.get('seed')}"
        if disarmed := answer.get("disarmed"):
            note += f", pings of everybody taken out: {disarmed}"
        trails.append(
            Trail(
                title, _steps(answer.get("rules") or ()), tuple(map(str, answer.get("bubbles") or ())), note
            )
        )
    return tuple(trail for trail in trails if trail.steps or trail.bubbles)


def _steps(lines: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    return tuple(
        Step(
            str(line.get("outcome")),
            str(line.get("rule")),
            str(line.get("reason")),
            _facts(line.get("facts")),
        )
        for line in lines
    )


def _facts(facts: Mapping[str, Any] | None) -> str:
    return " · ".join(f"{name} {_figure(value)}" for name, value in sorted((facts or {}).items()))


def _figure(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _footnotes(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    notes = [
        ("mode", facts.get("mode")),
        ("persona", facts.get("persona")),
        ("fingerprint", str(facts.get("fingerprint") or "")[:12]),
        ("tries", facts.get("attempts")),
        ("worker", facts.get("worker")),
        ("turn", facts.get("turn")),
        ("messages that may instruct the model", len(facts.get("injected") or ()) or None),
    ]
    if sampling := facts.get("sampling"):
        notes.insert(3, ("temperature", sampling.get("temperature")))
    return tuple((name, str(value)) for name, value in notes if value not in {None, ""})


def _event(entry: JournalEntry) -> Reason:
    facts = entry.facts
    by = str(facts.get("by", ""))
    if entry.kind == "kill":
        scope = str(facts.get("scope", ""))
        why = f"by {by}" + ("" if scope == "everywhere" else f", {scope}")
        return Reason(entry.id, entry.at, "Killed", "kill", f"{why} ({facts.get('reason', '')})")
    if entry.kind == "resume":
        return Reason(entry.id, entry.at, "Resumed", "good", f"by {by}")
    if entry.kind == "turn.overloaded":
        why = f"{len(facts.get('messages') or ())} messages: {facts.get('reason', '')}"
        return Reason(entry.id, entry.at, "Ignored", "quiet", why)
    if entry.kind == "turn.postponed":
        return Reason(entry.id, entry.at, "Postponed", "wait", str(facts.get("reason", "")))
    verb, why = {
        "owner.here": ("Owner", "is here"),
        "owner.gone": ("Owner", "has left"),
        "consent.changed": ("Consent", _consent(facts) if entry.kind == "consent.changed" else ""),
    }.get(entry.kind, ("Changed", ""))
    return Reason(entry.id, entry.at, verb, "quiet", why or f"{_change(facts)} by {by}")


def _consent(facts: Mapping[str, Any]) -> str:
    by, purpose = str(facts.get("by", "")), str(facts.get("purpose", ""))
    if purpose == "chat":
        return f"{by} {'let the stand-in in' if facts.get('agreed') else 'took the stand-in out'}"
    return f"{by}: {'yes' if facts.get('agreed') else 'no'} to {facts.get('person')} being {purpose}"


def _change(facts: Mapping[str, Any]) -> str:
    before, after = facts.get("before") or {}, facts.get("after") or {}
    if not before.get("mode") and "mode" in after and len(after) > 1:
        return f"enabled in mode {after['mode']}"
    parts = [
        f"{name} {before.get(name)} → {value}" for name, value in after.items() if before.get(name) != value
    ]
    return ", ".join(parts) or "nothing changed"
