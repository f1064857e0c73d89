"""What was generated so far, in a file: an evaluation that was killed goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from chat.private_file import write_private
from training.evaluation.speaker import Answer

GENERATIONS: Final = "generations.jsonl"


class Generations:
    """Answers by speaker and portion, one portion a line, after a first line that says what they are answers to.

    The file is the owner's alone: it has what was generated from their chats. One of another evaluation is begun anew.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self._path = path
        self._portions: dict[tuple[str, int], tuple[Answer | None, ...]] = {}
        head = json.dumps({"asked": asked}, sort_keys=True) + "\n"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        # What a kill cut off in the middle has no end of line.
        whole = [line for line in lines if line.endswith("\n")]
        if whole[:1] != [head]:
            whole = [head]
        for line in whole[1:]:
            portion = json.loads(line)
            answers = tuple(answer and Answer(**answer) for answer in portion["answers"])
            self._portions[portion["who"], portion["number"]] = answers
        write_private(path, "".join(whole).encode())

    def of(self, who: str, number: int) -> tuple[Answer | None, ...] | None:
        """A portion that is there already."""
        return self._portions.get((who, number))

    def keep(self, who: str, number: int, answers: Sequence[Answer | None]) -> None:
        """Add a portion."""
        told = [answer and asdict(answer) for answer in answers]
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"who": who, "number": number, "answers": told}, ensure_ascii=True) + "\n")
