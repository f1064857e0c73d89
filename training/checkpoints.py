"""What a training leaves behind to go on from: whole checkpoints, in a folder of exactly this training."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.errors import WorkTaken

ASKED: Final = "asked.json"
SEAL: Final = "whole.json"
_LOCK: Final = "lock"
_NAME: Final = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True, slots=True)
class Work:
    """The folder in which one training keeps its checkpoints until it is done.

    A checkpoint counts once it is sealed: its files are on the disk, and the seal, written last, has their
    sizes. One that was cut off by a power failure has none, or another size, and is passed over.
    """

    path: Path

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Have the folder to oneself, for as long as this lasts or the process lives.

        Raises WorkTaken where another process has it, or where it is no training's.
        """
        if (
            self.path.is_dir()
            and not {ASKED, _LOCK} & (names := {path.name for path in self.path.iterdir()})
            and names
        ):
            raise WorkTaken(f"{self.path} holds something else: give another folder with --work")
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / _LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkTaken(
                    f"another process is training in {self.path}: wait for it, or give another folder with --work"
                ) from None
            yield

    def claim(self, asked: Mapping[str, Any]) -> None:
        """Take the folder, in hand, for the training that is asked for. Raises WorkTaken when it holds another's."""
        file = self.path / ASKED
        if file.is_file():
            try:
                before = json.loads(file.read_bytes())
            except ValueError:
                before = {}
            if others := sorted(_differences(before, _plain(asked))):
                raise WorkTaken(
                    f"{self.path} holds an unfinished training with another {' and '.join(others)}: ask for the same "
                    "again to go on with it, or begin anew with --fresh"
                )
            return
        write_whole(file, json.dumps(asked, indent=1))

    def last(self) -> Path | None:
        """The newest checkpoint that is whole, or None."""
        found = [
            (int(name[1]), folder)
            for folder in self.path.glob("checkpoint-*")
            if (name := _NAME.fullmatch(folder.name)) and is_whole(folder)
        ]
        return max(found)[1] if found else None

    def clear(self) -> None:
        """Remove it with all that is in it, where it is a training's."""
        if (self.path / ASKED).is_file():
            shutil.rmtree(self.path)


def seal(folder: Path) -> None:
    """Say that a folder is whole, once everything in it is on the disk."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SEAL:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    write_whole(folder / SEAL, json.dumps(sizes, indent=1))


def is_whole(folder: Path) -> bool:
    """Whether a folder was sealed, and is as it was then."""
    try:
        sizes = json.loads((folder / SEAL).read_bytes())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def write_whole(path: Path, text: str) -> None:
    """Write a file such that it is there as a whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it was; of settings each by itself, with what it was."""
    for key in {*before, *now}:
        was, is_now = before.get(key), now.get(key)
        if was == is_now:
            continue
        if not isinstance(was, dict) or not isinstance(is_now, dict):
            yield key
            continue
        for name in {*was, *is_now}:
            if was.get(name) != is_now.get(name):
                yield f"{name} ({json.dumps(was.get(name))})"


def _plain(asked: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: lists for tuples."""
    return dict(json.loads(json.dumps(asked)))
