"""Journal entries in a person's words, for terminals. Texts of messages are left out."""

from __future__ import annotations

from bot.journal import JournalEntry


def in_words(entry: JournalEntry) -> str:
    """Say an entry in one line."""
    facts = entry.facts
    match entry.kind:
        case "message.accepted" | "message.edited":
            said = f"message {facts['message']} {entry.kind.removeprefix('message.')}"
        case "turn.decided":
            said = f"turn {_short(facts['turn'])} {facts['outcome']}: {facts['reason']}"
            if rule := facts.get("rule"):
                said += f" (rule {rule})"
        case "turn.postponed":
            said = f"turn postponed: {facts['reason']}"
        case "bubble.sending":
            said = f"bubble {_bubble(facts['bubble'])} passed the fence"
        case "bubble.sent":
            said = f"bubble {_bubble(facts['bubble'])} sent, receipt {facts['receipt']}"
        case "bubble.unsent":
            said = f"bubble {_bubble(facts['bubble'])} not sent: {facts['reason']}"
        case "kill":
            said = (
                f"KILL {facts['scope']} by {facts['by']}: {facts['reason']}; {facts['in_flight']} in flight"
            )
        case "resume":
            said = f"resume {facts['scope']} by {facts['by']}"
        case "chat.changed":
            after = ", ".join(f"{name} = {value}" for name, value in facts["after"].items())
            said = f"chat {entry.chat}: {after}, by {facts['by']}"
        case _:
            said = _by_family(entry)
    return said


def _by_family(entry: JournalEntry) -> str:
    """Say what has many kinds: `draft.held`, `person.added`, `token.made`."""
    family, _, what = entry.kind.partition(".")
    facts = entry.facts
    if family == "draft":
        return f"draft {_short(facts['draft'])} {what} by {facts['by']}: {facts['reason']}"
    if family in {"person", "token"}:
        about = ", ".join(f"{name} {value}" for name, value in facts.items())
        return f"{family} {what.replace('_', ' ')}: {about}"
    return entry.kind


def _short(identity: str) -> str:
    return identity[:6]


def _bubble(identity: str) -> str:
    draft, attempt, index = identity.split(".")
    return f"{_short(draft)}.{attempt}.{index}"
