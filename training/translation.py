"""The edge: what libraries raise where memory or disk end becomes ours here, and nowhere else in training."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from training.errors import DiskFull, OutOfMemory, TrainingError

_FULL_DISK: Final = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
# Libraries written in Rust raise a bare Exception for it; torch's writer says at which byte of its file it is.
_DISK_WORDS: Final = (
    "no space left",
    "file too large",
    "quota exceeded",
    "pytorchstreamwriter failed",
    "unexpected pos",
    "iostream error",
)
_MEMORY_WORDS: Final = ("out of memory", "can't allocate memory", "not enough memory")


@contextmanager
def told() -> Iterator[None]:
    """Say in one line what ended a training; what libraries raise for it has many names."""
    kept = "the last whole checkpoint is kept, and the same command goes on from there"
    try:
        yield
    except TrainingError:
        raise
    except Exception as error:
        said = str(error).casefold()
        memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if memory or any(words in said for words in _MEMORY_WORDS):
            raise OutOfMemory(_memory_line(kept)) from None
        disk = isinstance(error, OSError) and error.errno in _FULL_DISK
        if disk or any(words in said for words in _DISK_WORDS):
            raise DiskFull(f"the disk is full: make room; {kept}") from None
        raise


def _memory_line(kept: str) -> str:
    return (
        "the memory does not suffice: take a smaller batch (and accumulate), a shorter max_length, method=qlora or "
        f"gradient_checkpointing=true; {kept}"
    )
