"""A message is accounted for: what became of it, and the journal's lines on it and on no other."""

from __future__ import annotations

from bot.app import Office, Service
from bot.journal_text import in_words
from bot.why import account_of
from tests.bot.playground import LEO, Playground, until


async def test_the_lines_are_of_this_message_oldest_first_and_without_texts(
    office: Office, room: Playground, service: Service
) -> None:
    first = await room.say("who brings the tent?")
    await room.settled(first)
    second = await room.say("and who brings the boat?", LEO)
    await room.settled(second)

    async def sent() -> bool:
        return (await room.kinds()).count("bubble.sent") >= 2

    await until(sent)
    desk = office.desk
    account = await account_of(desk.chats, desk.journal, room.key, first.id)
    assert account is not None
    assert account.outcome is not None
    assert account.outcome.outcome == "answered"
    kinds = [entry.kind for entry in account.entries]
    assert kinds[:2] == ["message.accepted", "turn.decided"]
    assert kinds[-2:] == ["bubble.sent", "draft.sent"]
    assert [entry.at for entry in account.entries] == sorted(entry.at for entry in account.entries)
    (decided,) = (entry for entry in account.entries if entry.kind == "turn.decided")
    assert decided.facts["messages"] == [first.id]
    words = "\n".join(map(in_words, account.entries))
    assert second.id not in words
    assert "tent" not in words


async def test_what_was_sent_is_accounted_for_by_what_it_answers(
    office: Office, room: Playground, service: Service
) -> None:
    said = await room.say("who brings the tent?")
    await room.settled(said)
    desk = office.desk

    async def receipts() -> list[str]:
        return [
            str(entry.facts["receipt"])
            for entry in await desk.journal.newest(100)
            if entry.kind == "bubble.sent"
        ]

    await until(receipts)
    account = await account_of(desk.chats, desk.journal, room.key, (await receipts())[-1])
    assert account is not None
    assert account.outcome is not None
    assert account.outcome.outcome == "own"
    assert "turn.decided" in [entry.kind for entry in account.entries]


async def test_without_a_message_it_is_the_last_one_that_others_wrote(
    office: Office, room: Playground, service: Service
) -> None:
    desk = office.desk
    assert await account_of(desk.chats, desk.journal, room.key) is None
    said = await room.say("who brings the tent?")
    await room.settled(said)
    account = await account_of(desk.chats, desk.journal, room.key)
    assert account is not None
    assert account.message == said.id


async def test_of_what_nobody_knows_there_is_no_outcome_and_no_line(office: Office, room: Playground) -> None:
    account = await account_of(office.desk.chats, office.desk.journal, room.key, "12345")
    assert account is not None
    assert (account.outcome, account.entries) == (None, ())
