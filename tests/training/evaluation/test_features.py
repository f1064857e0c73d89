"""What is read off a text."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.features import Feature, Vocabulary, tallies
from training.evaluation.laughter import laughs

NONE = Vocabulary(frozenset(), frozenset())


@pytest.mark.parametrize(
    ("text", "feature", "tally"),
    [
        ("ok\nsee you\n\nthen", Feature.BUBBLES, {"3": 1}),
        ("", Feature.BUBBLES, {"0": 1}),
        ("ok\nsee you", Feature.WORDS, {"1": 1, "2": 1}),
        ("🎉", Feature.WORDS, {"0": 1}),
        ("a\nab\nabc\nabcd", Feature.CHARACTERS, {"1": 1, "3": 1, "4": 1, "5": 1}),
        ("hi there", Feature.CASE, {"lower": 1}),
        ("Hi there", Feature.CASE, {"sentence": 1}),
        ("HI THERE", Feature.CASE, {"shouting": 1}),
        ("I", Feature.CASE, {"sentence": 1}),
        ("The Three Friends", Feature.CASE, {"title": 1}),
        ("did Leo go", Feature.CASE, {"within": 1}),
        ("你好\n7?", Feature.CASE, {"none": 2}),
        ("well, ok... no?! don't", Feature.PUNCTUATION, {"": 4, ",": 1, "…": 1, "?!": 1}),
        ("what??\nyes…\nno!!!", Feature.PUNCTUATION, {"": 3, "??": 1, "…": 1, "!!": 1}),
        ("ok\nok.\nok 😂\nok?!\nok :)", Feature.ENDINGS, {"nothing": 1, ".": 1, "emoji": 1, "?!": 1, ")": 1}),
        ("ok\nyes 😂😂\n👍🏽", Feature.EMOJI, {"": 1, "😂": 2, "👍🏽": 1}),
        ("lol\nhahaha no\nfine", Feature.LAUGHTER, {"lol": 1, "haha": 1, "": 1}),
        (
            "i dont\ni don’t\ni do not\nsooo u",
            Feature.SPELLING,
            {"": 5, "bare": 1, "apostrophe": 1, "full": 1, "stretched": 1, "short": 1},
        ),
        ("Das weiß ich leider noch nicht genau", Feature.LANGUAGE, {"de": 1}),
        ("ok lol no sofa pizza ok", Feature.LANGUAGE, {"": 1}),
    ],
)
def test_each_feature_is_counted_as_it_says(text: str, feature: Feature, tally: Mapping[str, int]) -> None:
    assert tallies(text, NONE)[feature] == tally


@pytest.mark.parametrize("text", ["", "ok", "🎉🎉", "yes, why not?"])
def test_no_language_is_told_from_little(text: str) -> None:
    assert Feature.LANGUAGE not in tallies(text, NONE)


def test_words_and_letters_are_those_of_the_vocabulary() -> None:
    known = Vocabulary(frozenset({"curry", "don't"}), frozenset({" cu", "rry"}))
    found = tallies("Curry? DON’T\ncurry", known)
    assert found[Feature.VOCABULARY] == {"curry": 2, "don't": 1}
    assert found[Feature.LETTERS] == {" cu": 2, "rry": 2, "": 14}


def test_everybody_counts_alike_for_the_vocabulary() -> None:
    known = Vocabulary.of(["one " * 1000, "two " * 900], ["three"], words=2)
    assert known.words == {"three", "one"}
    assert Vocabulary.of(["b a"], words=1).words == {"a"}


@given(st.lists(st.text(max_size=40), max_size=4), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_text_is_counted_and_order_of_lines_does_not_matter(lines: list[str], draw: object) -> None:
    counted = tallies("\n".join(lines), NONE)
    again = tallies("\n".join(reversed(lines)), NONE)
    for feature in set(counted) - {Feature.LETTERS, Feature.LANGUAGE}:
        assert counted[feature] == again[feature]


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("haha", ["haha"]),
        ("AHAHAHA ok", ["haha"]),
        ("mwahaha!", ["haha"]),
        ("hehe lol", ["hehe", "lol"]),
        ("LOOOL", ["lol"]),
        ("lmfaooo", ["lmao"]),
        ("jajaja jejeje", ["jaja", "jeje"]),
        ("kkkk rsrs", ["kkk", "rsrs"]),
        ("mdr ptdr", ["mdr", "mdr"]),
        ("すごいwww", ["www"]),
        ("面白い笑 (笑) 笑顔", ["www", "www"]),
        ("哈哈哈 233333", ["哈哈", "哈哈"]),
        ("ㅋㅋㅋ 네", ["ㅋㅋ"]),
        ("5555", ["555"]),
        ("ахахаха", ["хаха"]),
        ("ههههه", ["ههه"]),
        ("wkwkwk xD", ["wkwk", "xd"]),
        ("no ha aha lola hello chaha www.example.org www 15555 x", ["www"]),
    ],
)
def test_laughs_are_told_by_family(text: str, families: list[str]) -> None:
    assert list(laughs(text)) == families
