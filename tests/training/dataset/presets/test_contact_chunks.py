"""The preset `contact-chunks`: 200 tokens with one contact, either of them learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.dataset.exports import Said, chat_of
from tests.training.dataset.rows import learned, pair, rows_of
from training.dataset.presets.contact_chunks import ContactChunks
from training.dataset.token_count import by_length
from training.errors import RecipeInvalid

HEAD = (
    "<<SYS>>Write a realistic text message chat. Avoid repetition.<</SYS>>\n"
    "[INST]Write a chat between Sam and Leo[/INST]\n\n"
)


def test_the_example_of_the_write_up() -> None:
    export = chat_of(
        [("Leo", "will call you"), ("Leo", "about the paint"), ("Sam", "on a call, in an hour")], direct=True
    )
    rows = rows_of(ContactChunks(), export)
    assert [row.body.parts[0] for row in rows] == [
        f"{HEAD}### Leo: will call you\n### Leo: about the paint\n### Sam: on a call, in an hour"
    ]
    # Anybody's words are learned here, and here alone.
    assert learned(rows) == ["will call you", "about the paint", "on a call, in an hour"]
    assert [span.author for span in rows[0].learned] == ["Leo", "Leo", "Sam"]
    assert learned(rows_of(ContactChunks(learn="owner"), export)) == ["on a call, in an hour"]


def test_as_many_messages_as_fit_and_no_pause_ends_a_chunk() -> None:
    export = chat_of(
        [Said(("Sam", "Leo")[n % 2], f"message number {n}", 999) for n in range(60)], direct=True
    )
    rows = rows_of(ContactChunks(max_tokens=100), export)
    sizes = [by_length(row.body.parts[0]) for row in rows]
    assert all(size <= 100 for size in sizes)
    # One more would not have fitted.
    assert all(size + by_length("### Leo: message number 10\n") > 100 for size in sizes[:-1])
    assert len(learned(rows)) == 60


def test_a_message_too_long_for_any_chunk_is_left_out() -> None:
    export = chat_of([("Sam", "hi"), ("Leo", "x" * 900), ("Sam", "ok")], direct=True)
    assert learned(rows_of(ContactChunks(), export)) == ["hi", "ok"]


def test_groups_and_contacts_of_few_words_are_left_out() -> None:
    group, friend = (
        chat_of([("Leo", "a"), ("Mia", "b"), ("Sam", "c")]),
        chat_of([("Leo", "d"), ("Sam", "e")], "Leo", direct=True),
    )
    assert learned(rows_of(ContactChunks(), group, friend)) == ["d", "e"]
    assert learned(rows_of(ContactChunks(groups=True), group, friend)) == ["a", "b", "c", "d", "e"]
    assert rows_of(ContactChunks(min_messages=3), group, friend) == []


def test_the_head_may_be_a_prompt_that_is_not_learned() -> None:
    (row,) = rows_of(ContactChunks(mask_prompt=True), chat_of([("Leo", "d"), ("Sam", "e")], direct=True))
    assert pair(row) == (HEAD, "### Leo: d\n### Sam: e")
    assert learned([row]) == ["d", "e"]


@pytest.mark.train
def test_tokens_are_counted_by_a_tokenizer_when_there_is_one(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.save(str(tmp_path / "tokenizer.json"))
    recipe = ContactChunks(max_tokens=24, tokenizer=tmp_path / "tokenizer.json")
    # The head has 14 words, and "### Leo: message" three.
    export = chat_of([("Leo", "message")] * 7 + [("Sam", "ok")], direct=True)
    assert [len(row.sources) for row in rows_of(recipe, export)] == [3, 3, 2]
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RecipeInvalid, match=r"tokenizer\.json"):
        rows_of(recipe, export)
