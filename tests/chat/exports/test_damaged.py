"""Whatever happens to the bytes of an export, its reader raises nothing but ExportError, and ends."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chat.errors import ExportError
from chat.exports.bundle import open_bundle
from chat.exports.discord_exporter import DiscordExporter
from chat.exports.discord_package import DiscordPackage
from chat.exports.export import ROWS
from chat.exports.imazing import IMazing
from chat.exports.reader import Reader, ReadOptions
from chat.exports.slack import Slack
from chat.exports.telegram import Telegram
from tests.chat.exports.expected import FIXTURES

READERS: dict[str, Reader] = {
    reader.format: reader for reader in (DiscordExporter(), DiscordPackage(), IMazing(), Slack(), Telegram())
}
FILES = sorted(
    path.relative_to(FIXTURES).as_posix()
    for name in READERS
    for path in (FIXTURES / name).rglob("*")
    if path.is_file() and not path.name.endswith(".expected.json")
)
# Signs that mean something to a parser are likelier to mislead it than others.
PIECES = st.binary(max_size=12) | st.sampled_from(
    (
        *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\x", b"\\ud800", b"null", b"-1", b"1e999"),
        *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b'""', b"[" * 8, b"9" * 400),
        b"0001-01-01T00:00:00+14:00",
    )
)
Changes = list[tuple[float, int, bytes]]
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 60), PIECES), min_size=1, max_size=4)


def mutated(content: bytes, change: Changes, cut: float | None) -> bytes:
    for where, gone, piece in change:
        at = round(where * len(content))
        content = content[:at] + piece + content[at + gone :]
    return content if cut is None else content[: round(cut * len(content))]


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(change=changes, cut=st.none() | st.floats(0, 1))
def test_a_damaged_export_is_read_or_refused(name: str, change: Changes, cut: float | None) -> None:
    format_name, case, *_ = name.split("/")
    with TemporaryDirectory(prefix="u-") as folder:
        copy = Path(folder) / case
        shutil.copytree(FIXTURES / format_name / case, copy)
        path = Path(folder) / Path(name).relative_to(format_name)
        path.write_bytes(mutated(path.read_bytes(), change, cut))
        read_all(READERS[format_name], copy)


@pytest.mark.parametrize("format_name", sorted(READERS))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(content=st.binary(max_size=400) | st.text(max_size=200).map(str.encode), beginning=st.integers(0, 400))
@example(content=b"[" * 200_000, beginning=0)
@example(content=b'{"guild": ' * 50_000, beginning=0)
@example(content=b'"' * 200_001, beginning=300)
@example(content=b"\\" * 200_001, beginning=300)
def test_rubbish_is_refused_also_behind_a_true_beginning(
    format_name: str, content: bytes, beginning: int
) -> None:
    reader = READERS[format_name]
    with TemporaryDirectory(prefix="u-") as folder:
        copy = Path(folder) / "x"
        shutil.copytree(next(path for path in (FIXTURES / format_name).iterdir() if path.is_dir()), copy)
        for path in copy.rglob("*.*"):
            path.write_bytes(path.read_bytes()[:beginning] + content)
        read_all(reader, copy)


def read_all(reader: Reader, folder: Path) -> None:
    for unit in reader.units(open_bundle(folder)):
        with suppress(ExportError):
            for export in reader.read(unit, ReadOptions()):
                if not isinstance(export, ExportError):
                    assert export.rows.schema == ROWS
                    assert all(message.id for message in export.messages)
