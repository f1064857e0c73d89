"""Who is signed in: links that work once, and the sessions they turn into. Redis holds only their hashes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from typing import Final

from bot.errors import StoreAway
from bot.people import Person, Role
from bot.store.store import Store

SESSION_SECONDS: Final = 30 * 86_400
LINK_SECONDS: Final = 15 * 60
_HASTE_SECONDS: Final = 1.0
_LINK: Final = "understudy:sign-in:"
_SESSION: Final = "understudy:session:"


class SignIn:
    """Mints, redeems and checks tokens. All methods raise StoreAway."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Those this process has seen to be good: so that a kill is heard also while Redis is away.
        self._seen: dict[str, Person] = {}

    async def mint(self, person: Person, seconds: float = LINK_SECONDS) -> str:
        """Give a token that signs a person in once, within that many seconds."""
        return await self._write(_LINK, person, seconds)

    async def mint_session(self, person: Person, seconds: float = SESSION_SECONDS) -> str:
        """Give a session without a link: what programs say as `Authorization: Bearer`."""
        return await self._write(_SESSION, person, seconds)

    async def redeem(self, token: str) -> str | None:
        """Turn a sign-in token into a session; None when it is wrong, used, or too old."""
        # Read and removed in one step: of two that come with one token, one gets in.
        found = await self._store.ask("getdel", _LINK + _hash(token))
        return await self.mint_session(_person(found)) if found else None

    async def person_of(self, session: str) -> Person | None:
        """Give who a session belongs to; None when there is no such session (any more)."""
        name = _hash(session)
        found = await self._store.ask("get", _SESSION + name)
        if not found:
            self._seen.pop(name, None)
            return None
        self._seen[name] = _person(found)
        return self._seen[name]

    async def person_in_haste(self, session: str) -> Person | None:
        """As `person_of`, for the kill switch: while Redis is away, whoever was signed in before still is."""
        try:
            async with asyncio.timeout(_HASTE_SECONDS):
                return await self.person_of(session)
        except (StoreAway, TimeoutError):
            if (person := self._seen.get(_hash(session))) is None:
                raise StoreAway("Redis is away, and nobody can say who this is") from None
            return person

    async def sign_out(self, session: str) -> None:
        """End a session."""
        name = _hash(session)
        self._seen.pop(name, None)
        await self._store.ask("delete", _SESSION + name)

    async def _write(self, prefix: str, person: Person, seconds: float) -> str:
        token = secrets.token_urlsafe(32)
        text = json.dumps({"name": person.name, "role": person.role.value})
        await self._store.ask("set", prefix + _hash(token), text, px=max(1, int(seconds * 1000)))
        return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _person(text: str) -> Person:
    data = json.loads(text)
    return Person(data["name"], Role(data["role"]))
