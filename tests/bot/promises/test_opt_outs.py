"""Promise 8: who opts out by a command is heard, whatever dies before the store knows of it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Never

import pytest

from benchmarks.discord_storm.place import Place, place
from bot.app import Office
from bot.consents import Consents
from bot.errors import StoreAway
from bot.order_folder import OrderFolder, OrderNote
from bot.order_watch import OrderWatch
from bot.store.store import Store
from chat.message import Author, Chat, ChatKey
from safety.commands import Order
from safety.consent import How, Purpose
from tests.bot.playground import MIA, OWNER, ROOM, until
from tests.fakes.discord.client import soon

THREAD = ChatKey("local", "thread")


@pytest.fixture
def folder(state_dir: Path) -> OrderFolder:
    return OrderFolder(state_dir)


@pytest.fixture
async def consents(office: Office, folder: OrderFolder) -> Consents:
    """Another process's, before whose eyes the notes lie."""
    await office.desk.enable(OWNER, Chat(ROOM, "Weekend Plans"))
    return Consents(office.store, office.clock, folder=folder)


def note(
    office: Office, *, ago_ms: int = 0, chat: ChatKey = ROOM, part_of: ChatKey | None = None
) -> OrderNote:
    return OrderNote(chat, part_of, MIA, "i1", office.clock.now_ms() - ago_ms)


async def may_answer(consents: Consents, chat: ChatKey = ROOM) -> bool:
    return (await consents.of(chat)).may_answer(MIA.id)


class _Away(Store):
    """A store that is not there."""

    async def reach(self, call: object) -> Never:
        raise StoreAway("away")


def away(office: Office) -> Store:
    store = _Away(office.settings.state_dir, None, office.store.partitions.count)
    store._redis = office.store._redis
    return store


async def test_an_opt_out_by_command_survives_the_death_of_the_process_that_heard_it_while_redis_was_away(
    state_dir: Path, folder: OrderFolder
) -> None:
    async with place(state_dir, 3, ((0, 1),), by_history=False) as there:
        (service,) = there.services
        await service.start()
        chat, channel = next(iter(there.channels.items()))
        mia = there.people["mia"]
        await soon(lambda: len(there.fake.open_connections) == 2 and there.bot.commands.get(None), 60)
        there.redis.send(signal.SIGSTOP)
        try:
            there.fake.command(there.bot, channel, mia, "understudy optout")
            await soon(folder.notes, 20)
            await service.kill()
        finally:
            there.redis.send(signal.SIGCONT)
        assert await _opted_out(there, chat, str(mia.id)) is False
        await service.start()

        async def on_record() -> bool:
            return await _opted_out(there, chat, str(mia.id)) and not folder.notes()

        await until(on_record, 60)
        await service.kill()


async def _opted_out(there: Place, chat: ChatKey, person: str) -> bool:
    return not (await there.office.consents.of(chat)).may_answer(person)


async def test_what_cannot_be_written_down_lies_on_disk_until_it_is(
    office: Office, consents: Consents, folder: OrderFolder
) -> None:
    store, consents._store = consents._store, away(office)
    for _ in range(2):
        with pytest.raises(StoreAway):
            await consents.obey_command(Order.STOP, ROOM, MIA, "i1")
    (kept,) = folder.notes()
    assert (kept.chat, kept.person, kept.once) == (ROOM, MIA, "i1")
    consents._store = store
    assert await consents.obey_command(Order.STOP, ROOM, MIA, "i1") == ROOM
    assert folder.notes() == ()
    assert not await may_answer(consents)


async def test_what_lies_on_disk_silences_its_chat_at_the_first_look_and_until_it_is_on_record(
    office: Office, consents: Consents, folder: OrderFolder
) -> None:
    folder.keep(note(office))
    watch = OrderWatch(consents, folder)
    (found,) = await watch.look()
    assert consents.latched(ROOM)
    assert not consents.latched(THREAD)
    store, consents._store = consents._store, away(office)
    with pytest.raises(StoreAway):
        await consents.obey_note(found)
    assert consents.latched(ROOM)
    # Another process puts it on record.
    consents._store = store
    await Consents(office.store, office.clock, folder=folder).obey_note(found)
    assert await watch.look() == ()
    assert not consents.latched(ROOM)
    assert not await may_answer(consents)


async def test_a_running_service_finds_what_another_process_noted(
    office: Office, consents: Consents, folder: OrderFolder
) -> None:
    watching = asyncio.create_task(OrderWatch(consents, folder).run())
    folder.keep(note(office))

    async def heard() -> bool:
        return not await may_answer(consents) and not folder.notes()

    await until(heard)
    watching.cancel()


async def test_a_newer_word_in_the_ledger_counts_more_than_an_old_note(
    office: Office, consents: Consents, folder: OrderFolder
) -> None:
    await consents.withdraw(ROOM, MIA, Purpose.ANSWERED, How.IN_CHAT, "Mia")
    await consents.grant(ROOM, MIA, Purpose.ANSWERED, How.IN_CHAT, "Mia")
    folder.keep(note(office, ago_ms=5000))
    await consents.obey_note(folder.notes()[0])
    assert await may_answer(consents)
    assert folder.notes() == ()


async def test_the_way_back_takes_what_waits_away(
    office: Office, consents: Consents, folder: OrderFolder
) -> None:
    folder.keep(note(office))
    folder.keep(OrderNote(ROOM, None, Author("leo", "Leo"), "i2", office.clock.now_ms()))
    assert await consents.obey_command(Order.START, ROOM, MIA, "i3") == ROOM
    assert [one.person.id for one in folder.notes()] == ["leo"]
    assert await may_answer(consents)


async def test_a_note_from_a_thread_that_it_has_not_joined_holds_for_the_channel(
    office: Office, consents: Consents, folder: OrderFolder
) -> None:
    folder.keep(note(office, chat=THREAD, part_of=ROOM))
    await consents.obey_note(folder.notes()[0])
    assert not await may_answer(consents)


async def test_a_note_that_cannot_be_read_keeps_no_other_from_being_heard(
    office: Office, consents: Consents, folder: OrderFolder, state_dir: Path
) -> None:
    folder.keep(note(office))
    (state_dir / "orders" / "broken.json").write_text("{")
    assert [one.once for one in folder.notes()] == ["i1"]
