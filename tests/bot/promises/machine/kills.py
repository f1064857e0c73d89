"""The ledger of kills: which stand, which a process has heard of, and who lifts them."""

from __future__ import annotations

from typing import Any

from safety.kill import KillScope
from tests.bot.promises.machine.books import MAY_RESUME, OPEN, Books
from tests.bot.promises.machine.stage import Call


def kill(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    scope, by, id_ = KillScope.parse(given[1]), given[2], given[4]
    mark, new = (call.prefix, given[1]), (call.prefix, given[1], id_) not in books.kills_known
    books.must(bool(answer[0]) == new, 1, f"a kill of {scope} was new: {answer[0]}, and should be: {new}")
    books.tell(f"KILL {scope} by {by}, written in partition {call.prefix[12]}: {answer[1]} in flight")
    here = [b for b, chat in books.flying.items() if books.covers(scope, chat, call.prefix)]
    books.must(int(answer[1]) == len(here), 1, f"the kill counts {answer[1]} in flight, and {here} are")
    if new:
        books.kills_known.add((call.prefix, given[1], id_))
        books.kills.setdefault(mark, set()).add(id_)
        books.stopped[mark] = books.step


def written(books: Books, call: Call) -> None:
    """Note that a process knows a kill to be on record; when it is so everywhere, it relies on that."""
    mark = call.process, call.arguments[4]
    books.writing[mark].add(call.prefix)
    if len(books.writing[mark]) == books.street.stage.partitions.count:
        books.heard.pop(mark, None)


def heard(books: Books, call: Call) -> None:
    """The process that hears a kill stops at once, also before anything is on record."""
    scope, id_, finish = call.arguments[1], call.arguments[4], call.arguments[6]
    if not finish and not any(known[1:] == (scope, id_) for known in books.kills_known):
        books.heard[call.process, id_] = KillScope.parse(scope)


def seen(books: Books, call: Call) -> None:
    """Note which kills stand as somebody sets out to lift them."""
    books.seen[call] = set(books.kills.get((call.prefix, call.arguments[1]), ()))


def resume(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    mark = call.prefix, given[1]
    books.tell(f"{given[2]} resumes {given[1]} in partition {call.prefix[12]}: {answer}")
    books.must(given[2] in MAY_RESUME, 1, f"{given[2]} may not resume")
    if int(answer) == 1:
        books.must(books.kills.get(mark) == books.seen[call], 1, f"a kill of {given[1]} was lifted unseen")
        books.kills.pop(mark, None)
        books.stopped[mark] = books.step
        scope = KillScope.parse(given[1])
        for id_, draft in books.drafts.items():
            if books.covers(scope, draft.chat, call.prefix) and books.last.state(id_) in OPEN:
                books.refresh(draft)
