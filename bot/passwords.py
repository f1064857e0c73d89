"""Passwords: what is kept of one is an argon2id hash, and nobody learns from the time it takes who has one."""

from __future__ import annotations

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.errors import PasswordWeak

SHORTEST: Final = 12
LONGEST: Final = 200
_FEWEST_SIGNS: Final = 5
# Each takes 64 MiB for a while (RFC 9106, the second recommended choice): so not many side by side.
_AT_ONCE: Final = 2


class Passwords:
    """Hashes and checks passwords, in threads. `hasher` is for tests, which need not be slow."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._dummy: str | None = None

    async def hash(self, password: str) -> str:
        """Give what to keep of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether it is the password; where none is kept, no, after as much work as if there were one."""
        if len(password) > LONGEST:
            # None that long is ever kept. It is not worked through, for the length is the asker's to choose.
            password = ""
        if self._dummy is None:
            self._dummy = await self.hash("somebody who is not there")
        async with self._turn:
            right = await asyncio.to_thread(self._verify, kept or self._dummy, password)
        return right and kept is not None

    def is_old(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than are in use now."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def check_strength(name: str, password: str) -> None:
    """Refuse a password that would be guessed. Raises PasswordWeak."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordWeak(f"a password has {SHORTEST} to {LONGEST} characters: take a few words")
    if len(set(password)) < _FEWEST_SIGNS or password.casefold() == name.casefold() * (
        len(password) // max(1, len(name))
    ):
        raise PasswordWeak("this password would be guessed: take a few words that do not belong together")
