"""Journal entries in a person's words, for terminals. Texts of messages are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.journal import JournalEntry

Facts = Mapping[str, Any]
_SHORT: Final = {"owner.here": "the owner is here", "owner.gone": "the owner has left"}


def in_words(entry: JournalEntry) -> str:
    """Say an entry in one line."""
    if say := _SAID.get(entry.kind):
        return say(entry.facts)
    if entry.kind == "chat.changed":
        return f"chat {entry.chat}: {_changed(entry.facts)}"
    if entry.kind == "chat.followed":
        return f"chat {entry.chat} follows {entry.facts['parent']}: {_changed(entry.facts)}"
    return _by_family(entry)


def _decided(facts: Facts) -> str:
    rule = f" (rule {facts['rule']})" if facts.get("rule") else ""
    return f"turn {_short(facts['turn'])} {facts['outcome']}: {facts['reason']}{rule}"


def _changed(facts: Facts) -> str:
    after = ", ".join(f"{name} = {value}" for name, value in facts["after"].items())
    return f"{after}, by {facts['by']}"


def _killed(facts: Facts) -> str:
    return f"KILL {facts['scope']} by {facts['by']}: {facts['reason']}; {facts['in_flight']} in flight"


def _by_family(entry: JournalEntry) -> str:
    """Say what has many kinds: `draft.held`, `person.added`, `token.made`."""
    family, _, what = entry.kind.partition(".")
    facts = entry.facts
    if what == "rewritten":
        draft, text = _short(facts["draft"]), facts["version"]
        return f"draft {draft} has text {text}, asked for by {facts['by']}: {facts['reason']}"
    if family == "draft":
        # Without words of its own, a decision's reason is the decision.
        why = f": {facts['reason']}" if facts["reason"] != what else ""
        return f"draft {_short(facts['draft'])} {what} by {facts['by']}{why}"
    if family in {"person", "token"}:
        about = ", ".join(f"{name} {value}" for name, value in facts.items())
        return f"{family} {what.replace('_', ' ')}: {about}"
    if family == "consent":
        return _consent(entry)
    return _SHORT.get(entry.kind, entry.kind)


def _consent(entry: JournalEntry) -> str:
    facts = entry.facts
    who = f" for {facts['person']}" if "person" in facts else ""
    said = "agreed to" if facts["agreed"] else "taken back"
    return f"consent {facts['purpose']}{who} in {entry.chat} {said} by {facts['by']}"


def _short(identity: str) -> str:
    return identity[:6]


def _bubble(identity: str) -> str:
    draft, attempt, index = identity.split(".")
    return f"{_short(draft)}.{attempt}.{index}"


_SAID: Final[Mapping[str, Callable[[Facts], str]]] = {
    "message.accepted": lambda facts: f"message {facts['message']} accepted",
    "message.context": lambda facts: f"message {facts['message']} is context only: {facts['reason']}",
    "kill_word.lifted": lambda facts: f"message {facts['message']} kills nobody: {facts['reason']}",
    "message.edited": lambda facts: f"message {facts['message']} edited",
    "message.deleted": lambda facts: f"deleted in the chat: {', '.join(facts['messages'])}",
    "turn.decided": _decided,
    "turn.overloaded": lambda facts: f"{len(facts['messages'])} messages ignored: {facts['reason']}",
    "turn.postponed": lambda facts: f"turn postponed: {facts['reason']}",
    "bubble.sending": lambda facts: f"bubble {_bubble(facts['bubble'])} passed the fence",
    "bubble.sent": lambda facts: f"bubble {_bubble(facts['bubble'])} sent, receipt {facts['receipt']}",
    "bubble.postponed": lambda facts: (
        f"bubble {_bubble(facts['bubble'])} waits {facts['wait_seconds']} s: {facts['reason']}"
    ),
    "bubble.unsent": lambda facts: f"bubble {_bubble(facts['bubble'])} not sent: {facts['reason']}",
    "kill": _killed,
    "acknowledgement.sending": lambda _: "the kill is acknowledged in the chat",
    "acknowledgement.sent": lambda _: "the acknowledgement was sent",
    "acknowledgement.refused": lambda _: "the acknowledgement was refused",
    "acknowledgement.unknown": lambda _: "the acknowledgement may have been sent: nobody knows",
    "owner.absent": lambda _: "no sign of the owner for too long: auto is as manual",
    "owner.back": lambda facts: f"the owner is back: {facts['by']}",
    "resume": lambda facts: f"resume {facts['scope']} by {facts['by']}",
}
