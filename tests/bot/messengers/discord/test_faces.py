"""What cards show: within Discord's limits, letter by letter, and nothing that pings or misleads."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.drafts import Draft, Version, draft_of
from bot.messengers.discord.faces import MOST_QUOTED, Face, Setting, cut, face_of
from bot.messengers.discord.markdown import plain
from chat.message import Attachment, Author, ChatKey, Message
from tests.fakes.discord.forms import message_form

KEY = ChatKey("discord", "7")
NOW = datetime(2026, 1, 2, tzinfo=UTC)
# What Markdown, Discord and a forger would use, and letters beyond the first plane.
texts = st.text(st.sampled_from("ab *_~|`>#-+[]()<@\\\n:/.👍\u202e"), max_size=5000)


def said(
    number: int, text: str = "hello", name: str = "Mia", attachment: Attachment | None = None
) -> Message:
    at = NOW + timedelta(minutes=number)
    return Message(KEY, str(number), Author(name, name), text, at, attachment=attachment)


def draft(*bubbles: str, answers: tuple[str, ...] = ("9",), **fields: str) -> Draft:
    stored = {
        "chat": str(KEY),
        "turn": "t",
        "messages": json.dumps(answers),
        "bubbles": json.dumps(bubbles or ("sure",)),
        "state": "held",
        "reason": "a moderator decides",
        "created_at": "1",
        "expires_at": "100000",
        "sent": "0",
    }
    return draft_of("d1", stored | fields, 2)


def face(one: Draft, *messages: Message, title: str = "general", blocked: str | None = None) -> Face:
    return face_of(one, Setting(title, messages, blocked), "Sam")


def shown(one: Face) -> str:
    return "\n".join(f"{embed.title}\n{embed.description}" for embed in one.embeds)


async def form_of(one: Face) -> dict[str, object]:
    """As it would be posted."""
    view = one.view()
    return {
        "embeds": [embed.to_dict() for embed in one.embeds],
        "components": view.to_components() if view is not None else [],
    }


@given(texts, st.lists(texts, min_size=1, max_size=4), texts, texts, st.sampled_from(["held", "frozen"]))
def test_any_text_gives_a_card_that_discord_takes(
    text: str, bubbles: list[str], name: str, title: str, state: str
) -> None:
    one = draft(*bubbles, state=state, reason=text, taken_by=name, taken_until="100000", decided_by=name)
    found = face(one, *(said(number, text, name) for number in range(12)), title=title)
    message_form(asyncio.run(form_of(found)))
    over = face(draft(*bubbles, state="failed", reason=text, decided_by=name))
    message_form(asyncio.run(form_of(over)))


@given(texts, st.integers(20, 200))
def test_a_cut_leaves_no_sign_without_what_escapes_it(text: str, longest: int) -> None:
    found = cut(plain(text), longest)
    assert len(found) <= longest
    head = found.removesuffix("…")
    assert (len(head) - len(head.rstrip("\\"))) % 2 == 0


@pytest.mark.parametrize(
    ("typed", "there"),
    [
        ("**Sam would say**", r"\*\*Sam would say\*\*"),
        ("[a bank](https://evil.example)", r"\[a bank\]\(https://evil.example)"),
        ("<@1> <#2> <t:0:R> </kill:3>", r"\<\@1\> \<\#2\> \<t:0:R\> \</kill:3\>"),
        ("see https://a.example/b_c_d", "see https://a.example/b_c_d"),
        ("7. bread\n9. milk 2.5", r"7\. bread" + "\n" + r"9\. milk 2.5"),
    ],
)
def test_nobody_forges_a_line_a_link_or_a_mention(typed: str, there: str) -> None:
    assert there in shown(face(draft(), said(9, typed)))


def test_the_last_messages_before_the_answer_are_quoted_and_those_it_answers_marked() -> None:
    messages = [said(number, f"number {number};") for number in range(12)]
    text = shown(face(draft(answers=("8", "9")), *messages))
    assert [f"number {number};" in text for number in range(12)] == [
        10 - MOST_QUOTED <= number < 10 for number in range(12)
    ]
    assert text.count("→ **Mia**") == 2


def test_a_new_text_may_answer_what_was_said_until_it_was_written() -> None:
    messages = [said(number, f"number {number};") for number in range(12)]
    at = int((NOW + timedelta(minutes=10, seconds=30)).timestamp() * 1000)
    one = draft(versions=json.dumps([{"bubbles": ["no"], "at": at, "by": "max"}]), version="2")
    assert one.versions == (Version(("no",), NOW + timedelta(minutes=10, seconds=30), "max"),)
    text = shown(face(one, *messages))
    assert "number 10;" in text
    assert "number 11;" not in text


def test_a_message_without_words_is_shown_by_its_kind_and_one_that_is_gone_is_said() -> None:
    assert r"**Mia** \(image\)" in shown(face(draft(), said(9, "", attachment=Attachment.IMAGE)))
    assert "is not in the transcript any more" in shown(face(draft(), said(3)))


def test_a_face_that_shows_the_same_has_the_same_digest_and_no_other() -> None:
    faces = [
        face(draft(), said(9)),
        face(draft("no"), said(9)),
        face(draft(), said(9, "hi")),
        face(draft(), said(9), blocked="a kill is in force"),
        face(draft(version="2"), said(9)),
        face(draft(state="rejected"), said(9)),
    ]
    assert len({one.digest for one in faces}) == len(faces)
    assert face(draft(), said(9)).digest == faces[0].digest
    # What is said after it changes nothing.
    assert face(draft(), said(9), said(10)).digest == faces[0].digest


def test_a_face_that_is_over_names_neither_chat_nor_words() -> None:
    one = face(draft(state="sent", decided_by="max"), said(9, "a secret"), title="Mia Schmidt")
    assert shown(one) == "None\nSent, approved by max\n<#7>"
    assert not one.quotes
    assert one.buttons == ()
