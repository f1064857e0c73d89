"""The same figures for each relationship."""

from __future__ import annotations

from tests.training.evaluation.samples import Answered, Told, bursts, row, told
from training.evaluation.contacts import contacts
from training.evaluation.faults import Fault
from training.evaluation.memory import memory
from training.evaluation.style import samples_of

SAM, NORA = bursts("Sam"), bursts("Nora")
SECRET = "my door code is four seven one nine and the key lies below the blue pot"


def test_each_chat_with_enough_answers_is_measured_by_itself() -> None:
    said = [
        *(told(SAM[at], SAM[1000 + at], "whatsapp/like-him", day=at) for at in range(60)),
        *(told(NORA[at], SAM[1100 + at], "whatsapp/unlike-him", day=at) for at in range(50)),
        told(SECRET, "ok", "whatsapp/unlike-him"),
        *(told("", "ok", "whatsapp/few") for _ in range(10)),
        *(told("ok", "", "whatsapp/quiet") for _ in range(90)),
    ]
    base = [told(NORA[500 + at], one.case.real, one.case.chat, day=at) for at, one in enumerate(said)]
    own = {"whatsapp/like-him": SAM[2000:2100], "whatsapp/unlike-him": SAM[:10]}
    remembered = memory([row(SECRET, chat="whatsapp/like-him")], said, SAM[1000:1100])
    found = contacts(said, remembered, marks=(), languages={"en"}, seed=1, base=base, own=own)
    assert list(found.measured) == ["whatsapp/like-him", "whatsapp/unlike-him"]
    assert found.too_few == {"whatsapp/few": 10}
    like, unlike = found.measured.values()
    assert (like.answers, unlike.answers) == (60, 51)
    assert like.style.persona.mean.high < unlike.style.persona.mean.low
    assert (like.style.texts, unlike.style.texts) == (60, 25)
    assert (like.style.split_half, unlike.style.split_half) == (False, True)
    assert like.style.base is not None
    assert [(hit.answer, hit.elsewhere) for hit in unlike.hits] == [(110, True)]
    assert (like.hits, like.repeating.value) == ((), 0)
    assert unlike.repeating.value == 1 / 51
    assert like.faults.counts[Fault.EMPTY].answers == 0
    assert like.taken is None


def test_few_moments_stay_few_however_often_they_are_asked_for() -> None:
    asked = [told("", SAM[at], "whatsapp/asked-often", day=at) for at in range(29)]
    said = [Told(one.case, Answered(SAM[1000 + at])) for at, one in enumerate(asked * 5)]
    found = contacts(said, memory([], said, SAM[:29]), marks=(), languages={"en"}, seed=1)
    assert not found.measured
    assert found.too_few == {"whatsapp/asked-often": 145}


def test_the_moments_are_those_at_which_both_wrote_something() -> None:
    said = [told("a", "b"), told("<silence>", "c"), told("d", ""), told("", "e", day=3)]
    real, generated = samples_of(said)
    assert (list(real.texts), list(generated.texts)) == (["b", "e"], ["a", ""])
    assert len(set(real.conversations)) == 2
