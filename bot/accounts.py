"""The people who may sign in. There is none by default: an owner, or whoever can read the state folder, adds each."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.clock import Clock, as_datetime
from bot.errors import PersonUnknown, SettingsInvalid
from bot.passwords import Passwords, check_strength
from bot.people import Person, Role
from bot.store.store import Store

PARTITION: Final = 0
"""Accounts lie in one partition, so that each step on them is one script, with its line in the journal."""
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in."""

    name: str
    role: Role
    has_password: bool
    added_at: datetime
    seen_at: datetime | None
    """When they signed in last; None before the first time."""
    generation: int
    """Changes when they are signed out everywhere: a session of another one is none."""

    @property
    def person(self) -> Person:
        """The person, as the journal names them."""
        return Person(self.name, self.role)


class Accounts:
    """Who may sign in, and in which role. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock, passwords: Passwords | None = None) -> None:
        self._store = store
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._prefix = store.partitions.prefix(PARTITION)

    async def all(self) -> tuple[Account, ...]:
        """Give everybody, by name."""
        found = [
            await self._find(id_)
            for id_ in sorted(await self._store.ask("smembers", self._prefix + "people"))
        ]
        return tuple(account for account in found if account is not None)

    async def get(self, name: str) -> Account:
        """Give one account. Raises PersonUnknown."""
        found = await self._find(identity(name))
        if found is None:
            raise PersonUnknown(f"there is nobody called {name}: `understudy people` lists everybody")
        return found

    async def add(self, by: Person, name: str, role: Role) -> Account:
        """Add somebody, or change their role. Only an owner may. Raises SettingsInvalid for a name that is none."""
        by.must_be(Role.OWNER, "add people")
        name = clean_name(name)
        await self._run("person_set", identity(name), name, role.value, by.name)
        return await self.get(name)

    async def remove(self, by: Person, name: str) -> None:
        """Take somebody's access away, with their sessions, links and tokens, at once. Raises PersonUnknown."""
        by.must_be(Role.OWNER, "remove people")
        account = await self.get(name)
        await self._run("person_remove", identity(account.name), by.name)

    async def sign_out(self, by: Person, name: str | None = None) -> None:
        """End the sessions and open links of somebody, or of everybody. Oneself may, and an owner."""
        if name is None or identity(name) != identity(by.name):
            by.must_be(Role.OWNER, "sign others out")
        who = "" if name is None else identity((await self.get(name)).name)
        await self._run("person_sign_out", who, by.name)

    async def set_password(self, by: Person, name: str, password: str | None) -> Account:
        """Set or take away a password, and end the sessions there were. Oneself may, and an owner.

        Raises PersonUnknown and PasswordWeak.
        """
        if identity(name) != identity(by.name):
            by.must_be(Role.OWNER, "set other people's passwords")
        account = await self.get(name)
        kept = ""
        if password is not None:
            check_strength(account.name, password)
            kept = await self._passwords.hash(password)
        await self._run("person_password", identity(account.name), kept, by.name, "")
        return await self.get(name)

    async def by_password(self, name: str, password: str) -> Account | None:
        """Give who that is; None for a wrong password, after as long as for a name that nobody has."""
        id_ = identity(name)
        account = await self._find(id_)
        kept: str | None = await self._store.ask("hget", self._prefix + "person:" + id_, "password") or None
        if not await self._passwords.matches(kept, password) or account is None or kept is None:
            return None
        if self._passwords.is_old(kept):
            again = await self._passwords.hash(password)
            # Only over the hash that was just seen: a password that was changed meanwhile stays.
            await self._run("person_password", id_, again, account.name, kept)
        return account

    async def _find(self, id_: str) -> Account | None:
        found = await self._store.hash(self._prefix + "person:" + id_)
        if "role" not in found:
            return None
        return Account(
            name=found["name"],
            role=Role(found["role"]),
            has_password=bool(found.get("password")),
            added_at=as_datetime(int(found["added_at"])),
            seen_at=as_datetime(int(found["seen_at"])) if "seen_at" in found else None,
            generation=int(found["generation"]),
        )

    async def _run(self, script: str, *arguments: str) -> None:
        await self._store.run(script, PARTITION, self._clock.now_ms(), *arguments)


def clean_name(name: str) -> str:
    """Give a name as it is kept. Raises SettingsInvalid for one that could not be told from another, or is none."""
    name = " ".join(unicodedata.normalize("NFKC", name).split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or "/" in name:
        raise SettingsInvalid(f"a name has 1 to {_LONGEST_NAME} visible characters, and no slash")
    return name


def identity(name: str) -> str:
    """Give the key of a name: two that read alike in another case are one person. A hash, for it may be anything."""
    folded = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return hashlib.sha256(folded.encode(errors="replace")).hexdigest()[:32]
