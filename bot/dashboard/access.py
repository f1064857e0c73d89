"""Which role each path needs. What no line here names is not served, and each route of the API says its own besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.types import Scope

from bot.dashboard.sign_in import Key
from bot.people import Person, Role

_VISIT: Final = "understudy.visit"

PUBLIC_PATHS: Final = frozenset({"/sign-in", "/favicon.ico"})
PUBLIC_FOLDERS: Final = ("/assets/",)
ROLES: Final[Mapping[str, Role]] = {
    "/": Role.VIEWER,
    "/account": Role.VIEWER,
    "/account/password": Role.VIEWER,
    "/account/sign-everybody-out": Role.OWNER,
    "/sign-out": Role.VIEWER,
}
FOLDER_ROLES: Final[Mapping[str, Role]] = {
    "/api/": Role.VIEWER,
    "/_nicegui/": Role.VIEWER,
    "/_nicegui_ws/": Role.VIEWER,
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask for a path: anybody, or people from a role on."""

    role: Role | None


def access_to(path: str) -> Access | None:
    """Give who may ask for a path; None for one that is not served."""
    if path in PUBLIC_PATHS or path.startswith(PUBLIC_FOLDERS):
        return Access(None)
    if (role := ROLES.get(path)) is not None:
        return Access(role)
    return next((Access(role) for folder, role in FOLDER_ROLES.items() if path.startswith(folder)), None)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who a request is by, and what they showed at the door."""

    person: Person
    key: Key


def let_in(scope: Scope, visit: Visit) -> None:
    """Write down who a request is by; the guard does."""
    scope[_VISIT] = visit


def visit_of(scope: Scope) -> Visit:
    """Give the visit that the guard let in."""
    visit = scope[_VISIT]
    if not isinstance(visit, Visit):
        raise TypeError("a request came past the guard")
    return visit


class Needs:
    """What a route says about itself: `Depends(Needs(Role.OWNER))` gives the person, or raises NotAllowed.

    The desk asks again, for it is not the web alone that comes to it.
    """

    def __init__(self, role: Role) -> None:
        self.role = role

    def __call__(self, request: Request) -> Person:
        """Give who asks."""
        person = visit_of(request.scope).person
        person.must_be(self.role, "do this")
        return person


Viewer = Annotated[Person, Depends(Needs(Role.VIEWER))]
Moderator = Annotated[Person, Depends(Needs(Role.MODERATOR))]
Owner = Annotated[Person, Depends(Needs(Role.OWNER))]
