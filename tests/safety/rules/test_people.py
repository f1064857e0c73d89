from __future__ import annotations

import pytest

from safety.rules.people import PeopleRule, PeopleSettings
from safety.verdict import Outcome
from tests.safety.builders import MIA, TOM, gate, message, own

MIAS, TOMS = f"local/{MIA.id}", f"local/{TOM.id}"


@pytest.mark.parametrize(
    ("settings", "answered"),
    [
        (PeopleSettings(), {"mia", "tom", "both"}),
        (PeopleSettings(allow=(MIAS,)), {"mia", "both"}),
        (PeopleSettings(block=(MIAS,)), {"tom", "both"}),
        (PeopleSettings(allow=(MIAS,), block=(MIAS,)), set()),
        (PeopleSettings(allow=("discord/u1",)), set()),
        (PeopleSettings(block=("discord/u1",)), {"mia", "tom", "both"}),
    ],
)
async def test_the_lists_say_who_is_answered(settings: PeopleSettings, answered: set[str]) -> None:
    turns = {
        "mia": gate(message("hi", MIA)),
        "tom": gate(message("hi", TOM), own("me too")),
        "both": gate(message("hi", MIA), message("hi", TOM, "m2")),
    }
    rule = PeopleRule(settings)
    outcomes = {name: (await rule.judge(subject)).outcome for name, subject in turns.items()}
    assert outcomes == {name: Outcome.ALLOW if name in answered else Outcome.DROP for name in turns}


@pytest.mark.parametrize("entry", ["mia", "/mia", "local/", ""])
def test_an_entry_that_would_match_nobody_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="messenger/author-id"):
        PeopleSettings(block=(entry,))
    with pytest.raises(ValueError, match="messenger/author-id"):
        PeopleSettings(allow=(entry,))
