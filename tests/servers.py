"""Embedded servers that outlive whoever was killed as their last user, as they must, and that a test must not leave."""

from __future__ import annotations

import fcntl
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

_PATIENCE: Final = 5.0


def end_servers(folder: Path) -> None:
    """End every embedded server whose data lies below a folder; returns when none runs any more."""
    for lock in folder.rglob("server.lock"):
        with lock.open() as held:
            while not _free(held.fileno()):
                # One that is only just starting does not listen yet.
                with suppress(RedisError), _client(lock.parent) as client:
                    client.shutdown(nosave=True)
                time.sleep(0.02)


def _client(folder: Path) -> Redis:
    return Redis(unix_socket_path=str(folder / "redis.sock"), socket_timeout=_PATIENCE)


def _free(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
