"""The client of a fine-tuning API: files, jobs and models, over httpx.

What may be asked twice without harm is asked again by itself, after a pause, when the host is away. An upload
and the creation of a job are not: the API documents no idempotency key, so that after a broken connection
somebody must look first whether they happened (`training.hosted.work` does).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from inference.translation import FOREIGN
from training.hosted.errors import HostAway, HostStrange, NotThere
from training.hosted.host import Host
from training.hosted.protocol import (
    Checkpoint,
    Deleted,
    HostedFile,
    HostedJob,
    HostedModel,
    Item,
    JobEvent,
    Page,
)
from training.hosted.translation import STRANGE, TOO_SLOW, error_of, refusal_of

PURPOSE: Final = "fine-tune"
_LONGEST_ANSWER: Final = 64 * 2**20
_MOST_PAGES: Final = 1000
Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how often to try. Seconds, unless named otherwise."""

    request: float = 60.0
    """For one try of an ordinary request."""
    upload: float = 1800.0
    """For one try of an upload."""
    attempts: int = 6
    backoff: float = 1.0
    """Before the second try; it doubles each time."""
    longest_wait: float = 300.0
    """A host that asks for a longer pause is given up on."""

    def before(self, attempt: int, error: HostAway) -> float:
        """How long to wait after a try that failed, the first being 1. Raises the error when that was the last."""
        wait = max(self.backoff * 2.0 ** (attempt - 1), error.retry_after_seconds)
        if attempt >= self.attempts or wait > self.longest_wait:
            raise error
        return wait


class HostClient:
    """Asks one host; open it with `async with`. Opening it reaches nobody yet."""

    def __init__(self, host: Host, patience: Patience | None = None) -> None:
        self.host = host
        self.patience = patience or Patience()
        # Each try stands in asyncio.timeout. Proxies from the environment would carry chats away.
        self._http = httpx.AsyncClient(
            timeout=None,  # noqa: S113 - see above
            headers={"Authorization": f"Bearer {host.key}"} if host.key else {},
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._http.aclose()

    async def upload(self, name: str, content: bytes) -> HostedFile:
        """Upload a file for training, once. Raises HostError; after HostAway, see `maybe_taken`."""
        files = {"file": (name, content, "application/jsonl")}
        answer = await self._try(
            "POST", "/v1/files", self.patience.upload, data={"purpose": PURPOSE}, files=files
        )
        return _read(HostedFile, answer)

    async def file(self, file_id: str) -> HostedFile:
        """Look at a file. Raises HostError."""
        return _read(HostedFile, await self._ask("GET", _path("files", file_id)))

    async def content(self, file_id: str) -> bytes:
        """Fetch what is in a file. Raises HostError."""
        return await self._ask("GET", f"{_path('files', file_id)}/content")

    def files(self) -> AsyncIterator[HostedFile]:
        """List all files. Raises HostError."""
        return self._all(Page[HostedFile], "/v1/files")

    async def delete_file(self, file_id: str) -> None:
        """Delete a file; one that is not there is deleted already. Raises HostError."""
        await self._delete(_path("files", file_id))

    async def create_job(self, asked: Mapping[str, Any]) -> HostedJob:
        """Create a job, once. Raises HostError; after HostAway, see `maybe_taken`."""
        answer = await self._try("POST", "/v1/fine_tuning/jobs", self.patience.request, json=dict(asked))
        return _read(HostedJob, answer)

    async def job(self, job_id: str) -> HostedJob:
        """Look at a job. Raises HostError."""
        return _read(HostedJob, await self._ask("GET", _path("fine_tuning/jobs", job_id)))

    def jobs(self) -> AsyncIterator[HostedJob]:
        """List all jobs, newest first. Raises HostError."""
        return self._all(Page[HostedJob], "/v1/fine_tuning/jobs")

    async def cancel(self, job_id: str) -> HostedJob:
        """Cancel a job. Raises HostError."""
        return _read(HostedJob, await self._ask("POST", f"{_path('fine_tuning/jobs', job_id)}/cancel"))

    async def events_since(self, job_id: str, seen: str) -> tuple[JobEvent, ...]:
        """Give what a job reported after the event `seen`, oldest first. Raises HostError."""
        found: list[JobEvent] = []
        # The API lists the newest first, and its cursor leads to older ones.
        async for event in self._all(Page[JobEvent], f"{_path('fine_tuning/jobs', job_id)}/events"):
            if event.id == seen:
                break
            found.append(event)
        return tuple(reversed(found))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Give the models that a job left on its way; none where the host knows no such list. Raises HostError."""
        try:
            path = f"{_path('fine_tuning/jobs', job_id)}/checkpoints"
            return tuple([checkpoint async for checkpoint in self._all(Page[Checkpoint], path)])
        except NotThere:
            return ()

    async def models(self) -> tuple[HostedModel, ...]:
        """List all models; this list has no pages. Raises HostError."""
        return _read(Page[HostedModel], await self._ask("GET", "/v1/models")).data

    async def has_model(self, name: str) -> bool:
        """Whether a model is there. Raises HostError."""
        try:
            await self._ask("GET", _path("models", name))
        except NotThere:
            return False
        return True

    async def has_file(self, file_id: str) -> bool:
        """Whether a file is there. Raises HostError."""
        try:
            await self.file(file_id)
        except NotThere:
            return False
        return True

    async def delete_model(self, name: str) -> None:
        """Delete a model; one that is not there is deleted already. Raises HostError."""
        await self._delete(_path("models", name))

    async def _delete(self, path: str) -> None:
        try:
            answer = await self._ask("DELETE", path)
        except NotThere:
            # Also after a try whose answer got lost.
            return
        if not _read(Deleted, answer).deleted:
            raise HostStrange("the host did not delete what it was asked to: look there, and try again")

    async def _all(self, page_of: type[Page[Item]], path: str) -> AsyncIterator[Item]:
        after = ""
        for _ in range(_MOST_PAGES):
            params = {"limit": "100", **({"after": after} if after else {})}
            page = _read(page_of, await self._ask("GET", path, params=params))
            for item in page.data:
                yield item
            if not page.has_more or not page.data:
                return
            after = page.data[-1].id
        raise HostStrange("the host's list does not end: " + STRANGE)

    async def _ask(self, method: str, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """Ask what may be asked again."""
        attempt = 1
        while True:
            try:
                return await self._try(method, path, self.patience.request, params=params)
            except HostAway as error:
                await asyncio.sleep(self.patience.before(attempt, error))
            attempt += 1

    async def _try(self, method: str, path: str, seconds: float, **said: Any) -> bytes:  # noqa: ANN401
        try:
            async with (
                asyncio.timeout(seconds),
                self._http.stream(method, self.host.root + path, **said) as response,
            ):
                answer = bytearray()
                async for chunk in response.aiter_bytes():
                    answer += chunk
                    if len(answer) > _LONGEST_ANSWER:
                        raise HostStrange(STRANGE)
        except TimeoutError:
            raise HostAway(TOO_SLOW, maybe_taken=True) from None
        except FOREIGN as error:
            # Not chained: a traceback with locals would show the key, and rows.
            raise error_of(error) from None
        if not response.is_success:
            raise refusal_of(response.status_code, bytes(answer), response.headers)
        return bytes(answer)


def _path(kind: str, name: str) -> str:
    return f"/v1/{kind}/{quote(name, safe=':')}"


def _read(kind: type[Answer], answer: bytes) -> Answer:
    try:
        return kind.model_validate_json(answer)
    except ValidationError:
        raise HostStrange(STRANGE) from None
