"""What is plainly wrong with answers."""

from __future__ import annotations

import pytest

from inference.prompt import SILENCE
from tests.training.evaluation.samples import told
from training.evaluation.faults import Fault, faults

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
