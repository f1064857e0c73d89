"""The fake speaks as Discord does, to the unmodified client."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import discord
import pytest

from tests.fakes.discord.client import connected, intents, soon
from tests.fakes.discord.permissions import Intent, Permission
from tests.fakes.discord.server import Bot, FakeDiscord, Limit
from tests.fakes.discord.world import Channel, Guild, User

SEND = ("POST", "/channels/{}/messages")
SEND_PATH = r"/channels/\d+/messages"


class Scene:
    """A server with a channel, a person and a bot."""

    def __init__(self, fake: FakeDiscord) -> None:
        self.fake = fake
        self.mia: User = fake.person("mia", "Mia")
        self.bot: Bot = fake.bot("sam")
        self.guild: Guild = fake.guild("Friends", self.mia, self.bot.user)
        self.channel: Channel = fake.text(self.guild, "general")

    def of(self, client: discord.Client, channel: Channel | None = None) -> discord.TextChannel:
        found = client.get_channel((channel or self.channel).id)
        assert isinstance(found, discord.TextChannel)
        return found


@pytest.fixture
def scene(discord_server: FakeDiscord) -> Scene:
    return Scene(discord_server)


def code_of(error: pytest.ExceptionInfo[discord.HTTPException]) -> tuple[int, int]:
    return error.value.status, error.value.code


async def test_a_client_signs_in_hears_a_message_and_replies(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        assert client.user is not None
        assert client.user.id == scene.bot.user.id
        said = scene.fake.say(scene.channel, scene.mia, "who brings the tent?")
        await soon(lambda: client.heard)
        (heard,) = client.heard
        assert (heard.content, heard.author.display_name, heard.id) == (said.content, "Mia", said.id)
        answer = await heard.reply("I do", mention_author=False)
        (posted,) = scene.fake.posted(scene.channel, scene.bot.user)
        assert (posted.id, posted.reply_to, posted.pings) == (answer.id, said.id, [])
        # Its own message is told to it as to everybody.
        await soon(lambda: client.texts == ["who brings the tent?", "I do"])


async def test_a_wrong_token_is_refused_at_the_login(scene: Scene) -> None:
    scene.bot.token = "wrong"
    with pytest.raises(discord.LoginFailure):
        async with connected(scene.fake, scene.bot):
            pass


async def test_an_intent_that_is_not_switched_on_ends_the_client(scene: Scene) -> None:
    scene.bot.allowed = Intent(0)
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with connected(scene.fake, scene.bot):
            pass


async def test_without_the_content_intent_texts_are_empty_but_for_mentions_direct_and_own_ones(
    scene: Scene,
) -> None:
    scene.bot.allowed = Intent(0)
    wanted = intents()
    wanted.message_content = False
    async with connected(scene.fake, scene.bot, wanted) as client:
        scene.fake.say(scene.channel, scene.mia, "a secret")
        scene.fake.say(scene.channel, scene.mia, f"<@{scene.bot.user.id}> hello")
        scene.fake.say(scene.fake.direct(scene.bot.user, scene.mia), scene.mia, "between us")
        await scene.of(client).send("mine")
        await soon(lambda: len(client.heard) == 4)
        assert client.texts == ["", f"<@{scene.bot.user.id}> hello", "between us", "mine"]
        assert [message.content async for message in scene.of(client).history(oldest_first=True)] == [
            "",
            f"<@{scene.bot.user.id}> hello",
            "mine",
        ]


async def test_threads_forum_posts_and_direct_messages_are_channels_too(scene: Scene) -> None:
    thread = scene.fake.thread(scene.channel, "tents")
    async with connected(scene.fake, scene.bot) as client:
        post = scene.fake.thread(scene.fake.forum(scene.guild, "ideas"), "the lake")
        direct = scene.fake.direct(scene.bot.user, scene.mia)
        for channel in (thread, post, direct):
            scene.fake.say(channel, scene.mia, channel.name or "direct")
        await soon(lambda: len(client.heard) == 3)
        kinds = [type(message.channel) for message in client.heard]
        assert kinds == [discord.Thread, discord.Thread, discord.DMChannel]
        # What it writes is heard as well.
        for message in tuple(client.heard):
            await message.channel.send("here")
        assert [len(scene.fake.posted(channel, scene.bot.user)) for channel in (thread, post, direct)] == [
            1
        ] * 3


async def test_edits_deletes_and_typing_are_told(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        said = scene.fake.say(scene.channel, scene.mia, "monday")
        scene.fake.edit(said, "tuesday")
        scene.fake.type(scene.channel, scene.mia)
        scene.fake.delete(said)
        await soon(lambda: client.deletes)
        assert [edit.message.content for edit in client.edits] == ["tuesday"]
        assert client.typed == [(scene.channel.id, scene.mia.id)]
        assert client.deletes == [said.id]
        async with scene.of(client).typing():
            pass
        assert scene.fake.typings == [(scene.channel.id, scene.bot.user.id)]


async def test_history_is_read_backwards_forwards_and_up_to_a_limit(scene: Scene) -> None:
    said = [scene.fake.say(scene.channel, scene.mia, str(number)) for number in range(130)]
    async with connected(scene.fake, scene.bot) as client:
        channel = scene.of(client)
        newest = [message.content async for message in channel.history(limit=3)]
        after = [m.content async for m in channel.history(after=discord.Object(said[4].id), limit=120)]
        before = [m.content async for m in channel.history(before=discord.Object(said[2].id))]
    assert newest == ["129", "128", "127"]
    assert after == [str(number) for number in range(5, 125)]
    assert before == ["1", "0"]


async def test_a_nonce_is_kept_for_a_while_and_gives_the_first_message_back(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        channel = scene.of(client)
        first = await channel.send("once", nonce="draft.1")
        again = await channel.send("once", nonce="draft.1")
        assert (again.id, again.nonce) == (first.id, "draft.1")
        assert len(scene.fake.posted(scene.channel)) == 1
        # The nonce is told when a message is made, and lost when it is fetched again.
        assert (await channel.fetch_message(first.id)).nonce is None
        scene.fake.nonce_seconds = 0.0
        assert (await channel.send("once", nonce="draft.1")).id != first.id


async def test_a_nonce_whose_message_was_deleted_gives_unknown_message(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        first = await scene.of(client).send("once", nonce="draft.1")
        await first.delete()
        with pytest.raises(discord.NotFound) as error:
            await scene.of(client).send("once", nonce="draft.1")
        assert code_of(error) == (404, 10008)


async def test_an_answer_that_is_lost_leaves_the_message(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.play("POST", SEND_PATH, then="drop", took=True)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await scene.of(client).send("out", nonce="n")
        assert len(scene.fake.posted(scene.channel)) == 1
        await scene.of(client).send("out", nonce="n")
        assert len(scene.fake.posted(scene.channel)) == 1


async def test_a_server_error_is_retried_by_the_client_but_for_503(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.play("POST", SEND_PATH, status=502)
        await scene.of(client).send("at last")
        scene.fake.play("POST", SEND_PATH, status=503)
        with pytest.raises(discord.DiscordServerError):
            await scene.of(client).send("never")
        assert [posted.content for posted in scene.fake.posted(scene.channel)] == ["at last"]


async def test_a_limit_is_told_in_headers_and_the_client_waits_although_the_message_is_out(
    scene: Scene,
) -> None:
    scene.fake.limits[SEND] = Limit(1, 0.6)
    async with connected(scene.fake, scene.bot) as client:
        sending = asyncio.create_task(scene.of(client).send("one"))
        await soon(lambda: scene.fake.posted(scene.channel))
        assert not sending.done()
        await sending
        await scene.of(client).send("two")
    assert len(scene.fake.posted(scene.channel)) == 2
    assert scene.fake.times_asked("POST", SEND_PATH) == 2


async def test_whoever_asks_too_often_is_told_how_long_to_wait(scene: Scene) -> None:
    scene.fake.limits[SEND] = Limit(1, 0.5)
    async with connected(scene.fake, scene.bot) as one, connected(scene.fake, scene.bot) as other:
        # Two processes with one token: neither knows what the other has used.
        await asyncio.gather(scene.of(one).send("one"), scene.of(other).send("two"))
    assert len(scene.fake.posted(scene.channel)) == 2
    assert scene.fake.times_asked("POST", SEND_PATH) > 2


async def test_a_global_limit_holds_everything_back(scene: Scene) -> None:
    body = {"message": "You are being rate limited.", "retry_after": 0.2, "global": True}
    scene.fake.play("POST", SEND_PATH, status=429, headers={"X-RateLimit-Global": "true"}, body=body)
    async with connected(scene.fake, scene.bot) as client:
        await scene.of(client).send("after all")
    assert len(scene.fake.posted(scene.channel)) == 1


async def test_a_429_without_via_is_not_retried(scene: Scene) -> None:
    scene.fake.play("POST", SEND_PATH, status=429, headers={"Via": ""}, body={"retry_after": 0.1})
    async with connected(scene.fake, scene.bot) as client:
        with pytest.raises(discord.HTTPException) as error:
            await scene.of(client).send("banned")
    assert error.value.status == 429
    assert scene.fake.times_asked("POST", SEND_PATH) == 1


async def test_slow_mode_holds_for_bots_only_where_it_is_told_to(scene: Scene) -> None:
    scene.channel.slow_mode = 1
    async with connected(scene.fake, scene.bot) as client:
        await scene.of(client).send("one")
        await scene.of(client).send("two")
        assert scene.fake.times_asked("POST", SEND_PATH) == 2
        scene.fake.slow_for_bots = True
        await scene.of(client).send("three")
        await scene.of(client).send("four")
        assert scene.fake.times_asked("POST", SEND_PATH) == 5


async def test_a_thread_wakes_when_it_is_written_to_unless_it_is_locked(scene: Scene) -> None:
    thread = scene.fake.thread(scene.channel, "tents")
    async with connected(scene.fake, scene.bot) as client:
        found = client.get_channel(thread.id)
        assert isinstance(found, discord.Thread)
        scene.fake.archive(thread)
        await found.send("anybody?")
        assert not thread.archived
        thread.locked = True
        scene.fake.archive(thread)
        with pytest.raises(discord.HTTPException) as error:
            await found.send("anybody?")
        assert code_of(error) == (400, 50083)


@pytest.mark.parametrize(
    ("denied", "expected"),
    [(Permission.SEND_MESSAGES, (403, 50013)), (Permission.VIEW_CHANNEL, (403, 50001))],
)
async def test_what_an_account_may_not_do_is_refused_by_number(
    scene: Scene, denied: Permission, expected: tuple[int, int]
) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.deny(scene.channel, scene.bot.user, denied)
        with pytest.raises(discord.Forbidden) as error:
            await scene.of(client).send("hello")
        assert code_of(error) == expected


async def test_who_may_not_see_a_channel_hears_nothing_of_it(scene: Scene) -> None:
    hidden = scene.fake.text(scene.guild, "hidden")
    scene.fake.deny(hidden, scene.bot.user, Permission.VIEW_CHANNEL)
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.say(hidden, scene.mia, "unheard")
        scene.fake.say(scene.channel, scene.mia, "heard")
        await soon(lambda: client.heard)
        assert client.texts == ["heard"]


async def test_who_takes_no_direct_messages_gets_none(scene: Scene) -> None:
    scene.mia.takes_direct = False
    async with connected(scene.fake, scene.bot) as client:
        user = await client.fetch_user(scene.mia.id)
        with pytest.raises(discord.Forbidden) as error:
            await user.send("hello")
        assert code_of(error) == (403, 50007)


async def test_everybody_is_pinged_only_by_whoever_allows_and_may(scene: Scene) -> None:
    text = f"@everyone and <@{scene.mia.id}>"
    async with connected(scene.fake, scene.bot) as client:
        await scene.of(client).send(text)
        await scene.of(client).send(text, allowed_mentions=discord.AllowedMentions.none())
        scene.guild.everyone.permissions |= Permission.MENTION_EVERYONE
        await scene.of(client).send(text)
    pings = [posted.pings for posted in scene.fake.posted(scene.channel)]
    assert pings == [[str(scene.mia.id)], [], [str(scene.mia.id), "everyone"]]


async def test_after_reconnect_a_session_is_resumed_and_what_was_missed_is_told(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.reconnect()
        # The client leaves at the order, and hears no more on the connection that it had.
        scene.fake.say(scene.channel, scene.mia, "meanwhile")
        await soon(lambda: client.texts == ["meanwhile"])
        assert (scene.bot.identified, scene.bot.resumed) == (1, 1)


async def test_a_closed_or_cut_connection_is_resumed(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.close_gateway(4000)
        await soon(lambda: scene.bot.resumed == 1)
        scene.fake.cut()
        await soon(lambda: scene.bot.resumed == 2)
        scene.fake.say(scene.channel, scene.mia, "still there?")
        await soon(lambda: client.texts == ["still there?"])
        assert scene.bot.identified == 1


async def test_an_invalid_session_is_begun_anew_and_misses_what_was_said(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.invalidate(resumable=False)
        scene.fake.say(scene.channel, scene.mia, "unheard")
        # The client waits 5 s before it identifies again.
        await soon(lambda: scene.bot.identified == 2)
        scene.fake.say(scene.channel, scene.mia, "heard")
        await soon(lambda: client.heard)
        assert (client.texts, scene.bot.resumed) == (["heard"], 0)


async def test_a_connection_that_answers_no_heartbeat_is_given_up(scene: Scene) -> None:
    scene.fake.heartbeat_ms = 100
    async with connected(scene.fake, scene.bot, heartbeat_timeout=0.5) as client:
        (connection,) = scene.fake.open_connections
        connection.deaf = True
        await soon(lambda: scene.bot.resumed == 1)
        scene.fake.say(scene.channel, scene.mia, "back")
        await soon(lambda: client.texts == ["back"])


async def test_an_event_can_be_told_twice(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        said = scene.fake.say(scene.channel, scene.mia, "twice")
        (session,) = scene.fake.sessions.values()
        session.repeat()
        await soon(lambda: len(client.heard) == 2)
        assert {message.id for message in client.heard} == {said.id}


async def test_shards_hear_of_their_servers_alone(scene: Scene) -> None:
    others = [scene.fake.guild(f"G{number}", scene.mia, scene.bot.user) for number in range(6)]
    channels = [scene.fake.text(guild, "talk") for guild in others]
    async with (
        connected(scene.fake, scene.bot, shard_id=0, shard_count=2) as first,
        connected(scene.fake, scene.bot, shard_id=1, shard_count=2) as second,
    ):
        for channel in channels:
            scene.fake.say(channel, scene.mia, str((channel.guild.id >> 22) % 2 if channel.guild else ""))
        await soon(lambda: len(first.heard) + len(second.heard) == len(channels))
        assert set(first.texts) <= {"0"}
        assert set(second.texts) <= {"1"}


async def test_commands_are_put_and_used_with_an_answer_for_one_alone(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        tree = discord.app_commands.CommandTree(client)

        @tree.command(name="status", description="How it is")
        async def status(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("fine", ephemeral=True)

        await tree.sync()
        (command,) = scene.bot.commands[None]
        assert (command["name"], scene.bot.synced) == ("status", 1)
        data = {"id": command["id"], "name": "status", "type": 1}
        used = scene.fake.invoke(scene.bot, scene.channel, scene.mia, 2, data)
        await soon(lambda: used.answer)
        assert used.answer is not None
        assert (used.answer.content, used.answer.only_for) == ("fine", scene.mia)
        assert scene.fake.posted(scene.channel) == []


async def test_buttons_modals_and_what_follows_are_answered(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Edit", custom_id="edit:7"))
        await scene.of(client).send("a card", view=view)
        (card,) = scene.fake.posted(scene.channel)
        data = {"custom_id": "edit:7", "component_type": 2}
        pressed = scene.fake.invoke(scene.bot, scene.channel, scene.mia, 3, data, card)
        await soon(lambda: client.pressed)
        modal = discord.ui.Modal(title="Edit", custom_id="text:7")
        modal.add_item(discord.ui.TextInput(label="Text", custom_id="text"))
        await client.pressed[0].response.send_modal(modal)
        assert pressed.modal is not None
        assert pressed.modal["custom_id"] == "text:7"
        sent = {
            "custom_id": "text:7",
            "components": [{"type": 1, "components": [{"type": 4, "custom_id": "text", "value": "new"}]}],
        }
        scene.fake.invoke(scene.bot, scene.channel, scene.mia, 5, sent, card)
        await soon(lambda: len(client.pressed) == 2)
        await client.pressed[1].response.edit_message(content="a new card")
        assert card.content == "a new card"
        await client.pressed[1].followup.send("thank you", ephemeral=True)
        assert len(scene.fake.posted(scene.channel)) == 1


async def test_a_late_answer_finds_no_interaction(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        scene.fake.interaction_seconds = 0.0
        scene.fake.invoke(
            scene.bot, scene.channel, scene.mia, 3, {"custom_id": "x", "component_type": 2}, None
        )
        await soon(lambda: client.pressed)
        with pytest.raises(discord.NotFound) as error:
            await client.pressed[0].response.defer()
        assert code_of(error) == (404, 10062)


async def test_what_no_client_should_do_is_on_record(discord_server: FakeDiscord) -> None:
    scene = Scene(discord_server)
    async with connected(scene.fake, scene.bot) as client:
        with pytest.raises(discord.HTTPException) as error:
            await scene.of(client).send("x" * 2001)
        assert code_of(error) == (400, 50035)
        with pytest.raises(discord.HTTPException) as error:
            await scene.of(client).send("x", nonce="n" * 26)
        assert code_of(error) == (400, 50035)
        with pytest.raises(discord.HTTPException) as error:
            await scene.of(client).send(" ")
        assert code_of(error) == (400, 50006)
        with pytest.raises(discord.NotFound):
            await client.http.request(discord.http.Route("GET", "/unheard-of"))
        with pytest.raises(discord.HTTPException):
            await client.http.request(
                discord.http.Route("POST", f"/channels/{scene.channel.id}/messages"), json={"contents": "x"}
            )
    assert [line.split(": ")[0].split(" ")[0] for line in scene.fake.violations] == ["POST"] * 3 + [
        "GET",
        "POST",
    ]
    scene.fake.violations.clear()


async def test_an_account_that_speaks_before_it_identifies_is_shown_out(discord_server: FakeDiscord) -> None:
    async with aiohttp.ClientSession(connector=discord_server.connector()) as session:
        socket = await session.ws_connect("wss://gateway.discord.gg/?v=10&encoding=json")
        assert (await socket.receive_json())["op"] == 10
        await socket.send_str(json.dumps({"op": 3, "d": {}}))
        closed = await socket.receive()
        assert closed.data == 4003
        await socket.close()
    assert discord_server.violations == ["sent op 3 before it identified"]
    discord_server.violations.clear()


async def test_nothing_but_discord_can_be_reached(discord_server: FakeDiscord) -> None:
    async with aiohttp.ClientSession(connector=discord_server.connector()) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("https://example.com/")


def command(**fields: Any) -> Any:  # noqa: ANN401
    return {"name": "status", "type": 1, "description": "How it is"} | fields


async def test_commands_keep_their_ids_and_come_back_without_what_is_empty(scene: Scene) -> None:
    async with connected(scene.fake, scene.bot) as client:
        inner = {"name": "now", "type": 1, "description": "Now", "options": [], "required": False}
        put = [command(options=[inner], contexts=[0], default_member_permissions=32)]
        for _ in range(2):
            await client.http.bulk_upsert_global_commands(scene.bot.application, put)
        held: Any = (await client.http.get_global_commands(scene.bot.application))[0]
    assert held["id"] == str(scene.bot.application + 1)
    assert held["options"] == [{"name": "now", "type": 1, "description": "Now"}]
    assert (held["default_member_permissions"], scene.bot.synced) == ("32", 2)


@pytest.mark.parametrize(
    "wrong",
    [
        [command(name="Status")],
        [command(description="")],
        [command(description="x" * 101)],
        [command(), command()],
        [command(unheard_of=True)],
        [command(contexts=[3])],
        [
            command(
                options=[
                    {"name": "a", "type": 3, "description": "A", "choices": [{"name": "", "value": "x"}]}
                ]
            )
        ],
        [
            command(
                options=[
                    {"name": "a", "type": 3, "description": "A"},
                    {"name": "b", "type": 3, "description": "B", "required": True},
                ]
            )
        ],
    ],
)
async def test_commands_that_break_the_rules_are_refused_and_on_record(
    discord_server: FakeDiscord, wrong: list[Any]
) -> None:
    scene = Scene(discord_server)
    async with connected(scene.fake, scene.bot) as client:
        with pytest.raises(discord.HTTPException) as error:
            await client.http.bulk_upsert_global_commands(scene.bot.application, wrong)
        assert code_of(error) == (400, 50035)
    assert scene.bot.commands == {}
    assert len(scene.fake.violations) == 1
    scene.fake.violations.clear()


async def test_a_server_without_the_scope_has_no_commands(scene: Scene) -> None:
    scene.bot.without_commands.add(scene.guild.id)
    async with connected(scene.fake, scene.bot) as client:
        with pytest.raises(discord.Forbidden) as error:
            await client.http.get_guild_commands(scene.bot.application, scene.guild.id)
        assert code_of(error) == (403, 50001)
        await client.http.bulk_upsert_global_commands(scene.bot.application, [command()])
    with pytest.raises(AssertionError):
        scene.fake.command(scene.bot, scene.channel, scene.mia, "status")
