"""Every route that is served names the role it needs; and each role, asking for each route, gets what it should."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from bot.app import Office
from bot.dashboard.access import Needs, access_to
from bot.dashboard.server import Dashboard
from bot.people import Person, Role
from tests.bot.dashboard.conftest import Client, plant
from tests.bot.playground import MODERATOR, OWNER, VIEWER, Playground

PUBLIC = {
    "/sign-in": "who has no session must be able to get one",
    "/favicon.ico": "browsers ask for it on the sign-in page",
    "/assets": "the sign-in page's style",
}
VIEW, MODERATE, OWN = Role.VIEWER, Role.MODERATOR, Role.OWNER
CHAT = "/api/v1/chats/local/weekend-plans"
# Of each route of the API: the least role, a path to ask for, a body, and what that role gets.
ROUTES: dict[str, tuple[Role, str, Any, int]] = {
    "GET /api/v1/me": (VIEW, "/api/v1/me", None, 200),
    "GET /api/v1/status": (VIEW, "/api/v1/status", None, 200),
    "GET /api/v1/drafts": (VIEW, "/api/v1/drafts", None, 200),
    "GET /api/v1/drafts/newest": (VIEW, "/api/v1/drafts/newest", None, 200),
    "GET /api/v1/drafts/{draft_id}": (VIEW, "/api/v1/drafts/{draft}", None, 200),
    "POST /api/v1/drafts/{draft_id}/approve": (MODERATE, "/api/v1/drafts/{draft}/approve", {}, 200),
    "POST /api/v1/drafts/{draft_id}/reject": (MODERATE, "/api/v1/drafts/{draft}/reject", {}, 200),
    "POST /api/v1/drafts/{draft_id}/claim": (MODERATE, "/api/v1/drafts/{draft}/claim", {}, 200),
    "POST /api/v1/drafts/{draft_id}/release": (MODERATE, "/api/v1/drafts/{draft}/release", None, 200),
    "POST /api/v1/drafts/{draft_id}/regenerate": (MODERATE, "/api/v1/drafts/{draft}/regenerate", {}, 200),
    "POST /api/v1/drafts/bulk": (
        MODERATE,
        "/api/v1/drafts/bulk",
        {"action": "reject", "drafts": [{"id": "none"}]},
        200,
    ),
    "GET /api/v1/drafts/summary": (VIEW, "/api/v1/drafts/summary", None, 200),
    "GET /api/v1/drafts/edits": (OWN, "/api/v1/drafts/edits", None, 200),
    "GET /api/v1/rules": (VIEW, "/api/v1/rules", None, 200),
    "GET /api/v1/kills": (VIEW, "/api/v1/kills", None, 200),
    "POST /api/v1/kills": (VIEW, "/api/v1/kills", {"scope": "chat:local/other"}, 200),
    "POST /api/v1/kills/resume": (OWN, "/api/v1/kills/resume", {"scope": "chat:local/other"}, 200),
    "GET /api/v1/chats": (VIEW, "/api/v1/chats", None, 200),
    "GET /api/v1/chats/{messenger}/{chat_id:path}": (VIEW, CHAT, None, 200),
    "PATCH /api/v1/chats/{messenger}/{chat_id:path}": (OWN, CHAT, {"probability": 0.5}, 200),
    "GET /api/v1/chats/{messenger}/{chat_id:path}/transcript": (VIEW, CHAT + "/transcript", None, 200),
    "GET /api/v1/chats/{messenger}/{chat_id:path}/outcomes": (VIEW, CHAT + "/outcomes", None, 200),
    "GET /api/v1/chats/{messenger}/{chat_id:path}/journal": (VIEW, CHAT + "/journal", None, 200),
    "GET /api/v1/chats/{messenger}/{chat_id:path}/consent": (MODERATE, CHAT + "/consent", None, 200),
    "POST /api/v1/chats/{messenger}/{chat_id:path}/consent": (
        OWN,
        CHAT + "/consent",
        {"person": "mia", "agreed": True},
        200,
    ),
    "POST /api/v1/chats/{messenger}/{chat_id:path}/owner": (OWN, CHAT + "/owner", {"here": True}, 200),
    "DELETE /api/v1/chats/{messenger}/{chat_id:path}": (OWN, "/api/v1/chats/local/none", None, 404),
    "GET /api/v1/journal": (VIEW, "/api/v1/journal", None, 200),
    "GET /api/v1/people": (OWN, "/api/v1/people", None, 200),
    "POST /api/v1/people": (OWN, "/api/v1/people", {"name": "nina"}, 200),
    "DELETE /api/v1/people/{name}": (OWN, "/api/v1/people/eve", None, 200),
    "POST /api/v1/people/{name}/sign-out": (OWN, "/api/v1/people/vera/sign-out", None, 200),
    "GET /api/v1/tokens": (OWN, "/api/v1/tokens", None, 200),
    "DELETE /api/v1/tokens/{token_id}": (OWN, "/api/v1/tokens/none", None, 404),
    "POST /api/v1/sign-everybody-out": (OWN, "/api/v1/sign-everybody-out", None, 200),
    "GET /api/openapi.json": (VIEW, "/api/openapi.json", None, 200),
    "GET /api/docs": (VIEW, "/api/docs", None, 200),
    **{
        f"{verb} /api/{{rest:path}}": (VIEW, "/api/x", None, 404)
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE")
    },
}


def _served(dashboard: Dashboard) -> list[BaseRoute]:
    assert dashboard.app is not None
    return list(dashboard.app.routes)


def _routes(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, BaseRoute]]:
    """Every route of an application, those of what is mounted in it, too."""
    for route in routes:
        if isinstance(route, Mount):
            inner = prefix + route.path
            yield inner or "/", route
            yield from _routes(list(route.routes), inner)
        elif isinstance(route, Route | WebSocketRoute):
            yield prefix + route.path, route
        elif (included := getattr(route, "original_router", None)) is not None:
            # FastAPI keeps a router that was included as one route.
            yield from _routes(list(included.routes), prefix)
        else:
            raise AssertionError(f"a kind of route that this test does not know: {route!r}")


def _needs(dependant: Dependant) -> list[Role]:
    own = [dependant.call.role] if isinstance(dependant.call, Needs) else []
    return own + [role for inner in dependant.dependencies for role in _needs(inner)]


async def test_every_route_needs_a_role_or_is_public_on_purpose(dashboard: Dashboard) -> None:
    found = list(_routes(_served(dashboard)))
    assert len(found) > 40
    assert {"/", "/_nicegui_ws", "/assets", "/sign-in", "/api/v1/kills"} <= {path for path, _ in found}
    wrong = []
    for path, route in found:
        # A parameter stands for anything; what a mount has is under its folder.
        asked = re.sub(r"{[^}]*}", "x", path) + ("/x" if isinstance(route, Mount) and path != "/" else "")
        access = access_to(asked)
        if access is not None and access.role is None and path not in PUBLIC:
            wrong.append(f"{path} is public")
        if access is not None and access.role is not None and isinstance(route, APIRoute):
            roles = _needs(route.dependant)
            if path.startswith(("/api/", "/account", "/sign-out")) and not roles:
                wrong.append(f"{path} names no role")
    assert wrong == []


async def test_what_stands_in_the_table_is_what_is_served(dashboard: Dashboard) -> None:
    served = {
        f"{verb} {path}": max(_needs(route.dependant), key=lambda role: role.rank)
        for path, route in _routes(_served(dashboard))
        if isinstance(route, APIRoute) and path.startswith("/api/")
        for verb in route.methods or ()
    }
    assert served == {name: role for name, (role, *_) in ROUTES.items()}


@pytest.mark.parametrize("person", [None, VIEWER, MODERATOR, OWNER], ids=["nobody", *Role])
async def test_each_role_gets_from_each_route_what_it_should(
    client: Client, dashboard: Dashboard, office: Office, room: Playground, person: Person | None
) -> None:
    for known in (VIEWER, Person("eve", Role.VIEWER)):
        await dashboard.accounts.add(OWNER, known.name, known.role)
    decided = sum("{draft}" in path for _, path, _, _ in ROUTES.values())
    drafts = iter([await plant(office, await room.say("Sam?")) for _ in range(decided)])
    wrong = []
    for name, (role, path, body, status) in ROUTES.items():
        asked = path.format(draft=next(drafts)) if "{draft}" in path else path
        answer = await (await client(person)).request(name.partition(" ")[0], asked, json=body)
        if person is None:
            expected = 401 if path.startswith("/api/v1") else 303
        else:
            expected = status if person.role.rank >= role.rank else 403
        said = answer.json()["error"] if answer.status_code in {401, 403} else None
        if (answer.status_code, said) != (expected, {401: "signed_out", 403: "not_allowed"}.get(expected)):
            wrong.append(f"{name}: {answer.status_code} {said}, not {expected}")
    assert wrong == []


async def test_without_a_session_nothing_is_served_but_the_door(dashboard: Dashboard, client: Client) -> None:
    http = await client(None)
    for path, _ in _routes(_served(dashboard)):
        if any(path == public or path.startswith(public + "/") for public in PUBLIC):
            continue
        answer = await http.get(re.sub(r"{[^}]*}", "x", path))
        assert answer.status_code in {303, 401, 404}, path
        assert answer.headers.get("location", "/sign-in") == "/sign-in"
        assert "Weekend Plans" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/account/../api/v1/me",
        "//api/v1/me",
        "/API/v1/me",
        "/assets/../api/v1/me",
        "/assets/%2e%2e/guard.py",
        "/sign-in/",
    ],
)
async def test_no_other_spelling_of_a_path_leads_past_the_guard(client: Client, path: str) -> None:
    http = await client(None)
    request = http.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = await http.send(request)
    assert answer.status_code in {303, 401, 404}
    assert "role" not in answer.text


async def test_a_token_opens_the_api_and_nothing_else(program: Client) -> None:
    http = await program(OWNER)
    assert (await http.get("/api/v1/me")).json()["role"] == "owner"
    assert (await http.post("/api/v1/kills")).status_code == 200  # no browser sends it by itself
    for path in ("/", "/account", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert (await http.get(path)).status_code == 403
    assert (await http.post("/sign-out")).status_code == 403
    http.headers["Authorization"] = "Bearer made-up"
    assert (await http.get("/api/v1/me")).status_code == 401
