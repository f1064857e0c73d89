"""Chats that follow another, and what chats are called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.app import Office
from bot.chats import Chats
from bot.errors import ChatUnknown
from bot.inbox import Inbox, Received
from bot.journal_text import in_words
from bot.places import Place
from chat.message import Author, Chat, ChatKey, Message
from safety.consent import How, Purpose
from safety.disclosure import Disclosure
from safety.kill import KillScope
from safety.mode import Mode
from tests.bot.playground import MIA, OWNER
from tests.bot.promises.test_consent import everything, inbox_of

CHANNEL, THREAD, OTHER = (ChatKey("discord", id_) for id_ in ("100", "200", "300"))
PLACE = Place(THREAD, "tents in general", CHANNEL)


def said(chat: ChatKey, text: str = "hello", id_: str = "m1", author: Author = MIA) -> Message:
    return Message(chat, id_, author, text, datetime.now(UTC))


@pytest.fixture
async def inbox(office: Office) -> Inbox:
    inbox = inbox_of(office)
    await inbox.place(PLACE)
    return inbox


async def enable(office: Office, title: str = "general") -> Chats:
    chats = office.desk.chats
    await office.desk.enable(OWNER, Chat(CHANNEL, title))
    return chats


async def test_a_part_is_enabled_with_its_first_message_as_the_whole_is_then(
    office: Office, inbox: Inbox
) -> None:
    chats = await enable(office)
    await chats.set_mode(CHANNEL, Mode.SHADOW, "olivia")
    await chats.set_probability(CHANNEL, 0.75, "olivia")
    await chats.set_kill_words(CHANNEL, ("mango",), "olivia")
    await chats.set_disclosure(CHANNEL, frozenset({Disclosure.MARKED}), "olivia")
    with pytest.raises(ChatUnknown):
        await chats.get(THREAD)
    assert await inbox.receive(said(THREAD)) is Received.ACCEPTED
    part = await chats.get(THREAD)
    assert part.chat.title == "tents in general"
    assert part.policy == (await chats.get(CHANNEL)).policy
    assert part.policy.mode is Mode.SHADOW
    entry = next(e for e in await office.desk.journal.newest() if e.kind == "chat.followed")
    assert (entry.chat, entry.facts["parent"], entry.facts["by"]) == (str(THREAD), str(CHANNEL), "olivia")
    assert entry.facts["after"]["mode"] == "shadow"
    words = in_words(entry)
    assert words.startswith(f"chat {THREAD} follows {CHANNEL}: ")
    assert words.endswith(", by olivia")
    (agreed,) = (e for e in await office.desk.journal.newest() if e.facts.get("with") == str(CHANNEL))
    assert in_words(agreed) == f"consent chat in {THREAD} agreed to by olivia"
    # What changes later is each one's own.
    await chats.set_mode(CHANNEL, Mode.AUTO, "olivia")
    await inbox.receive(said(THREAD, id_="m2"))
    assert (await chats.get(THREAD)).policy.mode is Mode.SHADOW


async def test_a_part_of_a_chat_that_nobody_enabled_is_none_of_ours(office: Office, inbox: Inbox) -> None:
    assert await inbox.receive(said(THREAD, "xylophone")) is Received.OFF
    assert "xylophone" not in await everything(office)
    assert str(THREAD) not in await everything(office)


async def test_it_follows_as_soon_as_the_whole_is_enabled_and_on(office: Office, inbox: Inbox) -> None:
    assert await inbox.receive(said(THREAD)) is Received.OFF
    chats = await enable(office)
    await chats.set_mode(CHANNEL, Mode.OFF, "olivia")
    assert await inbox.receive(said(THREAD)) is Received.OFF
    await chats.set_mode(CHANNEL, Mode.AUTO, "olivia")
    assert await inbox.receive(said(THREAD)) is Received.ACCEPTED


async def test_a_part_follows_under_a_kill_of_the_whole_as_well_and_is_under_it(
    office: Office, inbox: Inbox
) -> None:
    await enable(office)
    await office.desk.kill(OWNER, KillScope.chat(CHANNEL))
    assert await inbox.receive(said(THREAD)) is Received.ACCEPTED
    assert await office.kill_switch.standing(THREAD) is not None
    await office.desk.resume(OWNER, KillScope.chat(CHANNEL))
    assert await office.kill_switch.standing(THREAD) is None


async def test_the_very_first_message_may_say_the_wholes_own_kill_word(office: Office, inbox: Inbox) -> None:
    chats = await enable(office)
    await chats.set_kill_words(CHANNEL, ("mango",), "olivia")
    await inbox.receive(said(THREAD, "mango"))
    assert await office.kill_switch.kills()


async def test_who_said_no_in_the_whole_is_not_answered_in_its_parts(office: Office, inbox: Inbox) -> None:
    await enable(office)
    await office.consents.withdraw(CHANNEL, MIA, Purpose.ANSWERED, How.IN_CHAT, "Mia")
    assert await inbox.receive(said(THREAD, "xylophone")) is Received.OPTED_OUT
    assert "xylophone" not in await everything(office)
    other = said(THREAD, id_="m2", author=Author("leo", "Leo"))
    assert await inbox.receive(other) is Received.ACCEPTED


async def test_who_says_no_with_the_first_message_in_a_part_is_heard(office: Office, inbox: Inbox) -> None:
    await enable(office)
    assert await inbox.receive(said(THREAD, "Sam, stop talking to me")) is Received.OBEYED
    assert await inbox.receive(said(THREAD, "hello", "m2")) is Received.OPTED_OUT


async def test_a_no_in_the_whole_holds_in_parts_that_follow_already_and_the_way_back_is_said_there(
    office: Office, inbox: Inbox
) -> None:
    chats = await enable(office)
    await inbox.receive(said(THREAD, "xylophone"))
    assert await inbox.receive(said(CHANNEL, "Sam, stop talking to me")) is Received.OBEYED
    assert await chats.transcript(THREAD) == ()
    assert await inbox.receive(said(THREAD, "hello", "m2")) is Received.OPTED_OUT
    assert await inbox.receive(said(CHANNEL, "Sam, talk to me again", "m3")) is Received.OBEYED
    assert await inbox.receive(said(CHANNEL, "hello", "m4")) is Received.ACCEPTED
    assert await inbox.receive(said(THREAD, "hello", "m5")) is Received.OPTED_OUT
    assert await inbox.receive(said(THREAD, "Sam, talk to me again", "m6")) is Received.OBEYED
    assert await inbox.receive(said(THREAD, "hello", "m7")) is Received.ACCEPTED


async def test_disabling_the_whole_disables_its_parts_and_they_come_back_with_it(
    office: Office, inbox: Inbox
) -> None:
    chats = await enable(office)
    await office.desk.enable(OWNER, Chat(OTHER, "other"))
    await inbox.receive(said(THREAD, "xylophone"))
    assert await chats.parts(CHANNEL) == (THREAD,)
    await office.desk.disable(OWNER, CHANNEL)
    assert [state.chat.key for state in await chats.all()] == [OTHER]
    assert "xylophone" not in await everything(office)
    assert await inbox.receive(said(THREAD, "xylophone", "m2")) is Received.OFF
    await enable(office)
    assert await inbox.receive(said(THREAD, id_="m3")) is Received.ACCEPTED


async def test_a_part_that_the_owner_disabled_by_itself_stays_out(office: Office, inbox: Inbox) -> None:
    await enable(office)
    await inbox.receive(said(THREAD))
    await office.desk.disable(OWNER, THREAD)
    assert await inbox.receive(said(THREAD, id_="m2")) is Received.OFF
    await office.desk.disable(OWNER, CHANNEL)
    await enable(office)
    assert await inbox.receive(said(THREAD, id_="m3")) is Received.OFF


async def test_a_part_that_the_owner_enabled_by_itself_is_nobodys(office: Office, inbox: Inbox) -> None:
    chats = await enable(office)
    await office.desk.enable(OWNER, Chat(THREAD, "tents"))
    await inbox.receive(said(THREAD))
    assert await chats.parts(CHANNEL) == ()
    await office.desk.disable(OWNER, CHANNEL)
    assert [state.chat.title for state in await chats.all()] == ["tents"]


async def test_a_whole_that_is_disabled_while_a_part_follows_takes_it_along(
    office: Office, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    chats = await enable(office)
    run, disabled = office.store.run, False

    async def run_late(name: str, *arguments: object) -> object:
        nonlocal disabled
        if name == "follow" and not disabled:
            disabled = True
            await office.desk.disable(OWNER, CHANNEL)
        return await run(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(office.store, "run", run_late)
    assert await inbox.receive(said(THREAD)) is Received.OFF
    assert disabled
    assert await chats.all() == ()


async def test_who_says_no_in_the_whole_while_a_part_follows_is_heard_in_it(
    office: Office, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enable(office)
    run, said_no = office.store.run, False

    async def run_late(name: str, *arguments: object) -> object:
        nonlocal said_no
        if name == "follow" and not said_no:
            said_no = True
            await office.consents.withdraw(CHANNEL, MIA, Purpose.ANSWERED, How.IN_CHAT, "Mia")
        return await run(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(office.store, "run", run_late)
    assert await inbox.receive(said(THREAD)) is Received.OPTED_OUT
    assert said_no
    assert await inbox.receive(said(THREAD, id_="m2", author=Author("leo", "Leo"))) is Received.ACCEPTED


async def test_a_chat_is_called_what_the_messenger_calls_it_until_an_owner_names_it(office: Office) -> None:
    inbox = inbox_of(office)
    await inbox.place(Place(CHANNEL, "general in Friends"))
    chats = await enable(office, CHANNEL.chat_id)
    await inbox.receive(said(CHANNEL))
    assert (await chats.get(CHANNEL)).chat.title == "general in Friends"
    await inbox.place(Place(CHANNEL, "talk in Friends"))
    assert (await chats.get(CHANNEL)).chat.title == "talk in Friends"
    await office.desk.enable(OWNER, Chat(CHANNEL, "the lake people"))
    await inbox.place(Place(CHANNEL, "chat in Friends"))
    assert (await chats.get(CHANNEL)).chat.title == "the lake people"


async def test_what_a_chat_is_called_is_not_kept_where_nobody_enabled_it(office: Office) -> None:
    await inbox_of(office).place(Place(CHANNEL, "xylophone fans"))
    assert "xylophone" not in await everything(office)
