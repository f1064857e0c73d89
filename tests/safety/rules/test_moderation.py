from __future__ import annotations

import asyncio
import dataclasses

import pytest

from safety.moderation.classifier import Category, Sample, Scores
from safety.moderation.errors import AnswerInvalid, ClassifierAway, ClassifierRefused, ModerationError
from safety.moderation.settings import CategoryOutcomes, ModerationSettings, Thresholds
from safety.policy import decide
from safety.rules.moderation import ModerationRule
from safety.verdict import Outcome
from tests.safety.builders import SECRET, draft, message, own, turn
from tests.safety.moderation.samples import Away, Says

HOLDS = CategoryOutcomes(harassment="hold", hate="rewrite", violence="drop", sexual="allow")


def rule(scores: dict[Category, float], settings: ModerationSettings | None = None) -> ModerationRule:
    return ModerationRule(Says(scores), settings or ModerationSettings(outcomes=HOLDS))


async def test_what_scores_below_its_threshold_passes() -> None:
    verdict = await rule({Category.HATE: 0.79, Category.SELF_HARM: 0.59}).judge(draft("hey"))
    assert verdict.outcome is Outcome.ALLOW
    assert verdict.facts == {
        "category": "hate",
        "score": 0.79,
        "threshold": 0.8,
        "backend": "said",
        "model": "test",
    }


@pytest.mark.parametrize("category", Category)
async def test_a_score_at_the_threshold_counts_in_each_category(category: Category) -> None:
    threshold = Thresholds().of(category)
    settings = ModerationSettings(outcomes=CategoryOutcomes(**{category.value: "drop"}))  # type: ignore[arg-type]
    verdict = await rule({category: threshold}, settings).judge(draft("hey"))
    assert verdict.outcome is Outcome.DROP
    assert verdict.facts["category"] == category
    assert (await rule({category: threshold - 0.001}, settings).judge(draft("hey"))).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("scores", "outcome", "category"),
    [
        ({Category.HARASSMENT: 0.9}, Outcome.HOLD, "harassment"),
        ({Category.HARASSMENT: 0.99, Category.HATE: 0.81}, Outcome.REWRITE, "hate"),
        ({Category.HARASSMENT: 0.99, Category.HATE: 0.98, Category.VIOLENCE: 0.81}, Outcome.DROP, "violence"),
        ({Category.HARASSMENT: 0.85, Category.ILLICIT: 0.9}, Outcome.HOLD, "illicit"),
        ({Category.SEXUAL: 0.99}, Outcome.ALLOW, "sexual"),
        ({Category.SEXUAL: 0.99, Category.HARASSMENT: 0.8}, Outcome.HOLD, "harassment"),
        ({Category.VIOLENCE: 0.7, Category.HARASSMENT: 0.8}, Outcome.HOLD, "harassment"),
    ],
)
async def test_of_several_categories_the_strictest_outcome_decides(
    scores: dict[Category, float], outcome: Outcome, category: str
) -> None:
    verdict = await rule(scores).judge(draft("hey"))
    assert (verdict.outcome, verdict.facts["category"]) == (outcome, category)


async def test_the_reason_names_category_and_score_and_no_text() -> None:
    verdict = await rule({Category.SELF_HARM: 0.934}).judge(draft(SECRET))
    assert verdict.reason == "the classifier sees self harm in the draft (0.93, counted from 0.60 on)"
    assert SECRET not in repr(verdict)


async def test_the_defaults_are_the_published_ones() -> None:
    thresholds = {category: Thresholds().of(category) for category in Category}
    assert {category for category, threshold in thresholds.items() if threshold == 0.6} == {
        Category.SEXUAL_MINORS,
        Category.SELF_HARM,
    }
    assert set(thresholds.values()) == {0.6, 0.8}


@pytest.mark.parametrize("error", [ClassifierAway, ClassifierRefused, AnswerInvalid])
@pytest.mark.parametrize(("away", "outcome"), [("hold", Outcome.HOLD), ("drop", Outcome.DROP)])
async def test_a_draft_that_nobody_judged_does_not_leave_by_itself_and_a_person_is_told_why(
    error: type[ModerationError], away: str, outcome: Outcome
) -> None:
    settings = ModerationSettings(away=away)  # type: ignore[arg-type]
    judged = ModerationRule(Away(error("the server is out")), settings)
    verdict = (await decide([judged], draft(SECRET))).verdict
    assert verdict.outcome is outcome
    assert verdict.reason == "the draft was not moderated: the server is out"
    assert verdict.facts["error"] == error.__name__


async def test_an_error_that_is_none_of_moderations_stops() -> None:
    class Broken:
        async def classify(self, sample: Sample) -> Scores:
            raise RuntimeError(sample.text)

    decision = await decide([ModerationRule(Broken())], draft(SECRET))
    assert decision.outcome is Outcome.STOP
    assert SECRET not in repr(decision)


async def test_a_cancelled_judgement_is_no_judgement() -> None:
    class Waits:
        async def classify(self, sample: Sample) -> Scores:
            await asyncio.Event().wait()
            raise AssertionError

    asking = asyncio.ensure_future(ModerationRule(Waits()).judge(draft("hey")))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_the_classifier_gets_bubbles_and_a_short_context() -> None:
    says = Says()
    history = [message(f"said {number}", id=f"h{number}") for number in range(10)]
    await ModerationRule(says).judge(draft("one", "two", history=history))
    (asked,) = says.asked
    assert asked.bubbles == ("one", "two")
    assert asked.context == (*(f"Mia Chen: said {number}" for number in range(5, 10)), "Mia Chen: hello")


async def test_what_the_others_said_is_judged_only_if_the_settings_say_so_and_holds_at_most() -> None:
    subject = dataclasses.replace(draft("hey"), turn=turn(message("theirs"), own("mine")))
    says = Says(incoming={Category.SEXUAL_MINORS: 1.0})
    assert (await ModerationRule(says).judge(subject)).outcome is Outcome.ALLOW
    assert len(says.asked) == 1
    verdict = await ModerationRule(says, ModerationSettings(turns=True)).judge(subject)
    assert verdict.outcome is Outcome.HOLD
    assert "what the others said" in verdict.reason
    assert says.asked[-1] == Sample(("theirs",), incoming=True)


async def test_a_bad_draft_stays_as_bad_whatever_it_answers() -> None:
    says = Says({Category.HATE: 0.9}, incoming={Category.VIOLENCE: 0.9})
    verdict = await ModerationRule(says, ModerationSettings(turns=True)).judge(draft("hey"))
    assert verdict.outcome is Outcome.DROP
    held = Says({Category.SEXUAL: 0.9})
    assert (
        await ModerationRule(held, ModerationSettings(turns=True)).judge(draft("hey"))
    ).outcome is Outcome.HOLD
