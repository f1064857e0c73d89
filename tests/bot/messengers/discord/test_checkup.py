"""The checkup says what the bot lacks, a line each, and how it is let in."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import discord
import pytest
from pydantic import SecretStr

from bot.errors import MessengerAway, SettingsInvalid
from bot.messengers.discord import checkup
from bot.messengers.discord.checkup import SCOPES, Grade, Report, check_up
from bot.messengers.discord.permissions import FOR_CARDS, NEEDED, named
from chat.message import Chat, ChatKey
from tests.bot.cli.command import ROOT
from tests.bot.messengers.discord.server import Place, key_of
from tests.bot.playground import ROOM
from tests.fakes.discord.permissions import Intent, Permission
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.world import Channel, Role

SECRET = "my secret text"


@pytest.fixture
def well(place: Place) -> Place:
    """A bot that lacks nothing."""
    place.bot.public = False
    place.bot.owner = place.olivia
    return place


async def check(place: Place, *channels: Channel, **fields: object) -> Report:
    chats = [Chat(key_of(channel), channel.name) for channel in channels]
    settings = place.settings().model_copy(update=fields)
    return await check_up(settings, chats, place.fake.connector)


def wrong(report: Report) -> list[tuple[str, str]]:
    return [(finding.about.partition(" ")[0], finding.line) for finding in report.wrong]


async def test_a_bot_that_may_all_it_needs_has_nothing_to_be_told(well: Place) -> None:
    report = await check(well, well.channel)
    assert {finding.grade for finding in report.findings} == {Grade.FINE}
    assert [(f.about, f.line) for f in report.findings] == [
        ("token", "Discord knows it, as stand-in"),
        ("message content", "the intent is on"),
        ("server", "Friends"),
        (f"{well.key} (general in Friends)", "the bot may read and write there"),
    ]
    # By REST alone: nothing that runs is disturbed.
    assert well.fake.connections == []


async def test_a_server_that_was_invited_without_the_commands_is_named(well: Place) -> None:
    well.bot.without_commands.add(well.guild.id)
    report = await check(well)
    assert report.wrong == ()
    assert [(f.line, f.grade) for f in report.findings if f.about == "commands"] == [
        ("Friends does not show them: open the invite link again", Grade.ADVICE)
    ]


@pytest.mark.parametrize(("review", "permissions"), [(False, NEEDED), (True, NEEDED | FOR_CARDS)])
async def test_the_link_asks_for_what_is_needed_and_no_more(
    well: Place, review: bool, permissions: discord.Permissions
) -> None:
    report = await check(well, review_channel=str(well.channel.id) if review else "")
    link = urlsplit(report.invite)
    assert (link.scheme, link.netloc, link.path) == ("https", "discord.com", "/oauth2/authorize")
    assert parse_qs(link.query) == {
        "client_id": [str(well.bot.application)],
        "scope": [" ".join(SCOPES)],
        "permissions": [str(permissions.value)],
    }


async def test_with_the_links_permissions_alone_the_bot_lacks_nothing(well: Place) -> None:
    well.guild.everyone.permissions = Permission(0)
    role = Role("stand-in", Permission(NEEDED.value))
    well.guild.roles[role.id] = role
    well.guild.members[well.bot.user.id].roles.append(role.id)
    thread = well.fake.thread(well.channel, "plans")
    forum = well.fake.forum(well.guild, "ideas")
    post = well.fake.thread(forum, "a boat")
    report = await check(well, well.channel, thread, forum, post)
    assert report.wrong == ()


def test_the_guide_names_every_permission_and_scope() -> None:
    guide = " ".join((ROOT / "docs" / "discord.md").read_text(encoding="utf-8").split())
    assert all(f"*{name}*" in guide for name in named(NEEDED).split(", "))
    assert f"`permissions={NEEDED.value}`" in guide
    assert all(f"`{scope}`" in guide for scope in SCOPES)


async def test_the_message_content_intent_that_is_off_is_said_with_where_to_switch_it_on(well: Place) -> None:
    well.bot.allowed = Intent(0)
    ((about, line),) = wrong(await check(well))
    assert about == "message"
    assert f"/developers/applications/{well.bot.application}/bot" in line
    assert "Message Content Intent" in line


async def test_a_bot_in_no_server_is_sent_to_the_link(well: Place) -> None:
    del well.guild.members[well.bot.user.id]
    report = await check(well)
    assert wrong(report) == [("server", "the bot is in none: open the invite link below")]
    assert report.channels == ()


LACKS = [
    (Permission.VIEW_CHANNEL, "may not see it: give its role View Channels"),
    (Permission.SEND_MESSAGES, "lacks Send Messages there"),
    (Permission.READ_MESSAGE_HISTORY, "lacks Read Message History there"),
    (Permission.SEND_MESSAGES_IN_THREADS, "lacks Send Messages in Threads there"),
    (Permission.SEND_MESSAGES | Permission.READ_MESSAGE_HISTORY, "Send Messages, Read Message History there"),
]


@pytest.mark.parametrize(("denied", "words"), LACKS, ids=lambda value: str(value)[:30])
async def test_each_missing_permission_in_an_enabled_channel_is_one_line_with_its_name(
    well: Place, denied: Permission, words: str
) -> None:
    other = well.fake.text(well.guild, "other")
    well.fake.deny(other, well.bot.user, denied)
    report = await check(well, well.channel, other)
    (finding,) = report.wrong
    assert finding.about == f"{key_of(other)} (other in Friends)"
    assert words in finding.line
    assert [chat.key for chat in report.channels] == [well.key]


async def test_a_thread_has_what_its_channel_gives_and_needs_no_more(well: Place) -> None:
    thread = well.fake.thread(well.channel, "plans")
    well.fake.deny(well.channel, well.bot.user, Permission.SEND_MESSAGES)
    assert (await check(well, thread)).wrong == ()
    well.fake.deny(well.channel, well.bot.user, Permission.SEND_MESSAGES_IN_THREADS)
    ((about, line),) = wrong(await check(well, thread))
    assert (about, "Send Messages in Threads" in line) == (str(key_of(thread)), True)
    well.fake.deny(well.channel, well.bot.user, Permission.VIEW_CHANNEL)
    assert "may not see it" in wrong(await check(well, thread))[0][1]


async def test_a_locked_thread_is_named(well: Place) -> None:
    thread = well.fake.thread(well.channel, "plans")
    thread.locked = True
    assert wrong(await check(well, thread)) == [(str(key_of(thread)), "the thread is locked")]


async def test_a_channel_that_is_gone_and_an_id_that_is_none_are_named(well: Place) -> None:
    chats = [Chat(ChatKey("discord", "12345"), "old"), Chat(ChatKey("discord", "general"), "general")]
    report = await check_up(well.settings(), chats, well.fake.connector)
    assert [line for _, line in wrong(report)] == [
        "Discord has no such channel any more",
        "this is no channel's id: a right-click on the channel, Copy Channel ID",
    ]


async def test_a_direct_conversation_needs_no_permission_and_other_messengers_are_not_looked_at(
    well: Place,
) -> None:
    direct = well.fake.direct(well.bot.user, well.mia)
    chats = [Chat(key_of(direct), "Mia"), Chat(ROOM, "a room")]
    report = await check_up(well.settings(), chats, well.fake.connector)
    assert [f.about for f in report.findings][3:] == [f"{key_of(direct)} (Mia)"]
    assert report.wrong == ()


async def test_what_a_person_should_know_is_advice_and_not_wrong(place: Place) -> None:
    place.bot.owner = place.olivia
    report = await check(place, owner=())
    assert report.wrong == ()
    advice = {f.about: f.line for f in report.findings if f.grade is Grade.ADVICE}
    assert set(advice) == {"public bot", "owner"}
    assert "Public Bot" in advice["public bot"]
    assert str(place.olivia.id) in advice["owner"]
    assert report.owner is not None
    assert report.owner.id == str(place.olivia.id)


async def test_what_keeps_the_link_or_the_commands_from_working_is_wrong(well: Place) -> None:
    well.bot.code_grant = True
    well.bot.endpoint = "https://example.org/interactions"
    report = await check(well)
    assert [finding.about for finding in report.wrong] == ["code grant", "interactions endpoint"]


async def test_a_role_that_no_server_has_is_named(well: Place) -> None:
    role = Role("crew", Permission(0))
    well.guild.roles[role.id] = role
    report = await check(well, moderator_roles=(str(role.id), "4242"), owner_roles=())
    assert wrong(report) == [("moderator_roles", "no server of the bot's has a role 4242: correct it")]


async def test_more_servers_than_one_page_holds_are_all_looked_at(well: Place) -> None:
    for number in range(205):
        well.fake.guild(f"server {number}", well.olivia, well.bot.user)
    report = await check(well)
    (server,) = (finding for finding in report.findings if finding.about == "server")
    assert server.line.count(",") == 205


async def test_a_token_that_discord_does_not_know_is_a_setting_to_correct(well: Place) -> None:
    settings = well.settings().model_copy(update={"token": SecretStr(SECRET.replace(" ", "."))})
    with pytest.raises(SettingsInvalid, match="does not know this token") as caught:
        await check_up(settings, [], well.fake.connector)
    assert SECRET.replace(" ", ".") not in str(caught.value)


async def test_a_token_that_is_revoked_in_between_is_one_line_too(well: Place) -> None:
    well.fake.play("GET", "/users/@me/guilds", status=401, body={"message": SECRET, "code": 0})
    with pytest.raises(MessengerAway) as caught:
        await check(well)
    assert "401" in str(caught.value)
    assert SECRET not in str(caught.value)


BROKEN = [
    ({"status": 429, "body": {"message": SECRET, "retry_after": 3600.0, "global": False}}, "rate limit"),
    ({"status": 429, "headers": {"Via": ""}, "body": {"message": SECRET}}, "rate limit"),
    ({"status": 502, "body": {"message": SECRET}}, "status 502"),
    ({"status": 503, "body": {"message": SECRET}}, "status 503"),
    ({"status": 200, "body": {"no": SECRET}}, "cannot read"),
    ({"then": "drop"}, "cannot be reached"),
]


@pytest.mark.parametrize(
    "path", ["/users/@me", "/oauth2/applications/@me", "/users/@me/guilds", r"/guilds/\d+"]
)
@pytest.mark.parametrize(("fault", "words"), BROKEN, ids=lambda value: str(value)[:40])
async def test_what_discord_answers_wrongly_is_one_line_at_once(
    well: Place, path: str, fault: dict[str, object], words: str
) -> None:
    well.fake.play("GET", path, times=9, **fault)
    with pytest.raises(MessengerAway, match=words) as caught:
        await check(well)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    if "status" in fault:
        # It is not repeated behind the back of whoever waits.
        assert well.fake.plays[0].met == 1


@pytest.mark.parametrize("path", ["/users/@me", r"/guilds/\d+/channels"])
async def test_a_discord_that_never_answers_is_not_waited_for_for_ever(
    well: Place, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(checkup, "_PATIENCE_SECONDS", 0.5)
    well.fake.play("GET", path, then="hold", times=9)
    with pytest.raises(MessengerAway, match="gave no answer within"):
        await check(well)


async def test_a_discord_that_cannot_be_reached_is_one_line(place: Place) -> None:
    nowhere = FakeDiscord()
    nowhere.port = 1
    with pytest.raises(MessengerAway, match="cannot be reached"):
        await check_up(place.settings(), [], nowhere.connector)


async def test_every_name_of_a_permission_is_discords_own_word_for_it() -> None:
    assert len(named(NEEDED).split(", ")) == sum(given for _, given in NEEDED)
    assert "_" not in named(NEEDED)
    assert discord.Permissions(NEEDED.value) == NEEDED


async def test_the_review_channel_is_looked_at_and_offered_as_no_chat(well: Place) -> None:
    review = well.fake.text(well.guild, "drafts")
    mine, everyone = well.bot.user.id, well.guild.id

    async def found() -> list[tuple[str, Grade]]:
        report = await check(well, review_channel=str(review.id))
        assert key_of(review) not in {chat.key for chat in report.channels}
        return [(one.line, one.grade) for one in report.findings if one.about == "review channel"]

    review.overwrites[mine] = (Permission.VIEW_CHANNEL | Permission.EMBED_LINKS, Permission(0))
    ((line, grade),) = await found()
    assert line.startswith("everybody in the server can see the review channel")
    assert grade is Grade.ADVICE
    review.overwrites[everyone] = (Permission(0), Permission.VIEW_CHANNEL)
    assert await found() == [("drafts: private, and the bot may do its work there", Grade.FINE)]
    review.overwrites[mine] = (Permission.VIEW_CHANNEL, Permission.READ_MESSAGE_HISTORY)
    lacking = "in the review channel the bot's role needs Embed Links, Read Message History"
    assert await found() == [(lacking, Grade.WRONG)]
    review.overwrites.pop(mine)
    well.fake.remove(review)
    line = f"the bot sees no channel {review.id}: correct it, or give its role View Channels there"
    assert await found() == [(line, Grade.WRONG)]


async def test_a_forum_is_no_review_channel_and_a_thread_may_be_one(well: Place) -> None:
    forum = well.fake.forum(well.guild, "posts")
    (finding,) = (await check(well, review_channel=str(forum.id))).wrong
    assert finding.line == "the review channel is no channel for texts: choose another"
    thread = well.fake.thread(well.channel, "drafts")
    assert (await check(well, review_channel=str(thread.id))).wrong == ()


async def test_a_file_of_people_that_cannot_be_used_is_named(well: Place, tmp_path: Path) -> None:
    file = tmp_path / "people.toml"
    (missing,) = wrong(await check(well, people=file))
    assert missing == ("people", f"discord.people names {file}, which is not there: correct it, and run anew")
    file.write_text("[[person]]")
    ((about, line),) = wrong(await check(well, people=file))
    assert (about, str(file) in line) == ("people", True)
    file.write_text('[[person]]\nname = "Mia"\nids = ["discord:5", "whatsapp:Mia"]')
    assert "1 account" in (await check(well, people=file)).findings[-1].line
