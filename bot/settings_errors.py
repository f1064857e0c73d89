"""What is wrong with a setting, in one line: its name, what it must be, and where it was set."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from bot.errors import SettingsInvalid

PREFIX: Final = "UNDERSTUDY_"
_UNKNOWN: Final = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_KINDS: Final = {
    "tuple_type": "must be a list",
    "dataclass_type": "must be a table",
    "model_type": "must be a table",
    "string_type": "must be a text",
    "path_type": "must be a path",
    "finite_number": "must be a number, and not an infinite one",
}


class OutOfRange(ValueError):
    """A number in a table is out of range; names it, for pydantic knows the table alone."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(problem)
        self.name = name


def refusal(
    error: ValidationError | SettingsError,
    kind: type[BaseModel],
    said: Mapping[str, Any],
    file: Path,
    environment: Mapping[str, str],
) -> SettingsInvalid:
    """Say the first thing that is wrong, and where it was set. Never quotes a value, which may be a secret."""
    if isinstance(error, SettingsError):
        # What cannot be parsed in the environment: only tables are, lists have commas.
        found = re.search(r'field "(\w+)"', str(error))
        name = found.group(1) if found else "a table"
        return SettingsInvalid(
            f"the setting {name} must be a table: write {PREFIX}{name.upper()}__<name>=<value> for each of its values"
        )
    first = error.errors(include_url=False, include_input=False)[0]
    place = [str(part) for part in first["loc"] if not isinstance(part, int)]
    if first["type"] in _UNKNOWN:
        return unknown(".".join(place), _where(place, said, file, environment), kind)
    problem, inner = _problem(first)
    place += inner
    where = _where(place, said, file, environment)
    return SettingsInvalid(f"the setting {'.'.join(place)} {problem}: correct {where}")


def unknown(name: str, where: str, kind: type[BaseModel]) -> SettingsInvalid:
    """Say that there is no such setting, and which was probably meant."""
    close = difflib.get_close_matches(name, list(_names(kind)), n=1)
    hint = f"did you mean {close[0]}?" if close else "remove it"
    return SettingsInvalid(f"there is no setting {name} (in {where}): {hint}")


def _problem(error: ErrorDetails) -> tuple[str, list[str]]:
    """Say what the value must be, with the rest of its name where only the check knew that."""
    if error["type"] == "value_error":
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, OutOfRange):
            return str(cause), [cause.name]
        return f"cannot be used ({' '.join(str(cause).split())})", []
    if known := _KINDS.get(error["type"]):
        return known, []
    said = error["msg"].partition(", ")[0] if "_parsing" in error["type"] else error["msg"]
    return said.replace("Input should be", "must be"), []


def _where(place: list[str], said: Mapping[str, Any], file: Path, environment: Mapping[str, str]) -> str:
    if place and place[0] in said:
        return f"--{place[0].replace('_', '-')}"
    variables = {name.upper(): name for name in environment}
    # A table may have been given whole, hence the shorter names.
    for length in range(len(place), 0, -1):
        if variable := variables.get(PREFIX + "__".join(place[:length]).upper()):
            return variable
    # Or it is the table as a whole that does not fit, with a value of it given there.
    inside = PREFIX + "__".join([*place, ""]).upper()
    return next((variables[name] for name in sorted(variables) if name.startswith(inside)), str(file))


def _names(kind: Any, prefix: str = "") -> Iterator[str]:  # noqa: ANN401 - what an annotation may be
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            yield from _names(field.annotation, f"{prefix}{name}.")
    elif dataclasses.is_dataclass(kind):
        for part in dataclasses.fields(kind):
            yield prefix + part.name
    else:
        yield prefix.removesuffix(".")
