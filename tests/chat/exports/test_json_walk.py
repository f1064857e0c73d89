"""JSON that is walked through gives what it gives when it is taken whole, however it comes in."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.errors import ExportDamaged
from chat.exports import json_walk
from chat.exports.bundle import Source
from chat.exports.json_walk import JsonWalk, first_element, first_keys

SOURCE = Source(Path("x.json"), "x.json", 0)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


class Dribble(io.BytesIO):
    """Gives a few bytes at a time, as a pipe may."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most)


def walk(content: bytes | str, most: int = 1 << 20, *, control_escapes: bool = False) -> JsonWalk:
    raw = content.encode() if isinstance(content, str) else content
    return JsonWalk(SOURCE, Dribble(raw, most), control_escapes=control_escapes)


def rebuilt(stream: JsonWalk) -> object:
    """Walk through everything that can be walked through."""
    if stream.peek() == "{":
        return {key: rebuilt(stream) for key in stream.members()}
    if stream.peek() == "[":
        return [rebuilt(stream) for _ in stream.elements()]
    return stream.value()


@given(value=values, most=st.integers(1, 9), ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_a_walk_and_a_whole_give_the_same(
    value: object, most: int, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    stream = walk(text, most)
    assert rebuilt(stream) == value
    stream.end()
    assert walk(text, most).value() == value


@given(
    value=st.dictionaries(st.text(), values, max_size=5),
    most=st.integers(1, 9),
    taken=st.sets(st.integers(0, 4)),
)
def test_what_is_not_taken_is_passed_over(value: dict[str, object], most: int, taken: set[int]) -> None:
    stream = walk(json.dumps(value), most)
    found = {key: stream.value() for place, key in enumerate(stream.members()) if place in taken}
    assert found == {key: inner for place, (key, inner) in enumerate(value.items()) if place in taken}
    stream.end()


@given(text=st.text(st.sampled_from('\\x0B1fu\x0b\x1f"\n é')), most=st.integers(1, 9))
def test_telegrams_escapes_are_read_and_typed_ones_left(text: str, most: int) -> None:
    # What Telegram writes: control signs as \\xHH, everything else as JSON does.
    written = re.sub(r"(\\\\)|\\u00([01][0-9a-f])", lambda at: at[1] or f"\\x{at[2]}", json.dumps(text))
    assert walk(written, most, control_escapes=True).value() == text


@pytest.mark.parametrize(
    "broken",
    [
        "",
        " ",
        "{",
        "[1",
        '{"a"',
        '{"a":',
        '{"a" 1}',
        "{1:2}",
        "[1 2]",
        "[1,]",
        "]",
        "nul",
        '"a',
        "\x00",
        "1" * 5000,
    ],
)
def test_what_is_broken_is_damaged(broken: str) -> None:
    with pytest.raises(ExportDamaged, match=r"^x\.json: line 1: "):
        rebuilt(walk(broken))


def test_what_is_nested_too_deeply_is_damaged() -> None:
    with pytest.raises(ExportDamaged, match="nested deeper"):
        walk("[" * 100_000).value()


def test_the_line_of_the_damage_is_named() -> None:
    with pytest.raises(ExportDamaged, match=r"line 4: this is not JSON"):
        rebuilt(walk("[\n1,\n\n nonsense]", 3))


def test_what_follows_is_found() -> None:
    stream = walk("[] \n ]", 1)
    assert rebuilt(stream) == []
    with pytest.raises(ExportDamaged, match="line 2: something follows"):
        stream.end()


def test_a_value_larger_than_any_message_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_walk, "LARGEST", 1000)
    with pytest.raises(ExportDamaged, match="larger than any message"):
        walk('["' + "a" * 5000, 100).skip()


def test_deep_nesting_is_passed_over_without_recursion() -> None:
    stream = walk('{"deep": ' + "[" * 100_000 + "]" * 100_000 + ', "b": 1}')
    assert [stream.value() for key in stream.members() if key == "b"] == [1]


def test_the_memory_is_that_of_one_record() -> None:
    record = json.dumps({"text": "a" * 1000}).encode() + b","
    content = b"[" + record * 16_000 + b"1]"
    stream = JsonWalk(SOURCE, io.BytesIO(content))
    tracemalloc.start()
    count = sum(stream.value() is not None for _ in stream.elements())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 16_001
    assert peak < 4 << 20 < len(content)


def test_a_beginning_tells_its_keys_even_if_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('\ufeff{"a": {"b": 1}, "c": [' + "1," * 100_000)
    source = Source(path, "x.json", path.stat().st_size)
    assert first_keys(source) == {"a", "c"}
    assert first_element(source) is None
    path.write_text('[{"a": 1}, ')
    assert first_element(source) == {"a": 1}
    assert first_keys(source) == frozenset()
