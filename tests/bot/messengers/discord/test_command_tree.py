"""How commands get to Discord and back: published where they changed, answered in time, and by one process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.app import Office
from bot.messengers.discord import answers
from safety.mode import Mode
from tests.bot.messengers.discord.server import Heard, Place, listening
from tests.bot.messengers.discord.steered import Steered, answer_to, service_on
from tests.fakes.discord.client import soon
from tests.fakes.discord.interactions import COMMAND
from tests.fakes.discord.world import User
from tests.fakes.model_server import ModelServer

_PUT = r"/applications/\d+/commands"


def puts(place: Place) -> int:
    return place.fake.times_asked("PUT", _PUT)


def known(logs: list[Any]) -> list[bool]:
    """Of each process that made sure that Discord knows the commands: whether it had to tell."""
    return [line["changed"] for line in logs if line["event"] == "discord.commands_known"]


async def test_commands_are_for_servers_and_for_the_bots_own_conversations(
    steered: Steered, place: Place
) -> None:
    (command,) = place.bot.commands[None]
    verbs = [option["name"] for option in command["options"]]
    assert verbs == ["status", "mode", "kill", "resume", "why", "enable", "disable", "optout"]
    assert (command["contexts"], command["integration_types"]) == ([0, 1], [0])
    # Whoever is in the chat may stop it.
    assert command["default_member_permissions"] is None


async def test_commands_are_put_once_and_not_again_by_a_restart_or_a_second_process(
    office: Office, place: Place
) -> None:
    with capture_logs() as logs:
        for before in (0, 2):
            async with listening(place.connector(office.desk), Heard()):
                await soon(lambda: len(known(logs)) == before + 1)  # noqa: B023
                async with listening(place.connector(office.desk), Heard()):
                    await soon(lambda: len(known(logs)) == before + 2)  # noqa: B023
    assert known(logs) == [True, False, False, False]
    assert puts(place) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.clear(),
        lambda held: held[0].update(description="something else"),
        lambda held: held[0]["options"].pop(),
        lambda held: held[0].update(default_member_permissions="0"),
        lambda held: held[0].update(contexts=[0]),
        lambda held: held[0]["options"][1]["options"][0]["choices"].pop(),
        lambda held: held.append(held[0] | {"name": "old", "id": "1"}),
    ],
)
async def test_commands_that_differ_in_anything_are_put_anew(
    office: Office,
    place: Place,
    change: Callable[[list[dict[str, Any]]], object],
) -> None:
    async with listening(place.connector(office.desk), Heard()):
        await soon(lambda: puts(place) == 1)
        await soon(lambda: place.bot.commands.get(None))
    ours = json.dumps(place.bot.commands[None][0]["options"])
    change(place.bot.commands[None])
    async with listening(place.connector(office.desk), Heard()):
        await soon(lambda: puts(place) == 2)
        await soon(lambda: json.dumps(place.bot.commands[None][0]["options"]) == ours)
    assert len(place.bot.commands[None]) == 1


async def test_a_process_that_comes_back_leaves_alone_what_a_newer_one_has_put(
    office: Office, place: Place
) -> None:
    async with listening(place.connector(office.desk), Heard()):
        await soon(lambda: place.bot.commands.get(None))
        newer = place.bot.commands[None][0] | {"description": "of a newer version"}
        place.bot.commands[None] = [newer]
        # Ends one life of the account, and begins another.
        place.fake.close_gateway(4004)
        await soon(lambda: place.bot.identified == 2)
        place.fake.say(place.channel, place.mia, "are you back?")
    assert puts(place) == 1
    assert place.bot.commands[None] == [newer]


async def test_each_shard_answers_where_it_hears_and_a_process_puts_the_commands_once(
    office: Office, model: ModelServer, place: Place
) -> None:
    servers = [
        place.fake.guild(f"S{one}", place.olivia, place.mia, place.bot.user, shard=(one, 2)) for one in (0, 1)
    ]
    channels = [place.fake.text(server, "general") for server in servers]
    with capture_logs() as logs:
        async with service_on(office, model, place, shards=2) as steered:
            for channel in (*channels, place.fake.direct(place.bot.user, place.mia)):
                used = steered.type(place.mia, "status", channel)
                assert "not in this chat" in await answer_to(used)
                assert used.told == 1
    assert known(logs) == [True]


async def test_without_a_desk_there_are_no_commands(place: Place) -> None:
    async with listening(place.connector(), Heard()):
        place.fake.say(place.channel, place.mia, "hello")
    assert place.fake.times_asked("GET", _PUT) == puts(place) == 0


@pytest.mark.parametrize(("status", "code"), [(403, 50001), (400, 50035), (401, 0)])
async def test_commands_that_discord_does_not_take_are_one_line_and_the_rest_works(
    office: Office, place: Place, status: int, code: int
) -> None:
    place.fake.play("PUT", _PUT, status=status, body={"code": code, "message": "no", "errors": {}})
    with capture_logs() as logs:
        async with listening(place.connector(office.desk), Heard()) as heard:
            await soon(lambda: [line for line in logs if line["event"] == "discord.no_commands"])
            place.fake.say(place.channel, place.mia, "hello")
            await soon(lambda: heard.texts == ["hello"])
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert ("applications.commands" in line["reason"]) is (status == 403)
    assert puts(place) == 1


async def test_of_two_processes_one_answers_and_a_kill_counts_once(
    office: Office, model: ModelServer, place: Place, leo: User
) -> None:
    async with service_on(office, model, place) as first, service_on(office, model, place):
        await first.enable()
        with capture_logs() as logs:
            for verb in ("status", "kill", "optout"):
                used = first.type(leo, verb)
                await answer_to(used)
                await soon(lambda: len(taken(logs)) == used_so_far(place))
                assert used.told == 2
        assert (await first.killed(), puts(place)) == (["everywhere"], 1)
        kills = [entry for entry in await office.desk.journal.newest(100) if entry.kind == "kill"]
        assert len(kills) == 1
        changes = [
            entry
            for entry in await office.desk.journal.newest(100)
            if entry.kind == "consent.changed" and entry.facts["purpose"] == "answered"
        ]
        assert len(changes) == 1
    assert not [line for line in logs if line["log_level"] == "error"]


def taken(logs: list[Any]) -> list[Any]:
    return [line for line in logs if line["event"] == "discord.interaction_taken"]


def used_so_far(place: Place) -> int:
    return len(place.fake.interactions)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"id": "1", "name": 7, "type": 1},
        {"id": "1", "name": "understudy", "type": 1, "options": "kill"},
        {"id": "1", "name": "understudy", "type": 1, "options": [{"type": 1}]},
        {
            "id": "1",
            "name": "understudy",
            "type": 1,
            "options": [{"name": "mode", "type": 1, "options": [{}]}],
        },
        {
            "id": "1",
            "name": "understudy",
            "type": 1,
            "options": [{"name": "mode", "type": 1, "options": [{"name": "mode", "type": 3}]}],
        },
    ],
)
async def test_what_cannot_be_read_is_one_line_and_the_next_command_works(
    steered: Steered, place: Place, data: dict[str, Any]
) -> None:
    with capture_logs() as logs:
        used = place.fake.invoke(place.bot, place.channel, place.mia, COMMAND, data)
        await soon(lambda: [line for line in logs if line["event"] == "discord.interaction_unreadable"])
        assert "not in this chat" in await steered.told(place.mia, "status")
    assert used.callback is None
    assert [line["event"] for line in logs] == ["discord.interaction_unreadable"]


@pytest.mark.parametrize(
    "options",
    [
        [],
        [{"name": "dance", "type": 1}],
        [{"name": "mode", "type": 1, "options": []}],
        [{"name": "disable", "type": 1, "options": [{"name": "gently", "type": 5, "value": True}]}],
    ],
)
async def test_a_command_of_another_version_is_answered_with_what_to_do(
    steered: Steered, place: Place, options: list[Any]
) -> None:
    data = {"id": "1", "name": "understudy", "type": 1, "options": options}
    used = place.fake.invoke(place.bot, place.channel, place.olivia, COMMAND, data)
    assert "type it anew" in await answer_to(used)


async def test_a_value_that_is_no_choice_changes_nothing(steered: Steered, place: Place) -> None:
    await steered.enable()
    choice = {"name": "mode", "type": 3, "value": "loud"}
    data = {
        "id": "1",
        "name": "understudy",
        "type": 1,
        "options": [{"name": "mode", "type": 1, "options": [choice]}],
    }
    used = place.fake.invoke(place.bot, place.channel, place.olivia, COMMAND, data)
    assert await answer_to(used) == answers.FAILED
    assert await steered.mode() is Mode.MANUAL


async def test_an_event_that_ends_the_client_is_followed_by_a_new_life_that_answers(
    steered: Steered, place: Place
) -> None:
    for session in place.fake.sessions.values():
        session.tell("INTERACTION_CREATE", {"id": "1", "token": "x"})
    await soon(lambda: place.bot.identified == 2 and steered.connector.hears)
    assert "not in this chat" in await steered.told(place.mia, "status")


async def test_no_log_holds_what_was_typed(steered: Steered, place: Place) -> None:
    with capture_logs() as logs:
        await steered.told(place.mia, "why", message="a secret that was pasted here")
        data = {"id": "1", "name": "a secret of another kind", "type": 1}
        await answer_to(place.fake.invoke(place.bot, place.channel, place.mia, COMMAND, data))
    assert "secret" not in str(logs)
