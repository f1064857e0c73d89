"""One training has its folder to itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from training.checkpoints import Work
from training.errors import WorkTaken

HOLDER = """
import sys, time
from pathlib import Path
from training.checkpoints import Work

with Work(Path(sys.argv[1])).in_hand():
    print("held", flush=True)
    time.sleep(600)
"""


def test_two_processes_do_not_train_in_one_folder_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(work.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as told:
        assert told.readline() == "held\n"
        with pytest.raises(WorkTaken, match="another process is training"), work.in_hand():
            pytest.fail("two have it")
        process.kill()
        process.wait()
    with work.in_hand():
        work.claim({"base": "a"})
    assert work.last() is None


def test_what_differs_is_named_with_what_it_was(tmp_path: Path) -> None:
    work = Work(tmp_path / "work")
    with work.in_hand():
        work.claim({"base": "a", "settings": {"rank": 4, "targets": ["q"], "seed": 1}})
        with pytest.raises(WorkTaken) as refused:
            work.claim({"base": "b", "settings": {"rank": 8, "targets": ["k"], "seed": 1}})
    assert 'another base and rank (4) and targets (["q"]): ' in str(refused.value)
