"""Garbage under every name and beginning that a reader looks for: nobody raises but ExportError."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.exports.formats import read_bundles

BEGINNINGS = (
    b"",
    b"SQLite format 3\0",
    b'{"version":"1","backupTimeMs":"1"}\n',
    b'{"date":"2022-03-23","sender":"a","body":"b","reactions":[],"attachments":[]}\n',
    b"[2022-03-23 12:00:00] Mia: hey\n",
    b'{"participants":[{"name":"a"}],"messages":[{"sender_name":"a","timestamp_ms":1},',
    b'{"participants":["a"],"threadName":"a_1","messages":[',
)
NAMES = ("chat.db", "main.jsonl", "data.json", "chat.md", "message_1.json", "a_1.json")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(NAMES),
    beginning=st.sampled_from(BEGINNINGS),
    rest=st.binary(max_size=300) | st.text(alphabet='{}[]":,\\ae01\n', max_size=200).map(str.encode),
)
def test_garbage_is_left_read_or_refused(tmp_path: Path, name: str, beginning: bytes, rest: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(beginning + rest)
    reading = read_bundles((path,))
    assert reading.exports or reading.failures or reading.left
    # What a reader did not expect is caught above it, and says so.
    assert [failure for failure in reading.failures if "reader failed" in failure.problem] == []
