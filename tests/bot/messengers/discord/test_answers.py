"""Answers come in time or leave no trace, and what must happen happens all the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.messengers.discord import answers
from bot.store import store
from safety.consent import Purpose
from safety.mode import Mode
from tests.bot.messengers.discord.server import Place
from tests.bot.messengers.discord.steered import Steered, answer_to
from tests.bot.playground import until
from tests.bot.promises.processes import server_pid, stopped
from tests.fakes.discord.client import soon
from tests.fakes.discord.world import User


async def test_a_command_that_came_too_late_changes_nothing_and_is_one_line(
    steered: Steered, place: Place
) -> None:
    await steered.enable()
    place.fake.interaction_seconds = 0.0
    with capture_logs() as logs:
        used = steered.type(place.olivia, "mode", mode="auto")
        await soon(lambda: [line for line in logs if line["event"] == "discord.interaction_late"])
    place.fake.interaction_seconds = 3.0
    assert (await steered.told(place.olivia, "status")).endswith("a moderator approves each draft.")
    assert (used.answer, await steered.mode()) == (None, Mode.MANUAL)
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_kill_and_an_opt_out_that_came_too_late_count_all_the_same(
    steered: Steered, place: Place, leo: User
) -> None:
    await steered.enable()
    place.fake.interaction_seconds = 0.0
    steered.type(leo, "optout")
    steered.type(leo, "kill")
    await until(steered.killed)

    async def out() -> bool:
        return not (await steered.office.desk.consents.of(place.key)).may_answer(str(leo.id))

    await until(out)


async def test_a_command_that_is_told_of_twice_is_done_once(
    steered: Steered, place: Place, leo: User
) -> None:
    await steered.enable()
    (session,) = place.fake.sessions.values()
    with capture_logs() as logs:
        for verb in ("kill", "optout", "status"):
            used = steered.type(leo, verb)
            used.told += 1
            session.repeat()
            await answer_to(used)
        await soon(lambda: [line["event"] for line in logs].count("discord.interaction_taken") == 3)
    kinds = [entry.kind for entry in await steered.office.desk.journal.newest(100)]
    # Of the changes one is the owner's, who let it in.
    assert (kinds.count("kill"), kinds.count("consent.changed")) == (1, 2)


async def test_a_kill_that_came_again_after_a_resume_kills_nobody(
    steered: Steered, place: Place, leo: User
) -> None:
    (session,) = place.fake.sessions.values()
    used = steered.type(leo, "kill")
    used.told += 1
    again = session.told[-1]
    await answer_to(used)
    await steered.told(place.olivia, "resume")
    with capture_logs() as logs:
        session.tell(again["t"], again["d"])
        await soon(lambda: [line for line in logs if line["event"] == "discord.interaction_taken"])
    assert await steered.killed() == []


async def test_while_the_store_is_away_each_command_is_one_clear_line(
    steered: Steered, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    await steered.enable()
    async with stopped(server_pid(steered.office.settings)):
        deeds: dict[str, dict[str, Any]] = {
            "status": {},
            "mode": {"mode": "auto"},
            "resume": {},
            "why": {},
            "enable": {},
            "disable": {"erase": True},
        }
        for verb, options in deeds.items():
            assert await steered.told(place.olivia, verb, **options) == answers.STORE_AWAY


async def test_a_kill_silences_at_once_while_the_store_is_away_and_says_when_it_is_on_record(
    steered: Steered, place: Place, leo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(answers, "_PATIENCE_SECONDS", 0.3)
    await steered.enable()
    async with stopped(server_pid(steered.office.settings)):
        used = steered.type(leo, "kill", reach="chat")
        first = await answer_to(used)
        assert first.startswith("It fell silent here at once.")
        assert steered.office.kill_switch.latched(place.key, None)
    assert (await answer_to(used, after=first)).startswith("Stopped in this chat")
    assert await steered.killed() == [f"chat:{place.key}"]


async def test_an_opt_out_holds_the_chat_while_the_store_is_away_and_is_written_down_then(
    steered: Steered, place: Place, leo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(answers, "_PATIENCE_SECONDS", 0.3)
    await steered.enable()
    consents = steered.office.desk.consents
    async with stopped(server_pid(steered.office.settings)):
        used = steered.type(leo, "optout")
        first = await answer_to(used)
        assert first.startswith("It sends nothing in this chat until your wish is written down.")
        assert consents.latched(place.key)
    assert (await answer_to(used, after=first)).startswith("Done: ")
    # Who looks for notes on disk may just have read it.
    await soon(lambda: not consents.latched(place.key))
    assert not (await consents.of(place.key)).entries[Purpose.ANSWERED, str(leo.id)].agreed


async def test_an_answer_that_cannot_be_filled_in_is_one_line(
    steered: Steered, place: Place, leo: User
) -> None:
    place.fake.play("PATCH", r"/webhooks/.*", status=404, body={"code": 10015, "message": "Unknown Webhook"})
    with capture_logs() as logs:
        steered.type(leo, "status")
        await soon(lambda: [line for line in logs if line["event"] == "discord.answer_lost"])
    assert [line["log_level"] for line in logs] == ["warning"]
    assert "not in this chat" in await steered.told(leo, "status")


async def test_where_the_first_word_is_lost_on_the_way_nothing_is_changed(
    steered: Steered, place: Place
) -> None:
    await steered.enable()
    place.fake.play("POST", r"/interactions/.*", then="drop")
    with capture_logs() as logs:
        steered.type(place.olivia, "mode", mode="auto")
        await soon(lambda: [line for line in logs if line["event"] == "discord.interaction_lost"])
    await steered.told(place.olivia, "status")
    assert await steered.mode() is Mode.MANUAL


async def test_an_answer_that_is_too_long_is_cut_at_a_line(steered: Steered, place: Place) -> None:
    await steered.enable()
    said = place.fake.say(place.channel, place.mia, "hello")
    for number in range(90):
        place.fake.edit(said, f"hello {number}")

    async def edited() -> bool:
        entries = await steered.office.desk.journal.newest(500)
        return sum(entry.kind == "message.edited" for entry in entries) > 60

    await until(edited)
    told = await steered.told(place.mia, "why", message=str(said.id))
    assert 1900 < len(told) <= 2000
    _, *lines, last = told.split("\n")
    assert last == "…"
    assert all(re.fullmatch(r"<t:\d+:T> \w+ \w+ .+", line) for line in lines)
