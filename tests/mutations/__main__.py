"""`make mutations`: break one guard after another in a copy of the tree, and see that a test fails each time.

With names as arguments only those are tried. Ends with 1 when a mutation survives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.mutations.mutation import ROOT, Mutation
from tests.mutations.table import MUTATIONS

_LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "gguf", "node_modules")
_LONGEST_SECONDS: Final = 900


def try_one(mutation: Mutation) -> str:
    """Apply a mutation to a copy and run its tests there; gives the test that failed, or '' when none did."""
    with tempfile.TemporaryDirectory(prefix="u-mutant-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
        mutation.apply_in(copy)
        environment = os.environ | {"PYTHONPATH": str(copy), "PROMISE_SHRINK": "0"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            *mutation.tests,
        ]
        found = subprocess.run(
            command,
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    failed = re.search(r"^FAILED (\S+)", found.stdout, re.MULTILINE)
    if found.returncode == 1 and failed:
        return failed[1]
    if found.returncode != 0:
        raise RuntimeError(
            f"{mutation.name}: the tests could not be run\n{found.stdout[-2000:]}{found.stderr[-2000:]}"
        )
    return ""


def main() -> int:
    """Try all, or those that are named."""
    wanted = [mutation for mutation in MUTATIONS if not sys.argv[1:] or mutation.name in sys.argv[1:]]
    survived = 0
    with ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        started = time.monotonic()
        for mutation, killer in zip(wanted, pool.map(try_one, wanted), strict=True):
            survived += not killer
            print(f"{mutation.name:<44} {'killed by ' + killer if killer else 'SURVIVED'}", flush=True)
    print(f"{len(wanted) - survived} of {len(wanted)} killed in {time.monotonic() - started:.0f} s")
    return 1 if survived or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
