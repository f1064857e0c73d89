"""What people on Discord do by slash commands, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest

from bot.app import Office, open_office
from bot.kill_ear import KillSettings
from bot.messengers.discord.markdown import plain
from bot.messengers.discord.settings import DiscordSettings
from bot.settings import Settings
from safety.consent import Purpose
from safety.kill import KillReach, KillScope
from safety.mode import Mode
from tests.bot.messengers.discord.server import Place, key_of
from tests.bot.messengers.discord.steered import Steered, service_on
from tests.bot.playground import OWNER, until
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import User
from tests.fakes.model_server import ModelServer


async def test_an_owner_lets_it_in_where_the_command_is_typed(steered: Steered, place: Place) -> None:
    said = await steered.told(place.olivia, "enable")
    assert said == (
        "Sam's stand-in is in general in Friends now. Mode **manual**: a moderator approves each draft."
    )
    state = await steered.office.desk.chats.get(place.key)
    assert (state.chat.title, state.policy.mode) == ("general in Friends", Mode.MANUAL)


async def test_a_thread_and_a_direct_conversation_are_let_in_by_their_own_titles(
    steered: Steered, place: Place
) -> None:
    thread = place.fake.thread(place.channel, "tents")
    direct = place.fake.direct(place.bot.user, place.olivia)
    for channel, title in ((thread, "tents in general"), (direct, "Olivia (direct messages)")):
        assert f"is in {plain(title)} now" in await steered.told(place.olivia, "enable", channel)
        assert (await steered.office.desk.chats.get(key_of(channel))).chat.title == title
    assert "not in this chat" in await steered.told(place.olivia, "status")


async def test_nobody_lets_it_into_the_review_channel_or_a_thread_there(
    settings: Settings, model: ModelServer, place: Place
) -> None:
    thread = place.fake.thread(place.channel, "about this one")
    discord = DiscordSettings(review_channel=str(place.channel.id))
    async with (
        open_office(settings.model_copy(update={"discord": discord})) as office,
        service_on(office, model, place) as steered,
    ):
        for channel in (place.channel, thread):
            said = await steered.told(place.olivia, "enable", channel)
            assert said == f"Drafts are reviewed in {place.key}: it is no chat of the stand-in's."
        assert await office.desk.chats.all() == ()


async def test_who_lets_it_in_hears_what_discord_does_not_let_it_do(steered: Steered, place: Place) -> None:
    place.fake.deny(place.channel, place.bot.user, Permission.SEND_MESSAGES)
    said = await steered.told(place.olivia, "enable")
    assert said.endswith("Discord does not let it write here yet: give its role Send Messages.")


@pytest.mark.parametrize(
    ("verb", "options", "said"),
    [
        ("enable", {}, "Only an owner may enable chats."),
        ("disable", {"erase": True}, "Only an owner may disable chats."),
        ("mode", {"mode": "auto"}, "Only an owner may change a chat's mode."),
        ("resume", {}, "Only an owner may resume."),
        ("resume", {"reach": "everywhere"}, "Only an owner may resume."),
        # Nothing of the kind stands, and that is not for them to know either.
        ("resume", {"reach": "account"}, "Only an owner may resume."),
    ],
)
async def test_what_owners_may_nobody_else_does(
    steered: Steered, place: Place, leo: User, verb: str, options: dict[str, Any], said: str
) -> None:
    await steered.enable()
    await steered.office.desk.kill(OWNER, KillScope.everywhere())
    for user in (leo, place.mia):
        assert await steered.told(user, verb, **options) == said
    assert await steered.mode() is Mode.MANUAL
    assert await steered.killed() == ["everywhere"]
    titles = {state.chat.title for state in await steered.office.desk.chats.all()}
    assert titles == {"general in Friends"}


async def test_a_role_of_the_server_makes_an_owner_there_and_not_in_a_direct_conversation(
    office: Office, model: ModelServer, place: Place, leo: User
) -> None:
    chiefs = place.role("chiefs", leo)
    direct = place.fake.direct(place.bot.user, leo)
    async with service_on(office, model, place, owner_roles=(chiefs,)) as steered:
        await steered.enable()
        assert "Mode **auto**" in await steered.told(leo, "mode", mode="auto")
        assert await steered.told(leo, "enable", direct) == "Only an owner may enable chats."


async def test_every_mode_can_be_set_and_is_said(steered: Steered, place: Place) -> None:
    await steered.enable()
    for mode in (Mode.SHADOW, Mode.AUTO, Mode.OFF, Mode.MANUAL):
        said = await steered.told(place.olivia, "mode", mode=mode.value)
        assert said.startswith(f"Mode **{mode}**: ")
        assert await steered.mode() is mode


async def test_a_mode_of_a_chat_that_nobody_enabled_is_refused_with_what_to_do(
    steered: Steered, place: Place
) -> None:
    said = await steered.told(place.olivia, "mode", mode="auto")
    assert said == "The stand-in is not in this chat: an owner lets it in with `/understudy enable`."


async def test_anybody_stops_it_also_where_nobody_enabled_it(
    steered: Steered, place: Place, leo: User
) -> None:
    said = await steered.told(leo, "kill")
    assert said == "Stopped everywhere: nothing more is sent. Only an owner can resume."
    (kill,) = await steered.office.kill_switch.kills()
    assert (str(kill.scope), kill.by, kill.reason) == ("everywhere", f"Leo in {place.key}", "command")


@pytest.mark.parametrize(
    ("reach", "words"),
    [
        ("chat", "in this chat and its threads"),
        ("account", "on all of Discord"),
        ("everywhere", "everywhere"),
    ],
)
async def test_a_kill_reaches_as_far_as_was_asked_and_a_resume_lifts_it(
    steered: Steered, place: Place, leo: User, reach: str, words: str
) -> None:
    assert (await steered.told(leo, "kill", reach=reach)).startswith(f"Stopped {words}: ")
    assert len(await steered.killed()) == 1
    assert f"It is silent {words}, stopped at <t:" in await steered.told(leo, "status")
    assert await steered.told(place.olivia, "resume", reach=reach) == f"Resumed {words}."
    assert await steered.killed() == []


async def test_a_resume_without_a_reach_lifts_all_that_silence_this_chat_and_no_others(
    steered: Steered, place: Place
) -> None:
    elsewhere = place.fake.text(place.guild, "elsewhere")
    await steered.told(place.mia, "kill", elsewhere, reach="chat")
    await steered.told(place.mia, "kill", reach="chat")
    await steered.told(place.mia, "kill", reach="everywhere")
    assert (
        await steered.told(place.olivia, "resume") == "Resumed everywhere and in this chat and its threads."
    )
    assert await steered.killed() == [f"chat:{key_of(elsewhere)}"]
    assert "nothing to resume" in await steered.told(place.olivia, "resume")


async def test_in_a_thread_the_kill_of_its_channel_is_said_and_only_a_resume_of_all_lifts_it(
    steered: Steered, place: Place
) -> None:
    thread, channels = place.fake.thread(place.channel, "tents"), "in the channel that this thread is in"
    await steered.told(place.mia, "kill", reach="chat")
    assert (await steered.told(place.mia, "kill", thread, reach="chat")).startswith("Stopped in this thread:")
    told = await steered.told(place.olivia, "status", thread)
    assert f"It is silent {channels}, with all its threads, stopped by Mia" in told
    assert "It is silent in this thread, stopped by Mia" in told
    told = await steered.told(place.olivia, "resume", thread, reach="chat")
    assert told.startswith(f"Resumed in this thread.\nIt is silent {channels}")
    assert await steered.killed() == [f"chat:{place.key}"]
    assert (await steered.told(place.olivia, "resume", thread)).startswith(f"Resumed {channels}")
    assert await steered.killed() == []


async def test_a_direct_conversation_has_no_threads_to_speak_of(steered: Steered, place: Place) -> None:
    direct = place.fake.direct(place.bot.user, place.olivia)
    assert (await steered.told(place.olivia, "kill", direct, reach="chat")).startswith(
        "Stopped in this chat:"
    )


async def test_a_resume_of_one_reach_says_what_is_still_silent(steered: Steered, place: Place) -> None:
    await steered.told(place.mia, "kill", reach="chat")
    await steered.told(place.mia, "kill", reach="account")
    said = await steered.told(place.olivia, "resume", reach="chat")
    assert said.startswith(
        "Resumed in this chat and its threads.\n"
        f"It is silent on all of Discord, stopped by Mia in <#{place.channel.id}> (command) at "
    )
    assert await steered.killed() == ["account:discord"]


async def test_only_those_who_may_kill_do_and_moderators_always(
    office: Office, model: ModelServer, place: Place, leo: User
) -> None:
    limited = office.settings.model_copy(update={"kill": KillSettings(KillReach.CHAT, ("discord/1",))})
    office = Office(**{name: getattr(office, name) for name in office.__slots__} | {"settings": limited})
    async with service_on(office, model, place, moderators=(str(place.mia.id),)) as steered:
        assert await steered.told(leo, "kill") == "You are not among those who may stop it here."
        assert await steered.killed() == []
        assert (await steered.told(place.mia, "kill")).startswith("Stopped in this chat")
        assert await steered.killed() == [f"chat:{place.key}"]


async def test_status_tells_people_what_concerns_them_and_moderators_what_waits(
    steered: Steered, place: Place, leo: User
) -> None:
    await steered.enable()
    place.fake.say(place.channel, leo, "hello everybody")

    async def held() -> object:
        return await steered.office.desk.drafts.waiting()

    await until(held)
    here = "Sam's stand-in is in this chat. Mode **manual**: a moderator approves each draft."
    assert await steered.told(leo, "status") == here
    assert await steered.told(place.mia, "status") == f"{here}\n1 draft waits for a moderator."
    elsewhere = place.fake.text(place.guild, "elsewhere")
    assert await steered.told(leo, "status", elsewhere) == (
        "The stand-in is not in this chat: an owner lets it in with `/understudy enable`.\n"
        "What is written here is neither kept nor answered."
    )


async def test_who_stopped_it_and_why_is_for_moderators(steered: Steered, place: Place, leo: User) -> None:
    await steered.told(place.mia, "kill")
    assert "Mia" not in await steered.told(leo, "status")
    assert f"stopped by Mia in <#{place.channel.id}>" in await steered.told(place.mia, "status")


async def test_a_reason_forges_no_link(steered: Steered, place: Place) -> None:
    reason = "[a bank](https://evil.example)"
    await steered.office.desk.kill(OWNER, KillScope.everywhere(), reason)
    assert r"(\[a bank\]\(https://evil.example))" in await steered.told(place.mia, "status")


async def test_who_opts_out_is_forgotten_and_may_come_back(steered: Steered, place: Place, leo: User) -> None:
    await steered.enable()
    desk = steered.office.desk
    place.fake.say(place.channel, leo, "hello everybody")

    async def held() -> object:
        return await desk.drafts.waiting()

    await until(held)
    said = await steered.told(leo, "optout")
    assert "does not talk to you here any more" in said
    assert "`/understudy optout undo:True`" in said
    assert await desk.drafts.waiting() == ()
    assert await desk.chats.transcript(place.key) == ()
    entry = (await desk.consents.of(place.key)).entries[Purpose.ANSWERED, str(leo.id)]
    assert (entry.agreed, entry.how, entry.by, entry.name) == (False, "in_chat", "Leo", "Leo")
    assert "You are not answered here" in await steered.told(leo, "status")
    # Of the command there is nothing among what became of messages.
    assert len(await desk.chats.outcomes(place.key)) == 1
    assert await steered.told(leo, "optout", undo=True) == "Done: it may talk to you here again."
    assert (await desk.consents.of(place.key)).may_answer(str(leo.id))


async def test_who_opts_out_where_nobody_enabled_it_hears_that_nothing_is_kept(
    steered: Steered, place: Place, leo: User
) -> None:
    said = await steered.told(leo, "optout")
    assert said == "It is not in this chat: nothing that you write here is kept or answered."
    assert (await steered.office.desk.consents.of(place.key)).entries == {}


async def test_in_a_thread_that_it_has_not_joined_status_says_that_it_will(
    steered: Steered, place: Place, leo: User
) -> None:
    thread = place.fake.thread(place.channel, "tents")
    assert (await steered.told(leo, "status", thread)).startswith("The stand-in is not in this chat")
    await steered.enable()
    assert (await steered.told(leo, "status", thread)).startswith(
        "It is not in this thread yet: it joins with "
    )
    await steered.told(place.olivia, "mode", mode="off")
    assert (await steered.told(leo, "status", thread)).startswith("The stand-in is not in this chat")


async def test_a_thread_that_an_owner_took_it_out_of_is_not_said_to_be_joined(
    steered: Steered, place: Place, leo: User
) -> None:
    await steered.enable()
    taken, followed = (place.fake.thread(place.channel, name) for name in ("tents", "food"))
    await steered.told(place.olivia, "enable", taken)
    await steered.told(place.olivia, "disable", taken, erase=True)
    assert (await steered.told(leo, "status", taken)).startswith("The stand-in is not in this chat")

    async def joined() -> bool:
        return (await steered.office.desk.consents.of(key_of(followed))).is_enabled

    # What was disabled with its channel comes back with it.
    place.fake.say(followed, leo, "who brings the bread?")
    await until(joined)
    await steered.told(place.olivia, "disable", erase=True)
    await steered.enable()
    assert (await steered.told(leo, "status", followed)).startswith("It is not in this thread yet")
    assert (await steered.told(leo, "status", taken)).startswith("The stand-in is not in this chat")


async def test_an_opt_out_in_a_thread_that_it_has_not_joined_holds_once_it_has(
    steered: Steered, place: Place, leo: User
) -> None:
    await steered.enable()
    thread = place.fake.thread(place.channel, "tents")
    said = await steered.told(leo, "optout", thread)
    assert "it is not in this thread yet, so that holds for its channel" in said.lower()
    place.fake.say(thread, leo, "who comes along?")
    asked = place.fake.say(thread, place.mia, "I do!")

    async def joined() -> object:
        consent = await steered.office.desk.consents.of(key_of(thread))
        return consent.is_enabled and str(asked.id) in await steered.office.desk.chats.outcomes(
            key_of(thread)
        )

    await until(joined)
    for chat in (place.key, key_of(thread)):
        assert not (await steered.office.desk.consents.of(chat)).may_answer(str(leo.id))
    assert [one.text for one in await steered.office.desk.chats.transcript(key_of(thread))] == ["I do!"]


async def test_a_thread_of_its_own_follows_nothing_and_keeps_nothing(
    office: Office, model: ModelServer, place: Place, leo: User
) -> None:
    async with service_on(office, model, place, threads="own") as steered:
        await steered.enable()
        thread = place.fake.thread(place.channel, "tents")
        assert (await steered.told(leo, "status", thread)).startswith("The stand-in is not in this chat")
        assert (await steered.told(leo, "optout", thread)).startswith("It is not in this chat: nothing")
        assert (await office.desk.consents.of(place.key)).may_answer(str(leo.id))


async def test_disabling_asks_once_more_and_then_erases(steered: Steered, place: Place) -> None:
    await steered.enable()
    said = await steered.told(place.olivia, "disable", erase=False)
    assert said.startswith("Nothing was changed.")
    assert await steered.mode() is Mode.MANUAL
    assert "erased" in await steered.told(place.olivia, "disable", erase=True)
    assert await steered.office.desk.chats.all() == ()


async def test_why_tells_what_became_of_a_message_without_its_text(steered: Steered, place: Place) -> None:
    await steered.enable()
    asked = place.fake.say(place.channel, place.mia, "who brings the tent?")

    async def held() -> object:
        return await steered.office.desk.drafts.waiting()

    await until(held)
    (draft,) = await steered.office.desk.drafts.waiting()
    for named in ("", str(asked.id), link_to(place, asked.id), f"{place.channel.id}-{asked.id}"):
        options: dict[str, Any] = {"message": named} if named else {}
        said = await steered.told(place.mia, "why", **options)
        assert said.startswith("**Held**: the chat is in manual mode\n<t:")
        assert f"message {asked.id} accepted" in said
        assert f"draft {draft.id[:6]} held by rules" in said
        assert not [text for text in ("tent", *draft.bubbles) if text in said]
    await steered.office.desk.approve(OWNER, draft.id)
    await soon(place.said)

    async def recorded() -> bool:
        return "bubble.sent" in [entry.kind for entry in await steered.office.desk.journal.newest(100)]

    await until(recorded)
    (posted, *_) = place.fake.posted(place.channel, place.bot.user)
    said = await steered.told(place.mia, "why", message=str(posted.id))
    assert said.startswith("**Own**: sent by the stand\\-in\n<t:")
    assert "turn " in said
    assert "approved by olivia" in said


async def test_why_says_when_it_does_not_know(steered: Steered, place: Place, leo: User) -> None:
    assert (await steered.told(place.mia, "why")).startswith("The stand-in is not in this chat")
    await steered.enable()
    assert await steered.told(place.mia, "why") == "Nobody has written here since it was let in."
    assert "Nothing is on record" in await steered.told(place.mia, "why", message="1234567890")
    assert "neither a message's link nor its id" in await steered.told(
        place.mia, "why", message="hello @everyone"
    )
    assert await steered.told(leo, "why") == "Only a moderator may ask why."


async def test_the_names_of_people_format_nothing_and_ping_nobody(steered: Steered, place: Place) -> None:
    ping = f"<@{place.mia.id}>"
    eve = place.fake.person("eve", f"**@everyone** {ping}")
    place.role("guests", eve)
    await steered.told(eve, "kill")
    said = await steered.told(place.mia, "status")
    assert "**@everyone**" not in said
    assert ping not in said


def link_to(place: Place, message: int) -> str:
    return f"https://discord.com/channels/{place.guild.id}/{place.channel.id}/{message}"
