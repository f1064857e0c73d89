from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.message import ChatKey, Message
from safety.addressing import is_named
from safety.mode import ChatPolicy, Mode
from safety.rules.probability import ProbabilityRule, ProbabilitySettings, draw
from safety.verdict import Outcome
from tests.safety.builders import BOT, CHAT, SAM, SECRET, TOM, gate, message, own, sent

RULE = ProbabilityRule()
DRAWS = [draw(CHAT.key, f"message-{at}") for at in range(5000)]


async def passes(probability: float, message_id: str) -> bool:
    verdict = await RULE.judge(gate(message(id=message_id), probability=probability))
    return verdict.outcome is Outcome.ALLOW


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_draw_lies_in_0_to_1_and_is_the_same_again(chat_id: str, message_id: str) -> None:
    drawn = draw(ChatKey("local", chat_id), message_id)
    assert 0.0 <= drawn < 1.0
    assert drawn == draw(ChatKey("local", chat_id), message_id)


def test_draws_are_those_that_journals_recorded() -> None:
    assert draw(CHAT.key, "m1") == 0.631798582678583


def test_draws_differ_between_messages_and_between_chats() -> None:
    assert len(set(DRAWS)) == len(DRAWS)
    assert draw(ChatKey("local", "a"), "m1") != draw(ChatKey("local", "b"), "m1")


@given(st.floats(0, 1))
def test_about_the_probabilitys_share_of_messages_is_drawn(probability: float) -> None:
    share = sum(drawn < probability for drawn in DRAWS) / len(DRAWS)
    assert abs(share - probability) < 0.03


@settings(max_examples=50)
@given(st.text(min_size=1), st.floats(0, 1))
async def test_the_same_message_is_decided_the_same_again(message_id: str, probability: float) -> None:
    first = await RULE.judge(gate(message(id=message_id), probability=probability))
    second = await RULE.judge(gate(message(id=message_id), probability=probability, after=3600))
    assert first == second
    assert first.facts == {
        "draw": draw(CHAT.key, message_id),
        "probability": probability,
        "addressed": False,
        "address": "ambient",
    }


@given(st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
async def test_a_higher_probability_never_silences(message_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert await passes(high, message_id) or not await passes(low, message_id)


@given(st.text(min_size=1))
async def test_0_is_never_and_1_is_always(message_id: str) -> None:
    assert not await passes(0.0, message_id)
    assert await passes(1.0, message_id)


@pytest.mark.parametrize(
    "text",
    ["Sam", "sam?", "SAM!!", "hey @sam", "Sam's turn", "Sam’s turn", "ask sam, he knows", "(sam)", "ＳＡＭ",
     "s\u200bam", "was weiß Sam?", "sam\nhello", "#sam", "mr. sammy"],
)  # fmt: skip
def test_the_name_stands_in_the_text(text: str) -> None:
    assert is_named(text, ("Sam", "sammy"))


@pytest.mark.parametrize(
    "text", ["", "same", "Samantha", "flotsam", "Samы", "sam_i_am", "s am", "sam1", "the sample", "jetsam's"]
)
def test_the_name_does_not_stand_in_the_text(text: str) -> None:
    assert not is_named(text, ("Sam",))


@pytest.mark.parametrize(
    ("name", "text"),
    [("José", "jose, you there?"), ("Zoe", "Zoë!"), ("Саша", "привет, САША"), ("サム", "サムさんはどう思う"),
     ("민수", "민수야"),
     ("Mary Ann", "mary  ann's"), ("<@42>", "hey<@42>you"), ("C.J.", "hi C.J."), ("שרה", "שלום שרה!")],
)  # fmt: skip
def test_names_of_all_sorts_are_found(name: str, text: str) -> None:
    assert is_named(text, (name,))


@pytest.mark.parametrize("names", [(), ("",), ("  ",), ("\u200b",)])
def test_no_name_is_never_found(names: tuple[str, ...]) -> None:
    assert not is_named("anything at all", names)


async def test_who_is_named_answers_whatever_the_draw() -> None:
    verdict = await RULE.judge(gate(message(f"{SECRET} sam"), message("hm", id="m2"), probability=0.0))
    assert verdict.outcome is Outcome.ALLOW
    assert verdict.facts["addressed"] is True
    assert SECRET not in repr(verdict)


async def test_who_is_replied_to_answers_whatever_the_draw() -> None:
    reply = message("really?", reply_to="sent-1")
    own_ids = frozenset({"sent-1"})
    assert (await RULE.judge(gate(reply, probability=0.0, own_ids=own_ids))).outcome is Outcome.ALLOW
    assert (await RULE.judge(gate(reply, probability=0.0))).outcome is Outcome.DROP


async def test_bots_and_own_messages_do_not_address_the_persona() -> None:
    by_bot = message("Sam, drink water", BOT, "b", reply_to="sent-1")
    by_self = message("Sam here", SAM, "s", own=True)
    judged = gate(by_bot, by_self, message(id="m9"), probability=0.0, own_ids=frozenset({"sent-1"}))
    verdict = await RULE.judge(judged)
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts["addressed"] is False


async def test_mentions_and_replies_have_a_probability_of_their_own() -> None:
    policy = ChatPolicy(Mode.AUTO, 1.0, mention_probability=0.0, reply_probability=0.0)
    assert (await RULE.judge(gate(policy=policy))).outcome is Outcome.ALLOW
    verdict = await RULE.judge(gate(message("sam?"), policy=policy))
    assert (verdict.outcome, verdict.facts["address"]) == (Outcome.DROP, "mention")
    reply = gate(message("sam?", reply_to="s1"), policy=policy, own_ids=frozenset({"s1"}))
    verdict = await RULE.judge(reply)
    assert (verdict.outcome, verdict.facts["address"]) == (Outcome.DROP, "reply")


def _talk(count: int, said: str = "hm") -> list[Message]:
    """The stand-in and the others in turns, a minute each."""
    return [
        one
        for at in range(count)
        for one in (message(said, TOM, f"t{at}", after=at * 60), sent("ok", f"s{at}", after=at * 60 + 30))
    ]


@pytest.mark.parametrize(("answers", "share"), [(0, 0.8), (2, 0.8), (3, 0.4), (4, 0.2), (6, 0.05)])
async def test_who_is_not_listened_to_talks_less(answers: int, share: float) -> None:
    judged = gate(message(id="m9", after=600), probability=0.8, history=_talk(answers))
    assert (await RULE.judge(judged)).facts["probability"] == pytest.approx(share)


async def test_being_taken_up_the_owner_speaking_and_time_end_the_back_off() -> None:
    talk = _talk(6)
    for heard in (
        message("haha sam", TOM, "x", after=400),
        message("no way", TOM, "x", reply_to="s5", after=400),
        own("hi all", "x", after=400),
    ):
        own_ids = frozenset({"s5"})
        judged = gate(message(id="m9", after=600), probability=0.8, history=[*talk, heard], own_ids=own_ids)
        assert (await RULE.judge(judged)).facts["probability"] == 0.8
    later = gate(message(id="m9", after=3 * 3600), probability=0.8, history=talk)
    assert (await RULE.judge(later)).facts["probability"] == 0.8


async def test_the_back_off_does_not_touch_who_is_addressed() -> None:
    verdict = await RULE.judge(gate(message("sam?", after=400), probability=0.8, history=_talk(6)))
    assert verdict.outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    "refused", [{"unheard": -1}, {"backoff": 1.5}, {"backoff": float("nan")}, {"minutes": 0}]
)
def test_a_back_off_out_of_range_is_refused(refused: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="back-off"):
        ProbabilitySettings(**refused)  # type: ignore[arg-type]
