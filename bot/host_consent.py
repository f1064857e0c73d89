"""The owner's yes to sending chats to a host: who said it, when, to what words; and that it may be taken back.

It lies in Redis, where every process of the service reads it before each request. Without it, and where it cannot be
read, nothing is sent.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from bot.clock import Clock, as_datetime
from bot.errors import HostNotAgreed, StoreError
from bot.store.store import Store
from inference.errors import ModelUnavailable
from inference.host import host_name
from inference.weights import Hosted

_AGREED: Final = "understudy:hosts"


@dataclass(frozen=True, slots=True)
class HostAgreement:
    """What was said last of sending chats to a model at a host; `at` is aware, `words` what was agreed to."""

    base_url: str
    model: str
    agreed: bool
    by: str
    at: datetime
    words: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host's name."""
        return host_name(self.base_url)


class HostConsents:
    """Keeps the owner's word on each host's model. All methods raise StoreAway."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def agree(self, hosted: Hosted, by: str, words: tuple[str, ...]) -> None:
        """Put a yes on record, and the words that it was said to."""
        await self._write(_address(hosted), hosted.model, by, words, agreed=True)

    async def take_back(self, by: str, hosted: Hosted | None = None) -> tuple[HostAgreement, ...]:
        """Take a yes back, or every one; gives those that stood until now."""
        taken = tuple(
            one
            for one in await self.all()
            if one.agreed
            and (hosted is None or (one.base_url, one.model) == (_address(hosted), hosted.model))
        )
        for one in taken:
            await self._write(one.base_url, one.model, by, (), agreed=False)
        return taken

    async def of(self, hosted: Hosted) -> HostAgreement | None:
        """What was said last about a host's model."""
        text = await self._store.ask("hget", _AGREED, f"{_address(hosted)}|{hosted.model}")
        return None if text is None else _read(text)

    async def all(self) -> tuple[HostAgreement, ...]:
        """What was said last about each."""
        return tuple(_read(text) for _, text in sorted((await self._store.hash(_AGREED)).items()))

    async def require(self, hosted: Hosted) -> HostAgreement:
        """Give the yes that stands. Raises HostNotAgreed where none does."""
        found = await self.of(hosted)
        if found is None or not found.agreed:
            raise HostNotAgreed(_nobody_agreed(hosted))
        return found

    def permit(self, hosted: Hosted) -> Callable[[], Awaitable[None]]:
        """What a client asks before each request to a host, see `ModelClient`."""

        async def permit() -> None:
            try:
                await self.require(hosted)
            except HostNotAgreed as error:
                raise ModelUnavailable(str(error)) from None
            except StoreError:
                raise ModelUnavailable("nobody can say now whether chats may be sent to the host") from None

        return permit

    async def _write(
        self, base_url: str, model: str, by: str, words: tuple[str, ...], *, agreed: bool
    ) -> None:
        entry = HostAgreement(base_url, model, agreed, by, as_datetime(self._clock.now_ms()), words)
        text = json.dumps(asdict(entry) | {"at": self._clock.now_ms()})
        await self._store.ask("hset", _AGREED, f"{base_url}|{model}", text)


def _nobody_agreed(hosted: Hosted) -> str:
    return (
        f"nobody agreed that chats are sent to {host_name(hosted.base_url)} for {hosted.model}: "
        "`understudy hosted speak` says what would leave, and asks"
    )


def _address(hosted: Hosted) -> str:
    # All of it: a yes to one address is none to another on the same machine.
    return hosted.base_url.rstrip("/")


def _read(text: str) -> HostAgreement:
    entry = json.loads(text)
    return HostAgreement(**entry | {"at": as_datetime(entry["at"]), "words": tuple(entry["words"])})
