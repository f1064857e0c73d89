"""What is plainly wrong with answers."""

from __future__ import annotations

import pytest

from inference.prompt import SILENCE
from tests.training.evaluation.samples import bursts, told
from training.evaluation.faults import Fault, faults, languages_of

MARKS = ["<|end|>", "<|user|>"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", Fault.EMPTY),
        (" \n ", Fault.EMPTY),
        ("i am so tired i am so tired i am so tired", Fault.LOOP),
        ("ok\nsure thing\nsure thing\nsure thing\nsure thing", Fault.LOOP),
        ("see you<|END|>", Fault.MARKS),
        ("<|im_start|>user", Fault.MARKS),
        ("ok [INST] what", Fault.MARKS),
        ("ok <silence>", Fault.MARKS),
        ("caf\ufffd", Fault.MARKS),
        ("Ich weiß wirklich nicht, was ich dazu noch sagen soll.", Fault.LANGUAGE),
    ],
)
def test_each_fault_is_seen(text: str, fault: Fault) -> None:
    found = faults([told(text), told("see you at seven")], MARKS, {"en"})
    assert [kind for kind, count in found.counts.items() if count.answers] == [fault]
    assert found.which[fault] == (0,)
    assert found.any.value == 0.5


@pytest.mark.parametrize(
    "text",
    [
        SILENCE,
        "no no no",
        "hahahahahahahahahahahahahahahahahahahahahahaha",
        "jawohl",
        "i <3 you",
        "a < b > c",
    ],
)
def test_what_people_do_is_no_fault(text: str) -> None:
    assert faults([told(text)], MARKS, {"en"}).any.value == 0


def test_an_answer_that_did_not_end_by_itself_is_cut_off() -> None:
    assert faults([told("and then", cut=True), told("ok")], MARKS, ()).which[Fault.CUT_OFF] == (0,)


def test_the_same_answer_to_everything_is_stuck_where_the_person_does_not_say_so() -> None:
    def stuck(answers: list[tuple[str, str, str]]) -> int:
        said = [told(text, real, prompt=prompt) for prompt, text, real in answers]
        return faults(said, MARKS, ()).counts[Fault.STUCK].answers

    assert stuck([(f"{at}?", "idk man", f"word {at}") for at in range(12)]) == 12
    assert stuck([(f"{at}?", "idk man", "Idk, man!") for at in range(12)]) == 0
    assert stuck([("1?", "idk man", "no"), ("2?", "Idk, man", "ok")]) == 0
    # The same prompt again and again is one prompt, and now and then is not stuck.
    assert stuck([("same?", "idk man", "no")] * 12) == 0
    assert (
        stuck(
            [
                (f"{at}?", "idk man" if draw == at % 9 else f"{at} {draw}", "no")
                for at in range(20)
                for draw in range(9)
            ]
        )
        == 0
    )


def test_a_choice_to_say_nothing_is_counted_apart() -> None:
    found = faults([told(SILENCE, real="") for _ in range(20)] + [told("ok", real="fine")], MARKS, {"en"})
    assert (found.silences, found.answers, found.any.value) == (20, 21, 0)


def test_each_count_stands_beside_the_person_s_own() -> None:
    loop = "nanana batman nanana batman nanana batman nanana batman"
    found = faults([told("ok", real=loop), told("ok", real="fine"), told("ok", real="")], MARKS, {"en"})
    own = found.counts[Fault.LOOP].own
    assert own is not None
    assert own.value == 0.5
    assert found.counts[Fault.CUT_OFF].own is None


def test_a_short_text_is_not_judged_by_its_language_and_without_languages_none_is() -> None:
    german = "Ich weiß wirklich nicht, was ich dazu noch sagen soll."
    found = faults([told(german), told("ja ja"), told("see you at seven")], MARKS, {"en"})
    assert (found.counts[Fault.LANGUAGE].answers, found.counts[Fault.LANGUAGE].judged) == (1, 1)
    assert faults([told(german)], MARKS, ()).counts[Fault.LANGUAGE].judged == 0
    assert faults([told(german)], MARKS, {"en", "de"}).any.value == 0


def test_somebodys_languages_are_those_they_write_now_and_then() -> None:
    english = "i really do not know what to say about this any more"
    german = "Ich weiß wirklich nicht, was ich dazu noch sagen soll."
    assert languages_of([*[english] * 60, german, "ok", "нет"]) == {"en"}
    assert languages_of([*[english] * 60, german, german]) == {"en", "de"}


def test_what_the_sample_s_person_wrote_has_no_faults() -> None:
    sam = bursts("Sam")[-500:]
    found = faults([told(text, real=text) for text in sam], MARKS, languages_of(bursts("Sam")))
    assert {fault: count.answers for fault, count in found.counts.items() if count.answers} == {}
