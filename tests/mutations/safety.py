"""What the rules guard."""

from __future__ import annotations

from typing import Final

from tests.mutations.killers import DEATHS, PROMISES
from tests.mutations.mutation import Mutation

MUTATIONS: Final = (
    Mutation(
        "rule-that-raises",
        "safety/policy.py",
        "return Verdict(Outcome.STOP, rule.name, reason)",
        "return Verdict(Outcome.ALLOW, rule.name, reason)",
        (f"{PROMISES}/test_fails_closed.py",),
    ),
    Mutation(
        "bots-are-not-answered",
        "safety/rules/echo.py",
        "        if people:\n",
        "        if others:\n",
        (DEATHS,),
    ),
)
