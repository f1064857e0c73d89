"""All steps in their order: choice and consent go by real names, and what comes out has none."""

from __future__ import annotations

import pytest

from safety.moderation.lexicon import Lexicon
from tests.training.dataset.exports import Said, chat_of, texts
from training.dataset.filters import FilterSettings, Taken
from training.dataset.moderation import MILD, thresholds
from training.dataset.preparation import PreparationSettings, Seal, prepared
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_table import PseudonymTable
from training.dataset.pseudonyms import put_back
from training.dataset.situational import Situational

GROUP = chat_of(
    [
        ("Mia", "Leo is coming at 8"),
        ("Leo", "I never agreed"),
        ("Mia", "kill yourself"),
        Said("Mia", "chain letter", forwarded=True),
        ("Sam", "tell Mia"),
    ]
)


async def test_everything_is_done_and_counted_under_the_pseudonym_of_the_chat() -> None:
    seal = Seal(PseudonymKey(b"k" * 32), PseudonymTable())
    settings = PreparationSettings(FilterSettings(), thresholds(MILD), Situational.MASK)
    made = await prepared([GROUP], settings, agreed={None: ["Mia"]}, classifier=Lexicon(), seal=seal)
    assert [put_back(text, seal.table) for text in texts(made.exports)] == [
        "Leo is coming [time]",
        "tell Mia",
    ]
    # Also of those who were taken out: others speak of them.
    assert not any(name in text for text in texts(made.exports) for name in ("Leo", "Mia"))
    assert made.taken == {Taken.CONSENT: 1, Taken.FORWARD: 1, Taken.MODERATED: 1, Taken.MASKED: 1}
    assert {cut.chat for cut in made.cuts} == {made.exports[0].chat.key}


@pytest.mark.parametrize("kept", [True, False])
async def test_whom_the_dataset_is_about_keeps_the_name_unless_told_otherwise(kept: bool) -> None:
    group = chat_of([("Mia", "Sam?"), ("Sam", "yes Mia")])
    settings = PreparationSettings() if kept else PreparationSettings(keep_own_name=False)
    seal = Seal(PseudonymKey(b"k" * 32), PseudonymTable())
    made = await prepared([group], settings, agreed={None: ["Mia"]}, seal=seal)
    (export,) = made.exports
    mia, sam = export.rows.get_column("name").to_list()
    assert (sam == "Sam") is kept
    assert export.owner == {sam}
    assert mia != "Mia"
    assert texts([export]) == [f"{sam}?", f"yes {mia}"]
    assert (made.pseudonyms, made.own_name) == (True, kept)


async def test_what_a_setting_needs_must_be_given() -> None:
    with pytest.raises(ValueError, match="classifier"):
        await prepared([GROUP], PreparationSettings(moderation=thresholds(MILD), pseudonyms=False))
    with pytest.raises(ValueError, match="key"):
        await prepared([GROUP], PreparationSettings())
    assert texts((await prepared([GROUP], PreparationSettings(pseudonyms=False))).exports) == ["tell Mia"]
