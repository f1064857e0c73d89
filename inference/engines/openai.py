"""A server that runs already: vLLM, or any other that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Self

import structlog

from inference.canary import check_canary
from inference.client import Endpoint, ModelClient
from inference.dialect import Dialect, require
from inference.errors import EngineError, InferenceError, ModelError, ModelUnavailable
from inference.persona import Persona

_log = structlog.stdlib.get_logger(__name__)


class OpenAIServer:
    """An `Engine` that starts nothing: it reaches a server, and looks again every `check_seconds`.

    The look asks which models there are and, once `verify` has passed, the canary again: a server that
    was restarted between two looks could come back with another adapter under the same name. What kind of server
    it is, is read from its list of models unless `dialect` says so: something in between may hide it.
    """

    def __init__(
        self, endpoint: Endpoint, *, dialect: Dialect | None = None, check_seconds: float = 30.0
    ) -> None:
        self._endpoint = replace(endpoint, dialect=dialect or endpoint.dialect)
        self._tell_dialect = dialect is None
        self._check_seconds = check_seconds
        self._client = ModelClient(lambda: self._endpoint)
        self._alive = False
        self._persona: Persona | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The server's address. Raises ModelUnavailable while the last look failed."""
        if not self._alive:
            raise ModelUnavailable(
                "the model server did not pass its last check: see the log", safe_to_retry=True
            )
        return self._endpoint

    @property
    def alive(self) -> bool:
        """Whether the last look found the model, and the persona when one is verified."""
        return self._alive

    async def verify(self, persona: Persona) -> None:
        """See `Engine.verify`."""
        await self._look(persona)
        self._persona = persona
        self._alive = True

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
            try:
                await self._look(self._persona)
            except InferenceError as error:
                if self._alive:
                    _log.error("engine_check_failed", engine="openai", reason=str(error))
                self._alive = False
            else:
                if not self._alive:
                    _log.info("engine_check_passed", engine="openai")
                self._alive = True

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
