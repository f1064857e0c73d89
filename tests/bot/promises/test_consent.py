"""Promise 8: nobody's words are kept or answered without consent on record, and who says stop is left alone at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from bot.app import Office, Service, open_office
from bot.clock import SystemClock
from bot.consents import Consents
from bot.errors import ChatUnknown, NotAllowed, StoreAway
from bot.inbox import Inbox, Received
from bot.orders import Orders
from bot.outbox import Fence, Outbox
from bot.rewrites import NewText, Rewrites
from bot.settings import RuleSettings, Settings
from chat.message import Author, Chat, ChatKey, Message
from safety.commands import Commands, CommandSettings
from safety.consent import ConsentSettings, How, People, Purpose
from safety.mode import Mode
from tests.bot.dashboard.conftest import plant
from tests.bot.playground import LEO, MIA, MODERATOR, OWNER, VIEWER, Playground, running, until
from tests.fakes.model_server import ModelServer, ServedEngine

SECRET = "the xylophone is under the bed"


async def everything(office: Office) -> str:
    """Every key of Redis with all that it holds, the local messenger's own rooms aside."""
    found: list[str] = []
    for name in sorted(await office.store.ask("keys", "*")):
        if name.startswith("understudy:local:") or "{local:" in name:
            continue
        kind = await office.store.ask("type", name)
        match kind:
            case "hash":
                value = await office.store.ask("hgetall", name)
            case "list":
                value = await office.store.ask("lrange", name, 0, -1)
            case "zset":
                value = await office.store.ask("zrange", name, 0, -1)
            case "set":
                value = await office.store.ask("smembers", name)
            case "stream":
                value = await office.store.ask("xrange", name)
            case _:
                value = await office.store.ask("get", name)
        found.append(f"{name} {value}")
    return "\n".join(found)


def inbox_of(office: Office) -> Inbox:
    return Inbox(
        *(office.store, office.clock, office.kill_switch, office.kill_words, office.settings.turns),
        office.faults,
        orders=Orders(office.consents, Commands(CommandSettings()), ("Sam",)),
    )


async def test_nothing_at_all_is_kept_of_a_chat_that_nobody_enabled(office: Office) -> None:
    chat, person = ChatKey("local", "somewhere-else"), Author("zelda-id", "Zelda")
    inbox = inbox_of(office)
    for number, text in enumerate((SECRET, "Sam, stop talking to me", "you may talk to me again")):
        message = Message(chat, f"secret-message-{number}", person, text, datetime.now(UTC))
        assert await inbox.receive(message) in {Received.OFF, Received.OBEYED}
    own = Message(chat, "secret-message-9", person, SECRET, datetime.now(UTC), own=True)
    assert await inbox.receive(own) is Received.OFF
    kept = await everything(office)
    for word in ("somewhere-else", "zelda-id", "Zelda", "xylophone", "secret-message"):
        assert word not in kept


async def test_settings_without_the_owners_entry_keep_nothing_either(
    room: Playground, office: Office
) -> None:
    prefix = office.store.partitions.prefix(office.store.partitions.of(room.key))
    await office.store.ask("hdel", f"{prefix}consent:{room.key}", "chat")
    message = Message(room.key, "m1", MIA, SECRET, datetime.now(UTC))
    assert await inbox_of(office).receive(message) is Received.OFF
    assert "xylophone" not in await everything(office)
    await office.desk.enable(OWNER, Chat(room.key, "Weekend Plans"))
    assert await inbox_of(office).receive(message) is Received.ACCEPTED


async def test_a_disabled_chat_leaves_nothing_but_the_ledger(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: "what a nice bassoon"
    await room.settled(await room.say(f"Sam, {SECRET}"))
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    await room.settled(await room.say("Sam, and the bassoon?"))
    with pytest.raises(NotAllowed):
        await office.desk.disable(MODERATOR, room.key)
    await office.desk.disable(OWNER, room.key)
    kept = await everything(office)
    for word in ("xylophone", "bassoon", "Mia", "Weekend"):
        assert word not in kept
    assert await office.desk.chats.all() == ()
    assert await office.desk.drafts.newest() == ()
    (withdrawn, granted) = [e for e in await office.desk.journal.newest() if e.chat == str(room.key)]
    assert (granted.facts["agreed"], withdrawn.facts["agreed"]) == (True, False)
    with pytest.raises(ChatUnknown):
        await office.desk.chats.get(room.key)
    with pytest.raises(ChatUnknown):
        await office.desk.set_mode(OWNER, room.key, Mode.AUTO)
    # And it can be enabled again, as a new chat.
    await room.open()
    model.say = lambda _: "sure"
    assert (await room.settled(await room.say("Sam, still there?"))).outcome == "answered"


async def test_an_answer_in_the_making_is_lost_when_its_chat_is_disabled(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.pause, model.say = 0.3, lambda _: "one two three four five six seven eight nine"
    await room.say("Sam?")
    await until(lambda: _writing(model))
    await office.desk.disable(OWNER, room.key)
    await until(lambda: _idle(model), 3)
    assert model.cancelled == 1
    assert await room.answers() == []
    assert "nine" not in await everything(office)


async def test_erasing_that_was_cut_short_is_finished_by_the_sweeper(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await room.settled(await room.say(f"Sam, {SECRET}"))
    # As if the process had died right after the one step.
    await office.store.run("disable", room.key, office.clock.now_ms(), str(room.key), "olivia")
    assert "xylophone" in await everything(office)
    await office.desk.chats.finish_erasing()
    assert "xylophone" not in await everything(office)


async def _writing(model: ModelServer) -> bool:
    return model.running > 0


async def _idle(model: ModelServer) -> bool:
    return model.running == 0


async def _entry(office: Office, room: Playground, person: Author) -> bool | None:
    ledger = await office.consents.of(room.key)
    entry = ledger.entries.get((Purpose.ANSWERED, person.id))
    return None if entry is None else entry.agreed


async def test_who_says_stop_is_not_kept_shown_or_answered_any_more(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await room.settled(await room.say(f"Sam, {SECRET}"))
    stop = await room.say("Sam, stop talking to me!")
    assert (await room.settled(stop)).outcome == "opted_out"
    entry = (await office.consents.of(room.key)).entries[Purpose.ANSWERED, "mia"]
    assert (entry.agreed, entry.how, entry.by, entry.name) == (False, How.IN_CHAT, "Mia", "Mia")
    assert all(message.own for message in await office.desk.chats.transcript(room.key))
    count, answers = len(model.prompts), await room.answers()
    await room.say("Sam, are you coming? gargoyle")
    other = await room.say("Sam, and you?", LEO)
    assert (await room.settled(other)).outcome == "answered"
    assert "gargoyle" not in await everything(office)
    shown = str(model.prompts[count:])
    assert "xylophone" not in shown
    assert "gargoyle" not in shown
    assert len(model.prompts) == count + 1
    assert len(await room.answers()) == len(answers) + 1


async def test_the_no_outlives_a_restart_and_the_chats_disabling(
    settings: Settings, model: ModelServer
) -> None:
    async with open_office(settings) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            await room.settled(await room.say("stop talking to me"))
        await office.desk.disable(OWNER, room.key)
    async with open_office(settings) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            await room.say("Sam?")
            await room.settled(await room.say("Sam? you there", LEO))
            assert "Mia" not in str(model.prompts)
            assert await _entry(office, room, MIA) is False


async def test_there_is_a_way_back(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await room.settled(await room.say("stop talking to me"))
    await until(lambda: _said(room, "Sam, you may talk to me again"))
    assert (await room.settled(await room.say("Sam, hello?"))).outcome == "answered"
    assert await _entry(office, room, MIA) is True


async def _said(room: Playground, text: str) -> bool:
    return (await room.settled(await room.say(text))).outcome == "obeyed"


async def test_stop_while_the_answer_is_being_written(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.pause, model.say = 0.4, lambda _: "one two three four five six seven eight nine"
    asked = await room.say("Sam, are you coming?")
    other = await room.say("and what about me", LEO)
    await until(lambda: _writing(model))
    await room.say("stop talking to me")
    await until(lambda: _opted_out(room, asked), 3)
    model.pause = 0.0
    # The turn is decided again without them; Leo's message was in it and still gets its outcome.
    assert (await room.settled(other)).outcome == "answered"
    assert model.cancelled == 1
    assert "are you coming" in str(model.prompts[0])
    assert "Mia" not in str(model.prompts[1:])
    (draft,) = await office.desk.drafts.newest()
    assert draft.messages == (other.id,)


async def _opted_out(room: Playground, message: Message) -> bool:
    found = await room.outcome(message)
    return found is not None and found.outcome == "opted_out"


async def test_stop_between_the_bubbles_of_a_burst(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    model.say = lambda _: "\n".join(f"bubble {letter} of a long answer" for letter in "abcdefgh")
    asked = await room.say("Sam?")
    await until(room.answers)
    stop = await room.say("stop talking to me")
    await room.settled(stop)
    said = len(await room.answers())
    await asyncio.sleep(0.5)
    # One bubble may have been in the messenger's hands when the word was heard.
    assert len(await room.answers()) <= said + 1 < 8
    assert (await room.settled(asked)).outcome == "opted_out"
    (draft,) = await office.desk.drafts.newest()
    assert draft.state == "void"
    # And the chat goes on.
    model.say = lambda _: "hi leo"
    assert (await room.settled(await room.say("Sam, hi", LEO))).outcome == "answered"


async def test_stop_while_the_draft_waits_for_a_moderator(
    room: Playground, office: Office, model: ModelServer, service: Service
) -> None:
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    mias = await room.say("Sam?")
    await room.settled(mias)
    leos = await room.say("Sam, and for me?", LEO)
    await room.settled(leos)
    assert len(await office.desk.drafts.waiting()) == 2
    await room.settled(await room.say("stop talking to me"))
    (left,) = await office.desk.drafts.waiting()
    assert left.messages == (leos.id,)
    assert (await room.settled(mias)).outcome == "opted_out"
    await office.desk.approve(MODERATOR, left.id)
    assert (await room.settled(leos)).outcome == "answered"


async def test_a_stop_that_redis_cannot_hear_yet_silences_the_chat_in_this_process(office: Office) -> None:
    class Away:
        partitions = office.store.partitions

        async def run(self, *_: object) -> None:
            raise StoreAway("away")

        ask = run

    consents = Consents(Away(), SystemClock())  # type: ignore[arg-type]
    chat = ChatKey("local", "a")
    message = Message(chat, "m1", MIA, "stop talking to me", datetime.now(UTC))
    orders = Orders(consents, Commands(CommandSettings()))
    for _ in range(2):
        with pytest.raises(StoreAway):
            await orders.obeyed(message)
    assert consents.latched(chat)
    assert not consents.latched(ChatKey("local", "b"))
    consents._store = office.store
    assert await orders.obeyed(message)
    assert not consents.latched(chat)


async def test_under_opt_in_nobody_is_kept_until_they_agree(settings: Settings, model: ModelServer) -> None:
    rules = RuleSettings(consent=ConsentSettings(People.OPT_IN), rate_limit=settings.rules.rate_limit)
    async with open_office(settings.model_copy(update={"rules": rules})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            await room.say("Sam? gargoyle")
            await office.desk.agree(OWNER, room.key, LEO, Purpose.ANSWERED, agreed=True)
            assert (await room.settled(await room.say("Sam?", LEO))).outcome == "answered"
            assert "gargoyle" not in await everything(office)


async def test_who_may_read_and_change_the_ledger(room: Playground, office: Office) -> None:
    with pytest.raises(NotAllowed):
        await office.desk.consent(VIEWER, room.key)
    with pytest.raises(NotAllowed):
        await office.desk.agree(MODERATOR, room.key, MIA, Purpose.TRAINED, agreed=True)
    await office.desk.agree(OWNER, room.key, MIA, Purpose.TRAINED, agreed=True)
    assert (await office.desk.consent(MODERATOR, room.key)).may_train("mia")
    await office.desk.agree(OWNER, room.key, MIA, Purpose.TRAINED, agreed=False)
    ledger = await office.desk.consent(MODERATOR, room.key)
    assert not ledger.may_train("mia")
    assert ledger.may_answer("mia")
    with pytest.raises(ChatUnknown):
        await office.desk.consent(OWNER, ChatKey("local", "nowhere"))


async def test_what_leaves_while_its_chat_is_disabled_is_not_kept(room: Playground, office: Office) -> None:
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    draft = await plant(office, await room.say("Sam?"), SECRET)
    await office.desk.approve(MODERATOR, draft)
    outbox = Outbox(office.store, office.clock, office.settings.outbox)
    outgoing = await outbox.claim(room.key.messenger)
    assert outgoing is not None
    assert await outbox.fence(outgoing, idempotent=True) is Fence.GO
    await office.desk.disable(OWNER, room.key)
    sam = Author("persona:sam", "Sam")
    await outbox.sent(outgoing, Message(room.key, "receipt-9", sam, SECRET, datetime.now(UTC), own=True))
    kept = await everything(office)
    for word in ("xylophone", "receipt-9", draft):
        assert word not in kept


async def test_disabling_a_chat_erases_drafts_that_waited_for_longer_than_drafts_are_listed(
    room: Playground, office: Office
) -> None:
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    draft = await plant(office, await room.say("Sam?"), SECRET)
    # As after 90 days under a kill.
    prefix = office.store.partitions.prefix(office.store.partitions.of(room.key))
    await office.store.ask("zrem", f"{prefix}drafts:all", draft)
    await office.desk.disable(OWNER, room.key)
    kept = await everything(office)
    assert "xylophone" not in kept
    assert draft not in kept


@pytest.mark.parametrize("person", [MIA, LEO])
async def test_who_says_stop_is_not_answered_by_another_text_that_was_written_for_them(
    room: Playground, office: Office, person: Author
) -> None:
    """A draft that answered Mia is written anew with what Leo said since: it answers both."""
    await office.desk.set_mode(OWNER, room.key, Mode.MANUAL)
    inbox = inbox_of(office)
    asked = Message(room.key, "m1", MIA, "Sam, lake?", datetime.now(UTC))
    await inbox.receive(asked)
    draft = await plant(office, asked, "the lake")
    await inbox.receive(Message(room.key, "m2", LEO, "or the river?", datetime.now(UTC)))
    await office.desk.regenerate(MODERATOR, draft, newest=True)
    rewrites = Rewrites(office.store, office.clock, 10.0)
    rewrite = await rewrites.claim()
    assert rewrite is not None
    assert await rewrites.written(rewrite, NewText(("the river, Leo",)), "another", {}) == "written"
    await inbox.receive(Message(room.key, "m3", person, "Sam, stop talking to me", datetime.now(UTC)))
    assert (await office.desk.drafts.get(draft)).state == "void"
