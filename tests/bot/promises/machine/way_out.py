"""The ledger of the way out: the outbox, the fence, and what messengers are handed."""

from __future__ import annotations

import json
from typing import Any, Final

from bot.messengers.base import Bubble
from chat.message import ChatKey
from tests.bot.promises.machine.books import Books
from tests.bot.promises.machine.stage import Call, Process
from tests.bot.promises.machine.street import KEYED, WHOLES

_YES_MS: Final = 2000


def outbox_claim(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    if answer is None:
        return
    chat = ChatKey.parse(answer[0])
    books.tell(f"{call.process.name} takes {books.name(answer[2])} from the outbox (token {answer[1]})")
    books.must(int(answer[1]) > books.tokens.get(chat, 0), 3, f"{chat}: the sender's token did not grow")
    books.tokens[chat] = int(answer[1])


def fence(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    now, chat, id_ = int(given[0]), ChatKey.parse(given[1]), given[3]
    name = books.name(id_)
    books.tell(f"the fence says {answer} for {name} to {call.process.name}")
    books.must((answer == "lost") == (not books.at_the_head(given)), 3, f"the fence said {answer} for {name}")
    if answer == "unknown":
        books.flying.pop(id_, None)
    if answer != "go":
        return
    draft, mode = books.drafts[id_.partition(".")[0]], books.modes.get(chat, "off")
    fields = books.last.drafts[id_.partition(".")[0]]
    answers = json.loads(fields.get("answers", fields["messages"]))
    books.must(not books.deleted.intersection(answers), 6, f"{name} goes, and what it answers was deleted")
    doubted = id_.partition(".")[0] in books.doubted
    books.must(not doubted, 6, f"{name} goes, and was written with a message that was deleted")
    stop, again = books.last_stop(chat, call.prefix), books.gone[id_] > 0
    books.must(not books.stands(chat, call.prefix), 1, f"after a kill the fence let {name} go")
    books.must(draft.planned > stop, 1, f"{name} was planned before a kill and woke up after it")
    books.must(draft.by_a_person or draft.claimed > stop, 1, f"{name} was being written at a kill")
    wanted = mode == "auto" or (mode == "manual" and draft.by_a_person)
    books.must(
        wanted, 6, f"{name} may go in {mode}, approved by {'a person' if draft.by_a_person else 'rules'}"
    )
    books.must(books.last.state(id_.partition(".")[0]) == "approved", 6, f"{name} goes without an approval")
    owner = books.owner_at.get(chat, 0)
    here = abs(now - owner) < books.stay_ms and owner > draft.approved
    books.must(not here, 6, f"{name} goes, and the owner is here")
    if again:
        books.must(chat.messenger == KEYED, 3, f"{name} is repeated, and its fate is unknown")
    else:
        books.must(draft.expires > now, 6, f"{name} goes after its time")
        moved = len(books.accepted[chat]) - draft.position
        books.must(moved < books.moved_limit, 6, f"{name} goes, and the chat has moved past it")
    books.gone[id_] += 1
    books.flying[id_] = chat
    books.yes[call.process, id_] = now


def handed_over(books: Books, process: Process, bubble: Bubble) -> None:
    """A process gives a bubble to a messenger: from here on nobody can call it back."""
    name, prefix = books.name(bubble.id), books.street.stage.prefix_of(bubble.chat)
    books.tell(f"{process.name} hands {name} to the messenger")
    asked = books.yes.get((process, bubble.id))
    books.must(asked is not None, 1, f"{name} is handed over without the fence")
    if asked is None:
        return
    old = books.street.stage.clock.now - asked
    books.must(0 <= old <= _YES_MS, 1, f"{name} is handed over on a yes {old} ms old")
    whole = WHOLES.get(bubble.chat)
    latched = any(
        scope.covers(bubble.chat, whole) for (who, _), scope in books.heard.items() if who is process
    )
    books.must(not latched, 1, f"{name} is handed over by a process that has heard a kill")
    if books.stands(bubble.chat, prefix):
        books.must(bubble.id in books.flying, 1, f"{name} is handed over after a kill that did not count it")


def sent(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    chat, id_ = ChatKey.parse(given[1]), given[2]
    books.tell(f"{call.process.name} writes down that {books.name(id_)} has left")
    books.recorded.add(id_)
    books.flying.pop(id_, None)
    if given[3] not in books.known[chat] and not id_.endswith(".0"):
        books.context[chat].add(given[3])
    books.known[chat].add(given[3])
    said = any(said.bubble.id == id_ for said in books.street.said)
    books.must(said, 3, f"{books.name(id_)} is on record as sent, and it is not in the chat")


def unsent(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    id_ = given[3]
    books.tell(f"{call.process.name} writes down that {books.name(id_)} has not left: {answer}")
    books.must(
        (answer == "lost") == (not books.at_the_head(given)), 3, f"a lost sender planned {books.name(id_)}"
    )
    before = given[7] == 1
    books.must(
        not before or answer not in {"planned", "failed"}, 3, f"{books.name(id_)} may have left before"
    )
    if answer in {"planned", "failed"}:
        books.gone[id_] = 0
    if answer in {"planned", "failed", "unknown"}:
        books.flying.pop(id_, None)


def unknown(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    books.tell(f"{call.process.name} writes down that nobody knows of {books.name(given[3])}: {answer}")
    books.must((answer == "lost") == (not books.at_the_head(given)), 3, "a lost sender gave a bubble up")
    if answer == "unknown":
        books.flying.pop(given[3], None)
