from __future__ import annotations

from collections.abc import Sequence

import pytest

from chat.message import Author, Message
from safety.rules.loop import LoopRule, LoopSettings
from safety.verdict import Outcome
from tests.safety.builders import BOT, MIA, SECRET, TOM, gate, message, own, sent

RULE = LoopRule()


def exchanges(count: int, seconds: float, texts: Sequence[str], author: Author = MIA) -> list[Message]:
    """The stand-in says something, an account answers after that many seconds; ten seconds later again."""
    said: list[Message] = []
    at = 0.0
    for number in range(count):
        said.append(sent(f"answer {number}", f"s{number}", after=at))
        text = texts[number % len(texts)]
        said.append(message(text, author, f"r{number}", after=at + seconds))
        at += seconds + 10
    return said


DIFFERENT = [f"something else {number}" for number in range(20)]


@pytest.mark.parametrize(
    ("count", "seconds", "texts", "outcome"),
    [
        (5, 0.8, DIFFERENT, Outcome.DROP),
        (4, 0.8, DIFFERENT, Outcome.ALLOW),
        (5, 8.0, DIFFERENT, Outcome.ALLOW),
        (5, 8.0, ["I did not get that!"], Outcome.DROP),
        (5, 8.0, ["Pardon?", "I did not get that."], Outcome.DROP),
        (6, 8.0, ["lol", "no way", "haha"], Outcome.ALLOW),
    ],
)
async def test_a_to_and_fro_at_a_machines_pace_or_of_the_same_words_is_left(
    count: int, seconds: float, texts: Sequence[str], outcome: Outcome
) -> None:
    said = exchanges(count, seconds, texts)
    verdict = await RULE.judge(gate(said[-1], history=said[:-1], after=count * 20))
    assert verdict.outcome is outcome
    assert verdict.facts["exchanges"] == count


async def test_a_marked_bot_is_not_counted_here() -> None:
    said = exchanges(9, 0.1, ["beep"], BOT)
    verdict = await RULE.judge(gate(said[-1], history=said[:-1], after=120))
    assert verdict.outcome is Outcome.ALLOW
    assert "echo" in verdict.reason


@pytest.mark.parametrize("somebody", [message("hey", TOM, "x", after=5.0), own("me!", "x", after=5.0)])
async def test_anybody_else_who_writes_makes_it_a_conversation_again(somebody: Message) -> None:
    said = exchanges(6, 0.5, DIFFERENT)
    with_somebody = [*said[:6], somebody, *said[6:]]
    verdict = await RULE.judge(gate(with_somebody[-1], history=with_somebody[:-1], after=120))
    assert verdict.outcome is Outcome.ALLOW


async def test_after_a_long_pause_it_is_a_new_conversation() -> None:
    said = exchanges(6, 0.5, ["Pardon?"])
    late = message("Pardon?", MIA, "late", after=3 * 3600)
    verdict = await RULE.judge(gate(late, history=said, after=3 * 3600))
    assert verdict.outcome is Outcome.ALLOW


async def test_case_and_invisible_characters_do_not_make_the_same_words_others() -> None:
    texts = ["Pardon?", "PARDON?", "par\u200bdon?", "pardon?", "ｐardon?"]
    said = exchanges(5, 8.0, texts)
    verdict = await RULE.judge(gate(said[-1], history=said[:-1], after=120))
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts["different_texts"] == 1


async def test_a_verdict_quotes_nothing() -> None:
    said = exchanges(5, 0.5, [SECRET])
    assert SECRET not in repr(await RULE.judge(gate(said[-1], history=said[:-1], after=120)))


@pytest.mark.parametrize("refused", [{"exchanges": 1}, {"texts": -1}, {"minutes": 0}, {"reply_seconds": -1}])
def test_settings_out_of_range_are_refused(refused: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="loop"):
        LoopSettings(**refused)
