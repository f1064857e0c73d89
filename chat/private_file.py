"""Files that quote somebody's chats, or tell of them: the owner's alone, and whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Put a file in its place in one step, readable by its owner alone. Raises OSError.

    With `durable` it is on the disk when this returns, whatever happens to the machine.
    """
    # By process: two that write the same file at a time must not take each other's halves for their own.
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        # What is left of it would keep a full disk full, and texts where nobody looks for them.
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
