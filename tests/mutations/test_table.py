"""The table of mutations does not rot: what each one breaks is still there, once."""

from __future__ import annotations

import pytest

from tests.mutations.mutation import ROOT, Mutation
from tests.mutations.table import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_a_mutation_breaks_is_there_once(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
    assert mutation.new != mutation.old


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_tests_that_a_mutation_names_are_there(mutation: Mutation) -> None:
    assert [test for test in mutation.tests if not (ROOT / test.partition("::")[0]).is_file()] == []
    names = [test.partition("::")[2] for test in mutation.tests if "::" in test]
    files = {test.partition("::")[0] for test in mutation.tests}
    text = "".join((ROOT / file).read_text(encoding="utf-8") for file in files)
    assert [name for name in names if f"def {name}" not in text] == []


def test_names_are_used_once() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)


def test_the_four_that_must_be_there_are_there() -> None:
    assert {"fence-kill", "deduplication", "approve-twice", "settle-token"} <= {m.name for m in MUTATIONS}
