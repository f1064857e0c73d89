"""No test fails for where it runs: in a background job that does not hear Ctrl-C, or on a machine that is busy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hypothesis

HEARS = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


def test_what_a_test_starts_hears_ctrl_c() -> None:
    child = subprocess.run([sys.executable, "-c", HEARS], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "True"


def test_it_does_so_where_whoever_started_the_tests_does_not() -> None:
    this = f"{__file__}::{test_what_a_test_starts_hears_ctrl_c.__name__}"
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", this]
    # What a shell without job control does to whatever it runs in the background.
    background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *asked]
    ended = subprocess.run(
        background, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout


def test_no_example_fails_for_having_taken_long() -> None:
    assert hypothesis.settings().deadline is None
    assert hypothesis.HealthCheck.too_slow in hypothesis.settings().suppress_health_check
