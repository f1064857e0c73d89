"""What is compared after each step and at the end: the ledger's books, the store's, and the chats themselves."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from bot.messengers.base import Bubble
from tests.bot.promises.machine.books import OPEN, Books
from tests.bot.promises.machine.snapshot import Snapshot

FINAL: Final = frozenset(
    {"deleted", "ignored", "failed", "answered", "expired", "stale", "rejected", "shadow", "unknown", "own"}
)
CLOSED: Final = frozenset({"sent", "rejected", "expired", "stale", "shadow", "void", "failed", "unknown"})


def check(books: Books, now: Snapshot) -> None:
    """Compare the store's books with these and with the chats. Raises AssertionError."""
    before, books.last = books.last, now
    _note_announcements(books, now)
    _check_outcomes(books, before, now)
    _check_transcripts(books, now)
    _check_drafts(books, before, now)
    kills = frozenset(books.kills)
    books.must(
        now.kills == kills, 1, f"the kills that stand are {set(now.kills)}, they should be {set(kills)}"
    )
    books.must(
        now.flight == set(books.flying), 1, f"in flight are {books.flying}, on record {set(now.flight)}"
    )
    _check_chats(books, now)
    books.judge()


def check_end(books: Books) -> None:
    """When everything has come to its end. Raises AssertionError."""
    for chat, ids in books.accepted.items():
        found = books.last.outcomes.get(str(chat), {})
        for id_ in ids:
            books.must(found.get(id_) in FINAL | OPEN, 2, f"{id_} of {chat} ends as {found.get(id_)}")
        books.must(not books.queue[chat], 2, f"{chat}: {books.queue[chat]} were never decided on")
    waits = {chat: bubbles for chat, bubbles in books.last.out.items() if bubbles}
    books.must(not waits, 2, f"bubbles wait to leave for ever: {waits}")
    for id_ in _uncertain(books):
        state = books.last.state(id_.partition(".")[0])
        books.must(state == "unknown", 3, f"nobody knows of {books.name(id_)}, and its draft is {state}")
    books.judge()


def check_whole(books: Books) -> None:
    """When whoever finishes what others left half done has had the time. Raises AssertionError."""
    by_scope = defaultdict(set)
    for prefix, scope in books.kills:
        by_scope[scope].add(prefix)
    for scope, prefixes in by_scope.items():
        whole = len(prefixes) == books.street.stage.partitions.count
        books.must(whole, 1, f"the kill of {scope} stands in {prefixes} alone")
    books.judge()


def _note_announcements(books: Books, now: Snapshot) -> None:
    """A chat in which the stand-in has not said what it is hears that first, as bubble 0 of the answer."""
    for bubbles in now.out.values():
        for id_ in bubbles:
            if id_.endswith(".0") and id_ not in books.order:
                first = next((at for at, other in enumerate(books.order) if other == id_[:-1] + "1"), None)
                books.order.insert(len(books.order) if first is None else first, id_)


def _check_outcomes(books: Books, before: Snapshot, now: Snapshot) -> None:
    for chat, ids in books.accepted.items():
        found, earlier = now.outcomes.get(str(chat), {}), before.outcomes.get(str(chat), {})
        for id_ in ids:
            books.must(id_ in found, 2, f"{id_} of {chat} has no outcome")
            was, is_ = earlier.get(id_), found.get(id_)
            late = was == "unknown" and is_ == "answered"
            if was in {"ignored", "deleted"} and is_ in {"unknown", "answered"}:
                late = any(
                    fields["state"] == "void" and id_ in json.loads(fields["messages"])
                    for fields in before.drafts.values()
                )
            if was in FINAL:
                books.must(is_ == was or late, 2, f"{id_} of {chat} was {was} and is {is_}")
            if id_ not in books.queue[chat]:
                books.must(is_ != "waiting", 2, f"{id_} of {chat} was decided on and waits")
            if id_ in books.deleted:
                books.must(is_ in FINAL, 8, f"{id_} of {chat} was deleted and is {is_}")


def _check_transcripts(books: Books, now: Snapshot) -> None:
    for chat, ids in now.transcripts.items():
        kept = books.deleted.intersection(ids)
        books.must(not kept, 8, f"{kept} of {chat} were deleted and are in the context")


def _check_drafts(books: Books, before: Snapshot, now: Snapshot) -> None:
    for id_, fields in now.drafts.items():
        was, is_ = before.state(id_), fields["state"]
        wanted = books.expected.pop(id_, is_)
        books.must(is_ == wanted, 6, f"draft {books.name(id_)} is {is_}, and should be {wanted}")
        if is_ == "frozen" != was:
            books.refresh(books.drafts[id_])
        if is_ not in OPEN:
            books.taken.pop(id_, None)
        if was in CLOSED:
            # What was just being handed over is called what it turns out to be.
            late = (was, is_) in {("unknown", "sent"), ("void", "sent"), ("void", "unknown")}
            books.must(is_ == was or late, 2, f"draft {books.name(id_)} was {was} and is {is_}")
        shown = id_ in now.open
        books.must(shown == (is_ in OPEN), 3, f"draft {books.name(id_)} is {is_}, shown as open: {shown}")
        if id_ in books.edits:
            kept = json.loads(fields.get("original", "null"))
            books.must(kept == books.edits[id_], 6, f"draft {books.name(id_)}: the model's text is not kept")
        out = now.out.get(fields["chat"], [])
        waits = [bubble for bubble in out if bubble.startswith(id_ + ".") and bubble not in books.flying]
        # One that was voided while a bubble was being handed over: the fence takes out what did not leave.
        if is_ in (OPEN | CLOSED) - {"void"}:
            books.must(not waits, 6, f"draft {books.name(id_)} is {is_}, and its bubbles wait to leave")


def _check_chats(books: Books, now: Snapshot) -> None:
    said = books.street.said
    fresh, books.landed = said[books.landed :], len(said)
    for one in fresh:
        name, chat = books.name(one.bubble.id), one.bubble.chat
        books.must(books.gone[one.bubble.id] > 0, 1, f"{name} stands in {chat} and never passed the fence")
        text = one.bubble.text.lower()
        books.must("@everyone" not in text, 7, f"{name} pings everyone")
        books.must("pineapple" not in text, 1, f"{name} says the kill word")
        draft = one.bubble.id.partition(".")[0]
        same = [s for s in said if _place(s.bubble) == _place(one.bubble)]
        books.must(len(same) == 1, 3, f"{name} stands {len(same)} times in {chat}")
        later = [
            s for s in said if s.bubble.chat == chat and s is not one and _after(books, s.bubble, one.bubble)
        ]
        late = now.state(draft) == "unknown"
        books.must(not later or late, 4, f"{name} comes after {[books.name(s.bubble.id) for s in later]}")


def _after(books: Books, one: Bubble, other: Bubble) -> bool:
    return books.order.index(one.id) > books.order.index(other.id)


def _uncertain(books: Books) -> Iterator[str]:
    """Bubbles that were let go, and of which no record says what came of it."""
    yield from (id_ for id_, times in books.gone.items() if times and id_ not in books.recorded)


def _place(bubble: Bubble) -> tuple[str, str]:
    """Which bubble of which draft, whatever attempt it left with."""
    draft, _, index = bubble.id.split(".")
    return draft, index
