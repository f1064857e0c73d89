"""A model that was trained at somebody else's API and stayed there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from inference.canary import HOSTED, check_canary
from inference.client import Endpoint, Limits
from inference.dialect import Dialect, require
from inference.engines.openai import OpenAIServer
from inference.errors import EngineError, ModelError, ModelRejected, ModelUnavailable, SamplingUnsupported
from inference.host import host_name
from inference.persona import Persona

_log = structlog.stdlib.get_logger(__name__)
_KEY = frozenset({401, 403})
_GONE = 404
_LIMITS = Limits(attempts=2)


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a host is looked at, in seconds: it is somebody else's, and counts and charges each question."""

    check: float = 30.0
    """Between two looks whether the model is there."""
    canary: float = 600.0
    """Between two askings of the canary, beside those after each answer and after each trouble."""
    retry: float = 1.0
    """After a trouble; it doubles up to `check`. A host that names a longer wait is left alone for that."""


class HostedServer(OpenAIServer):
    """An `Engine` that reaches a model at a host, as the persona names it.

    `permit` is asked before each request, as `ModelClient` does. Whoever asked for an answer and got none says so
    with `hear`: then nothing more is asked of the host until it has passed the canary again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        permit: Callable[[], Awaitable[None]],
        cadence: Cadence = Cadence(),
    ) -> None:
        super().__init__(endpoint, dialect=Dialect.OPENAI, limits=_LIMITS, permit=permit)
        self._host = host_name(endpoint.base_url)
        self._cadence = cadence
        self._proved_at = 0.0
        self._failures = 0
        self._not_before = 0.0
        self._fallen = asyncio.Event()

    def hear(self, error: ModelError) -> None:
        """See `Engine.hear`: the model counts as away until the next look, unless the question alone was at fault."""
        if self._alive and _tells_of_the_host(error):
            self._fall(self._in_words(error), error)
            self._fallen.set()

    async def _keep_looking(self) -> None:
        while True:
            self._fallen.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._fallen.wait()
                    continue  # it has just fallen: the pause is another one now
            async with self._looking:
                if self._alive and _now() < self._proved_at + self._cadence.canary:
                    await self._glance()
                else:
                    await self._look_again()

    def _pause(self) -> float:
        """Seconds until the next look."""
        if self._alive:
            return self._cadence.check
        backoff = min(self._cadence.retry * 2.0 ** min(self._failures - 1, 10), self._cadence.check)
        return max(backoff, self._not_before - _now())

    async def _glance(self) -> None:
        """See that the model is there, without the canary; no answer is vouched for by that."""
        try:
            await self._find()
        except EngineError as error:
            self._fall(str(error), error.__cause__)

    async def _look_again(self) -> None:
        await super()._look_again()
        self._failures = 0 if self._alive else self._failures + 1

    async def _look(self, persona: Persona | None) -> None:
        await self._find()
        if persona is None:
            return
        require(persona.sampling, Dialect.OPENAI)
        begun = _now()
        try:
            await check_canary(self._client, persona.canary, HOSTED)
        except EngineError as error:
            if isinstance(error.__cause__, ModelError):
                raise self._trouble_of(error.__cause__) from error.__cause__
            raise EngineError(f"{self._host}: {error}") from error
        self._proved_at = begun

    async def _find(self) -> None:
        """See that the model is there. Raises EngineError."""
        try:
            models = await self._client.models()
        except ModelError as error:
            raise self._trouble_of(error) from error
        if all(model.id != self._endpoint.model for model in models):
            raise EngineError(self._gone)

    def _fall(self, why: str, error: BaseException | None) -> None:
        _log.error("engine_check_failed", engine="hosted", reason=why)
        self._alive, self._trouble, self._failures = False, why, 1
        self._wait_for(error)

    def _wait_for(self, error: BaseException | None) -> None:
        if isinstance(error, ModelUnavailable):
            self._not_before = max(self._not_before, _now() + error.retry_after_seconds)

    def _trouble_of(self, error: ModelError) -> EngineError:
        self._wait_for(error)
        return EngineError(self._in_words(error))

    @property
    def _gone(self) -> str:
        return (
            f"{self._host} has no model {self._endpoint.model}, or not for this key: if it was deleted there, nobody "
            "can speak as this persona any more"
        )

    def _in_words(self, error: ModelError) -> str:
        if isinstance(error, ModelRejected) and error.status in _KEY:
            return f"{self._host} refuses the key ({error.status}): set UNDERSTUDY_HOSTED__API_KEY to a right one"
        if isinstance(error, ModelRejected) and error.status == _GONE:
            return self._gone
        if isinstance(error, ModelUnavailable) and error.retry_after_seconds:
            return (
                f"{self._host}: {error}; it is left alone for {error.retry_after_seconds:.0f} s, as it asks"
            )
        return f"{self._host}: {error}"


def _tells_of_the_host(error: ModelError) -> bool:
    if isinstance(error, ModelRejected):
        return error.status in _KEY | {_GONE}
    return not isinstance(error, SamplingUnsupported)


def _now() -> float:
    return asyncio.get_running_loop().time()
