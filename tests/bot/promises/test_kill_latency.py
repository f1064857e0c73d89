"""Promise 1 by the messenger's own record: after a kill's write, what arrives was in flight and is reported."""

from __future__ import annotations

from pathlib import Path

from benchmarks.kill_latency import measure


async def test_after_a_kills_write_nothing_reaches_the_messenger_but_what_the_kill_reported(
    state_dir: Path,
) -> None:
    stops = await measure(state_dir, runs=2, generations=16, workers=2, token_seconds=0.02, bursting=8)
    for stop in stops:
        assert stop.generations == 16, "every one of them was cancelled at the model server"
        assert stop.late <= stop.in_flight
    assert any(stop.cut_short for stop in stops), "the test means to catch bursts on their way"
