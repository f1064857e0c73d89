"""The settings' file, where a verb writes into it: its owner's alone, for it holds passwords and tokens."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from bot.errors import SettingsInvalid
from chat.private_file import write_private


def keep(file: Path, table: str, values: Mapping[str, str]) -> None:
    """Set values of a table, and leave all else in the file as it stands. Raises SettingsInvalid."""
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        before = tomllib.loads(text)
        changed = text
        for name, value in values.items():
            changed = _with(changed, table, name, value)
        wanted = before | {table: {**before.get(table, {}), **values}}
        # A table may be written in ways that are not known here; then nothing is touched.
        if tomllib.loads(changed) != wanted:
            raise ValueError
        # Where the file is a link, the file behind it.
        write_private(file.resolve(), changed.encode())
    except OSError as error:
        raise SettingsInvalid(f"{file} cannot be written ({error.strerror}): write it yourself") from None
    except (ValueError, TypeError):
        names = " and ".join(values)
        raise SettingsInvalid(
            f"{file} is written in a way of its own: put {names} into [{table}] yourself"
        ) from None


def is_open(file: Path, table: str, name: str) -> bool:
    """Whether the file holds a value, and others on this machine may read it."""
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8")).get(table, {})
        return name in found and bool(file.stat().st_mode & 0o077)
    except (OSError, ValueError):
        return False


def _with(text: str, table: str, name: str, value: str) -> str:
    line = f"{name} = {json.dumps(value)}"
    head = re.search(rf"^[ \t]*\[{table}\][^\n]*(?:\n|\Z)", text, re.MULTILINE)
    if head is None:
        return f"{text.rstrip()}\n\n[{table}]\n{line}\n".lstrip()
    start = head.end()
    following = re.search(r"^[ \t]*\[", text[start:], re.MULTILINE)
    end = start + following.start() if following else len(text)
    rest = re.sub(rf"^[ \t]*{name}[ \t]*=[^\n]*\n?", "", text[start:end], flags=re.MULTILINE)
    return f"{text[:start].rstrip()}\n{line}\n{rest}{text[end:]}"
