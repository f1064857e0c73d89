"""The REST API's part about who may come in. Owners only; a program's token is made by the command line alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints

from bot.accounts import Account, Accounts
from bot.dashboard.access import Owner
from bot.dashboard.sign_in import SignIn, Token
from bot.people import Role


class AccountBody(BaseModel):
    """Somebody who may sign in."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: Role
    has_password: bool
    added_at: datetime
    seen_at: datetime | None
    """When they signed in last."""

    @classmethod
    def of(cls, account: Account) -> Self:
        """Show an account."""
        return cls(
            name=account.name,
            role=account.role,
            has_password=account.has_password,
            added_at=account.added_at,
            seen_at=account.seen_at,
        )


class Invitation(BaseModel):
    """Somebody to let in, or to give another role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    role: Role = Role.VIEWER


class InvitationBody(BaseModel):
    """Somebody who was let in."""

    model_config = ConfigDict(frozen=True)

    account: AccountBody
    link: str
    """Signs them in, once, within a quarter of an hour."""


class TokenBody(BaseModel):
    """A program's token, without its secret."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    """Whose it is."""
    role: Role
    made_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, token: Token) -> Self:
        """Show a token."""
        return cls(
            id=token.id,
            name=token.name,
            role=token.role,
            made_at=token.made_at,
            expires_at=token.expires_at,
        )


class DoneBody(BaseModel):
    """It is done."""

    model_config = ConfigDict(frozen=True)

    done: bool = True


def people_router(
    accounts: Accounts,
    sign_in: SignIn,
    link_of: Callable[[Account], Awaitable[str]],
    errors: dict[int | str, dict[str, Any]],
) -> APIRouter:
    """Build the routes; `link_of` makes a sign-in link."""
    router = APIRouter(prefix="/api/v1", responses=errors, tags=["people"])

    @router.get("/people")
    async def people(_: Owner) -> tuple[AccountBody, ...]:
        """Who may sign in, by name."""
        return tuple(AccountBody.of(account) for account in await accounts.all())

    @router.post("/people")
    async def add_person(invitation: Invitation, person: Owner) -> InvitationBody:
        """Add somebody, or change their role; gives a link for them."""
        account = await accounts.add(person, invitation.name, invitation.role)
        return InvitationBody(account=AccountBody.of(account), link=await link_of(account))

    @router.delete("/people/{name}")
    async def remove_person(name: str, person: Owner) -> DoneBody:
        """Take somebody's access away, with their sessions, links and tokens, at once."""
        await accounts.remove(person, name)
        return DoneBody()

    @router.post("/people/{name}/sign-out")
    async def sign_out_person(name: str, person: Owner) -> DoneBody:
        """End somebody's sessions and open links."""
        await accounts.sign_out(person, name)
        return DoneBody()

    @router.post("/sign-everybody-out")
    async def sign_everybody_out(person: Owner) -> DoneBody:
        """End all sessions and open links. Tokens stay; revoke those by their id."""
        await accounts.sign_out(person)
        return DoneBody()

    @router.get("/tokens")
    async def tokens(_: Owner) -> tuple[TokenBody, ...]:
        """The tokens that programs have, oldest first."""
        return tuple(TokenBody.of(token) for token in await sign_in.tokens())

    @router.delete("/tokens/{token_id}")
    async def revoke_token(token_id: str, person: Owner) -> DoneBody:
        """Take a program's token away."""
        await sign_in.revoke(person, token_id)
        return DoneBody()

    return router
