"""A server that runs already: vLLM, or any other that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Self

import structlog

from inference.canary import check_canary
from inference.client import Endpoint, Limits, ModelClient
from inference.dialect import Dialect, require
from inference.errors import EngineError, InferenceError, ModelError, ModelUnavailable
from inference.persona import Persona

_log = structlog.stdlib.get_logger(__name__)


class OpenAIServer:
    """An `Engine` that starts nothing: it reaches a server, and looks every `check_seconds` and after each answer.

    The look asks which models there are and, once `verify` has passed, the canary again: nothing tells when a server
    was restarted, or its adapter loaded anew, and it may come back as somebody else under the same name. What kind of
    server it is, is read from its list of models unless `dialect` says so: something in between may hide it. For
    `permit` see `ModelClient`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        dialect: Dialect | None = None,
        check_seconds: float = 30.0,
        limits: Limits | None = None,
        permit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._endpoint = replace(endpoint, dialect=dialect or endpoint.dialect)
        self._tell_dialect = dialect is None
        self._check_seconds = check_seconds
        self._client = ModelClient(lambda: self._endpoint, limits, permit=permit)
        self._alive = False
        self._persona: Persona | None = None
        self._trouble = ""
        self._looks = 0
        self._looking = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The server's address. Raises ModelUnavailable while the last look failed."""
        if not self._alive:
            raise ModelUnavailable(
                f"the model server did not pass its last check: {self._trouble}", safe_to_retry=True
            )
        return self._endpoint

    @property
    def alive(self) -> bool:
        """Whether the last look found the model, and the persona when one is verified."""
        return self._alive

    @property
    def trouble(self) -> str:
        """See `Engine.trouble`."""
        return self._trouble

    async def vouch(self) -> None:
        """See `Engine.vouch`: asks the canary now. Answers that end while it is asked share the next one."""
        if self._persona is None:
            return
        begun = self._looks
        async with self._looking:
            # Of two looks only one that began after the answer had come says who gave it.
            if self._looks == begun:
                await self._look_again()
        if not self._alive:
            raise ModelUnavailable(f"nobody can say who has answered: {self._trouble}")

    def hear(self, error: ModelError) -> None:
        """See `Engine.hear`: nothing is made of it, the next look tells."""

    async def verify(self, persona: Persona) -> None:
        """See `Engine.verify`."""
        async with self._looking:
            await self._look(persona)
            self._persona = persona
            self._alive, self._trouble = True, ""

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        try:
            await self._look(None)
        except BaseException:
            await self._client.__aexit__()
            raise
        self._alive = True
        self._watch = asyncio.create_task(self._keep_looking(), name="model server watch")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._alive = False
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._client.__aexit__()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            async with self._looking:
                await self._look_again()

    async def _look_again(self) -> None:
        """Look, and keep what was found; while `_looking` is held."""
        self._looks += 1
        try:
            await self._look(self._persona)
        except InferenceError as error:
            if self._alive:
                _log.error("engine_check_failed", engine="openai", reason=str(error))
            self._alive, self._trouble = False, str(error)
        else:
            if not self._alive:
                _log.info("engine_check_passed", engine="openai")
            self._alive, self._trouble = True, ""

    async def _look(self, persona: Persona | None) -> None:
        try:
            models = await self._client.models()
        except ModelError as error:
            raise EngineError(f"the model server cannot be used: {error}") from error
        found = next((model for model in models if model.id == self._endpoint.model), None)
        if found is None:
            raise EngineError(
                f"the model server serves no model named {self._endpoint.model}: load the adapter under that name"
            )
        if self._tell_dialect:
            self._endpoint = replace(self._endpoint, dialect=Dialect.of(found.owned_by))
        if persona is not None:
            require(persona.sampling, self._endpoint.dialect)
            await check_canary(self._client, persona.canary)
