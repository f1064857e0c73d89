"""What generated text repeats of training."""

from __future__ import annotations

from tests.training.evaluation.samples import row, told
from training.evaluation.memory import memory

SECRET = "my door code is four seven one nine and the key lies below the blue pot"
PART = SECRET.removesuffix(" lies below the blue pot")
TRAIN = [
    row("yeah why not", day=1),
    row(SECRET, "Mia: where is it", "whatsapp/two", day=9),
    row("see you at seven"),
]


def test_a_planted_copy_is_found_with_its_place_and_that_it_came_from_another_chat() -> None:
    found = memory(TRAIN, [told("ok"), told(f"well {PART} lol")], ["see you at seven"])
    (hit,) = found.hits
    assert (hit.answer, hit.elsewhere, hit.near, hit.habit) == (1, True, False, False)
    assert [(place.chat, str(place.day)) for place in hit.places] == [("whatsapp/two", "2024-05-10")]
    assert hit.text == PART
    assert "door" not in repr(hit)


def test_short_everyday_phrases_do_not_count() -> None:
    found = memory(TRAIN, [told("see you at seven"), told("yeah, why not?")], ["yeah why not"])
    assert found.hits == ()
    assert found.persona.whole.value == 0.5
