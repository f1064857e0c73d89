"""The accountant: compares all books after the storm, and finds whatever is lost, doubled, out of order, or too late.

What is held against what: the messages that friends wrote, the journal (its order in a partition is the order in
which Redis took the steps), the drafts' states, and the messenger's own record of what went out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.storm.books import Books, Entry
from benchmarks.storm.record import Line
from bot.drafts import Draft
from chat.message import ChatKey
from safety.kill import KillScope

FINAL: Final = frozenset(
    {"answered", "ignored", "rejected", "expired", "stale", "failed", "unknown", "shadow", "void", "deleted"}
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that was not kept, in one chat."""

    kind: str
    """`lost`, `twice`, `order`, `kill`, `deleted` or `books`."""
    chat: str
    what: str


def audit(books: Books) -> list[Violation]:
    """Find everything that does not balance."""
    found: list[Violation] = []
    for chat in books.said:
        found += _every_message_has_one_outcome(books, chat)
        found += _nothing_went_out_twice(books, chat)
        found += _every_bubble_had_a_yes(books, chat)
        found += _order_was_kept(books, chat)
        found += _drafts_agree_with_the_messenger(books, chat)
    for partition in books.journals:
        found += _nothing_passed_a_kill(books, partition)
    for chat in books.said:
        found += _nothing_answers_what_was_deleted(books, chat)
    return [*found, *_only_what_was_in_flight_arrived_after_a_kill(books)]


def _every_message_has_one_outcome(books: Books, chat: str) -> Iterator[Violation]:
    said, outcomes, journal = books.said[chat], books.outcomes[chat], books.journal_of(chat)
    kept = [id_ for id_ in said if id_ not in books.deleted]
    for id_ in said:
        outcome = outcomes.get(id_)
        if outcome is None and id_ in books.deleted:
            continue  # it was gone before anybody heard of it
        if outcome is None:
            yield Violation("lost", chat, f"message {id_} has no outcome")
        elif outcome.outcome not in FINAL:
            yield Violation("lost", chat, f"message {id_} is still {outcome.outcome}: {outcome.reason}")
    accepted = [entry.facts["message"] for entry in journal if entry.kind == "message.accepted"]
    turns = [entry.facts["messages"] for entry in journal if entry.kind == "turn.decided"]
    decided = [id_ for ids in turns for id_ in ids]
    # A turn's entry out of which a deleted text was taken stands behind later ones.
    moved = books.deleted.union(*(ids for ids in turns if books.deleted.intersection(ids)))
    for what, ids in (("accepted", accepted), ("decided on", decided)):
        for id_, times in Counter(ids).items():
            if times > 1:
                yield Violation("twice", chat, f"message {id_} was {what} {times} times")
        for id_ in set(kept) - set(ids):
            yield Violation("lost", chat, f"message {id_} was never {what}")
        order = [id_ for id_ in ids if id_ not in moved]
        if order != [id_ for id_ in said if id_ in set(order)]:
            yield Violation("order", chat, f"messages were {what} in another order than they were written")
        if strange := set(ids) - set(said):
            yield Violation("books", chat, f"nobody wrote what was {what}: {sorted(strange)}")


def _nothing_went_out_twice(books: Books, chat: str) -> Iterator[Violation]:
    out = books.out(chat)
    for field in ("bubble", "text"):
        for value, times in Counter(line.facts[field] for line in out).items():
            if times > 1:
                yield Violation("twice", chat, f"{field} {value!r} went out {times} times")
    sent = Counter(entry.facts["bubble"] for entry in books.journal_of(chat) if entry.kind == "bubble.sent")
    for bubble, times in sent.items():
        if times > 1:
            yield Violation("books", chat, f"bubble {bubble} is on record as sent {times} times")


def _every_bubble_had_a_yes(books: Books, chat: str) -> Iterator[Violation]:
    """Each arrival at the messenger, the refused and the repeated ones too, has a yes of the fence of its own."""
    yes: dict[str, list[float]] = defaultdict(list)
    for entry in books.journal_of(chat):
        if entry.kind == "bubble.sending":
            yes[entry.facts["bubble"]].append(entry.at)
    messenger, _, id_ = chat.partition("/")
    arrived: Counter[str] = Counter()
    for line in books.messenger:
        if line.what != "arrived" or (line.facts["messenger"], line.facts["chat"]) != (messenger, id_):
            continue
        bubble = line.facts["bubble"]
        arrived[bubble] += 1
        # Redis' times are whole milliseconds, cut off.
        if (given := sum(at <= line.at for at in yes[bubble])) < arrived[bubble]:
            times = arrived[bubble]
            yield Violation(
                "books", chat, f"bubble {bubble} arrived {times} times on {given} yes of the fence"
            )


def _order_was_kept(books: Books, chat: str) -> Iterator[Violation]:
    """Approvals follow turns where no person was asked; yeses follow approvals; what went out follows yeses."""
    approvals: dict[str, int] = {}
    last_draft, last_index = -1, 0
    order: dict[str, int] = {}
    open_: set[str] = set()
    for entry in books.journal_of(chat):
        draft = entry.facts.get("draft", "")
        if entry.kind == "draft.approved":
            if draft in open_:
                yield Violation("twice", chat, f"draft {draft} was approved while it was on its way")
            open_.add(draft)
            approvals[draft] = entry.index
        elif entry.kind.startswith("draft."):
            open_.discard(draft)
        elif entry.kind == "bubble.sending":
            bubble = entry.facts["bubble"]
            place, index = approvals.get(draft, -1), int(bubble.rpartition(".")[2])
            if place < 0:
                yield Violation("order", chat, f"bubble {bubble} passed the fence before anybody approved it")
            if place < last_draft or (place == last_draft and index < last_index):
                yield Violation("order", chat, f"bubble {bubble} passed the fence after what comes after it")
            last_draft, last_index = place, index
            order.setdefault(bubble, entry.index)
    # A bubble of which nobody could say whether it left may arrive whenever the wire lets it through.
    out = [
        line.facts["bubble"]
        for line in books.out(chat)
        if (draft := books.drafts.get(line.facts["bubble"].partition(".")[0])) and draft.state != "unknown"
    ]
    if sorted(out, key=lambda bubble: order.get(bubble, -1)) != out:
        yield Violation("order", chat, f"bubbles went out in another order than they passed the fence: {out}")


def _nothing_answers_what_was_deleted(books: Books, chat: str) -> Iterator[Violation]:
    """From the moment at which a deletion is on record no draft that answers the message passes the fence."""
    gone: set[str] = set()
    for entry in books.journal_of(chat):
        if entry.kind == "message.deleted":
            gone.update(entry.facts["messages"])
        elif entry.kind == "bubble.sending":
            draft = books.drafts.get(entry.facts["draft"])
            if draft is not None and gone.intersection(draft.messages):
                what = f"bubble {entry.facts['bubble']} passed the fence, and what it answers was deleted"
                yield Violation("deleted", chat, what)


def _drafts_agree_with_the_messenger(books: Books, chat: str) -> Iterator[Violation]:
    out: dict[str, list[str]] = defaultdict(list)
    for line in books.out(chat):
        out[line.facts["bubble"].partition(".")[0]].append(line.facts["text"])
    for draft in books.drafts.values():
        if str(draft.chat) != chat:
            continue
        left = out.pop(draft.id, [])
        if draft.open or draft.state == "approved":
            yield Violation("lost", chat, f"draft {draft.id} is still {draft.state}")
        if left != list(draft.bubbles[: len(left)]) or len(left) not in _may_have_left(draft):
            yield Violation(
                "books",
                chat,
                f"draft {draft.id} is {draft.state} with {draft.sent} of {len(draft.bubbles)} bubbles sent, and "
                f"{len(left)} went out",
            )
        for id_ in draft.messages:
            outcome = books.outcomes[chat].get(id_)
            if outcome is not None and (outcome.outcome == "answered") != (draft.state == "sent"):
                yield Violation("books", chat, f"message {id_} is {outcome.outcome}, its draft {draft.state}")
    for id_ in out:
        yield Violation("books", chat, f"no turn came to draft {id_}, and it went out")


def _may_have_left(draft: Draft) -> set[int]:
    if draft.state == "sent":
        return {len(draft.bubbles)}
    return {draft.sent, draft.sent + 1} if draft.state == "unknown" else {draft.sent}


def _nothing_passed_a_kill(books: Books, partition: int) -> Iterator[Violation]:
    """In a partition's journal no bubble passes the fence between a kill that covers its chat and the resume."""
    standing: set[KillScope] = set()
    for entry in books.journals[partition]:
        if entry.kind == "kill":
            standing.add(KillScope.parse(entry.facts["scope"]))
        elif entry.kind == "resume":
            standing.discard(KillScope.parse(entry.facts["scope"]))
        elif entry.kind == "bubble.sending" and any(
            scope.covers(ChatKey.parse(entry.chat), books.part_of.get(entry.chat)) for scope in standing
        ):
            yield Violation(
                "kill", entry.chat, f"bubble {entry.facts['bubble']} passed the fence under a kill"
            )


@dataclass(slots=True)
class _Kill:
    scope: KillScope
    written: float = 0.0
    """When its last partition was written."""
    in_flight: int = 0
    places: dict[int, int] | None = None
    """Where it stands in each partition's journal."""


def kills(books: Books) -> list[_Kill]:
    """Each kill once, however many partitions it is written in."""
    found: dict[tuple[object, ...], _Kill] = {}
    for partition, journal in books.journals.items():
        for entry in journal:
            if entry.kind != "kill":
                continue
            facts = entry.facts
            # The half of a kill that somebody else finished is one of its own.
            name = (facts["scope"], facts["by"], facts["reason"], entry.said_at)
            kill = found.setdefault(name, _Kill(KillScope.parse(facts["scope"]), places={}))
            kill.written = max(kill.written, entry.at)
            kill.in_flight += int(facts["in_flight"])
            assert kill.places is not None
            kill.places.setdefault(partition, entry.index)
    return list(found.values())


def arrived_after(books: Books, kill: _Kill) -> list[tuple[Line, bool]]:
    """What went out after a kill was written whole, though before its resume; with whether it was `unknown` by then."""
    found = []
    assert kill.places is not None
    for chat in books.said:
        partition = books.partition_of[chat]
        if (
            not kill.scope.covers(ChatKey.parse(chat), books.part_of.get(chat))
            or partition not in kill.places
        ):
            continue
        journal, place = books.journals[partition], kill.places[partition]
        lifted = min(
            (
                entry.at
                for entry in journal[place:]
                if entry.kind == "resume" and entry.facts["scope"] == str(kill.scope)
            ),
            default=float("inf"),
        )
        for line in books.out(chat):
            if kill.written + 0.001 < line.at < lifted:
                draft = line.facts["bubble"].partition(".")[0]
                known = any(
                    entry.kind == "draft.unknown" and entry.facts["draft"] == draft
                    for entry in journal[:place]
                )
                found.append((line, known))
    return found


def _only_what_was_in_flight_arrived_after_a_kill(books: Books) -> Iterator[Violation]:
    for kill in kills(books):
        late = [line for line, known in arrived_after(books, kill) if not known]
        if len(late) > kill.in_flight:
            chat = f"{late[0].facts['messenger']}/{late[0].facts['chat']}"
            what = f"{len(late)} bubbles went out after the kill of {kill.scope}, which reported {kill.in_flight}"
            yield Violation("kill", chat, what)


def story(books: Books, chat: str) -> list[str]:
    """Everything on record of a chat, in the order in which it happened."""
    messenger, _, id_ = chat.partition("/")
    lines = [
        (entry.at, f"journal    {entry.kind:<18} {_short(entry)}")
        for entry in books.journals[books.partition_of[chat]]
        if entry.chat == chat or entry.kind in {"kill", "resume"}
    ]
    for line in books.messenger:
        facts = line.facts
        ours = facts.get("id", "").startswith(f"{id_}-") or facts.get("chat") == id_
        if facts.get("messenger") == messenger and ours:
            said = " ".join(str(facts[name]) for name in ("id", "bubble", "text") if name in facts)
            lines.append((line.at, f"messenger  {line.what:<18} {said}"))
    start = min((at for at, _ in lines), default=0.0)
    return [f"{at - start:9.3f}  {text}" for at, text in sorted(lines, key=lambda line: line[0])]


def _short(entry: Entry) -> str:
    wanted = (
        "message",
        "messages",
        "bubble",
        "draft",
        "outcome",
        "reason",
        "by",
        "scope",
        "in_flight",
        "worker",
    )
    return " ".join(f"{name}={entry.facts[name]}" for name in wanted if name in entry.facts)
