"""Every published recipe, from the sample's export to a persona with its report.

    python -m benchmarks.recipes [--only conversations pairs] [--reports docs/recipes] [--generations 300]

Each is what a person would type: `import`, `dataset build`, `train`, `evaluate`, run as processes in a state folder of
their own. All learn from the same chat by the same settings and hold out the same days, so that what differs is the
recipe. Prints a table of the reports' figures, and keeps the reports. A base of five million parameters on 12,000
messages says what a recipe does to rows, loss and style; it does not say which one is best for a large base.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

ROOT: Final = Path(__file__).parent.parent
SAMPLE: Final = "personas/sample"
HELD_OUT: Final = 'split.since="2024-05-07"'
"""What Sam says from that day on comes from lines that nothing before was made of."""
RECIPES: Final[Mapping[str, Sequence[str]]] = {
    "turns": (),
    "conversations": (),
    "documents": (),
    "documents-grouped": ("unique=true", "group_messages=[5,10]"),
    "pairs": ("groups=true",),
    "contact-chunks": ("groups=true",),
    "weclone": (),
}
"""The presets, with what the sample needs of them: it is a group."""
SETTINGS: Final = ("method=full", "epochs=2", "learning_rate=5e-4", "batch=8")


def main() -> int:
    """Run them one after the other; ends with 1 when one of them failed, after all had their turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--reports", type=Path, help="the folder to keep the reports in")
    parser.add_argument("--generations", type=int, default=300)
    options = parser.parse_args()
    found: dict[str, dict[str, Any] | None] = {}
    with tempfile.TemporaryDirectory(prefix="u-recipes-") as folder:
        work = Path(folder)
        _verb(work, "import", f"{SAMPLE}/sam_export.txt", "--me", "Sam")
        for name in options.only:
            found[name] = _trained(work, name, options.generations, options.reports)
    _show(found)
    return 1 if None in found.values() else 0


def _trained(work: Path, name: str, generations: int, reports: Path | None) -> dict[str, Any] | None:
    data, persona, report = work / f"{name}-data", work / f"{name}-persona", work / f"{name}-report"
    base = ("--base", f"{SAMPLE}/base")
    begun = time.monotonic()
    changes = [word for change in (HELD_OUT, *RECIPES[name]) for word in ("--set", change)]
    recipe = name.removesuffix("-grouped")
    try:
        _verb(work, "dataset", "build", "--recipe", recipe, "--as-it-is", "--out", str(data), *changes)
        settings = [word for value in SETTINGS for word in ("--set", value)]
        _verb(work, "train", str(data), *base, "--out", str(persona), "--name", "sam", *settings)
        counted = ("--generations", str(generations))
        _verb(work, "evaluate", str(persona), "--dataset", str(data), *base, "--out", str(report), *counted)
    except subprocess.CalledProcessError as error:
        print(f"{name}: ended with {error.returncode}", flush=True)
        return None
    if reports is not None:
        reports.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(report / "report.html", reports / f"{name}.html")
    figures: dict[str, Any] = json.loads((report / "evaluation.json").read_bytes())
    record = json.loads((data / "dataset.json").read_bytes())
    return figures | {"rows": record["rows"]["train"], "seconds": time.monotonic() - begun}


def _verb(work: Path, *words: str) -> None:
    print(f"understudy {shlex.join(words)}", flush=True)
    subprocess.run(
        [sys.executable, "-m", "bot", "--state-dir", str(work / "state"), *words], cwd=ROOT, check=True
    )


def _show(found: Mapping[str, dict[str, Any] | None]) -> None:
    table = Table(title="The published recipes on the sample's chat")
    columns = (
        *("recipe", "rows", "perplexity", "base's", "style distance", "own", "base's", "nearer than base"),
        *("faults", "score", "seconds"),
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "recipe" else "right")
    for name, figures in found.items():
        table.add_row(name, *(_cells(figures) if figures else ("failed",)))
    Console(width=150).print(table)


def _cells(figures: Mapping[str, Any]) -> Sequence[str]:
    style, score, perplexity = figures.get("style") or {}, figures.get("score") or {}, figures["perplexity"]
    distances = [
        style[who]["mean"]["value"] if style.get(who) else None for who in ("persona", "floor", "base")
    ]
    left = style.get("normalised")
    return (
        f"{figures['rows']:,}",
        *(
            _figure(perplexity[who] and perplexity[who]["perplexity"]["value"], 1)
            for who in ("persona", "base")
        ),
        *(_figure(distance, 3) for distance in distances),
        _figure(None if left is None else 1 - left["value"], 2),
        f"{figures['faults']['any']['value']:.1%}",
        f"{score['value']:.0f} ({score['low']:.0f} to {score['high']:.0f})" if score else "none",
        f"{figures['seconds']:.0f}",
    )


def _figure(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    sys.exit(main())
