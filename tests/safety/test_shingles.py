from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.shingles import Shingles, shared_run, words_of

SAID = "the quick brown fox jumps over the lazy dog and then it sleeps until noon"


def test_words_are_folded_and_signs_only_part_them() -> None:
    assert words_of("I’m Zoë!!\nＳｔｒａße-7, don't…") == ["im", "zoe", "strasse", "7", "dont"]


def test_a_run_is_found_however_it_is_typed_and_wherever_it_stands() -> None:
    known = Shingles.of([SAID], words=5)
    assert len(known) == 11
    assert known.shared_with("well: QUICK brown\nfox — jumps, över") == 1
    assert known.shared_with("quick brown fox jumps high over the lazy") == 0
    assert known.shared_with(SAID) == 11


def test_what_is_said_often_is_no_secret() -> None:
    assert len(Shingles.of(["see you all at the lake", SAID] * 3, words=5, common=3)) == 0
    assert len(Shingles.of(["see you all at the lake"] * 2, words=5, common=3)) == 2
    # Often within one text is not often.
    assert len(Shingles.of(["na na na na na na na na"], words=3, common=3)) == 1


def test_a_file_says_the_same(tmp_path: Path) -> None:
    written = Shingles.of([SAID])
    written.write(tmp_path / "s")
    read = Shingles.read(tmp_path / "s")
    assert (read.words, read.hashes) == (12, written.hashes)
    assert read.shared_with(SAID) == len(read) == 4
    assert b"fox" not in (tmp_path / "s").read_bytes()


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-1], lambda b: b"x" + b, lambda b: b[:10], lambda b: b + b"0" * 8, lambda b: b""],
)
def test_a_damaged_file_is_refused(damage: object, tmp_path: Path) -> None:
    Shingles.of([SAID]).write(tmp_path / "s")
    assert callable(damage)
    (tmp_path / "s").write_bytes(damage((tmp_path / "s").read_bytes()))
    with pytest.raises(ValueError, match="package the persona again"):
        Shingles.read(tmp_path / "s")


@pytest.mark.parametrize("numbers", [{"words": 0}, {"common": 0}])
def test_runs_of_nothing_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Shingles.of([SAID], **numbers)


@given(st.text(), st.lists(st.text(), max_size=4), st.integers(1, 5))
def test_a_text_is_found_in_itself_and_nothing_fails(text: str, others: list[str], words: int) -> None:
    runs = max(0, len(words_of(text)) - words + 1)
    assert Shingles.of([text, *others], words, common=9).shared_with(text) == runs
    assert shared_run(text, text, words) == (runs > 0)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["a", "a ", " ", "'", "1 ", "ß", "\u0301"])
def test_a_long_text_is_read_in_a_moment(piece: str) -> None:
    Shingles.of([SAID]).shared_with(piece * 50_000)
    shared_run(piece * 50_000, piece * 50_000, 8)
