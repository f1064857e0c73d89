"""Why, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.chats import MessageOutcome
from bot.dashboard.reasons import reasons
from bot.journal import JournalEntry

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _entry(kind: str, number: int = 1, **facts: Any) -> JournalEntry:  # noqa: ANN401
    return JournalEntry(f"0:{number}", AT, kind, "local/weekend-plans", facts)


def _turn(outcome: str, **facts: Any) -> JournalEntry:  # noqa: ANN401
    said = [{"id": "m1", "author": "Mia", "text": "Sam?"}]
    return _entry(
        "turn.decided",
        9,
        said=said,
        messages=["m1"],
        outcome=outcome,
        draft="d1",
        **{"reason": "because"} | facts,
    )


def test_a_turn_that_was_ignored_says_the_rule_and_its_draw() -> None:
    step = {
        "rule": "probability",
        "outcome": "drop",
        "reason": "not drawn: 0.812 is not below 0.35",
        "facts": {"draw": 0.8123456, "probability": 0.35, "addressed": False},
    }
    (reason,) = reasons([_turn("ignored", reason=step["reason"], gate=[step])], {})
    assert (reason.verb, reason.tone, reason.why) == (
        "Ignored",
        "quiet",
        "not drawn: 0.812 is not below 0.35",
    )
    assert reason.said == (("Mia", "Sam?"),)
    (trail,) = reason.trails
    assert trail.steps[0].facts == "addressed no · draw 0.8123 · probability 0.35"


@pytest.mark.parametrize(
    ("by", "edit", "why"),
    [
        ("auto", "the chat is in auto mode", "every rule allowed it, and the chat is in auto mode"),
        ("max", "approved", "max approved it"),
        ("max", "approved with an edit", "max approved it, edited"),
        (
            "max",
            "approved, over what was held: length: an edit",
            "max approved it, although it was held (length: an edit)",
        ),
    ],
)
def test_a_turn_that_was_answered_says_who_let_it(by: str, edit: str, why: str) -> None:
    journal = [
        _entry("draft.sent", 3, draft="d1"),
        _entry("draft.approved", 2, draft="d1", by=by, reason=edit),
    ]
    outcomes = {"m1": MessageOutcome("answered", "the answer was sent", "t", "d1")}
    (reason,) = reasons([*journal, _turn("draft")], outcomes)
    assert (reason.verb, reason.tone, reason.why) == ("Answered", "good", why)


def test_a_rejection_says_by_whom_and_why() -> None:
    journal = [_entry("draft.rejected", 2, draft="d1", by="max", reason="not me"), _turn("draft")]
    (reason,) = reasons(journal, {"m1": MessageOutcome("rejected", "not me", "t", "d1")})
    assert (reason.verb, reason.why) == ("Rejected", "max rejected it: not me")


def test_the_outcome_is_todays_not_that_of_the_decision() -> None:
    (reason,) = reasons([_turn("draft")], {"m1": MessageOutcome("frozen", "a kill stopped it", "t", "d1")})
    assert (reason.verb, reason.tone, reason.why) == ("Frozen", "kill", "a kill stopped it")


def test_each_try_of_the_model_has_its_own_trail() -> None:
    answers = [
        {
            "seed": 1,
            "bubbles": ["@everyone"],
            "rules": [{"rule": "broadcast", "outcome": "rewrite", "reason": "no"}],
        },
        {
            "seed": 2,
            "bubbles": ["sure"],
            "rules": [{"rule": "broadcast", "outcome": "allow", "reason": "fine"}],
        },
    ]
    (reason,) = reasons([_turn("draft", answers=answers)], {})
    assert [(trail.title, trail.bubbles) for trail in reason.trails] == [
        ("May this text leave? Try 1", ("@everyone",)),
        ("May this text leave? Try 2", ("sure",)),
    ]


def test_kills_and_changes_stand_between_the_turns() -> None:
    found = reasons(
        [
            _entry("resume", 4, scope="everywhere", by="olivia"),
            _entry("kill", 3, scope="everywhere", by="Mia in local/weekend-plans", reason="kill word"),
            _entry("bubble.sent", 2),
            _entry("chat.changed", 1, by="olivia", before={"mode": "manual"}, after={"mode": "auto"}),
        ],
        {},
    )
    assert [(reason.verb, reason.why) for reason in found] == [
        ("Resumed", "by olivia"),
        ("Killed", "by Mia in local/weekend-plans (kill word)"),
        ("Changed", "mode manual → auto by olivia"),
    ]


def test_each_candidate_has_its_own_trail() -> None:
    rules = [{"rule": "speaker", "outcome": "allow", "reason": "fine"}]
    answers = [
        {"seed": seed, "bubbles": [str(seed)], "rules": rules, "candidate": candidate}
        for seed, candidate in [(1, 1), (2, 2), (3, 2)]
    ]
    (reason,) = reasons([_turn("draft", answers=answers)], {})
    assert [trail.title for trail in reason.trails] == [
        *("May candidate 1 leave?", "May candidate 2 leave? Try 1", "May candidate 2 leave? Try 2")
    ]


def test_what_moderators_do_with_a_draft_is_said_with_who_and_why() -> None:
    rules = [{"rule": "speaker", "outcome": "allow", "reason": "fine"}]
    answers = [{"seed": 1, "bubbles": ["no"], "rules": rules, "candidate": 1}]
    found = reasons(
        [
            _entry("draft.released", 4, draft="d1", by="clock", reason="max did not decide in time"),
            _entry(
                "draft.rewritten", 3, draft="d1", by="max", reason="another text was written", answers=answers
            ),
            _entry("draft.rewriting", 2, draft="d1", by="max", reason="another text was asked for"),
            _entry("draft.taken", 1, draft="d1", by="max", reason="taken to decide on it"),
        ],
        {},
    )
    assert [(reason.verb, reason.why) for reason in found] == [
        ("Given back", "max did not decide in time"),
        ("Rewritten", "by max: another text was written"),
        ("Rewriting", "by max: another text was asked for"),
        ("Taken", "by max: taken to decide on it"),
    ]
    assert found[1].trails[0].bubbles == ("no",)


def test_what_others_smuggled_in_and_what_was_taken_out_is_marked() -> None:
    answers = [{"seed": 1, "tokens": 3, "seconds": 0.1, "bubbles": ["lol"], "disarmed": 2}]
    (reason,) = reasons([_turn("draft", answers=answers, injected=["m1"])], {})
    assert ("messages that may instruct the model", "1") in reason.footnotes
    assert reason.trails[-1].note.endswith("pings of everybody taken out: 2")
    (plain,) = reasons([_turn("draft", answers=[{**answers[0], "disarmed": 0}])], {})
    assert "instruct" not in str(plain)
    assert "pings" not in str(plain)
