"""What people without a session come to, and what they do about their own account: plain forms, no script."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from bot.accounts import Accounts
from bot.dashboard.access import Owner, Viewer, visit_of
from bot.dashboard.account_page import account_page
from bot.dashboard.cookie import SessionCookie
from bot.dashboard.sign_in import SignIn
from bot.dashboard.sign_in_page import link_page, refused_link_page, sign_in_page
from bot.errors import PasswordWeak, TooManyTries
from bot.people import Person, Role
from bot.tries import Tries

_log = structlog.get_logger()
_WRONG: Final = "That name and password do not belong together."
_MOST_FIELDS: Final = 10


class Door:
    """Signing in by link or by password, signing out, and one's own account."""

    def __init__(self, accounts: Accounts, sign_in: SignIn, tries: Tries, cookie: SessionCookie) -> None:
        self._accounts = accounts
        self._sign_in = sign_in
        self._tries = tries
        self._cookie = cookie

    def add_to(self, app: FastAPI) -> None:
        """Add the routes."""
        app.get("/sign-in", include_in_schema=False)(self._show)
        app.post("/sign-in", include_in_schema=False)(self._enter)
        app.post("/sign-out", include_in_schema=False)(self._leave)
        app.get("/account", include_in_schema=False)(self._account)
        app.post("/account/password", include_in_schema=False)(self._set_password)
        app.post("/account/sign-everybody-out", include_in_schema=False)(self._sign_everybody_out)

    async def _show(self, token: str = "") -> Response:
        # To look at a link does not use it up: whoever passes it on by chat has it previewed.
        return link_page(token) if token else sign_in_page(passwords=await self._passwords())

    async def _enter(self, request: Request) -> Response:
        form = await _form(request)
        address = request.client.host if request.client else ""
        try:
            if "token" in form:
                return await self._by_link(request, form["token"], address)
            return await self._by_password(request, form.get("name", ""), form.get("password", ""), address)
        except TooManyTries as error:
            _log.warning("sign_in.too_many_tries", wait_seconds=error.wait_seconds)
            page = sign_in_page(passwords=await self._passwords(), problem=_sentence(error), status=429)
            page.headers["Retry-After"] = str(error.wait_seconds)
            return page

    async def _by_link(self, request: Request, token: str, address: str) -> Response:
        async with self._tries.one("link", address) as attempt:
            session = await self._sign_in.redeem(token)
            attempt.succeeded = session is not None
        return refused_link_page() if session is None else await self._entered(request, session)

    async def _by_password(self, request: Request, name: str, password: str, address: str) -> Response:
        session = None
        async with self._tries.one("password", address, name) as attempt:
            account = await self._accounts.by_password(name, password)
            if account is not None:
                session = await self._sign_in.open(account)
            attempt.succeeded = session is not None
        if session is None:
            _log.info("sign_in.refused")
            return sign_in_page(passwords=await self._passwords(), problem=_WRONG, status=401)
        return await self._entered(request, session)

    async def _entered(self, request: Request, session: str) -> Response:
        # Always a session that nobody has had before; the one that the browser came with ends.
        if before := self._cookie.read(request.scope):
            await self._sign_in.sign_out(before)
        answer = RedirectResponse("/", 303)
        self._cookie.set(answer, request.scope, session)
        return answer

    async def _leave(self, request: Request, _: Viewer) -> Response:
        await self._sign_in.sign_out(visit_of(request.scope).key.secret)
        answer = RedirectResponse("/sign-in", 303)
        self._cookie.delete(answer, request.scope)
        return answer

    async def _account(self, person: Viewer) -> Response:
        return await self._page(person)

    async def _set_password(self, request: Request, person: Viewer) -> Response:
        form = await _form(request)
        account = await self._accounts.get(person.name)
        address = request.client.host if request.client else ""
        if account.has_password:
            # Whoever finds a browser open must not be able to take the account over.
            try:
                async with self._tries.one("password", address, person.name) as attempt:
                    found = await self._accounts.by_password(person.name, form.get("current", ""))
                    attempt.succeeded = found is not None
            except TooManyTries as error:
                page = await self._page(person, _sentence(error), 429)
                page.headers["Retry-After"] = str(error.wait_seconds)
                return page
            if found is None:
                return await self._page(person, "That is not your current password.", 403)
        try:
            account = await self._accounts.set_password(person, person.name, form.get("password", ""))
        except PasswordWeak as error:
            return await self._page(person, _sentence(error), 422)
        session = await self._sign_in.open(account)
        return RedirectResponse("/sign-in", 303) if session is None else await self._entered(request, session)

    async def _sign_everybody_out(self, request: Request, person: Owner) -> Response:
        await self._accounts.sign_out(person)
        answer = RedirectResponse("/sign-in", 303)
        self._cookie.delete(answer, request.scope)
        return answer

    async def _page(self, person: Person, problem: str = "", status: int = 200) -> Response:
        everybody = await self._accounts.all() if person.role is Role.OWNER else ()
        return account_page(await self._accounts.get(person.name), everybody, problem, status)

    async def _passwords(self) -> bool:
        return any(account.has_password for account in await self._accounts.all())


async def _form(request: Request) -> dict[str, str]:
    """Read a form's fields; what is no form has none."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip()
        != "application/x-www-form-urlencoded"
    ):
        return {}
    try:
        fields = parse_qs((await request.body()).decode(), True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
