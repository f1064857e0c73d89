"""Training in 4 bits on a card: tokens a second and memory with packing off and on, and a run that is resumed.

    python -m benchmarks.train_gpu [--shape 1.1b 7b] [--steps 20] [--json figures.json] [--tiny]

The bases are shaped like TinyLlama-1.1B and a 7B, with random weights, which a step does not mind: they are written to
disk, read, quantised and trained on as real ones are, by the code that `understudy train` runs. The talk is drawn from
a seed. Each run is a process of its own, so that its peak is its own. `--tiny` runs the same on two layers of a CPU,
one after another in this process: that shows that it works, and neither speed nor memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from chat.exports.export import Clock, Export, RowsBuilder
from chat.message import Chat, ChatKey
from training.architecture import Architecture
from training.base import BaseFolder
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import read_recipe
from training.dataset.folder import open_dataset
from training.errors import Interrupted
from training.memory import GB, need
from training.preset import presets
from training.record import Progress, TrainingRecord
from training.settings import TrainSettings
from training.trainer import Training, train

TINY = Architecture(layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, intermediate=96, vocab=600)
SHARD = 4 * GB
Run = Callable[[Mapping[str, Any]], dict[str, Any]]
MARKS = ("<pad>", "<end>")


@dataclass(frozen=True, slots=True)
class Size:
    """A base's shape, and how it is trained: batch and length as one would on a card that holds it well."""

    name: str
    architecture: Architecture
    batch: int
    max_length: int
    messages: int


def sizes(names: list[str], *, tiny: bool) -> list[Size]:
    """What is measured."""
    if tiny:
        return [Size("tiny", TINY, 2, 512, 1_000)]
    shapes = {"1.1b": ("tinyllama-1.1b", 16), "7b": ("mistral-7b", 8)}
    return [
        Size(name, presets()[shapes[name][0]].architecture, shapes[name][1], 1024, 10_000) for name in names
    ]


def make_base(folder: Path, shape: Architecture) -> None:
    """Write a Llama of this shape with random weights, a shard at a time, and a tokenizer of bytes."""
    folder.mkdir(parents=True)
    letters = {letter: place for place, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=MARKS[0], eos_token=MARKS[1]
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.intermediate,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        pad_token_id=len(letters),
        eos_token_id=len(letters) + 1,
        bos_token_id=None,
        dtype="bfloat16",
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(folder)
    with torch.device("meta"):
        shapes = {name: tuple(weight.shape) for name, weight in LlamaForCausalLM(config).state_dict().items()}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(device).manual_seed(1)
    shard: dict[str, Any] = {}
    weight_map: dict[str, str] = {}

    def put_away() -> None:
        name = f"model-{len(set(weight_map.values())) + 1:05}.safetensors"
        save_file(shard, folder / name, metadata={"format": "pt"})
        weight_map.update(dict.fromkeys(shard, name))
        shard.clear()

    for name, dimensions in shapes.items():
        # Norms are ones, all else as a fresh Llama is drawn.
        weight = torch.ones(dimensions, dtype=torch.bfloat16)
        if len(dimensions) > 1:
            drawn = torch.empty(dimensions, dtype=torch.bfloat16, device=device)
            weight = drawn.normal_(0.0, 0.02, generator=generator).cpu()
        shard[name] = weight
        if sum(part.nbytes for part in shard.values()) >= SHARD:
            put_away()
    if shard:
        put_away()
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def draw_talk(messages: int, seed: int = 1) -> Export:
    """Draw a chat of three: bursts of one to four messages, with pauses of seconds to hours."""
    draw, rows, at = random.Random(seed), RowsBuilder(), datetime(2022, 1, 1, 9)  # noqa: DTZ001 - a wall clock
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(5_000)]
    while len(rows) < messages:
        author = draw.choice(("Sam", "Mia", "Leo"))
        at += timedelta(seconds=draw.choice((20, 60, 900, 8_000)) * draw.random())
        for _ in range(draw.randint(1, 4)):
            at += timedelta(seconds=draw.randint(1, 30))
            text = " ".join(draw.choices(words, k=int(draw.lognormvariate(1.6, 0.8)) + 1))
            number = len(rows)
            rows.add(
                id=f"m{number}",
                author=author,
                name=author,
                at=at,
                text=text,
                file="chat.txt",
                line=number + 1,
            )
    return Export(
        Chat(ChatKey("whatsapp", "drawn"), "drawn"),
        "whatsapp",
        "drawn",
        Clock.WALL,
        rows.table(),
        Path("chat.txt"),
        owner=frozenset({"Sam"}),
    )


def make_dataset(folder: Path, messages: int) -> None:
    """Draw talk and build the dataset that the recipe `turns` makes of it, with rows of some hundred bytes."""
    changes = ("history_messages=4", 'split.leaks="drop"', "split.gap_hours=1", "split.embargo_hours=0")
    recipe = read_recipe("turns", changes)
    write_dataset(make_rows([draw_talk(messages)], recipe), recipe, folder)


def run_one(options: Mapping[str, Any]) -> dict[str, Any]:
    """Train once, in this process; gives the figures. With `stop_after`, ends there."""
    settings = TrainSettings.model_validate(options["settings"])
    work = Path(options["work"])
    stop = threading.Event()

    def watch(progress: Progress) -> None:
        if options["stop_after"] and progress.step >= options["stop_after"]:
            stop.set()

    training = Training(
        BaseFolder(Path(options["base"])), open_dataset(Path(options["dataset"])), settings, work
    )
    try:
        record = train(training, work / "out", report=watch, stop=stop)
    except Interrupted:
        return {"interrupted": True}
    gpu = torch.cuda.is_available()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return _figures(record, record.peak_memory_bytes if gpu else resident)


def _figures(record: TrainingRecord, peak: int) -> dict[str, Any]:
    quantised = record.quantised
    return {
        "tokens_per_second": round(record.tokens_per_second, 1),
        "peak_bytes": peak,
        "seconds": record.seconds,
        "loss_before": record.loss_before,
        "loss_after": record.loss_after,
        "resumed": list(record.resumed),
        "device": record.device,
        "four_bit_layers": 0 if quantised is None else quantised.modules,
        "quantised": None if quantised is None else f"{quantised.kind}, double {quantised.double}",
        "trainable_parameters": record.trainable_parameters,
        "versions": record.versions,
    }


def measure(size: Size, folder: Path, steps: int, run: Run) -> list[dict[str, Any]]:
    """All runs of one size: packing off, packing on, and the second once more with an interruption."""
    base, dataset = folder / f"base-{size.name}", folder / f"dataset-{size.name}"
    make_base(base, size.architecture)
    make_dataset(dataset, size.messages)
    rows = []
    for name, packing, stop_after in (
        ("packing off", False, 0),
        ("packing on", True, 0),
        ("packing on, resumed", True, max(1, steps // 2)),
    ):
        settings = TrainSettings(
            method="qlora",
            rank=16,
            batch=size.batch,
            max_length=size.max_length,
            packing=packing,
            epochs=1,
            steps=steps,
            seed=1,
        )
        options = {
            "settings": settings.model_dump(mode="json"),
            "base": str(base),
            "dataset": str(dataset),
            "work": str(folder / f"{size.name}-{name.replace(' ', '-').replace(',', '')}"),
        }
        if stop_after and not run({**options, "stop_after": stop_after}).get("interrupted"):
            raise SystemExit("the run that should have been interrupted came to its end: take more steps")
        figures = run({**options, "stop_after": 0})
        gpu = figures["device"] != "cpu"
        needed = need(size.architecture, settings, gpu=gpu).total
        rows.append({"size": size.name, "run": name, "computed_bytes": needed, **figures})
    return rows


def run_apart(options: Mapping[str, Any]) -> dict[str, Any]:
    """Run once in a process of its own."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "benchmarks.train_gpu", "--one", json.dumps(options)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"a run failed: {done.stderr.strip()[-2000:]}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(rows: list[dict[str, Any]]) -> str:
    """The figures, a line a run."""
    lines = [
        f"{'base':6} {'run':20} {'tokens/s':>10} {'peak GB':>8} {'computed':>8} {'loss':>15} {'resumed at'}"
    ]
    for row in rows:
        loss = f"{row['loss_before']:.3f} to {row['loss_after']:.3f}"
        lines.append(
            f"{row['size']:6} {row['run']:20} {row['tokens_per_second']:>10,.0f} {row['peak_bytes'] / GB:>8.2f} "
            f"{row['computed_bytes'] / GB:>8.2f} {loss:>15} {', '.join(map(str, row['resumed']))}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print the table, and write the figures with the card's name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", nargs="+", choices=["1.1b", "7b"], default=["1.1b", "7b"])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(run_one(json.loads(options.one))))
        return
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes(options.shape, tiny=options.tiny):
            rows += measure(size, Path(folder), options.steps, run_one if options.tiny else run_apart)
    print(f"on {rows[0]['device']}, {options.steps} steps each")
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"card": rows[0]["device"], "runs": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
