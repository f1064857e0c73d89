"""What holds for one moment only is found, in several languages, and nothing else is."""

from __future__ import annotations

import pytest

from tests.training.dataset.exports import chat_of, texts
from training.dataset.filters import Cut, Taken
from training.dataset.situational import Situational, masked, without_situations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tomorrow at 8?", "[day] [time]?"),
        ("omw", "[whereabouts]"),
        ("on my way, 5 more", "[whereabouts], 5 more"),
        ("see you on 12.05.2024", "see you on [date]"),
        ("May 3rd works", "[date] works"),
        ("morgen um 20 Uhr", "[day] [time]"),
        ("bin gleich da", "[whereabouts]"),
        ("demain à 8h30", "[day] [time]"),
        ("mañana a las 9", "[day] [time]"),
        ("in 10 min", "[time]"),
        ("friday!", "[day]!"),
    ],
)
def test_situational_facts_give_way_to_a_mark(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize("text", ["may I?", "ok", "lol", "I sold 8 of 12", "v1.2.3", "a marathon, at last"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert masked(text) == text


def test_masked_messages_stay_and_are_counted() -> None:
    group = chat_of([("Mia", "when?"), ("Sam", "at 8")])
    left = without_situations([group], Situational.MASK)
    assert texts(left.exports) == ["when?", "[time]"]
    assert left.cuts == (Cut(group.chat.key, Taken.MASKED, 1),)


def test_own_messages_alone_are_dropped() -> None:
    group = chat_of([("Mia", "at 8?"), ("Sam", "at 9"), ("Sam", "ok")])
    left = without_situations([group], Situational.DROP)
    assert texts(left.exports) == ["at 8?", "ok"]
    assert left.cuts == (Cut(group.chat.key, Taken.SITUATIONAL, 1),)
    assert texts(without_situations([group], Situational.KEEP).exports) == texts([group])
