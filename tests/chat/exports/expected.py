"""Fixtures, and what is expected of them: beside each folder `case/` stands `case.expected.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from chat.exports.export import Export
from chat.exports.formats import Reading, read_bundles

FIXTURES: Final = Path(__file__).parent / "fixtures"


def cases(format_name: str) -> list[str]:
    """The names of a format's cases."""
    return sorted(path.name for path in (FIXTURES / format_name).iterdir() if path.is_dir())


def read_case(format_name: str, case: str) -> Reading:
    return read_bundles((FIXTURES / format_name / case,))


def expected(format_name: str, case: str) -> Any:  # noqa: ANN401 - JSON is anything
    return json.loads((FIXTURES / format_name / f"{case}.expected.json").read_text("utf-8"))


def summary(reading: Reading) -> dict[str, Any]:
    """A reading as JSON holds it. What is as it mostly is (no reply, not edited, …) is left out."""
    return {
        "exports": [
            _export(export) for export in sorted(reading.exports, key=lambda found: str(found.chat.key))
        ],
        "failures": sorted(failure.problem for failure in reading.failures),
        "left": sorted(source.name for source in reading.left),
    }


def _export(export: Export) -> dict[str, Any]:
    return {
        "chat": str(export.chat.key),
        "title": export.chat.title,
        "dialect": export.dialect,
        "clock": export.clock.value,
        "owner": sorted(export.owner),
        "direct": export.direct,
        "rows": list(_rows(export)),
        "other": {kind.value: count for kind, count in export.other.items()},
        "problems": [f"{problem.file}: {problem.line}: {problem.what}" for problem in export.problems],
    }


def _rows(export: Export) -> Iterator[dict[str, Any]]:
    for row in export.rows.iter_rows(named=True):
        yield {
            key: value.isoformat() if key == "at" else value
            for key, value in row.items()
            if value is not None and value is not False
        }
