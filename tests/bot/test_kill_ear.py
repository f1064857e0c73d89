"""Who may kill with a word, which words a chat has, and what they kill."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime

import pytest

from bot.app import Office
from bot.chat_words import ChatWords
from bot.errors import NotAllowed, SettingsInvalid
from bot.faults import NoFaults
from bot.inbox import Inbox, InboxSettings, Received
from bot.kill_ear import KillSettings
from bot.settings import Settings, read_settings
from bot.turn_queue import TurnQueue
from chat.message import Author, ChatKey, Message
from safety.kill import KillReach, KillScope
from tests.bot.playground import LEO, MIA, OWNER, ROOM, Playground, until
from tests.bot.promises.processes import server_pid, stopped

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def _inbox(office: Office, kill: KillSettings | None = None, words: ChatWords | None = None) -> Inbox:
    parts = (
        office.store,
        office.clock,
        office.kill_switch,
        office.kill_words,
        InboxSettings(0.0),
        NoFaults(),
    )
    return Inbox(*parts, kill, words)


def _says(text: str, author: Author = MIA, **more: object) -> Message:
    return dataclasses.replace(Message(ROOM, "m1", author, text, NOW), **more)  # type: ignore[arg-type]


async def _scopes(office: Office) -> list[str]:
    return [str(kill.scope) for kill in await office.kill_switch.kills()]


@pytest.mark.parametrize(
    ("reach", "scope"),
    [("everywhere", "everywhere"), ("account", "account:local"), ("chat", f"chat:{ROOM}")],
)
async def test_a_word_kills_as_far_as_the_settings_say(office: Office, reach: str, scope: str) -> None:
    await _inbox(office, KillSettings(KillReach(reach))).receive(_says("pineapple"))
    assert await _scopes(office) == [scope]


async def test_the_word_counts_also_in_a_chat_that_is_off_or_unknown(office: Office) -> None:
    assert await _inbox(office).receive(_says("pineapple")) is Received.OFF
    assert await _scopes(office) == ["everywhere"]


async def test_only_those_who_may_kill_with_a_word_and_always_the_owner(
    office: Office, room: Playground
) -> None:
    inbox = _inbox(office, KillSettings(people=("local/leo", "discord/mia")))
    assert await inbox.receive(_says("pineapple")) is Received.ACCEPTED
    assert await _scopes(office) == []
    await inbox.receive(_says("pineapple", LEO, id="m2"))
    assert await _scopes(office) == ["everywhere"]
    await office.desk.resume(OWNER, KillScope.everywhere())
    await inbox.receive(_says("pineapple", Author("o", "Olivia"), id="m3", own=True))
    assert await _scopes(office) == ["everywhere"]


async def test_a_messengers_own_command_kills_once_and_only_for_those_who_may(office: Office) -> None:
    inbox = _inbox(office, KillSettings(KillReach.CHAT, people=("local/leo",)))
    with pytest.raises(NotAllowed):
        await inbox.kill(ROOM, MIA)
    assert (await inbox.kill(ROOM, LEO, None, "c1")).scope == KillScope.chat(ROOM)
    await office.desk.resume(OWNER, KillScope.chat(ROOM))
    assert not (await inbox.kill(ROOM, LEO, None, "c1")).new
    assert await _scopes(office) == []
    assert (await inbox.kill(ROOM, MIA, KillReach.EVERYWHERE, "c2", own=True)).scope == KillScope.everywhere()


async def test_the_same_message_again_kills_nobody_and_an_edited_one_does(
    office: Office, room: Playground
) -> None:
    inbox, everywhere = _inbox(office), KillScope.everywhere()
    for received in (Received.ACCEPTED, Received.DUPLICATE):
        assert await inbox.receive(_says("Pineapple")) is received
        assert await office.kill_switch.resume(everywhere, "olivia") is (received is Received.ACCEPTED)
    assert await inbox.receive(_says("pine apple", edited=True)) is Received.EDITED
    assert await _scopes(office) == ["everywhere"]


async def test_an_edit_replaces_what_waits_and_only_the_history_of_what_is_pinned(
    office: Office, room: Playground
) -> None:
    inbox = _inbox(office)
    await inbox.receive(_says("one"))
    await inbox.receive(_says("two", id="m2"))
    assert await inbox.receive(_says("ONE", edited=True)) is Received.EDITED
    queue = TurnQueue(office.store, office.clock, 0.0, 10, 50)
    claim = await queue.claim("w")
    assert claim is not None
    assert [message.text for message in claim.turn.messages] == ["ONE", "two"]
    assert await inbox.receive(_says("TWO", id="m2", edited=True)) is Received.EDITED
    again = await queue.claim("w")
    assert again is not None
    assert [message.text for message in again.turn.messages] == ["ONE", "two"], (
        "what is pinned stays as it was"
    )
    assert [message.text for message in await office.desk.chats.transcript(ROOM)] == ["ONE", "TWO"]
    assert await inbox.receive(_says("three", id="m3", edited=True)) is Received.EDITED
    assert len(await office.desk.chats.transcript(ROOM)) == 2, "what never arrived is none of ours"
    found = [entry for entry in await office.desk.journal.newest() if entry.kind == "message.edited"]
    assert [entry.facts for entry in found] == [
        {"message": "m2", "waits": False},
        {"message": "m1", "waits": True},
    ]


async def test_what_the_stand_in_wrote_stays_its_own_when_it_is_edited(
    office: Office, room: Playground
) -> None:
    inbox, author = _inbox(office), Author("persona:sam", "Sam")
    await inbox.receive(_says("sure", author, own=True, stand_in=True))
    await inbox.receive(_says("sure thing", author, own=True, edited=True))
    (said,) = await office.desk.chats.transcript(ROOM)
    assert (said.text, said.stand_in) == ("sure thing", True)


async def test_a_chats_own_word_kills_there_and_only_there(office: Office, room: Playground) -> None:
    words = ChatWords(office.store, office.kill_words)
    await office.desk.set_kill_words(OWNER, ROOM, ("quokka",))
    await words.refresh()
    inbox = _inbox(office, words=words)
    await inbox.receive(_says("a quokka?", chat=ChatKey("local", "elsewhere")))
    assert await _scopes(office) == []
    await inbox.receive(_says("a QUOKKA?"))
    assert await _scopes(office) == ["everywhere"]
    assert words.found_in(ROOM, "pineapple") == "pineapple", "the words of all chats count as well"


async def test_a_new_word_is_known_soon_and_still_while_redis_hangs(
    office: Office, settings: Settings, room: Playground
) -> None:
    words = ChatWords(office.store, office.kill_words)
    running = asyncio.create_task(words.run())
    try:
        await words.refresh()
        await office.desk.set_kill_words(OWNER, ROOM, ("quokka", "tapir"))

        async def known() -> bool:
            return words.found_in(ROOM, "tapir") == "tapir"

        await until(known, 5)
        async with stopped(server_pid(settings)):
            assert words.found_in(ROOM, "quokka") == "quokka"
        await office.desk.set_kill_words(OWNER, ROOM, ())

        async def forgotten() -> bool:
            return words.found_in(ROOM, "tapir") is None

        await until(forgotten, 5)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_word_that_could_never_be_found_is_refused(office: Office, room: Playground) -> None:
    with pytest.raises(SettingsInvalid):
        await office.desk.set_kill_words(OWNER, ROOM, ("...",))
    assert (await office.desk.chats.get(ROOM)).policy.kill_words == ()


def test_the_settings_of_the_kill_are_read_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_KILL__REACH", "chat")
    monkeypatch.setenv("UNDERSTUDY_KILL__PEOPLE", "discord/77,local/mia")
    assert read_settings().kill == KillSettings(KillReach.CHAT, ("discord/77", "local/mia"))
    monkeypatch.setenv("UNDERSTUDY_KILL__PEOPLE", '["mia"]')
    with pytest.raises(SettingsInvalid, match=r"kill.*messenger/author-id"):
        read_settings()
