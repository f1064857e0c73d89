"""How SentencePiece cuts: read from tokenizer.json, and refused where llama.cpp would join otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from training.errors import NotConverted
from training.sentencepiece import SPACE, Space, scores_of, space_of

REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
PREPEND = {"type": "Prepend", "prepend": SPACE}


def metaspace(scheme: str, *, split: bool = False) -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": scheme, "split": split}


@pytest.mark.parametrize(
    ("normalizer", "cutter", "space"),
    [
        ({"type": "Sequence", "normalizers": [PREPEND, REPLACE]}, None, Space.EVEN_TWICE),
        ({"type": "Sequence", "normalizers": [REPLACE, PREPEND]}, None, None),
        (REPLACE, None, Space.NOWHERE),
        (None, metaspace("first"), Space.FIRST),
        (None, metaspace("always"), Space.ALWAYS),
        (None, {"type": "Sequence", "pretokenizers": [metaspace("never")]}, Space.NOWHERE),
        (None, metaspace("first", split=True), None),
        ({"type": "NFKC"}, metaspace("first"), None),
        (None, {"type": "ByteLevel"}, None),
        (None, None, None),
    ],
)
def test_where_spaces_are_put_is_read_from_the_tokenizer(
    normalizer: object, cutter: object, space: Space | None
) -> None:
    assert space_of({"normalizer": normalizer, "pre_tokenizer": cutter}) is space


def test_a_text_is_settled_where_a_space_would_be_put_once() -> None:
    marks = ("<s>", "</s>")
    lines = ("hey", " hey", "<s> hey</s>  you", "")
    found = {space: tuple(space.settled(line, marks) for line in lines) for space in Space}
    assert found[Space.FIRST] == (" hey", " hey", "<s> hey</s>  you", "")
    assert found[Space.ALWAYS] == ("hey", "hey", "<s>hey</s>you", "")
    assert found[Space.NOWHERE] == found[Space.EVEN_TWICE] == lines
    assert Space.FIRST.settled("hey", ()) == " hey"


def model(pairs: list[list[str]], *tokens: str, **options: object) -> dict[str, Any]:
    order = ["<s>", *(f"<0x{byte:02X}>" for byte in range(256)), *tokens]
    return {"vocab": {token: number for number, token in enumerate(order)}, "merges": pairs, **options}


def test_a_token_is_scored_by_its_place_in_the_order() -> None:
    found = scores_of(
        model([["a", "b"], ["ab", "c"], ["a", "bc"], ["b", "c"]], *"abc", "ab", "bc", "abc"), ["<s>"]
    )
    assert found["ab"] > found["abc"] > found["bc"]


@pytest.mark.parametrize(
    "other",
    [
        # A pair is left out, which llama.cpp would join.
        model([["a", "b"], ["ab", "c"], ["b", "c"]], *"abc", "ab", "bc", "abc"),
        # A letter that has no token: bytes here, a letter to llama.cpp.
        model([], "a", "ab"),
        # Another token stands between the two ways to make one.
        model([["a", "b"], ["ab", "c"], ["b", "c"], ["a", "bc"]], *"abc", "ab", "bc", "abc"),
        model([["<0x41>", "a"]], "a", "<0x41>a"),
        model([], ignore_merges=True),
        {**model([]), "vocab": {"a": 0}},
    ],
)
def test_an_order_that_scores_cannot_say_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises(NotConverted):
        scores_of(other, ["<s>"])
