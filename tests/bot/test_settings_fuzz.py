"""Settings from anywhere, however broken: either they are usable, or one line says what to correct."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from unittest.mock import patch

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SettingsInvalid
from bot.settings import Settings, read_settings

_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_ODD = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "nan",
        "1e400",
        "a,b",
        "[",
        "[1",
        "[]",
        "{}",
        "{",
        '["a"]',
        '{"a": 1}',
        "kill",
        "lop",
        "🍍",
        "true",
    ]
)
_NAMES = st.sampled_from([*Settings.model_fields, "of", "__", "off"])
_INNER = st.sampled_from(["seconds", "limit", "off", "loop", "hours", "port", "exchanges", "of", "people"])
_VALUES: st.SearchStrategy[object] = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | _ODD | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | _INNER, inner, max_size=3),
    max_leaves=6,
)


def _usable_or_one_line() -> None:
    refused: SettingsInvalid | None = None
    try:
        read_settings()
    except SettingsInvalid as error:
        refused = error
    if refused is not None:
        assert refused.exit_code == 2
        assert len(str(refused).splitlines()) == 1


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.tuples(_NAMES) | st.tuples(_NAMES, _INNER), _ODD | _TEXTS, min_size=1, max_size=4))
def test_no_environment_breaks_the_reading(said: dict[tuple[str, ...], str]) -> None:
    variables = {f"UNDERSTUDY_{'__'.join(name)}".upper(): value for name, value in said.items()}
    with patch.dict(os.environ, variables):
        _usable_or_one_line()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_no_file_breaks_the_reading(given_file: bytes | dict[str, object]) -> None:
    text = given_file if isinstance(given_file, bytes) else tomli_w.dumps(given_file).encode()
    Path(os.environ["UNDERSTUDY_CONFIG"]).write_bytes(text)
    _usable_or_one_line()


@given(st.dictionaries(_NAMES, _VALUES, max_size=4))
def test_what_is_written_as_toml_is_toml(table: dict[str, object]) -> None:
    """Else the test above would only ever see files that cannot be read at all."""
    assert tomllib.loads(tomli_w.dumps(table)).keys() == table.keys()
