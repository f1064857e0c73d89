"""The way of a message over Discord's protocol: heard, drafted, approved, sent; and a kill that ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from bot.app import Office, connectors_of, open_service
from bot.errors import DraftRefused
from bot.messengers.discord.connector import DiscordConnector
from bot.messengers.discord.settings import DiscordSettings
from chat.message import Chat
from inference.persona import load_persona
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.bot.messengers.discord.server import Place
from tests.bot.playground import OWNER, until
from tests.bot.promises.test_consent import everything
from tests.fakes.discord.client import soon
from tests.fakes.discord.world import Posted, User
from tests.fakes.model_server import ModelServer, ServedEngine


@asynccontextmanager
async def on_discord(
    office: Office, model: ModelServer, place: Place, mode: Mode
) -> AsyncIterator[DiscordConnector]:
    """A service whose one messenger is Discord, let into the channel."""
    policy = ChatPolicy(mode=mode, probability=1.0, disclosure=frozenset({Disclosure.REVEALED}))
    await office.desk.chats.enable(Chat(place.key, "general in Friends"), "olivia", policy)
    connector = place.connector()
    async with open_service(office, [connector], ServedEngine(model.url)) as service:
        task = asyncio.create_task(service.run())
        try:
            await soon(lambda: connector.hears)
            yield connector
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def outcome(office: Office, place: Place, posted: Posted) -> str:
    found = (await office.desk.chats.outcomes(place.key)).get(str(posted.id))
    return found.outcome if found else ""


async def test_a_person_writes_and_the_persona_answers_once_a_moderator_has_approved(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.MANUAL):
        said = place.fake.say(place.channel, place.mia, f"<@{place.bot.user.id}> are you coming?")

        async def held() -> object:
            return await office.desk.drafts.waiting()

        await until(held)
        assert place.said() == []
        (draft,) = await office.desk.drafts.waiting()
        await office.desk.approve(OWNER, draft.id)
        await soon(lambda: place.said() == list(draft.bubbles))

        async def answered() -> bool:
            return await outcome(office, place, said) == "answered"

        await until(answered)
        transcript = await office.desk.chats.transcript(place.key)
        assert [(one.text, one.stand_in) for one in transcript] == [
            ("@Sam are you coming?", False),
            *((text, True) for text in draft.bubbles),
        ]
    assert place.fake.typings


@pytest.mark.parametrize("edited", [False, True])
async def test_a_kill_word_ends_it_also_in_an_edit(
    office: Office, model: ModelServer, place: Place, edited: bool
) -> None:
    async with on_discord(office, model, place, Mode.AUTO):
        said = place.fake.say(place.channel, place.mia, "hello everybody")
        await soon(place.said)
        before = place.said()
        if edited:
            place.fake.edit(said, "pine apple")
        else:
            place.fake.say(place.channel, place.mia, "PINEAPPLE")

        async def killed() -> object:
            return await office.kill_switch.kills()

        await until(killed)
        after = place.fake.say(place.channel, place.mia, "still there?")

        async def decided() -> bool:
            return await outcome(office, place, after) not in {"", "waiting"}

        await until(decided)
        assert place.said() == before


async def test_a_thread_of_an_enabled_channel_is_answered_as_the_channel_is(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.AUTO):
        thread = place.fake.thread(place.channel, "tents")
        place.fake.say(thread, place.mia, "who brings the tent?")
        await soon(lambda: place.said(thread))
        titles = {state.chat.title for state in await office.desk.chats.all()}
        assert titles == {"general in Friends", "tents in general"}
        await office.desk.disable(OWNER, place.key)
        assert await office.desk.chats.all() == ()


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_deleted_message_leaves_the_context_and_its_draft_is_void(
    office: Office, model: ModelServer, place: Place, bulk: bool
) -> None:
    async with on_discord(office, model, place, Mode.MANUAL):
        said = place.fake.say(place.channel, place.mia, f"<@{place.bot.user.id}> where is my xylophone?")

        async def held() -> object:
            return await office.desk.drafts.waiting()

        await until(held)
        (draft,) = await office.desk.drafts.waiting()
        (place.fake.delete_many if bulk else place.fake.delete)(said)

        async def void() -> bool:
            return (await office.desk.drafts.get(draft.id)).state == "void"

        await until(void)
        assert await outcome(office, place, said) == "deleted"
        assert (await office.desk.drafts.get(draft.id)).reason == "what it answers was deleted"
        assert await office.desk.chats.transcript(place.key) == ()
        assert "xylophone" not in await everything(office)
        with pytest.raises(DraftRefused):
            await office.desk.approve(OWNER, draft.id)
    assert place.said() == []


async def test_an_own_message_that_a_moderator_deletes_is_not_in_the_context_any_more(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.AUTO):
        place.fake.say(place.channel, place.mia, "hello everybody")
        await soon(place.said)

        async def kept(count: int) -> bool:
            return len(await office.desk.chats.transcript(place.key)) == count

        await until(lambda: kept(1 + len(place.said())))
        for posted in place.fake.posted(place.channel, place.bot.user):
            place.fake.delete(posted)
        await until(lambda: kept(1))


async def test_the_owner_who_writes_in_person_is_not_answered(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.AUTO):
        said = place.fake.say(place.channel, place.olivia, "it is really me")

        async def own() -> bool:
            return await outcome(office, place, said) == "own"

        await until(own)
        assert place.said() == []


async def test_an_answer_that_was_lost_twice_stands_in_the_channel_once(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.AUTO):
        place.fake.play("POST", r"/channels/\d+/messages", then="drop", took=True, times=2)
        place.fake.say(place.channel, place.mia, "hello everybody")

        async def sent() -> bool:
            return "bubble.sent" in [one.kind for one in await office.desk.journal.newest(100)]

        await until(sent)
        (draft,) = await office.desk.drafts.newest()
        await soon(lambda: place.said() == list(draft.bubbles))


async def test_discord_is_there_where_a_token_is_set(office: Office) -> None:
    persona = await load_persona(office.settings.persona)
    assert [one.messenger for one in connectors_of(office, persona)] == ["local"]
    changed = office.settings.model_copy(update={"discord": DiscordSettings(token=SecretStr("a.b.c"))})
    with_token = Office(**{name: getattr(office, name) for name in office.__slots__} | {"settings": changed})
    assert [one.messenger for one in connectors_of(with_token, persona)] == ["local", "discord"]


async def test_an_answer_among_what_others_write_is_a_reply_to_who_asked(
    office: Office, model: ModelServer, place: Place, leo: User
) -> None:
    model.say = lambda _: "sure\nsee you"
    async with on_discord(office, model, place, Mode.MANUAL):
        asked = place.fake.say(place.channel, place.mia, f"<@{place.bot.user.id}> are you coming?")

        async def held() -> object:
            return await office.desk.drafts.waiting()

        await until(held)
        (draft,) = await office.desk.drafts.waiting()
        place.fake.say(place.channel, leo, "who has the tent?")

        async def both() -> bool:
            return len(await office.desk.chats.transcript(place.key)) == 2

        await until(both)
        await office.desk.approve(OWNER, draft.id)
        await soon(lambda: len(place.said()) == 2)
    first, second = place.fake.posted(place.channel, place.bot.user)
    assert (first.reply_to, second.reply_to) == (asked.id, None)
    assert (first.pings, second.pings) == ([], [])


async def test_a_limit_of_the_account_is_waited_out_and_the_bubbles_leave_in_order(
    office: Office, model: ModelServer, place: Place
) -> None:
    model.say = lambda _: "one\ntwo\nthree"
    body = {"message": "You are being rate limited.", "retry_after": 0.5, "global": True}
    headers = {"Retry-After": "0.5", "X-RateLimit-Global": "true"}
    # More often than a bubble is tried.
    times = office.settings.outbox.most_tries + 2
    place.fake.play("POST", r"/channels/\d+/messages", status=429, headers=headers, body=body, times=times)
    async with on_discord(office, model, place, Mode.AUTO):
        said = place.fake.say(place.channel, place.mia, "hello everybody")

        async def answered() -> bool:
            return await outcome(office, place, said) == "answered"

        await until(answered, 60)
    assert place.said() == ["one", "two", "three"]
    entries = await office.desk.journal.newest(500)
    assert sum(one.kind == "bubble.postponed" for one in entries) >= times


async def test_a_channel_that_is_gone_ends_the_answer_with_one_line_at_once(
    office: Office, model: ModelServer, place: Place
) -> None:
    async with on_discord(office, model, place, Mode.MANUAL):
        said = place.fake.say(place.channel, place.mia, f"<@{place.bot.user.id}> are you coming?")

        async def held() -> object:
            return await office.desk.drafts.waiting()

        await until(held)
        # The gateway has not told of it yet.
        body = {"message": "Unknown Channel", "code": 10003}
        place.fake.play("POST", r"/channels/\d+/messages", status=404, body=body, times=9)
        (draft,) = await office.desk.drafts.waiting()
        await office.desk.approve(OWNER, draft.id)

        async def failed() -> bool:
            return await outcome(office, place, said) == "failed"

        await until(failed)
    found = (await office.desk.chats.outcomes(place.key))[str(said.id)]
    assert found.reason == "Discord has no such channel any more (status 404, code 10003)"
    assert place.fake.times_asked("POST", r"/channels/\d+/messages") == 1
