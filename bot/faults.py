"""Named points in the way of a message where a test can make the worst happen.

The service reaches each point by name; nothing happens there unless a test hands in faults, or the
environment names some (`UNDERSTUDY_FAULTS="worker.drafted=kill:2"`: SIGKILL when it is reached the second time).
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final, Protocol

POINTS: Final = (
    "inbox.received",
    "inbox.accepted",
    "worker.claimed",
    "worker.gated",
    "worker.drafted",
    "worker.settled",
    "rewriter.claimed",
    "rewriter.written",
    "sender.claimed",
    "sender.fenced",
    "sender.handed_over",
    "sender.recorded",
)


class Faults(Protocol):
    """What a test may do at a point."""

    async def reach(self, point: str) -> None:
        """Called at each point; may raise, wait, or end the process."""


class NoFaults:
    """Nothing happens."""

    async def reach(self, point: str) -> None:
        """Do nothing."""


class FatalFaults:
    """End this process with SIGKILL when a point is reached for the n-th time, as a power cut would."""

    def __init__(self, plan: str) -> None:
        """Read `point=kill:n,point=kill`. Raises ValueError for an unknown point or action."""
        self._left: dict[str, int] = {}
        self._reached: Counter[str] = Counter()
        for item in filter(None, (part.strip() for part in plan.split(","))):
            point, _, action = item.partition("=")
            verb, _, count = action.partition(":")
            if point not in POINTS or verb != "kill":
                raise ValueError(f"no such fault: {item}")
            self._left[point] = int(count or 1)

    async def reach(self, point: str) -> None:
        """Count the visit, and end the process when it is the planned one."""
        self._reached[point] += 1
        if self._left.get(point) == self._reached[point]:
            os.kill(os.getpid(), signal.SIGKILL)
