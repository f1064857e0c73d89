"""The server: files, jobs, models, chat and moderation, and the failures that a test has it play."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.fakes.hosted.chat import Chat
from tests.fakes.hosted.rules import Fault, check_job, check_upload, examples_fault
from tests.fakes.moderation_server import OPENAI_NAMES

BASES = ("gpt-4o-mini-2024-07-18", "open-mistral-7b")
KEY = "sk-capybara-0123456789"


@dataclass
class StoredFile:
    id: str
    filename: str
    purpose: str
    content: bytes
    looks: int = 0

    def shown(self, processing: int) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": 1700000000,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "uploaded" if self.looks <= processing else "processed",
            "status_details": None,
        }


@dataclass
class StoredJob:
    id: str
    asked: dict[str, Any]
    status: str = "validating_files"
    error: dict[str, Any] | None = None
    fine_tuned_model: str | None = None
    result_files: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0

    def shown(self) -> dict[str, Any]:
        ended = self.status in {"succeeded", "failed", "cancelled"}
        return {
            "object": "fine_tuning.job",
            "id": self.id,
            "model": self.asked["model"],
            "created_at": 1700000000,
            "finished_at": 1700000100 if ended else None,
            "fine_tuned_model": self.fine_tuned_model,
            "organization_id": "org-1",
            "result_files": self.result_files,
            "status": self.status,
            "training_file": self.asked["training_file"],
            "validation_file": self.asked.get("validation_file"),
            "error": self.error or {},
            "trained_tokens": 1234 if self.status == "succeeded" else None,
            "seed": self.asked.get("seed", 7),
            "method": self.asked.get("method"),
        }

    def report(self, message: str, level: str = "info", **data: object) -> None:
        self.events.append(
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{self.id.removeprefix('ftjob-')}-{len(self.events)}",
                "created_at": 1700000000 + len(self.events),
                "level": level,
                "message": message,
                "type": "metrics" if data else "message",
                "data": data or None,
            }
        )


@dataclass
class Play:
    """What one request meets instead of, or after, the ordinary handling.

    `took` says whether the request has its effect. Then it is answered with `status`, the connection is dropped, or
    it is held until the caller is gone.
    """

    method: str
    path: str
    then: Literal["answer", "drop", "hold"] = "answer"
    took: bool = False
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    met: asyncio.Event = field(default_factory=asyncio.Event)

    def is_of(self, scope: Scope) -> bool:
        return scope["method"] == self.method and re.fullmatch(self.path, scope["path"]) is not None


class FakeHost:
    """`async with fake_host() as host`; tests change its fields and read what it holds."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        self.jobs: dict[str, StoredJob] = {}
        self.models: list[str] = []
        self.plays: list[Play] = []
        self.requests: list[tuple[str, str]] = []
        self.judged: list[str] = []
        self.keys: set[str] = set()
        self.connections = 0
        self.processing = 0
        """For how many looks a file is not processed yet."""
        self.most = 100
        """On one page of a list."""
        self.steps = 3
        self.fails_with: Fault | None = None
        """What a running job ends with."""
        self.runs_for_ever = False
        self.undeletable: set[str] = set()
        self.unknown_routes: set[str] = set()
        self.raw: dict[tuple[str, str], bytes] = {}
        """What is answered by a route, whatever was asked."""
        self.base_url = ""
        self.chat = Chat()
        self.transports: dict[tuple[str, int], asyncio.Transport] = {}
        self._count = 0

    @property
    def name(self) -> str:
        return self.base_url.removeprefix("http://").removesuffix("/v1")

    @property
    def made(self) -> list[str]:
        """All that somebody uploaded or trained and is still there."""
        return [*self.files, *self.models, *(job.id for job in self.jobs.values() if job.status == "running")]

    def play(self, play: Play) -> Play:
        self.plays.append(play)
        return play

    def asked(self, method: str, path: str) -> int:
        """How often a route was asked."""
        return sum(one == method and re.fullmatch(path, other) is not None for one, other in self.requests)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.requests.append((scope["method"], scope["path"]))
        play = next((play for play in self.plays if play.is_of(scope)), None)
        if (raw := self.raw.get((scope["method"], scope["path"]))) is not None:
            await Response(raw)(scope, receive, send)
            return
        if play is None:
            await self._app(scope, receive, send)
            return
        self.plays.remove(play)
        body = b""
        while True:
            # The whole request, also where nothing comes of it: the caller must have sent it all.
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        async def swallow(message: Message) -> None:
            del message

        if play.took:
            await self._app(scope, again, swallow)
        play.met.set()
        if play.then == "answer":
            answer = JSONResponse(dict(play.body), status_code=play.status, headers=dict(play.headers))
            await answer(scope, receive, send)
        elif play.then == "drop":
            self.transports[tuple(scope["client"])].abort()
        else:
            while (await receive())["type"] != "http.disconnect":
                pass

    @property
    def _app(self) -> Starlette:
        routes = [
            Route("/v1/files", self._guarded(self._upload), methods=["POST"]),
            Route("/v1/files", self._guarded(self._list_files), methods=["GET"]),
            Route("/v1/files/{id}", self._guarded(self._file), methods=["GET", "DELETE"]),
            Route("/v1/files/{id}/content", self._guarded(self._content), methods=["GET"]),
            Route("/v1/fine_tuning/jobs", self._guarded(self._create), methods=["POST"]),
            Route("/v1/fine_tuning/jobs", self._guarded(self._list_jobs), methods=["GET"]),
            Route("/v1/fine_tuning/jobs/{id}", self._guarded(self._job), methods=["GET"]),
            Route("/v1/fine_tuning/jobs/{id}/cancel", self._guarded(self._cancel), methods=["POST"]),
            Route("/v1/fine_tuning/jobs/{id}/events", self._guarded(self._events), methods=["GET"]),
            Route("/v1/fine_tuning/jobs/{id}/checkpoints", self._guarded(self._points), methods=["GET"]),
            Route("/v1/models", self._guarded(self._list_models), methods=["GET"]),
            Route("/v1/models/{id:path}", self._guarded(self._model), methods=["GET", "DELETE"]),
            Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
            Route("/v1/moderations", self._guarded(self._moderate), methods=["POST"]),
        ]
        routes = [route for route in routes if route.path not in self.unknown_routes]
        return Starlette(routes=routes, exception_handlers={HTTPException: _unknown})

    def _guarded(
        self, handler: Callable[[Request], Awaitable[Any]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            said = request.headers.get("authorization", "")
            self.keys.add(said)
            try:
                if not said.startswith("Bearer ") or not said.removeprefix("Bearer "):
                    raise Fault("You didn't provide an API key.", status=401)
                if said != f"Bearer {KEY}":
                    key = said.removeprefix("Bearer ")
                    raise Fault(f"Incorrect API key provided: {key}.", status=401, code="invalid_api_key")
                answer = await handler(request)
                return answer if isinstance(answer, Response) else JSONResponse(answer)
            except Fault as fault:
                return JSONResponse(fault.body, status_code=fault.status)

        return guarded

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count:04}"

    # files

    async def _upload(self, request: Request) -> dict[str, Any]:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Fault('Invalid Content-Type header, expected "multipart/form-data"', status=415)
        try:
            async with request.form() as form:
                filename, purpose, content = await _parts(form)
        except HTTPException as error:
            raise Fault(f"Could not parse multipart form: {error.detail}") from None
        check_upload(filename, purpose, content)
        stored = StoredFile(self._id("file"), filename, purpose, content)
        self.files[stored.id] = stored
        return stored.shown(self.processing)

    async def _list_files(self, request: Request) -> dict[str, Any]:
        files = [file.shown(self.processing) for file in reversed(self.files.values())]
        return self._page(request, files)

    async def _file(self, request: Request) -> dict[str, Any]:
        file = self._stored_file(request)
        if request.method == "DELETE":
            if file.id in self.undeletable:
                raise Fault("The server had an error while processing your request.", status=403)
            del self.files[file.id]
            return {"id": file.id, "object": "file", "deleted": True}
        file.looks += 1
        return file.shown(self.processing)

    async def _content(self, request: Request) -> Response:
        file = self._stored_file(request)
        # The table of results comes in base64, as OpenAI gives it.
        results = file.purpose == "fine-tune-results"
        return Response(base64.b64encode(file.content) if results else file.content)

    def _stored_file(self, request: Request) -> StoredFile:
        file = self.files.get(request.path_params["id"])
        if file is None:
            raise Fault(f"No such File object: {request.path_params['id']}", status=404, param="id")
        return file

    # jobs

    async def _create(self, request: Request) -> dict[str, Any]:
        try:
            asked = check_job(await request.json())
        except ValueError:
            raise Fault("We could not parse the JSON body of your request.") from None
        if asked["model"] not in (*BASES, *self.models):
            raise Fault(
                f"Model {asked['model']} is not available for fine-tuning or does not exist.",
                param="model",
                code="model_not_available",
            )
        for name in ("training_file", "validation_file"):
            if asked.get(name) is not None:
                file = self.files.get(asked[name])
                if file is None:
                    raise Fault(f"invalid {name}: {asked[name]}", param=name)
                if file.purpose != "fine-tune":
                    raise Fault(f"File '{file.id}' must have purpose 'fine-tune'", param=name)
                if file.looks <= self.processing and self.processing:
                    raise Fault(
                        f"File '{file.id}' is still being processed and is not ready to be used for fine-tuning. "
                        "Please try again later."
                    )
        job = StoredJob(self._id("ftjob"), asked)
        job.report(f"Created fine-tuning job: {job.id}")
        self.jobs[job.id] = job
        return job.shown()

    async def _list_jobs(self, request: Request) -> dict[str, Any]:
        return self._page(request, [job.shown() for job in reversed(self.jobs.values())])

    async def _job(self, request: Request) -> dict[str, Any]:
        job = self._stored_job(request)
        self._advance(job)
        return job.shown()

    async def _cancel(self, request: Request) -> dict[str, Any]:
        job = self._stored_job(request)
        if job.status not in {"validating_files", "queued", "running"}:
            raise Fault(f"Job has already {job.status}: {job.id}")
        job.status = "cancelled"
        job.report("Fine-tuning job cancelled")
        return job.shown()

    async def _events(self, request: Request) -> dict[str, Any]:
        return self._page(request, list(reversed(self._stored_job(request).events)))

    async def _points(self, request: Request) -> dict[str, Any]:
        return self._page(request, list(reversed(self._stored_job(request).checkpoints)))

    def _stored_job(self, request: Request) -> StoredJob:
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            message = f"Could not find fine tune: {request.path_params['id']}"
            raise Fault(message, status=404, param="fine_tune_id", code="fine_tune_not_found")
        return job

    def _advance(self, job: StoredJob) -> None:
        """One step a look."""
        if job.status == "validating_files":
            for name in ("training_file", "validation_file"):
                file = self.files.get(job.asked.get(name) or "")
                fault = examples_fault(file.content, name) if file else None
                if fault is not None:
                    self._fail(job, fault)
                    return
            job.status = "queued"
            job.report("Files validated, moving job to queued state")
        elif job.status == "queued":
            job.status = "running"
            job.report("Fine-tuning job started")
        elif job.status == "running" and self.fails_with is not None:
            self._fail(job, self.fails_with)
        elif job.status == "running":
            if job.steps < self.steps:
                job.steps += 1
                loss = 2.0 - job.steps / 10
                job.report(
                    f"Step {job.steps}/{self.steps}: training loss={loss:.2f}",
                    step=job.steps,
                    total_steps=self.steps,
                    train_loss=loss,
                )
            elif not self.runs_for_ever:
                self._succeed(job)

    def _fail(self, job: StoredJob, fault: Fault) -> None:
        job.status = "failed"
        job.error = {"code": fault.code, "message": fault.message, "param": fault.param}
        job.report(f"The job failed: {fault.message}", level="error")

    def _succeed(self, job: StoredJob) -> None:
        name = f"ft:{job.asked['model']}:acme:{job.asked.get('suffix') or ''}:{job.id[-4:]}"
        job.status, job.fine_tuned_model = "succeeded", name
        point = f"{name}:ckpt-step-{self.steps - 1}"
        job.checkpoints.append(
            {
                "object": "fine_tuning.job.checkpoint",
                "id": self._id("ftckpt"),
                "created_at": 1700000050,
                "fine_tuned_model_checkpoint": point,
                "fine_tuning_job_id": job.id,
                "metrics": {},
                "step_number": self.steps - 1,
            }
        )
        self.models += [name, point]
        results = StoredFile(
            self._id("file"), "step_metrics.csv", "fine-tune-results", b"step,train_loss\n1,1.9\n"
        )
        self.files[results.id] = results
        job.result_files.append(results.id)
        job.report("The job has successfully completed")

    # models, moderation

    async def _list_models(self, request: Request) -> dict[str, Any]:
        del request
        names = [*((base, "system") for base in BASES), *((name, "org-1") for name in self.models)]
        return {"object": "list", "data": [_model(name, owner) for name, owner in names]}

    async def _model(self, request: Request) -> dict[str, Any]:
        name = request.path_params["id"]
        if name not in (*BASES, *self.models):
            message = f"The model '{name}' does not exist"
            raise Fault(message, status=404, param="model", code="model_not_found")
        if request.method == "DELETE":
            if name in BASES or name in self.undeletable:
                raise Fault("You have insufficient permissions for this operation.", status=403)
            self.models.remove(name)
            return {"id": name, "object": "model", "deleted": True}
        return _model(name, "org-1")

    async def _chat(self, request: Request) -> Response:
        return await self.chat.complete(request, (*BASES, *self.models))

    async def _moderate(self, request: Request) -> dict[str, Any]:
        body = await request.json()
        texts = body.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise Fault("'input' must be a string or a list of strings", param="input")
        self.judged += texts
        return {
            "id": "modr-1",
            "model": "omni-moderation-latest",
            "results": [_judged(text) for text in texts],
        }

    def _page(self, request: Request, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        try:
            limit = int(request.query_params.get("limit", "20"))
        except ValueError:
            raise Fault("limit must be an integer", param="limit") from None
        after = request.query_params.get("after")
        begin = 0
        if after is not None:
            places = [place for place, item in enumerate(items) if item["id"] == after]
            if not places:
                raise Fault(f"No such object: {after}", param="after")
            begin = places[0] + 1
        size = min(limit, self.most)
        shown = list(items[begin : begin + size])
        return {"object": "list", "data": shown, "has_more": begin + size < len(items)}


def _model(name: str, owner: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1700000000, "owned_by": owner}


def _judged(text: str) -> dict[str, Any]:
    scores = dict.fromkeys(OPENAI_NAMES, 0.001)
    if "horrid" in text:
        scores["hate"] = 0.9
    categories = {name: score > 0.5 for name, score in scores.items()}
    return {"flagged": any(categories.values()), "categories": categories, "category_scores": scores}


async def _parts(form: FormData) -> tuple[str, str, bytes]:
    if unknown := sorted(set(form) - {"file", "purpose"}):
        raise Fault(f"Unrecognized request argument supplied: {unknown[0]}")
    file, purpose = form.get("file"), form.get("purpose")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Fault("'file' is a required property")
    if not isinstance(purpose, str):
        raise Fault("'purpose' is a required property")
    return file.filename, purpose, await file.read()


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    fault = Fault(f"Invalid URL ({request.method} {request.url.path})", status=status)
    return JSONResponse(fault.body, status_code=status)


@asynccontextmanager
async def fake_host() -> AsyncIterator[FakeHost]:
    """Serve on a free port of loopback."""
    host = FakeHost()

    class Counting(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            host.connections += 1
            host.transports[tuple(transport.get_extra_info("peername"))] = transport
            super().connection_made(transport)

    config = uvicorn.Config(
        host,
        host="127.0.0.1",
        port=0,
        http=Counting,
        log_level="critical",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    host.base_url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield host
    finally:
        running.should_exit = True
        await task
