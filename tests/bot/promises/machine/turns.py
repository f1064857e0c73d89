"""The ledger of turns: messages that come in, workers that claim and settle them, and what is deleted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from chat.message import ChatKey
from tests.bot.promises.machine.books import FAR_MS, OPEN, Books, Claimed, Planned
from tests.bot.promises.machine.stage import Call


def accept(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    chat, id_, own = ChatKey.parse(given[1]), str(given[2]), given[4] != 0
    mode = books.modes.get(chat, "off")
    wanted = "off" if mode == "off" else "duplicate" if id_ in books.known[chat] else "accepted"
    if wanted == "accepted" and own:
        wanted = "echo" if given[4] == 2 else "own"
    if wanted != "off" and given[9] == 1:
        wanted = "edited"
    books.tell(f"{call.process.name} takes in {id_} of {chat}: {answer}")
    books.must(answer == wanted, 7 if own else 3, f"{id_} of {chat} came in as {answer}, not as {wanted}")
    if wanted in {"accepted", "own", "echo"}:
        books.known[chat].add(id_)
        books.context[chat].add(id_)
    if wanted == "own":
        _owner_here(books, chat, int(given[0]))
    if wanted == "accepted":
        books.accepted[chat].append(id_)
        books.queue[chat].append(id_)
        if json.loads(given[3])["author"].get("is_bot"):
            books.by_bots.add(id_)


def _owner_here(books: Books, chat: ChatKey, now: int) -> None:
    """The owner writes in person: the stand-in steps back, and what was under way is void."""
    books.owner_at[chat] = now
    if (claim := books.claims.get(chat)) is not None:
        claim.good = False
    for id_, draft in books.drafts.items():
        if draft.chat == chat and books.last.state(id_) in {"held", "rewriting", "approved"}:
            books.expected[id_] = "void"


def delete(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    """What is gone is in no prompt, and nothing answers it."""
    chat, ids = ChatKey.parse(given[1]), json.loads(given[2])
    books.tell(f"{call.process.name} writes down that {', '.join(ids)} of {chat} was deleted")
    books.deleted.update(ids)
    books.known[chat].update(ids)
    taken = books.context[chat].intersection(ids)
    claim = books.claims.get(chat)
    if claim is not None and not claim.settled:
        behind = books.queue[chat][len(claim.ids) :]
        if taken.difference(behind):
            claim.good = False
        claim.ids = [id_ for id_ in claim.ids if id_ not in ids]
        # With nothing left of it the next turn is another one.
        claim.settled = not claim.ids
    books.queue[chat] = [id_ for id_ in books.queue[chat] if id_ not in ids]
    books.context[chat] -= taken
    order = books.last.transcripts.get(str(chat), [])
    first = min((at for at, id_ in enumerate(order) if id_ in ids), default=len(order))
    for id_, fields in books.last.drafts.items():
        answers = set(json.loads(fields.get("answers", fields["messages"])))
        if fields["state"] in OPEN | {"approved"} and answers.intersection(taken):
            books.expected[id_] = "void"
        elif fields["chat"] == str(chat) and taken:
            # Whoever writes another text for it has the message before them.
            books.rewrites.pop(id_, None)
            if fields["state"] in OPEN | {"approved"} and answers.intersection(order[first + 1 :]):
                _doubt(books, id_, fields)


def _doubt(books: Books, id_: str, fields: Mapping[str, str]) -> None:
    """A text was written with words before it that are gone: nobody's yes to it counts."""
    books.doubted.add(id_)
    if fields["state"] == "approved":
        leaves = fields["sent"] != "0" or any(one.partition(".")[0] == id_ for one in books.flying)
        books.expected[id_] = "void" if leaves else "held"


def claim(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    if answer is None:
        return
    chat, generation, now = ChatKey.parse(answer[0]), int(answer[1]), int(given[0])
    ids = [json.loads(text)["id"] for text in answer[7]]
    books.tell(f"{call.process.name} claims {chat} (generation {generation}): {', '.join(ids)}")
    waiting, most, overload = len(books.queue[chat]), int(given[3]), int(given[4])
    if waiting > overload and (chat not in books.claims or books.claims[chat].settled):
        books.tell(f"{chat} is overloaded: only the newest {most} are answered")
        books.queue[chat] = books.queue[chat][-most:]
    due = books.queue[chat][: len(ids)]
    books.must(ids == due, 4, f"{chat}: the turn is {ids}, next are {due}")
    books.must(bool(answer[4]) == books.stands(chat, call.prefix), 1, f"{chat}: the claim's kill is wrong")
    if (before := books.claims.get(chat)) is not None:
        books.must(generation > before.generation, 4, f"{chat}: the generation did not grow")
        if before.ids[:1] == ids[:1]:
            books.must(before.ids == ids, 2, f"{chat}: who follows another sees another turn")
        if before.good and now == books.now:
            books.must(not 0 < before.until - now <= FAR_MS, 4, f"{chat} is in two workers' hands")
    # A call that waited while the clock jumped brings an old time along; then only its token says anything.
    until = now + int(given[2]) if now == books.now else 0
    position = len(books.accepted[chat]) - (len(books.queue[chat]) - len(ids))
    books.claims[chat] = Claimed(ids, generation, books.step, until, call.process, _turn(chat, ids), position)


def renew(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    chat = ChatKey.parse(given[1])
    claim = books.good(chat, given[2])
    books.must((answer != -1) == (claim is not None), 4, f"{chat}: a claim that was lost was renewed")
    if claim is not None:
        claim.until = int(given[0]) + int(given[3]) if int(given[0]) == books.now else 0


def postpone(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    chat = ChatKey.parse(given[1])
    claim = books.good(chat, given[2])
    books.tell(f"{call.process.name} gives the turn of {chat} back: {answer}")
    books.must((answer != "lost") == (claim is not None), 4, f"{chat}: a claim that was lost was given back")
    if claim is not None:
        claim.good = False


def settle(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    chat, now, decision = ChatKey.parse(given[1]), int(given[0]), json.loads(given[4])
    claim = books.good(chat, given[2])
    what = f"{decision['kind']} {books.name(decision['draft'])}" if "draft" in decision else decision["kind"]
    books.tell(f"{call.process.name} settles {', '.join(decision['messages'])} as {what}: {answer}")
    books.must((answer != "lost") == (claim is not None), 4, f"{chat}: a lost claim was settled ({answer})")
    if answer == "lost" or claim is None:
        return
    due = books.queue[chat][: len(decision["messages"])]
    books.must(decision["messages"] == due, 7, f"{chat}: decided on {decision['messages']}, next are {due}")
    books.queue[chat] = books.queue[chat][len(due) :]
    claim.good, claim.settled = False, True
    if answer != "draft":
        return
    killed = claim.at <= books.last_stop(chat, call.prefix) or books.stands(chat, call.prefix)
    mode, id_ = books.modes.get(chat, "off"), decision["draft"]
    books.must(mode != "off", 6, f"{chat}: a draft in a chat that is off")
    books.must(not set(decision["messages"]) <= books.by_bots, 7, f"{chat}: a bot was answered")
    books.must(not claim.rules_failed, 5, f"{chat}: a rule failed, and it was answered all the same")
    books.must(id_ not in books.drafts, 7, f"{chat}: a turn was answered twice")
    expires = int(decision["expires_at"])
    # Messages of others up to the end of the turn; what came later makes it stale one day.
    draft = Planned(chat, claim.at, claim.position, expires, expires - now)
    books.drafts[id_] = draft
    if mode == "shadow":
        books.expected[id_] = "shadow"
    elif killed:
        books.expected[id_] = "frozen"
    elif mode == "auto" and not decision["hold"]:
        books.expected[id_] = "approved"
        draft.planned, draft.approved = books.step, now
        books.plan([f"{id_}.1.{index}" for index in range(1, len(decision["bubbles"]) + 1)])
    else:
        books.expected[id_] = "held"


def rules_failed(books: Books, call: Call) -> None:
    for claim in books.claims.values():
        if claim.process is call.process and claim.turn == call.arguments[1]:
            claim.rules_failed = True


def _turn(chat: ChatKey, ids: list[str]) -> str:
    """The id of a turn, which follows from its messages alone."""
    return hashlib.sha256("\0".join([str(chat), *ids]).encode()).hexdigest()[:16]
