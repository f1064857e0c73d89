"""The REST API under requests that nobody would write: it answers as its document says, and never with a fault."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bot.app import Office
from bot.dashboard.server import Dashboard
from bot.people import Person, Role
from tests.bot.dashboard.conftest import Client, plant
from tests.bot.playground import MODERATOR, OWNER, VIEWER, Playground

EXAMPLES = 8
"""Requests a route, a role and a way of making them up."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def _operations(document: dict[str, Any]) -> Iterator[Any]:
    found: Any
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        assert operation is not None
        yield operation


def _fuzz(dashboard: Dashboard, headers: dict[str, str], known: dict[str, str]) -> dict[int, int]:
    """Ask each route for what fits its document, for what does not, and for what is there; gives the statuses."""
    assert dashboard.app is not None
    statuses: dict[int, int] = {}
    for operation in _operations(dashboard.app.openapi()):
        there = {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}
        ways: list[dict[str, Any]] = [{"generation_mode": mode} for mode in GenerationMode]
        if there:
            ways.append({"path_parameters": there})
        for way in ways:

            @given(case=operation.as_strategy(**way))
            @hypothesis_settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                print_blob=True,
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Any) -> None:  # noqa: ANN401 - schemathesis types it in four ways
                answer = case.call(base_url=dashboard.url, headers=headers, allow_redirects=False)
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                case.validate_response(answer, checks=CHECKS)

            # Some routes take nothing that could be wrong.
            with contextlib.suppress(Unsatisfiable):
                ask()
    return statuses


@pytest.mark.parametrize("person", [None, VIEWER, MODERATOR, OWNER], ids=["nobody", *Role])
async def test_no_request_makes_a_fault_and_every_answer_is_as_documented(
    dashboard: Dashboard, program: Client, office: Office, room: Playground, person: Person | None
) -> None:
    await dashboard.accounts.add(OWNER, "eve", Role.VIEWER)
    known = {
        "draft_id": await plant(office, await room.say("<b>Sam</b>, 🍋?")),
        "messenger": room.key.messenger,
        "chat_id": room.key.chat_id,
        "name": "eve",
    }
    headers = {
        name: value for name, value in (await program(person)).headers.items() if name == "authorization"
    }
    statuses = await asyncio.to_thread(_fuzz, dashboard, headers, known)
    asked = sum(statuses.values())
    assert asked > 200
    if person is None:
        # 400 and 413 are said before it is asked who somebody is.
        assert statuses.keys() <= {400, 401, 404}, statuses
    else:
        assert {200, 404, 422} <= statuses.keys(), statuses


async def test_with_redis_away_every_route_says_so(
    dashboard: Dashboard, program: Client, office: Office
) -> None:
    http = await program(OWNER)
    assert dashboard.app is not None
    operations = list(_operations(dashboard.app.openapi()))
    asked = [
        (
            op.method.upper(),
            op.path.format(draft_id="x", messenger="local", chat_id="x", name="x", token_id="x"),
        )
        for op in operations
    ]
    pid = int((await office.store.ask("info", "server"))["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        answers = await asyncio.gather(*(http.request(method, path) for method, path in asked))
    finally:
        os.kill(pid, signal.SIGCONT)
    found = {(answer.status_code, answer.json()["error"]) for answer in answers}
    assert len(answers) > 20
    assert found == {(503, "store_away")}
