"""What the README's figures come from, and what made Sam, still runs: each script once, on as little as it takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.conftest import needs_torch

ROOT = Path(__file__).parents[2]
SAMPLE = "personas/sample"


def run(module: str, *arguments: str | Path, codes: tuple[int, ...] = (0,)) -> str:
    """Run a script as its reader would, and give what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert ended.returncode in codes, ended.stderr[-2000:]
    assert "Traceback" not in ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    ("module", "arguments", "says"),
    [
        ("discord_gateway", "--messages 40 --channels 3 --runs 1", "median ratio"),
        ("way_of_a_message", "--rooms 2 --messages 2 --runs 1", "median ratio"),
        ("moderation", "--drafts 5 --runs 1", "harmful and noticed"),
        ("kill_latency", "--runs 2 --generations 8 --workers 2", "flight"),
        ("storm", "--seconds 2 --chats 5 --workers 2 --messages 20", "lost"),
    ],
)
def test_a_benchmark_runs(module: str, arguments: str, says: str) -> None:
    assert says in run(f"benchmarks.{module}", *arguments.split())


@pytest.mark.parametrize(
    ("module", "arguments", "says"),
    [
        ("exports", "--lines 2000 --rounds 1", "iPhone, 12 h"),
        ("dataset", "--messages 2000 --chats 3", "pseudonyms"),
    ],
)
def test_a_benchmark_that_keeps_a_promise_runs(module: str, arguments: str, says: str) -> None:
    # At this size starting is all that takes time, so that it may say that it took too long.
    assert says in run(f"benchmarks.{module}", *arguments.split(), codes=(0, 1))


def test_sams_chat_is_written_as_it_stands_in_the_repository(tmp_path: Path) -> None:
    run("personas.sample.export", "--out", tmp_path / "export.txt")
    assert (tmp_path / "export.txt").read_bytes() == (ROOT / SAMPLE / "sam_export.txt").read_bytes()


def test_sam_replies_to_strangers() -> None:
    lines = (ROOT / SAMPLE / "strangers.txt").read_text(encoding="utf-8").splitlines()
    said = run("personas.sample.replies")
    assert len([line for line in said.splitlines() if line.startswith("| ")]) >= len(
        list(filter(None, lines))
    )


@pytest.mark.train
def test_a_base_is_made_from_nothing(tmp_path: Path) -> None:
    needs_torch()
    corpus, base = tmp_path / "corpus.jsonl", tmp_path / "base"
    run("personas.sample.corpus", "--out", corpus, "--conversations", "3000")
    run("personas.sample.tokenizer", "--corpus", corpus, "--out", base, "--conversations", "3000")
    small = ("--tokens", "2000", "--rows", "2", "--threads", "1")
    run("personas.sample.pretraining", "--corpus", corpus, "--base", base, *small)
    assert (base / "model.safetensors").is_file()


@pytest.mark.train
def test_sam_is_measured() -> None:
    needs_torch()
    arguments = ("--base", f"{SAMPLE}/base", "--adapter", f"{SAMPLE}/adapter", "--count", "5")
    assert "{" in run("personas.sample.evaluation", *arguments)
