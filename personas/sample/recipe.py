"""Make the sample persona anew from nothing: `make sample-persona`.

Corpus, tokenizer, base, Sam's export, adapter, GGUF, canary, `persona.toml`: each step is a command that can be run by
itself, printed before it runs. All seeds are fixed; the base depends on how far its minutes get on a machine.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Found by reading; with more epochs Sam knows his lines by heart and the held-out loss rises again.
ADAPTER = {
    "per": "conversation",
    "epochs": "2",
    "learning-rate": "5e-4",
    "batch": "8",
    "rank": "16",
    "temperature": "0.4",
    "top-p": "0.9",
    "max-tokens": "48",
    "numbers": "f16",
}
ROOT = Path(__file__).parent.parent.parent
SAMPLE = "personas/sample"
KEPT_BACK_SINCE = "2024-05-07"
"""From that day on Sam's chat has only lines that are kept back from training; `export.py` says so."""


def steps(work: Path, minutes: float) -> Sequence[Sequence[str]]:
    """Give the commands in order; they run in the repository's root."""
    corpus = str(work / "corpus.jsonl")
    return (
        ("personas.sample.corpus", "--out", corpus),
        ("personas.sample.tokenizer", "--corpus", corpus, "--out", f"{SAMPLE}/base"),
        (
            "personas.sample.pretraining",
            "--corpus",
            corpus,
            "--base",
            f"{SAMPLE}/base",
            "--minutes",
            f"{minutes:g}",
        ),
        ("personas.sample.export", "--out", f"{SAMPLE}/sam_export.txt"),
        (
            *(
                "training",
                "persona",
                "--export",
                f"{SAMPLE}/sam_export.txt",
                "--owner",
                "Sam",
                "--name",
                "sam",
            ),
            *("--base", f"{SAMPLE}/base", "--out", SAMPLE, "--held-out-since", KEPT_BACK_SINCE),
            *(word for option, value in ADAPTER.items() for word in (f"--{option}", value)),
        ),
    )


def main() -> None:
    """Run all steps; the first that fails ends it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=80, help="how long the base is trained")
    parser.add_argument("--from-step", type=int, default=1, help="begin with this step")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        for number, (module, *arguments) in enumerate(steps(Path(work), options.minutes), start=1):
            if number >= options.from_step:
                print(f"{number}. python -m {module} {shlex.join(arguments)}", flush=True)
                subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
