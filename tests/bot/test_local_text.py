"""Any text, on its way to the local messenger and back: what arrives is what was written, and nothing else."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.app import Office
from bot.messengers.base import Bubble
from bot.messengers.local import Account, LocalConnector
from chat.message import Author, Chat, message_from_json, message_to_json
from tests.bot.playground import MIA, ROOM

_NUMBERS = count(1)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400)
_FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_FUZZ
@given(_TEXTS, _TEXTS)
@example("\0\r\n$5\r\nFLUSH", "{{7*7}} <b>@everyone</b> ]]> '; DROP")
async def test_a_message_arrives_as_it_was_typed(office: Office, text: str, name: str) -> None:
    await office.rooms.open(Chat(ROOM, name))
    posted = await office.rooms.post(ROOM, Author("mia", name), text)
    said = (await office.rooms.said(ROOM))[-1]
    assert (said.text, said.author.name, said.id) == (text, name, posted.id)
    assert message_from_json(message_to_json(said)) == said


@_FUZZ
@given(_TEXTS)
async def test_a_bubble_leaves_as_it_was_approved_and_once(office: Office, text: str) -> None:
    connector = LocalConnector(office.rooms, office.store, Account(Author("persona:sam", "Sam")))
    await office.rooms.clear(ROOM)
    await office.rooms.post(ROOM, MIA, "before")
    bubble = Bubble(f"draft.1.{next(_NUMBERS)}", ROOM, text)
    receipts = {(await connector.send(bubble)).id for _ in range(3)}
    said = await office.rooms.said(ROOM)
    sent = [message.text for message in said if message.own]
    assert sent == [text]
    assert len(receipts) == 1
