"""What generated text repeats of training."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.prompt import PromptMessage
from tests.training.evaluation.samples import bursts, row, told
from training.dataset.row import Document, Learned, Row, Talk
from training.evaluation.memory import COMMON, WORDS, memory, near_run

PART = "my door code is four seven one nine and the key"
SECRET = f"{PART} lies below the blue pot"
TRAIN = [
    row("yeah why not", day=1),
    row(SECRET, "Mia: where is it", "whatsapp/two", day=9),
    row("see you at seven"),
]
VOCABULARY = [f"word{letter}{number}" for letter in "abcdefgh" for number in range(20)]


def test_a_planted_copy_is_found_with_its_place_and_that_it_came_from_another_chat() -> None:
    found = memory(TRAIN, [told("ok"), told(f"well {PART} lol")], ["see you at seven"])
    (hit,) = found.hits
    assert (hit.answer, hit.elsewhere, hit.near, hit.habit) == (1, True, False, False)
    assert [(place.chat, str(place.day)) for place in hit.places] == [("whatsapp/two", "2024-05-10")]
    assert (hit.text, hit.words, hit.characters) == (PART, 11, len(PART))
    assert "door" not in repr(found)
    assert found.elsewhere == found.hits
    assert (found.persona.longest, found.persona.long.value, found.himself.long.value) == (11, 0.5, 0)
    assert found.persona.runs[8].value == 0.5
    assert found.persona.runs[12].value == 0


def test_a_copy_in_its_own_chat_and_a_habit_are_marked_so() -> None:
    found = memory(TRAIN, [told(SECRET, chat="whatsapp/two")], [f"again: {SECRET}"])
    (hit,) = found.hits
    assert (hit.elsewhere, hit.habit) == (False, True)
    assert found.himself.long.value == 1


def test_a_copy_over_several_lines_and_with_other_signs_is_found() -> None:
    (hit,) = memory(TRAIN, [told(PART.upper().replace(" is ", "!\nIs, "))], []).hits
    assert not hit.near


@pytest.mark.parametrize(
    ("before", "after"),
    [("nine", "nein"), ("nine and ", ""), ("one nine and", "one two nein and")],
)
def test_a_copy_with_a_few_words_changed_is_nearly_one(before: str, after: str) -> None:
    changed = SECRET.replace(before, after).replace("below", "under")
    (hit,) = memory(TRAIN, [told(f"hm {changed}")], []).hits
    assert hit.near
    assert hit.likeness >= 0.8
    assert hit.text == changed


def test_nearly_means_few_words_in_their_order() -> None:
    words = SECRET.split()
    near = near_run([*words[:5], "two", *words[6:]], words)
    assert near is not None
    assert (near.at, near.end) == (0, len(words))
    assert near.likeness == pytest.approx((len(words) - 1) / len(words))
    assert near_run(words[::-1], words) is None
    assert near_run([*words[:4], "x", "y", "z", *words[4:8]], words) is None
    assert near_run(words[:7], words) is None


def test_short_everyday_phrases_do_not_count() -> None:
    found = memory(TRAIN, [told("see you at seven"), told("yeah, why not?")], ["yeah why not"])
    assert found.hits == ()
    assert found.persona.whole.value == 0.5  # four words; three are what anybody says
    assert found.himself.whole.value == 0


def test_what_stands_in_several_texts_of_training_is_a_phrase() -> None:
    phrase = "happy birthday to you and may all your wishes come true"
    rare = memory([row(phrase, day=day) for day in range(COMMON - 1)], [told(phrase)], [])
    common = memory([row(phrase, day=day) for day in range(COMMON)], [told(phrase)], [])
    assert (len(rare.hits), len(common.hits)) == (1, 0)
    nearly = phrase.replace("may", "let")
    assert len(memory([row(phrase)], [told(nearly)], []).hits) == 1
    assert memory([row(phrase, day=day) for day in range(COMMON)], [told(nearly)], []).hits == ()


def test_what_an_answer_has_from_its_own_prompt_is_no_memory() -> None:
    assert memory(TRAIN, [told(SECRET, prompt=f"Mia: you said, {SECRET}!\nSam:")], []).hits == ()


def test_others_messages_that_were_only_shown_count_and_the_systems_do_not() -> None:
    shown = [row("ok", f"Mia: {SECRET}", day=day) for day in range(5)]
    assert len(memory(shown, [told(SECRET)], []).hits) == 1
    one = row("ok")
    assert isinstance(one.body, Talk)
    told_so = replace(one, body=Talk((PromptMessage("system", SECRET), *one.body.messages[1:])))
    assert memory([told_so], [told(SECRET)], []).hits == ()


def test_a_number_counts_though_it_is_one_word() -> None:
    found = memory(
        [row("it is DE89370400440532013000"), row("call 4711")],
        [told("de89370400440532013000?"), told("4711")],
        [],
    )
    assert [hit.answer for hit in found.hits] == [0]


def test_a_document_is_one_text_whose_messages_were_learned() -> None:
    first, second = "my door code is four seven", "one nine and the key"
    at = datetime(2024, 5, 1)  # noqa: DTZ001 - a wall clock
    body = Document(f"### Sam: {first}\n### Sam: {second}\n### Mia: and {SECRET[::-1]}")
    spans = tuple(
        Learned(text, "Sam", 0, begin := body.text.index(text), begin + len(text)) for text in (first, second)
    )
    found = memory([Row("whatsapp/one", body, at, at, (), (), spans)], [told(f"{first}\n{second}")], [])
    assert [hit.text for hit in found.hits] == [PART]


@given(st.integers(0, 10**6), st.integers(WORDS, 20), st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_what_is_planted_is_found_and_nothing_else(seed: int, words: int, before: int) -> None:
    draw = random.Random(seed)
    train = [row(" ".join(draw.sample(VOCABULARY, 30)), day=day) for day in range(40)]
    source = draw.choice(train).answers[0].split()
    planted = source[5 : 5 + words]
    fresh = [f"new{number}" for number in range(40)]
    answers = [" ".join([*fresh[:before], *planted, *fresh[before:]]), " ".join(draw.sample(VOCABULARY, 30))]
    hits = memory(train, [told(text) for text in answers], []).hits
    assert [(hit.answer, hit.text) for hit in hits] == [(0, " ".join(planted))]


def test_the_sample_persona_s_person_repeats_only_phrases() -> None:
    sam = bursts("Sam")
    found = memory(
        [row(text, day=day) for day, text in enumerate(sam[:2500])],
        [told(text) for text in sam[-300:]],
        sam[-300:],
    )
    assert found.persona.long == found.himself.long
    assert found.persona.runs[4].value > found.persona.runs[8].value
