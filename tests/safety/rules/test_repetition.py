from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.rules.repetition import RepetitionRule, RepetitionSettings, line_key
from safety.verdict import Outcome
from tests.safety.builders import SECRET, draft, own

RULE = RepetitionRule()
VISIBLE = st.text(
    st.characters(codec="utf-8", categories=("Lu", "Ll", "Lo", "So", "Nd", "Po", "Zs")),
    min_size=1,
    max_size=60,
).filter(lambda line: bool(line_key(line)))


def vary(line: str, how: int, at: int) -> str:
    """The line as a loop gives it back: numbered, with other punctuation, in another case."""
    return (
        line,
        f"{at}. {line}",
        f"{at}) {line}",
        f"{line}!" if line[-1:] != ":" else line,
        f"- {line}...",
        f'"{line}"',
        line.upper() if line.upper().casefold() == line.casefold() else line,
        f"  {line} ",
    )[how]


@settings(max_examples=400)
@given(VISIBLE, st.lists(st.integers(0, 7), min_size=12, max_size=30), st.booleans())
async def test_a_dozen_lines_that_say_the_same_never_pass(line: str, ways: list[int], bubbles: bool) -> None:
    lines = [vary(line, how, at) for at, how in enumerate(ways, start=1)]
    verdict = await RULE.judge(draft(*lines) if bubbles else draft("\n".join(lines)))
    assert verdict.outcome is Outcome.REWRITE


@settings(max_examples=300)
@given(
    st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=9), min_size=2, max_size=12),
    st.sampled_from([" ", ", ", "\n", "... "]),
)
async def test_a_phrase_a_dozen_times_over_never_passes(words: list[str], joint: str) -> None:
    assert (await RULE.judge(draft(joint.join([" ".join(words)] * 12)))).outcome is Outcome.REWRITE


@pytest.mark.parametrize(
    "text",
    ["i love rust\n" * 12, "i love rust " * 12, "iloverust" * 12, "a" * 40, "no " * 20, "ハハハ" * 40,
     "猫が好きです。" * 12,
     "😂" * 40, "...\n" * 12, "1. ok\n2. ok\n3. ok\n4. ok", "I love Rust!\ni love rust\nI LOVE RUST...\n- i love rust"],
)  # fmt: skip
async def test_a_loop_is_rewritten(text: str) -> None:
    assert (await RULE.judge(draft(text))).outcome is Outcome.REWRITE


@pytest.mark.parametrize(
    "text",
    ["lol lol", "hahaha", "hahahahahahahahaha", "no no no", "nooooooooooo", "😂😂😂😂😂", "no\nno\nno",
     "yes yes yes yes", "ha ha ha ha", "ok", "",
     "very very very good, like really really good", "3\n2\n1\ngo!!!",
     "...",
     "no way\nno way\nyou did not", "we could meet at 8 or at 9, or at 10 if that is better for you and for tom",
     "i think the first one is the best one, but the second one is the cheap one, and the third one is neither",
     "猫が好きですか。犬のほうが好きだけど、猫も悪くない。"],
)  # fmt: skip
async def test_ordinary_speech_passes(text: str) -> None:
    assert (await RULE.judge(draft(text))).outcome is Outcome.ALLOW


async def test_what_was_just_sent_is_not_sent_again() -> None:
    history = [own("See you at the station at eight!"), own("bring a coat", "o2")]
    again = await RULE.judge(draft("ok", "see you at the station at eight", history=history))
    assert again.outcome is Outcome.REWRITE
    assert "station" not in repr(again)
    other = await RULE.judge(draft("see you at the harbour at eight", history=history))
    assert other.outcome is Outcome.ALLOW


async def test_what_was_sent_long_ago_may_be_said_again() -> None:
    line = "see you at the station at eight"
    history = [own(line), *(own(f"message number {'x' * at}", f"o{at}") for at in range(20))]
    assert (await RULE.judge(draft(line, history=history))).outcome is Outcome.ALLOW
    assert (await RULE.judge(draft(line, history=history[:20]))).outcome is Outcome.REWRITE


async def test_a_short_answer_may_come_again_but_not_for_ever() -> None:
    sent = [own("ok", f"o{at}") for at in range(3)]
    assert (await RULE.judge(draft("ok", history=sent[:2]))).outcome is Outcome.ALLOW
    assert (await RULE.judge(draft("OK!", history=sent))).outcome is Outcome.REWRITE
    assert (await RULE.judge(draft("ok", history=[*sent, own("fine", "o9")]))).outcome is Outcome.ALLOW


async def test_the_verdict_gives_figures_and_no_text() -> None:
    verdict = await RULE.judge(draft(*[SECRET] * 12))
    assert verdict.facts == {"measured": "equal lines", "value": 12, "limit": 3}
    assert SECRET not in repr(verdict)


@pytest.mark.parametrize(
    "line",
    [
        "i love rust 7",
        "I love rust 8!",
        "3. i love rust",
        "1) 2. I LOVE RUST",
        "- i  love rust...",
        "Í lovë rust",
    ],
)
def test_numbering_punctuation_accents_and_case_make_no_other_line(line: str) -> None:
    assert line_key(line) == line_key("i love rust")


def test_other_words_and_other_numbers_make_another_line() -> None:
    assert len({line_key(line) for line in ("i love rust", "i love dust", "7", "8", "...", "🙂", "🎉")}) == 7
    assert line_key(" \u200b ") == ""


async def test_the_limits_are_settings() -> None:
    strict = RepetitionRule(RepetitionSettings(equal_lines=1, word_run=1))
    assert (await strict.judge(draft("no no"))).outcome is Outcome.REWRITE
    assert (await strict.judge(draft("hm", "hm"))).outcome is Outcome.REWRITE


@pytest.mark.parametrize("settings", [{"equal_lines": 0}, {"own_run": 0}, {"repeated_share": 1.5}])
def test_settings_without_meaning_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="repetition"):
        RepetitionSettings(**settings)
