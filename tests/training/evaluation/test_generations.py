"""The file of what was generated: a killed evaluation loses one portion at the most, and nobody else reads it."""

from __future__ import annotations

import stat
from pathlib import Path

from training.evaluation.generations import Generations
from training.evaluation.speaker import Answer

ASKED = {"persona": "abc", "seed": 0}
PORTION = (Answer("hey\nyou \u2028 there", 4, "stop"), None, Answer("", 1, "length"))


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "generations.jsonl"
    Generations(path, ASKED).keep("persona", 3, PORTION)
    again = Generations(path, ASKED)
    assert again.of("persona", 3) == PORTION
    assert again.of("persona", 2) is None
    assert again.of("base", 3) is None


def test_a_line_that_a_kill_cut_off_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "generations.jsonl"
    kept = Generations(path, ASKED)
    kept.keep("persona", 0, PORTION)
    kept.keep("persona", 1, PORTION)
    whole = path.read_bytes()
    for end in range(len(whole) - 1, len(whole) - 40, -1):
        path.write_bytes(whole[:end])
        again = Generations(path, ASKED)
        assert again.of("persona", 0) == PORTION
        assert again.of("persona", 1) is None
        again.keep("persona", 1, PORTION)
        assert path.read_bytes() == whole


def test_answers_of_another_evaluation_are_not_taken_for_these(tmp_path: Path) -> None:
    path = tmp_path / "generations.jsonl"
    Generations(path, ASKED).keep("persona", 0, PORTION)
    other = Generations(path, {**ASKED, "seed": 1})
    assert other.of("persona", 0) is None
    assert "hey" not in path.read_text()


def test_it_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "generations.jsonl"
    path.touch(mode=0o644)
    Generations(path, ASKED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
