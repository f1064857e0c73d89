"""What a phone writes is what is read, in each dialect, whatever people type."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.exports import whatsapp
from chat.exports.blocks import read_blocks
from chat.exports.export import RowIds
from chat.exports.formats import read_export
from chat.exports.whatsapp_header import parse_header
from tests.chat.exports.dialects import BOM, DIALECTS, Dialect

NAMES = ("Sam", "Mia 🧜🏽‍♀️", "+44 7700 900123", 'Leo "the Lion" K.', "Ann-Marie O’Neil", "أحمد")

# Typed text: no marks of direction, no control characters, no lone white space at the ends, and nothing
# that WhatsApp could have written itself (`null`, `<…>`).
WORDS = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zs", "Zl", "Zp"), blacklist_characters="<>"),
    min_size=2,
    max_size=12,
)
PASTED = st.sampled_from(
    (
        "[9/6/2024, 14:41] Carlos: look",
        "2016-04-29 10:30:00 x",
        "1/2/21 see you 10:30 ok",
        "3/4/24: Mia: hm",
        "05.06.2024 - Leo: then",
        "10:30 - not a date: no",
        "[sic] - he said: so",
    )
)
LINES = st.one_of(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), PASTED)
BODIES = st.lists(st.one_of(LINES, st.just("")), min_size=0, max_size=3).flatmap(
    lambda more: WORDS.map(lambda word: "\n".join(["so " + word, *more, "end"]))
)
START = datetime(2022, 3, 23, 23, 50, 7)  # noqa: DTZ001 - a wall clock


def same_dialect(dialect: Dialect, text: str) -> bool:
    real = parse_header(dialect.stamp(START))
    assert real is not None
    found = [header for line in text.split("\n") if (header := parse_header(line))]
    return any(header.dialect == real.dialect for header in found)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
@given(
    talk=st.lists(
        st.tuples(st.sampled_from(NAMES), BODIES, st.integers(1, 20 * 3600)), min_size=25, max_size=60
    ),
    bom=st.booleans(),
    block=st.sampled_from((1 << 21, 700, 64)),
)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
def test_what_is_written_is_read(
    dialect: Dialect, talk: list[tuple[str, str, int]], bom: bool, block: int, tmp_path: Path
) -> None:
    at, written = START, []
    for name, text, pause in talk:
        at += timedelta(seconds=pause + 8 * 3600)
        # A paste of the file's own dialect cannot be told from a message.
        written.append((at, name, "hello" if same_dialect(dialect, text) else text))
    path = tmp_path / "chat.txt"
    path.write_bytes(((BOM if bom else "") + dialect.write(written)).encode())
    # What lies across two blocks must not show.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whatsapp, "read_blocks", partial(read_blocks, size=block, first=block))
        export = read_export(path, "Sam")
    expected = [
        (moment if dialect.seconds else moment.replace(second=0), name, text, name == "Sam")
        for moment, name, text in written
    ]
    assert [(m.sent_at, m.author.name, m.text, m.own) for m in export.messages] == expected
    assert not export.other
    assert not export.problems
    begins = [n for n, line in enumerate(path.read_text("utf-8").split("\n"), 1) if parse_header(line)]
    assert set(export.rows.get_column("line")) <= set(begins)
    assert export.rows.get_column("line").is_sorted()
    ids = RowIds()
    assert [m.id for m in export.messages] == [
        ids.of(m.sent_at, m.author.id, m.text) for m in export.messages
    ]
    assert len({m.id for m in export.messages}) == len(written)
