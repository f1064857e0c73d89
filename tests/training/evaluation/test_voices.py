"""Other people's messages, found in rows of each recipe that shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from chat.exports.export import Export
from tests.training.dataset.exports import Said, chat_of
from training.dataset.cookbook import read_recipe
from training.dataset.history import histories
from training.evaluation.voices import voices_of

LINES = [
    ("Mia", "curry on Sunday: yes or no?"),
    ("Leo", "yes!!"),
    ("Sam", "why not"),
    ("Mia", "ok"),
    ("Leo", "ok"),
    ("Leo", "ok"),
    ("Sam", "seven?"),
    ("Mia", "lol"),
    ("Sam", "same"),
]
GROUP = chat_of([Said(name, text, 2) for name, text in LINES])
DIRECT = chat_of([Said(name, text, 2) for name, text in LINES if name != "Leo"], "Mia", direct=True)
MIA, LEO = ["curry on Sunday: yes or no?", "ok", "lol"], ["yes!!", "ok", "ok"]


def voices(preset: str, *exports: Export) -> Mapping[str, Sequence[str]]:
    recipe = read_recipe(preset)
    return voices_of(recipe.rows(histories(exports)), recipe, "Sam")


def test_each_message_of_the_others_once_however_many_rows_show_it() -> None:
    # What somebody really said twice is there twice.
    assert voices("turns", GROUP) == {"Mia": MIA, "Leo": LEO}


@pytest.mark.parametrize("recipe", ["conversations", "weclone", "pairs", "contact-chunks"])
def test_recipes_that_tell_fewer_speakers_give_the_words_all_the_same(recipe: str) -> None:
    found = voices(recipe, DIRECT)
    (lines,) = found.values()
    assert Counter(lines) == Counter(MIA)


def test_documents_have_nobody_but_the_person() -> None:
    assert voices("documents", GROUP) == {}
