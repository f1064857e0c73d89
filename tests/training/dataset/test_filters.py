"""Each filter takes what it should, counts it by kind and chat, and leaves how people talk alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.message import ChatKey
from tests.training.dataset.exports import Said, chat_of, texts
from training.dataset.filters import Consent, Cut, FilterSettings, Taken, filtered
from training.dataset.repeats import RepeatSettings

ASKED = FilterSettings(consent=Consent.ELSEWHERE)
RECIPE = (
    "Grandma's pancakes: three eggs, a pint of milk, flour until it looks right, and butter, always butter."
)


def test_silence_in_the_ledger_is_a_no() -> None:
    group = chat_of([("Mia", "hey"), ("Leo", "hi"), ("Sam", "hello both")])
    left = filtered([group], FilterSettings(), {group.chat.key: ["Mia"]})
    assert texts(left.exports) == ["hey", "hello both"]
    assert left.cuts == (Cut(group.chat.key, Taken.CONSENT, 1),)
    assert texts(filtered([group], FilterSettings()).exports) == ["hello both"]
    assert texts(filtered([group], ASKED).exports) == texts([group])


def test_who_agreed_in_one_chat_did_not_agree_in_another() -> None:
    one, other = chat_of([("Mia", "a")], "one"), chat_of([("Mia", "b")], "other")
    assert texts(filtered([one, other], FilterSettings(), {one.chat.key: ["Mia"]}).exports) == ["a"]
    assert texts(filtered([one, other], FilterSettings(), {None: ["Mia"]}).exports) == ["a", "b"]


def test_answers_to_somebody_who_did_not_agree_go_with_their_words() -> None:
    lines = [
        Said("Leo", "my test was positive"),
        Said("Sam", "oh no, positive?", reply_to=0),
        Said("Sam", "hm"),
    ]
    assert texts(filtered([chat_of(lines)], FilterSettings()).exports) == ["hm"]


@pytest.mark.parametrize("direct", [True, None])
def test_half_a_conversation_of_two_is_none(direct: bool | None) -> None:
    pair = chat_of([("Mia", "hey"), ("Sam", "hi")], "Mia", direct=direct)
    left = filtered([pair], FilterSettings())
    assert left.exports == ()
    assert left.taken == {Taken.CONSENT: 2}
    assert texts(filtered([pair], FilterSettings(), {None: {"Mia"}}).exports) == ["hey", "hi"]


def test_chats_are_chosen_by_title_or_key() -> None:
    chats = [chat_of([("Mia", title)], title) for title in ("Climbing", "Climbing 2", "Work")]

    def left(*names: str, without: tuple[str, ...] = ()) -> list[str]:
        return texts(filtered(chats, replace(ASKED, chats=names, without_chats=without)).exports)

    assert left() == ["Climbing", "Climbing 2", "Work"]
    assert left("climbing*") == ["Climbing", "Climbing 2"]
    assert left("whatsapp/Work", "climbing") == ["Climbing", "Work"]
    assert left("climbing*", without=("* 2",)) == ["Climbing"]


def test_a_time_range_holds_its_first_and_its_last_day() -> None:
    day = 24 * 60
    export = chat_of(
        [Said("Mia", "1st"), Said("Mia", "2nd", day), Said("Mia", "3rd", day), Said("Mia", "4th", day)]
    )
    left = filtered([export], replace(ASKED, since=date(2024, 5, 2), until=date(2024, 5, 3)))
    assert texts(left.exports) == ["2nd", "3rd"]
    assert left.cuts == (Cut(export.chat.key, Taken.TIME, 2),)


def test_forwards_are_taken_beyond_the_cap_of_a_chat() -> None:
    lines = [
        Said("Mia", "chain letter", forwarded=True),
        Said("Mia", "lol"),
        Said("Leo", "news", forwarded=True),
    ]
    assert texts(filtered([chat_of(lines)], ASKED).exports) == ["lol"]
    left = filtered([chat_of(lines)], replace(ASKED, most_forwards=1))
    assert texts(left.exports) == ["chain letter", "lol"]
    assert left.taken == {Taken.FORWARD: 1}


def test_groups_and_contacts_with_few_messages_are_left_out_by_what_the_other_filters_left() -> None:
    group = chat_of([Said("Mia", "a"), Said("Leo", "b"), Said("Leo", "c", forwarded=True)], "group")
    pair = chat_of([("Mia", "d"), ("Sam", "e")], "Mia", direct=True)
    settings = replace(ASKED, fewest_in_group=3, fewest_with_contact=2)
    left = filtered([group, pair], settings)
    assert texts(left.exports) == ["d", "e"]
    assert left.cuts == (Cut(group.chat.key, Taken.FORWARD, 1), Cut(group.chat.key, Taken.FEW, 2))


def test_a_pasted_block_stays_as_often_as_the_cap_says_and_the_earliest_stay() -> None:
    early = chat_of([Said("Mia", RECIPE, 1), Said("Leo", f"  {RECIPE.upper()} ", 1000)], "early")
    late = chat_of([Said("Mia", RECIPE, 500), Said("Mia", RECIPE, 501)], "late")
    left = filtered([late, early], replace(ASKED, repeats=RepeatSettings(most=2)))
    assert left.cuts == (Cut(late.chat.key, Taken.PASTED, 1), Cut(early.chat.key, Taken.PASTED, 1))
    assert [export.rows.get_column("line").to_list() for export in left.exports] == [[1], [1]]


def test_texts_that_are_nearly_the_same_share_one_cap() -> None:
    variants = [RECIPE.replace("three", word) for word in ("two", "four", "five", "six", "seven")]
    other = "Nobody has seen the cat since Tuesday, and the neighbours swear that they did not feed her this time."
    export = chat_of([("Mia", text) for text in (*variants, other)])
    left = filtered([export], ASKED)
    assert texts(left.exports) == [*variants[:3], other]
    assert left.taken == {Taken.NEAR_DUPLICATE: 2}
    exact = replace(ASKED, repeats=RepeatSettings(likeness=1))
    assert texts(filtered([export], exact).exports) == texts([export])


short = st.sampled_from(["ok", "lol", "OK", "haha", "on my way", "😀", "see you at the usual place then"])
long = st.sampled_from([RECIPE, RECIPE.replace("eggs", "egg"), RECIPE.upper(), RECIPE[::-1]])


@given(
    st.lists(st.tuples(st.sampled_from(["Mia", "Leo", "Sam"]), short | long), max_size=60), st.integers(1, 4)
)
def test_how_often_short_messages_are_said_is_never_changed(lines: list[tuple[str, str]], most: int) -> None:
    left = filtered([chat_of(lines)], replace(ASKED, repeats=RepeatSettings(most=most)))
    said, kept = Counter(text for _, text in lines), Counter(texts(left.exports))
    for text, count in said.items():
        if len(text) < RepeatSettings().shortest:
            assert kept[text] == count
        else:
            assert kept[text] <= most
    assert sum(kept.values()) + sum(left.taken.values()) == len(lines)


def test_what_was_taken_is_counted_by_chat() -> None:
    cuts = filtered(
        [chat_of([("Mia", "a")], "x"), chat_of([("Mia", "b")], "y")], replace(ASKED, chats=("z",))
    ).cuts
    assert cuts == tuple(Cut(ChatKey("whatsapp", title), Taken.CHAT, 1) for title in ("x", "y"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: FilterSettings(most_forwards=-1),
        lambda: FilterSettings(since=date(2024, 5, 2), until=date(2024, 5, 1)),
        lambda: RepeatSettings(shortest=2),
        lambda: RepeatSettings(most=0),
        lambda: RepeatSettings(likeness=1.1),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match=r"\w"):
        wrong()
