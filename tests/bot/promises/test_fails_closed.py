"""Promise 5: whatever fails between a message and its answer, nothing is sent, and the journal says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bot import answer as answering
from bot import app
from bot.app import Office
from bot.messengers.base import Bubble
from bot.settings import Settings
from bot.windows import RedisWindows
from chat.message import ChatKey, Message
from inference.prompt import PromptFormat, PromptMessage, build_prompt
from safety.chain import draft_rules, gate_rules
from safety.policy import Rule
from safety.verdict import Verdict
from safety.window import Reach, WindowLimit
from tests.bot.playground import Playground, running
from tests.bot.promises.memory_messenger import MemoryMessenger
from tests.bot.promises.neighbourhood import entries
from tests.bot.promises.test_store_away import CHATS, _hear, _outcomes, _serving
from tests.fakes.model_server import ModelServer, ServedEngine


class BrokenRule:
    """Raises, with a text that must stand nowhere."""

    name = "broken"

    async def judge(self, subject: object) -> Verdict:
        raise RuntimeError("secret text of the chat")


class SpeechlessRule:
    """Forgets to answer."""

    name = "speechless"

    async def judge(self, subject: object) -> Verdict:
        return None  # type: ignore[return-value]


async def _decision(office: Office, key: ChatKey) -> dict[str, Any]:
    (facts,) = [facts for kind, _, facts in await entries(office, key) if kind == "turn.decided"]
    return facts


@pytest.mark.parametrize("rule", [BrokenRule(), SpeechlessRule()], ids=lambda rule: rule.name)
@pytest.mark.parametrize("chain", ["gate_rules", "draft_rules"])
async def test_a_rule_that_fails_means_no(
    office: Office,
    room: Playground,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    chain: str,
    rule: Rule[object],
) -> None:
    original = {"gate_rules": gate_rules, "draft_rules": draft_rules}[chain]

    def with_one_more(*arguments: object) -> Sequence[Rule[Any]]:
        return (*original(*arguments), rule)  # type: ignore[operator]

    monkeypatch.setattr(app, chain, with_one_more)
    async with running(office, ServedEngine(model.url)):
        found = await room.settled(await room.say("Sam?"))
    assert found.outcome == "ignored"
    assert await room.answers() == []
    assert len(model.prompts) == (chain == "draft_rules"), "nothing else is tried"
    facts = await _decision(office, room.key)
    trail = facts["gate"] if chain == "gate_rules" else facts["answers"][0]["rules"]
    assert (trail[-1]["rule"], trail[-1]["outcome"]) == (rule.name, "stop")
    assert facts["rule"] == rule.name
    assert "secret" not in str(facts)


async def test_a_rate_limit_that_cannot_be_counted_means_no(
    office: Office, room: Playground, model: ModelServer
) -> None:
    limit = WindowLimit(Reach.EVERYWHERE, 1, 60)
    await RedisWindows(office.store).take(room.key, [limit], "before", datetime.now(UTC))
    (window,) = await office.store.ask("keys", "understudy:{window:*")
    await office.store.ask("set", window, "no window")
    async with running(office, ServedEngine(model.url)):
        found = await room.settled(await room.say("Sam?"))
    assert (found.outcome, model.prompts, await room.answers()) == ("ignored", [], [])
    assert (await _decision(office, room.key))["gate"][-1] == {
        "rule": "rate_limit",
        "outcome": "stop",
        "reason": "the rule failed (StoreError), so the answer is no",
    }


@pytest.fixture
def settings(settings: Settings) -> Settings:
    worker = dataclasses.replace(settings.worker, most_attempts=3)
    return settings.model_copy(
        update={"worker": worker, "outbox": dataclasses.replace(settings.outbox, most_tries=3)}
    )


async def test_a_turn_that_cannot_be_worked_on_is_given_up_and_the_other_chats_go_on(
    office: Office, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(
        style: PromptFormat, transcript: Sequence[Message], members: set[str]
    ) -> tuple[PromptMessage, ...]:
        if transcript[-1].chat == CHATS[1]:
            raise ValueError("secret text of the chat")
        return tuple(build_prompt(style, transcript, members))

    monkeypatch.setattr(answering, "build_prompt", build)
    messenger = MemoryMessenger()
    async with _serving(office, model, messenger):
        outcomes = await _outcomes(office, _hear(messenger))
    assert outcomes == ["answered", "failed", "answered", "answered"]
    facts = await _decision(office, CHATS[1])
    assert "ValueError" in facts["reason"]
    assert "secret" not in str(facts)


async def test_a_connector_that_fails_in_its_own_way_leaves_a_bubble_unknown_and_the_service_up(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger(idempotent=False)

    async def fail(bubble: Bubble) -> None:
        if bubble.chat == CHATS[1]:
            raise LookupError("secret text of the chat")

    messenger.before_send = fail
    async with _serving(office, model, messenger):
        outcomes = await _outcomes(office, _hear(messenger))
        assert outcomes == ["answered", "unknown", "answered", "answered"]
        assert messenger.calls == 4
        found = list((await office.desk.chats.outcomes(CHATS[1])).values())
        assert [outcome.reason for outcome in found] == ["the connector failed (LookupError)"]


async def test_a_messenger_with_keys_that_never_answers_is_given_up_as_unknown(
    office: Office, model: ModelServer
) -> None:
    messenger = MemoryMessenger()

    async def fail(bubble: Bubble) -> None:
        raise TimeoutError

    messenger.before_send = fail
    async with _serving(office, model, messenger):
        message = messenger.hear(CHATS[0], "Sam?")
        assert await _outcomes(office, [message]) == ["unknown"]
        assert messenger.calls == office.settings.outbox.most_tries
