"""The verbs, with a service that runs in another process and without one."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app import open_office
from bot.people import Person, Role
from bot.settings import Settings
from safety.mode import Mode
from tests.bot.cli.command import CommandLine, said, staying
from tests.bot.dashboard.conftest import plant
from tests.bot.playground import OWNER, ROOM, Playground, until
from tests.fakes.model_server import ModelServer, model_server
from tests.fakes.moderation_server import Failure, FakeModerationServer
from tests.fakes.openai_server import FakeOpenAIServer

QUESTION = "does the axolotl come along?"
ANSWER = "quokka smile"
VERBS = (
    *((verb,) for verb in ("run", "demo", "link", "kill", "resume", "status", "journal", "doctor", "drafts")),
    *(("drafts", verb) for verb in ("approve", "reject", "claim", "release", "regenerate", "edits")),
    *(("chats", *verb) for verb in ((), ("enable",), ("disable",), ("set",))),
    ("consent",),
    ("reveal",),
)


@pytest.fixture
async def words() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        server.say = lambda _: ANSWER
        yield server


@asynccontextmanager
async def service(understudy: CommandLine, persona: Path, words: ModelServer) -> AsyncIterator[None]:
    """A service in a process of its own, which SIGTERM ends at once: open a room first, to be who leaves last."""
    process = await CommandLine(understudy.state_dir, module="tests.fakes.service_process").start(
        words.url, persona=str(persona), turns__pause_seconds="0.05"
    )
    async with staying(process):
        await said(process, "running")
        yield


@asynccontextmanager
async def room(understudy: CommandLine, mode: Mode) -> AsyncIterator[Playground]:
    """A chat on the store that the command line uses; the test is one more process that shares it."""
    async with open_office(Settings(state_dir=understudy.state_dir)) as office:
        room = Playground(office)
        await room.open(mode)
        yield room


async def _held(room: Playground) -> str:
    message = await room.say(QUESTION)
    assert (await room.settled(message)).outcome == "held"
    (draft,) = await room.office.desk.drafts.waiting()
    return draft.id


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
async def test_the_help_of_every_verb_names_what_it_does_and_takes(
    understudy: CommandLine, verb: tuple[str, ...]
) -> None:
    ended = await understudy(*verb, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Usage: understudy {' '.join(verb)}" in ended.out
    assert len(ended.out.splitlines()) > 4


async def test_no_verb_at_all_shows_the_help(understudy: CommandLine) -> None:
    ended = await understudy()
    assert (ended.code, ended.err) == (0, "")
    assert "kill" in ended.out


async def test_without_a_service_everything_that_steers_still_works(understudy: CommandLine) -> None:
    assert (await understudy("chats", "enable", "local/x", "--title", "[/odd] \x1b[2Jtitle")).out == (
        "local/x: manual\n"
    )
    changed = await understudy("chats", "set", "local/x", "--mode", "shadow", "--probability", "0.5")
    assert changed.out == "local/x: shadow, probability 0.5, announced\n"
    worded = await understudy("chats", "set", "local/x", "--kill-word", "red panda", "--kill-word", "tapir")
    assert worded.out == "local/x: shadow, probability 0.5, kill word red panda, kill word tapir, announced\n"
    assert "kill word" not in (await understudy("chats", "set", "local/x", "--kill-word", "")).out
    killed = await understudy("kill", "chat:local/x", "--reason", "enough")
    assert (killed.code, killed.err) == (0, "")
    assert "Killed: chat:local/x" in killed.out

    text = await understudy("status")
    assert (text.code, text.err) == (0, "")
    assert "KILLED chat:local/x" in text.out
    assert "no service is running" in text.out
    assert "[/odd]" in text.out
    assert "\x1b" not in text.out

    status = (await understudy("status", "--json")).json()
    assert status["services"] == []
    assert status["chats"][0]["mode"] == "shadow"
    assert status["kills"][0]["reason"] == "enough"

    assert (await understudy("resume")).out == (
        "There was no kill to lift: everywhere.\n  still killed: chat:local/x\n"
    )
    assert (await understudy("resume", "chat:local/x")).out == "Resumed: chat:local/x.\n"
    assert (await understudy("drafts")).out == "No drafts wait.\n"
    journal = await understudy("journal", "--chat", "local/x")
    assert "mode = shadow" in journal.out
    assert "\x1b" not in journal.out


async def test_the_ledger_is_read_and_changed_and_a_chat_is_erased(understudy: CommandLine) -> None:
    await understudy("chats", "enable", "local/x")
    assert (await understudy("consent", "grant", "local/x", "mia", "--for", "trained")).out == (
        "local/x: mia may be trained.\n"
    )
    assert (
        await understudy("consent", "withdraw", "local/x", "leo")
    ).out == "local/x: leo may not be answered.\n"
    listed = (await understudy("consent", "list", "local/x")).out
    assert "local/x: enabled by " in listed
    assert "leo: no to being answered" in listed
    assert "mia: yes to being trained" in listed
    journal = await understudy("journal", "--chat", "local/x")
    assert "consent answered for leo in local/x taken back" in journal.out
    assert (await understudy("chats", "disable", "local/x", "--yes")).code == 0
    assert "local/x: disabled by " in (await understudy("consent", "list", "local/x")).out
    assert "local/x" not in (await understudy("status")).out
    assert "there is no chat" in await understudy.line(2, "consent", "grant", "local/x", "mia")
    assert "name the person" in await understudy.line(2, "consent", "grant", "local/x")
    assert "no owner has ever enabled local/y" in await understudy.line(2, "consent", "list", "local/y")


async def test_what_was_the_stand_ins_is_revealed_once(
    understudy: CommandLine, persona: Path, words: ModelServer
) -> None:
    async with room(understudy, Mode.AUTO) as chat:
        assert (await understudy("reveal", "--yes")).out == "There is nothing to reveal.\n"
        async with service(understudy, persona, words):
            await chat.settled(await chat.say(QUESTION + " Sam?"))
            shown = (await understudy("reveal", str(ROOM), "--dry-run")).out
            assert f": {ANSWER}" in shown
            assert "1 revealed" in (await understudy("reveal", "--yes")).out
            await until(lambda: _answers(chat, 2))
            assert (await understudy("reveal", "--yes")).out == "There is nothing to reveal.\n"
            told = await understudy(
                "chats", "set", str(ROOM), "--disclosure", "marked", "--disclosure", "announced"
            )
            assert told.out.endswith(", announced and marked\n")


async def _answers(room: Playground, count: int) -> bool:
    return len(await room.answers()) == count


async def test_a_running_service_is_seen_and_killed_from_another_process(
    understudy: CommandLine, persona: Path, words: ModelServer
) -> None:
    async with room(understudy, Mode.AUTO) as chat, service(understudy, persona, words):
        (seen,) = (await understudy("status", "--json")).json()["services"]
        assert (seen["persona"], seen["model_alive"]) == ("sam", True)
        assert "persona sam, model up" in (await understudy("status")).out

        assert (await understudy("kill")).code == 0
        silenced = await chat.say(QUESTION)
        assert (await chat.settled(silenced)).outcome not in {"answered", "waiting"}
        assert await chat.answers() == []

        assert (await understudy("resume")).code == 0
        answered = await chat.say("Sam, and now?")
        assert (await chat.settled(answered)).outcome == "answered"
        assert await chat.answers() == [ANSWER]


async def test_a_draft_is_listed_approved_as_edited_and_another_rejected(
    understudy: CommandLine, persona: Path, words: ModelServer
) -> None:
    async with room(understudy, Mode.MANUAL) as chat, service(understudy, persona, words):
        first = await _held(chat)
        listed = await understudy("drafts")
        # What waits is held, so that is not said; an id that nobody knows by heart has its title beside it.
        why = "the chat is in manual mode"
        assert listed.out.splitlines()[0] == f"{first}  {chat.key} (Weekend Plans)  {why}"
        assert f"    {ANSWER}" in listed.out.splitlines()
        (facts,) = (await understudy("drafts", "--json")).json()
        assert (facts["id"], facts["bubbles"], facts["state"]) == (first, [ANSWER], "held")

        approved = await understudy("drafts", "approve", first, "--text", r"yes\nit does")
        assert approved.code == 0, approved.err

        async def sent() -> bool:
            return await chat.answers() == ["yes", "it does"]

        await until(sent)
        assert "already been decided" in await understudy.line(6, "drafts", "approve", first)

        words.say = lambda _: "numbat nap"
        second = await _held(chat)
        assert (await understudy("drafts", "reject", second, "--reason", "dull")).code == 0
        assert (await understudy("drafts")).out == "No drafts wait.\n"
        assert "  rejected: " in (await understudy("drafts", "--all")).out
        assert {draft["state"] for draft in (await understudy("drafts", "--all", "--json")).json()} == {
            "sent",
            "rejected",
        }
        assert await chat.answers() == ["yes", "it does"]


async def test_a_draft_is_taken_rewritten_and_its_candidate_named(
    understudy: CommandLine, persona: Path, words: ModelServer
) -> None:
    async with room(understudy, Mode.MANUAL) as chat, service(understudy, persona, words):
        draft = await _held(chat)
        await chat.office.desk.claim(Person("max", Role.MODERATOR), draft)
        assert ", taken by max" in (await understudy("drafts")).out
        assert "max has taken it" in await understudy.line(6, "drafts", "approve", draft)
        assert "max has taken it" in await understudy.line(6, "drafts", "claim", draft)
        assert (await understudy("drafts", "claim", draft, "--take-over")).out == "Taken, for 5 minutes.\n"
        words.say = lambda _: "numbat nap"
        assert (await understudy("drafts", "regenerate", draft, "--newest")).code == 0

        async def rewritten() -> bool:
            return (await chat.office.desk.drafts.get(draft)).bubbles == ("numbat nap",)

        await until(rewritten)
        assert (await understudy("drafts", "release", draft)).out == "Given back.\n"
        assert "no such candidate" in await understudy.line(6, "drafts", "approve", draft, "--candidate", "2")
        assert (await understudy("drafts", "approve", draft, "--candidate", "1")).code == 0
        journal = (await understudy("journal")).out
        for line in (
            "taken by max",
            "rewriting by",
            "has text 2, asked for by",
            "released by",
            "approved by",
        ):
            assert line in journal
        assert "numbat" not in journal


async def test_of_processes_that_approve_at_once_one_does(understudy: CommandLine) -> None:
    async with room(understudy, Mode.MANUAL) as chat:
        draft = await plant(chat.office, await chat.say("Sam?"), "sure")
        ended = await asyncio.gather(
            *(understudy("drafts", "approve", draft, "--text", f"text {n}") for n in range(4))
        )
        assert sorted(one.code for one in ended) == [0, 6, 6, 6]
        winner = next(n for n, one in enumerate(ended) if one.code == 0)
        after = await chat.office.desk.drafts.get(draft)
        assert (after.bubbles, after.original) == ((f"text {winner}",), ("sure",))
        assert (await chat.office.desk.chats.get(ROOM)).leaving == 1


async def test_many_drafts_are_decided_in_one_go(understudy: CommandLine) -> None:
    async with room(understudy, Mode.MANUAL) as chat:
        office = chat.office
        ids = [await plant(office, await chat.say(f"Sam? {n}"), f"yes {n}") for n in range(4)]
        await office.desk.reject(OWNER, ids[0], "wrong")
        some = await understudy("drafts", "reject", ids[0], ids[1], "--reason", "dull")
        assert some.code == 6
        assert some.out.splitlines() == [
            f"draft {ids[0]}: it has already been decided (rejected by olivia)",
            f"draft {ids[1]}: rejected",
        ]
        rest = await understudy("drafts", "approve", "--all", "--chat", str(ROOM))
        assert (rest.code, len(rest.out.splitlines())) == (0, 2)
        assert "name drafts by their ids" in await understudy.line(2, "drafts", "approve")
        assert "name drafts by their ids" in await understudy.line(2, "drafts", "approve", "--all")
        summary = (await understudy("drafts", "--summary", "--json")).json()
        assert summary == {
            "states": {"rejected": 2, "approved": 2},
            "reasons": {"wrong": 1, "dull": 1},
            "edited": 0,
        }
        assert "rejected: dull" in (await understudy("drafts", "--summary")).out


async def test_what_was_mended_is_given_a_line_each(understudy: CommandLine) -> None:
    async with room(understudy, Mode.MANUAL) as chat:
        assert (await understudy("drafts", "edits")).out == "Nothing was let go with an edit.\n"
        message = await chat.say("Sam?")
        draft = await plant(chat.office, message)
        await chat.office.desk.approve(OWNER, draft, "maybe")
        edit = (await understudy("drafts", "edits", "--jsonl")).json()
        assert (edit["model"], edit["approved"], edit["by"]) == (
            ["sure", "see you there"],
            ["maybe"],
            "olivia",
        )
        assert (edit["chat"], edit["messages"], edit["said"]) == (str(ROOM), [message.id], [])
        assert "  + maybe" in (await understudy("drafts", "edits")).out.splitlines()


async def test_resume_shows_the_drafts_that_were_held_under_the_kill(
    understudy: CommandLine, persona: Path, words: ModelServer
) -> None:
    async with room(understudy, Mode.MANUAL) as chat, service(understudy, persona, words):
        draft = await _held(chat)
        await understudy("kill")
        assert "the owner must resume first" in await understudy.line(6, "drafts", "approve", draft)
        resumed = await understudy("resume")
        assert "Resumed: everywhere." in resumed.out
        assert f"draft {draft} in {ROOM} waits" in resumed.out


async def test_the_journal_has_texts_as_json_only(
    understudy: CommandLine, persona: Path, words: ModelServer
) -> None:
    async with room(understudy, Mode.AUTO) as chat, service(understudy, persona, words):
        await chat.settled(await chat.say(QUESTION))
        text = await understudy("journal", "-n", "500")
        whole = await understudy("journal", "-n", "500", "--json")
        assert "sent, receipt" in text.out
        for secret in ("axolotl", "quokka"):
            assert secret not in text.out
            assert secret in whole.out


async def test_a_mistyped_chat_has_no_journal_and_a_wrong_word_is_said_plainly(
    understudy: CommandLine,
) -> None:
    await understudy("kill")
    assert "KILL everywhere" in (await understudy("journal", "--chat", str(ROOM))).out
    assert "'friends' is no chat" in await understudy.line(2, "journal", "--chat", "friends")
    said = await understudy.line(2, "chats", "set", str(ROOM), "--mode", "loud")
    assert "'loud' is not one of 'off'" in said
    assert "Value error" not in said


async def test_the_kill_works_with_the_model_down_the_persona_gone_and_broken_settings(
    understudy: CommandLine, persona: Path, words: ModelServer, state_dir: Path
) -> None:
    broken = state_dir / "broken.toml"
    broken.write_text('log_level = "loud"\n[turns]\npuase_seconds = 1\n')
    async with room(understudy, Mode.AUTO) as chat, service(understudy, persona, words):
        (persona / "persona.toml").unlink()
        words.status = 500
        killed = await understudy("kill", config=str(broken), persona="/nowhere", model__engine="none")
        assert killed.code == 0, killed.err
        assert "Killed: everywhere" in killed.out
        assert len(killed.err.splitlines()) == 1
        assert "killing all the same" in killed.err
        assert [str(kill.scope) for kill in await chat.office.kill_switch.kills()] == ["everywhere"]


async def test_two_command_lines_at_once_share_the_embedded_redis(understudy: CommandLine) -> None:
    ended = await asyncio.gather(
        *(understudy("chats", "enable", f"local/{number}") for number in range(4)), understudy("kill")
    )
    assert [(each.code, each.err) for each in ended] == [(0, "")] * 5
    status = (await understudy("status", "--json")).json()
    assert [chat["key"] for chat in status["chats"]] == [f"local/{number}" for number in range(4)]
    assert len(status["kills"]) == 1
    # Whoever left last has stopped it.
    assert not (understudy.state_dir / "redis" / "redis.sock").exists()


async def test_doctor_finds_everything_fine_or_says_what_is_wrong(
    served: CommandLine, persona: Path, model: FakeOpenAIServer
) -> None:
    fine = await served("doctor")
    assert (fine.code, fine.err) == (0, ""), fine.out
    assert [line.split()[0] for line in fine.out.splitlines()] == ["Python", *["fine"] * 6]
    (persona / "gguf" / "adapter.gguf").unlink()
    wrong = await served("doctor")
    assert wrong.code == 1
    assert "wrong  persona: " in wrong.out
    assert "fine   store: " in wrong.out
    assert wrong.err == ""


async def test_doctor_asks_the_classifier_that_is_set(served: CommandLine) -> None:
    async with FakeModerationServer() as server:
        moderated = {
            "rules__moderation__backend": "endpoint",
            "rules__moderation__base_url": server.base_url,
            "rules__moderation__model": "omni",
            "rules__moderation__attempts": "1",
        }
        fine = await served("doctor", **moderated)
        assert "fine   moderation: endpoint answers as omni" in fine.out
        server.failure = Failure(503)
        wrong = await served("doctor", **moderated)
    assert wrong.code == 1
    assert "wrong  moderation: the moderation server failed (503)" in wrong.out
    off = await served("doctor", rules__off="moderation")
    assert "fine   moderation: off" in off.out


async def test_a_link_names_the_dashboard_that_runs_and_doctor_knows_its_port(served: CommandLine) -> None:
    process = await served.start("run")
    async with staying(process):
        shown = await said(process, "/sign-in?token=")
        address = shown.strip().partition("/sign-in")[0]
        link = await served("link", "--role", "moderator", "--name", "mia")
        assert (link.code, link.err) == (0, "")
        assert link.out.startswith(f"{address}/sign-in?token=")
        assert link.out.strip() != shown.strip()

        async def present() -> object:
            return (await served("status", "--json")).json()["services"]

        await until(present)
        doctor = await served("doctor", dashboard__port=address.rpartition(":")[2])
        assert doctor.code == 0, doctor.out
        assert "is used by the service that runs" in doctor.out


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_service_ends_cleanly_when_it_is_asked_to(
    served: CommandLine, sign: signal.Signals, code: int
) -> None:
    process = await served.start("run")
    async with staying(process):
        await said(process, "/sign-in?token=")
        process.send_signal(sign)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
    assert process.returncode == code
    assert b"Traceback" not in err
    assert not (served.state_dir / "redis" / "redis.sock").exists()


async def test_logs_hold_no_text_token_or_key_even_at_their_most_talkative(
    served: CommandLine, model: FakeOpenAIServer
) -> None:
    async with room(served, Mode.AUTO) as chat:
        process = await served.start("--log-level", "debug", "run")
        async with staying(process):
            link = await said(process, "/sign-in?token=")
            assert (await chat.settled(await chat.say(QUESTION))).outcome == "answered"
            assert await chat.answers() == [ANSWER]
            await chat.office.desk.set_mode(OWNER, ROOM, Mode.MANUAL)
            held = await _held(chat)
            await _approve_with_other_words(served, held)
            await chat.settled(await chat.say("axolotl pineapple"))
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                out, err = await process.communicate()
    token = link.partition("token=")[2].strip()
    files = [path for path in served.state_dir.rglob("*.log") if path.is_file()]
    logs = [out.decode(), err.decode(), *(path.read_text(errors="replace") for path in files)]
    assert '"event"' in err.decode()
    for secret in ("axolotl", "quokka", "echidna", "pineapple", token, model.api_key):
        assert not [log for log in logs if secret in log], secret


async def _approve_with_other_words(served: CommandLine, draft: str) -> None:
    """Approve a draft with a text of the moderator's own, at the most talkative."""
    approved = await served("--log-level", "debug", "drafts", "approve", draft, "--text", "echidna")
    assert approved.code == 0, approved.err
    assert "echidna" not in approved.out + approved.err


async def test_the_short_verbs_load_no_dashboard() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import bot.cli.main, sys; print(*sys.modules)"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    out, _ = await process.communicate()
    modules = set(out.decode().split())
    loaded = {module.split(".")[0] for module in modules}
    assert loaded & {"nicegui", "fastapi", "uvicorn", "torch", "polars", "presidio_analyzer"} == set()
    # Its errors are known to whoever says them in one line; what it does is not loaded.
    assert {module for module in modules if module.startswith("training")} <= {"training", "training.errors"}
