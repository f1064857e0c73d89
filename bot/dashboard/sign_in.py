"""Keys to the door: links that work once, the sessions they turn into, and tokens for programs.

Redis holds only hashes of them. Each belongs to an account; what the account may do is looked up at each request.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bot.accounts import PARTITION, Account, identity
from bot.clock import Clock, as_datetime
from bot.errors import StoreAway, TokenUnknown
from bot.people import Person, Role
from bot.store.store import Store

SESSION_SECONDS: Final = 30 * 86_400
LINK_SECONDS: Final = 15 * 60
TOKEN_SECONDS: Final = 90 * 86_400
_HASTE_SECONDS: Final = 1.0
# So that a program which looks for secrets in code knows one.
_TOKEN_BEGINS: Final = "understudy_"  # noqa: S105 - not a whole one


class KeyKind(StrEnum):
    """How somebody shows who they are."""

    SESSION = "session"
    """A browser's cookie."""
    TOKEN = "token"  # noqa: S105 - a kind, not a token
    """What a program says as `Authorization: Bearer`."""


@dataclass(frozen=True, slots=True)
class Key:
    """What somebody showed at the door."""

    kind: KeyKind
    secret: str

    @property
    def hash(self) -> str:
        """What Redis knows it by."""
        return _hash(self.secret)


@dataclass(frozen=True, slots=True)
class Token:
    """A program's token, without its secret."""

    id: str
    name: str
    role: Role
    made_at: datetime
    expires_at: datetime


class SignIn:
    """Mints, redeems and checks keys. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._prefix = store.partitions.prefix(PARTITION)
        # Those this process has seen to be good: so that a kill is heard also while Redis is away.
        self._seen: dict[Key, Person] = {}

    async def mint(self, account: Account, seconds: float = LINK_SECONDS) -> str:
        """Give a secret that signs somebody in once, within that many seconds."""
        secret = secrets.token_urlsafe(32)
        about = json.dumps({"person": identity(account.name), "generation": str(account.generation)})
        await self._store.ask("set", f"{self._prefix}link:{_hash(secret)}", about, px=_ms(seconds))
        return secret

    async def redeem(self, link: str) -> str | None:
        """Turn a link's secret into a session; None when it is wrong, used, too old, or its account has ended."""
        # Read and removed in one step: of two that come with one link, one gets in.
        found = await self._store.ask("getdel", f"{self._prefix}link:{_hash(link)}")
        if not found:
            return None
        about = json.loads(found)
        return await self._open(about["person"], about["generation"], "link")

    async def open(
        self, account: Account, way: str = "password", seconds: float = SESSION_SECONDS
    ) -> str | None:
        """Give a session to somebody who has shown who they are; None when they were signed out meanwhile."""
        return await self._open(identity(account.name), str(account.generation), way, seconds)

    async def person_of(self, key: Key) -> Person | None:
        """Give who a key belongs to, in the role it has now; None when it opens nothing (any more)."""
        found = await self._store.run("visit", PARTITION, key.kind.value, key.hash)
        if not found:
            self._seen.pop(key, None)
            return None
        name, role, given, token = found
        person = Person(name, Role(role))
        if token:
            # The journal says that it was a program. A token never does more than its person may by now.
            person = Person(
                f"{name} (token {token})", min(person.role, Role(given), key=lambda role: role.rank)
            )
        self._seen[key] = person
        return person

    async def person_in_haste(self, key: Key) -> Person | None:
        """As `person_of`, for the kill switch: while Redis is away, whoever was signed in before still is."""
        try:
            async with asyncio.timeout(_HASTE_SECONDS):
                return await self.person_of(key)
        except (StoreAway, TimeoutError):
            if (person := self._seen.get(key)) is None:
                raise StoreAway("Redis is away, and nobody can say who this is") from None
            return person

    async def sign_out(self, session: str) -> None:
        """End a session."""
        key = Key(KeyKind.SESSION, session)
        self._seen.pop(key, None)
        await self._store.ask("delete", f"{self._prefix}session:{key.hash}")

    async def mint_token(
        self, by: Person, account: Account, role: Role, seconds: float = TOKEN_SECONDS
    ) -> str:
        """Give a program's token, which is shown this once. Only an owner may."""
        by.must_be(Role.OWNER, "make tokens")
        secret, id_ = _TOKEN_BEGINS + secrets.token_urlsafe(32), secrets.token_hex(4)
        await self._run(
            "token_set", id_, identity(account.name), role.value, _hash(secret), str(_ms(seconds)), by.name
        )
        return secret

    async def tokens(self) -> tuple[Token, ...]:
        """Give the tokens that open something, oldest first."""
        found = []
        for id_, text in (await self._store.hash(self._prefix + "tokens")).items():
            about = json.loads(text)
            if about["expires_at"] <= self._clock.now_ms():
                await self._store.ask("hdel", self._prefix + "tokens", id_)
                continue
            made, expires = as_datetime(about["made_at"]), as_datetime(about["expires_at"])
            found.append(Token(id_, about["name"], Role(about["role"]), made, expires))
        return tuple(sorted(found, key=lambda token: (token.made_at, token.id)))

    async def revoke(self, by: Person, token_id: str) -> None:
        """Take a token away. Only an owner may. Raises TokenUnknown."""
        by.must_be(Role.OWNER, "revoke tokens")
        if await self._run("token_revoke", token_id, by.name) == "missing":
            raise TokenUnknown(f"there is no token {token_id}: `understudy people tokens` lists them")

    async def _open(
        self, person: str, generation: str, way: str, seconds: float = SESSION_SECONDS
    ) -> str | None:
        session = secrets.token_urlsafe(32)
        opened = await self._run("session_open", person, generation, _hash(session), str(_ms(seconds)), way)
        return session if opened == "opened" else None

    async def _run(self, script: str, *arguments: str) -> str:
        answer: str = await self._store.run(script, PARTITION, self._clock.now_ms(), *arguments)
        return answer


def _hash(secret: str) -> str:
    # 256 random bits need no slow hash, and are looked up by it.
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))
