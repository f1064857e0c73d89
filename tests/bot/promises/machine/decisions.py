"""The ledger of decisions: what moderators and the owner do with drafts and chats, and what the sweeper does."""

from __future__ import annotations

import json
from typing import Any

from chat.message import ChatKey
from tests.bot.promises.machine.books import MAY_APPROVE, MAY_RESUME, OPEN, Books
from tests.bot.promises.machine.stage import Call


def approve(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    now, id_, by, edited = int(given[0]), given[1], given[2], given[3]
    draft, before, fields = books.drafts[id_], books.last.state(id_), books.last.drafts[id_]
    books.tell(f"{by} approves {books.name(id_)}{' as edited' if edited else ''}: {answer[0]}")
    books.must(by in MAY_APPROVE, 6, f"{by} may not approve")
    stands, mode = books.stands(draft.chat, call.prefix), books.modes.get(draft.chat, "off")
    late = draft.expires <= now
    moved = len(books.accepted[draft.chat]) - draft.position >= books.moved_limit
    if before not in OPEN:
        wanted = "decided"
    elif books.taken_by_other(id_, by, now):
        wanted = "claimed"
    elif before == "rewriting":
        wanted = "rewriting"
    elif int(given[5]) not in {0, int(fields.get("version", "1"))}:
        wanted = "changed"
    elif stands:
        wanted = "killed"
    elif mode in {"off", "shadow"}:
        wanted = mode
    else:
        wanted = "expired" if late else "stale" if moved else "approved"
    books.must(answer[0] == wanted, 6, f"{books.name(id_)} ({before}) was {answer[0]}, not {wanted}")
    if answer[0] != "approved":
        return
    draft.by_a_person, draft.planned, draft.approved = True, books.step, now
    books.doubted.discard(id_)
    draft.expires, draft.position = now + draft.lifetime, len(books.accepted[draft.chat])
    bubbles, sent = json.loads(fields["bubbles"]), int(fields["sent"])
    if edited:
        books.edits.setdefault(id_, bubbles)
        bubbles = bubbles[:sent] + json.loads(edited)
    attempt = int(fields["attempt"]) + (before == "frozen" or sent > 0)
    books.plan([f"{id_}.{attempt}.{index}" for index in range(sent + 1, len(bubbles) + 1)])


def claim_draft(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    now, id_, by = int(given[0]), given[1], given[2]
    books.tell(f"{by} takes {books.name(id_)}: {answer[0]}")
    books.must(by in MAY_APPROVE, 6, f"{by} may not take drafts")
    wanted = "taken" if books.last.state(id_) in OPEN else "decided"
    if wanted == "taken" and books.taken_by_other(id_, by, now) and str(given[4]) != "1":
        wanted = "claimed"
    books.must(answer[0] == wanted, 6, f"{books.name(id_)} was {answer[0]}, not {wanted}")
    if answer[0] == "taken":
        books.taken[id_] = by, int(given[3])


def regenerate(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    id_, by = given[1], given[2]
    books.tell(f"{by} has {books.name(id_)} written anew: {answer[0]}")
    books.must(by in MAY_APPROVE, 6, f"{by} may not have drafts rewritten")
    if answer[0] == "ordered":
        books.must(books.last.state(id_) in {"held", "frozen"}, 6, "what was decided is written anew")
        books.must(
            not books.taken_by_other(id_, by, int(given[0])), 6, "what another has taken is written anew"
        )
        books.expected[id_] = "rewriting"
        books.drafts[id_].expires = int(given[0]) + books.drafts[id_].lifetime


def claim_rewrite(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    if answer is not None:
        books.tell(f"{call.process.name} takes {books.name(answer[0])} to write it anew (token {answer[1]})")
        books.rewrites[answer[0]] = int(answer[1])


def rewritten(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    now, id_ = int(given[0]), given[1]
    books.tell(f"{call.process.name} writes {books.name(id_)} anew: {answer}")
    lost = books.last.state(id_) != "rewriting" or books.rewrites.get(id_) != int(given[2])
    books.must((answer == "lost") == lost, 6, f"{books.name(id_)}: another text by one who lost it: {answer}")
    if answer in {"written", "kept"}:
        books.expected[id_] = "held"
        books.drafts[id_].expires = now + books.drafts[id_].lifetime
    if answer == "written":
        books.edits.pop(id_, None)
        books.doubted.discard(id_)
        if given[6] != "":
            books.drafts[id_].position = int(given[6])


def reject(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    now, id_, by = int(given[0]), given[1], given[2]
    before = books.last.state(id_)
    books.tell(f"{by} rejects {books.name(id_)}: {answer[0]}")
    books.must(by in MAY_APPROVE, 6, f"{by} may not reject")
    may = before in OPEN and not books.taken_by_other(id_, by, now)
    books.must((answer[0] == "rejected") == may, 6, f"a draft that was {before} was {answer[0]}")


def sweep(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    if answer:
        books.tell(f"{call.process.name} sweeps {answer} drafts away")
    # A sweep lets go of what was taken until its own time. One that began before the clock went back is ahead of
    # whoever took a draft since: to them, it lapses early.
    for id_, (_, until) in list(books.taken.items()):
        if until <= int(given[0]) and books.is_in(books.drafts[id_].chat, call.prefix):
            books.tell(f"nobody has taken {books.name(id_)} any longer")
            del books.taken[id_]


def enable(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    books.must(given[2] in MAY_RESUME, 6, f"{given[2]} may not enable a chat")
    mode = json.loads(given[4])["mode"]
    books.tell(f"{given[2]} enables {given[1]} in {books.modes.setdefault(ChatKey.parse(given[1]), mode)}")


def set_chat(books: Books, call: Call, given: tuple[Any, ...], answer: Any) -> None:  # noqa: ANN401
    changed = json.loads(given[3])
    if "mode" in changed:
        books.tell(f"{given[2]} sets {given[1]} to {changed['mode']}")
        books.modes[ChatKey.parse(given[1])] = changed["mode"]
    books.must(given[2] in MAY_RESUME, 6, f"{given[2]} may not change a chat")
