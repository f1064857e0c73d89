"""A run of a machine: one stage for all its examples, and as many rounds as it takes to have taken enough steps."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from bot.inbox import InboxSettings
from bot.outbox import OutboxSettings
from bot.settings import RuleSettings, Settings
from bot.store.server import EmbeddedServer
from bot.worker import WorkerSettings
from inference.persona import Persona, TypingProfile, load_persona
from safety.rules.owner_present import OwnerPresentSettings
from safety.rules.rate_limit import RateLimitSettings
from tests.bot.promises.machine.machine import PromiseMachine
from tests.bot.promises.machine.play import (
    on_stage,
)
from tests.bot.promises.machine.stage import PARTITIONS, Stage, StillLoop
from tests.fakes.persona import write_persona


@contextmanager
def open_stage(folder: Path) -> Iterator[tuple[Stage, Settings, Persona]]:
    """One real Redis and one still loop, for all examples of a run."""
    with asyncio.Runner() as outside, asyncio.Runner(loop_factory=StillLoop) as inside:
        server = EmbeddedServer(folder / "redis")
        outside.run(server.__aenter__())
        redis: Any = Redis(unix_socket_path=str(server.socket), decode_responses=True)
        try:
            # These examples are not about power cuts; thousands of flushes to the disk would be most of the time.
            inside.run(redis.config_set("appendfsync", "no"))
            typing = TypingProfile(longest_seconds=1e-12)
            persona = inside.run(load_persona(write_persona(folder / "persona", typing)))
            service_settings = Settings(
                state_dir=folder / "state",
                persona=folder / "persona",
                partitions=PARTITIONS,
                turns=InboxSettings(pause_seconds=0.5, longest_pause_seconds=2.0),
                worker=WorkerSettings(most_attempts=4, most_messages=3),
                outbox=OutboxSettings(moved_past_messages=6, most_tries=3),
                rules=RuleSettings(
                    rate_limit=RateLimitSettings(
                        chat_answers=9999,
                        person_answers=9999,
                        account_answers=9999,
                        everywhere_answers=9999,
                    ),
                    owner_present=OwnerPresentSettings(minutes=0.2),
                ),
            )
            loop: Any = inside.get_loop()
            stage = Stage(loop, redis)
            patch = on_stage(stage)
            try:
                yield stage, service_settings, persona
            finally:
                patch.undo()
        finally:
            inside.run(redis.aclose())
            outside.run(server.__aexit__(None, None, None))


STEPS: Final = 5_000
"""How many steps each of the four machines takes at least, so that together they take 20,000."""

_SAME_SEED: Final = 20_000


@dataclass(frozen=True, slots=True)
class Taken:
    """The steps of one run."""

    steps: int
    by_kind: Mapping[str, int]

    def enough(self) -> None:
        """Raise AssertionError if it was too few, or nothing got as far as the messenger."""
        assert self.steps >= STEPS, self
        assert self.by_kind["sent"] >= 30, self


def run(machine: type[PromiseMachine], examples: int = 42, rules: int = 50, most_rounds: int = 3) -> Taken:
    """Run a machine in rounds until it took `STEPS` steps; prints each round's seed, gives the steps taken.

    `PROMISE_SEED` takes an earlier run's seed again, `PROMISE_EXAMPLES` sets another number of examples, and with
    `PROMISE_SHRINK=0` a failure is shown as it was found. Where Hypothesis takes the same examples each time, as on CI,
    so does this: what is new there is what has changed in the code.
    """
    drawn = _SAME_SEED if settings().derandomize else secrets.randbits(32)
    chosen = int(os.environ.get("PROMISE_SEED") or drawn)
    examples = int(os.environ.get("PROMISE_EXAMPLES") or examples)
    logs = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = Path(tempfile.mkdtemp(prefix="u-", dir="/tmp"))
    try:
        with open_stage(folder) as (stage, service_settings, persona):
            facts: dict[str, Any] = {
                "stage": stage,
                "service_settings": service_settings,
                "persona": persona,
                "steps": Counter(),
            }
            ready = type(machine.__name__, (machine,), facts)
            profile = settings(
                max_examples=examples,
                stateful_step_count=rules,
                deadline=None,
                database=None,
                print_blob=True,
                phases=(Phase.generate,)
                if os.environ.get("PROMISE_SHRINK") == "0"
                else (Phase.generate, Phase.shrink),
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )
            taken: Counter[str] = ready.steps  # type: ignore[attr-defined]
            for further in range(most_rounds):
                # How far an example gets is chance: a round that stayed short is followed by another one.
                round_seed = (chosen + further) % 2**32
                print(f"{machine.__name__}: PROMISE_SEED={round_seed}", flush=True)  # noqa: T201 - to have it again
                run_state_machine_as_test(seed(round_seed)(ready), settings=profile)
                if taken["steps"] >= STEPS:
                    break
    finally:
        structlog.configure(**logs)
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{machine.__name__}: {dict(taken)}", flush=True)  # noqa: T201 - a failure can be had again
    return Taken(taken["steps"], taken)
