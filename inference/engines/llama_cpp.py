"""llama.cpp as the embedded engine: a child process on this machine, watched and restarted.

A child, because llama.cpp ends its process when something inside it fails, and because a generation must
not share the service's interpreter lock. The child goes when this process goes, however it goes.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import structlog

from inference.canary import check_canary
from inference.client import Endpoint, ModelClient
from inference.dialect import Dialect, require
from inference.errors import EngineError, InferenceError, ModelError, ModelUnavailable
from inference.persona import Persona

_log = structlog.stdlib.get_logger(__name__)
_CHILD = Path(__file__).with_name("llama_server.py")


@dataclass(frozen=True, slots=True)
class LlamaModel:
    """What llama.cpp is to serve: a base, an adapter on it, and the chat template as text."""

    name: str
    base: Path
    adapter: Path | None
    template: str

    @classmethod
    def of(cls, persona: Persona) -> Self:
        """The files of a persona. Raises PersonaError when it has no GGUF."""
        return cls(persona.name, persona.base_gguf, persona.adapter_gguf, persona.template)


@dataclass(frozen=True, slots=True)
class LlamaSettings:
    """How much llama.cpp may take, and how patiently it is started."""

    slots: int = 4
    """Answers written side by side."""
    context_tokens: int = 2048
    """Prompt and answer together, in each slot."""
    threads: int | None = None
    """None: all cores but one. With all of them it collapses under contention."""
    start_seconds: float = 120.0
    stop_seconds: float = 5.0
    restart_seconds: float = 0.5
    """Before the first restart; doubles while it does not stay up."""
    longest_restart_seconds: float = 30.0
    check_seconds: float = 5.0
    """Between two looks at whether the files are still those that were loaded."""
    canary_seconds: float = 600.0
    """Between two askings of the canary while nothing seems to have changed."""


@dataclass(frozen=True, slots=True)
class _Child:
    process: asyncio.subprocess.Process
    address: str
    files: tuple[object, ...]
    """What the model's files were like when it began to read them."""


class LlamaCpp:
    """An `Engine`: starts llama.cpp on entering, and stops it on leaving.

    `log` is the file to which llama.cpp's errors are appended; no message text gets there.
    """

    def __init__(self, model: LlamaModel, log: Path, settings: LlamaSettings | None = None) -> None:
        self._model = model
        self._log_file = log
        self._settings = settings or LlamaSettings()
        # Only processes of this machine can reach the port, and other users of it have no key.
        self._key = secrets.token_urlsafe(32)
        self._child: _Child | None = None
        self._persona: Persona | None = None
        self._latest: asyncio.subprocess.Process | None = None
        self._trouble = ""
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    @property
    def endpoint(self) -> Endpoint:
        """The address of the running child, with the adapter on. Raises ModelUnavailable."""
        return self._endpoint(self._running(), adapter=True)

    @property
    def base_endpoint(self) -> Endpoint:
        """The same child with the adapter off, for the canary's recording. Raises ModelUnavailable."""
        return self._endpoint(self._running(), adapter=False)

    @property
    def alive(self) -> bool:
        """Whether a child runs that has passed the checks."""
        return self._child is not None and self._child.process.returncode is None

    @property
    def pid(self) -> int | None:
        """The child's process id, while one runs."""
        return self._child.process.pid if self._child and self.alive else None

    @property
    def trouble(self) -> str:
        """See `Engine.trouble`."""
        return "" if self.alive else self._trouble or "llama.cpp is being restarted"

    async def vouch(self) -> None:
        """See `Engine.vouch`: the child was proved when it began; only its files may have changed under it."""
        child = self._running()
        if await asyncio.to_thread(self._files) != child.files:
            self._give_up(child, "a file of the persona was changed while it was served")
        self._running()

    def hear(self, error: ModelError) -> None:
        """See `Engine.hear`: the child is watched, it needs no hint."""

    async def verify(self, persona: Persona) -> None:
        """See `Engine.verify`; also compares the chat template's work with the training's."""
        await self._verify(persona, self._running())
        self._persona = persona

    async def __aenter__(self) -> Self:
        self._child = await self._start()
        self._tasks = (
            asyncio.create_task(self._supervise(self._child), name="llama.cpp supervisor"),
            asyncio.create_task(self._watch(), name="llama.cpp watch"),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        # First the supervisor: it would take the end of the child for a death.
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._child = None
        # Also one that was given up, and may not be gone yet.
        if self._latest is not None:
            await self._stop(self._latest)

    def _running(self) -> _Child:
        if self._child is None or not self.alive:
            # Never the old address: another process may have its port by now, and would get the prompts.
            raise ModelUnavailable(
                f"{self.trouble}: a moment, or see {self._log_file.name}", safe_to_retry=True
            )
        return self._child

    def _endpoint(self, child: _Child, *, adapter: bool) -> Endpoint:
        extra = {"lora": [{"id": 0, "scale": 1.0 if adapter else 0.0}]} if self._model.adapter else {}
        return Endpoint(child.address, self._model.name, self._key, extra, Dialect.LLAMA_CPP)

    async def _supervise(self, child: _Child) -> None:
        """Bring the child back each time it dies, after a pause that grows while it does not stay up."""
        loop = asyncio.get_running_loop()
        pause = self._settings.restart_seconds
        while True:
            started = loop.time()
            code = await child.process.wait()
            self._child = None
            _log.warning("engine_died", engine="llama.cpp", exit_code=code)
            if loop.time() - started > self._settings.longest_restart_seconds:
                pause = self._settings.restart_seconds
            while self._child is None:
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._settings.longest_restart_seconds)
                try:
                    child = await self._restart()
                except InferenceError as error:
                    self._trouble = str(error)
                    _log.error("engine_restart_failed", engine="llama.cpp", reason=str(error))
                else:
                    self._child, self._trouble = child, ""
                    _log.info("engine_restarted", engine="llama.cpp", pid=child.process.pid)

    async def _watch(self) -> None:
        """Look at the files often and ask the canary now and then; a child of which either tells ill is given up."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while True:
            await asyncio.sleep(self._settings.check_seconds)
            child, persona = self._child, self._persona
            if child is None or persona is None:
                continue
            try:
                await self.vouch()
                if loop.time() - asked >= self._settings.canary_seconds:
                    asked = loop.time()
                    await self._verify(persona, child)
            except ModelUnavailable:
                continue
            except EngineError as error:
                if isinstance(error.__cause__, ModelError):
                    # Busy, or gone meanwhile: who does not answer the canary answers nobody else either.
                    _log.warning("engine_check_failed", engine="llama.cpp", reason=str(error))
                    continue
                self._give_up(child, str(error))

    def _give_up(self, child: _Child, why: str) -> None:
        """Let nobody reach this child any more, and end it: the supervisor brings another, which is proved first."""
        if self._child is not child:
            return
        _log.error("engine_given_up", engine="llama.cpp", reason=why)
        self._child, self._trouble = None, why
        if child.process.returncode is None:
            child.process.kill()

    def _files(self) -> tuple[object, ...]:
        """What tells one state of the model's files from another, without reading them."""
        found: list[object] = []
        for path in filter(None, (self._model.base, self._model.adapter)):
            try:
                state = path.stat()
            except OSError as error:
                found.append(type(error).__name__)
            else:
                found.append((state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
        return tuple(found)

    async def _restart(self) -> _Child:
        child = await self._start()
        try:
            # The files may have changed meanwhile; nobody sees the address before it is proved again.
            if self._persona is not None:
                await self._verify(self._persona, child)
        except BaseException:
            await self._stop(child.process)
            raise
        return child

    async def _start(self) -> _Child:
        if importlib.util.find_spec("xllamacpp") is None:
            raise EngineError(
                "there is no llama.cpp for this platform: install xllamacpp, or set the address of a vLLM server"
            )
        for path in (self._model.base, self._model.adapter):
            if path is not None and not path.is_file():
                raise EngineError(f"{path} is missing: give a persona folder with its gguf files")
        # Before the child reads them: what changes while it does is noticed afterwards.
        files = await asyncio.to_thread(self._files)
        try:
            process = await self._spawn()
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise EngineError(
                f"llama.cpp cannot be started ({reason}): check the log folder and memory"
            ) from None
        try:
            async with asyncio.timeout(self._settings.start_seconds):
                report = await self._order(process)
        except TimeoutError:
            await self._stop(process)
            raise EngineError(
                f"llama.cpp is not up after {self._settings.start_seconds:.0f} s: raise the limit, or see "
                f"{self._log_file}"
            ) from None
        except BaseException:
            await self._stop(process)
            raise
        if "address" in report:
            self._latest = process
            return _Child(process, report["address"], files)
        await self._stop(process)
        if report.get("error") == "import":
            raise EngineError(
                "llama.cpp does not load on this platform: install xllamacpp again, or use vLLM"
            )
        raise EngineError(
            f"llama.cpp cannot load {self._model.base.name} with its adapter: see {self._log_file}, and copy the "
            f"persona's folder again"
        )

    async def _spawn(self) -> asyncio.subprocess.Process:
        with _open_log(self._log_file) as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the folder of the script holds modules with the names of libraries
                str(_CHILD),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                # Ctrl-C is for the parent, which stops the child after the last answer.
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    async def _order(self, process: asyncio.subprocess.Process) -> dict[str, str]:
        """Tell the child what to serve, on a pipe: command lines and environments are readable by others."""
        if process.stdin is None or process.stdout is None:
            raise EngineError("llama.cpp was started without pipes: report this as a bug")
        order = {
            "model": self._model.name,
            "base": str(self._model.base),
            "adapter": str(self._model.adapter or ""),
            "template": self._model.template,
            "key": self._key,
            "slots": self._settings.slots,
            "context_tokens": self._settings.context_tokens,
            "threads": self._settings.threads or max(1, _cores() - 1),
        }
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            report: dict[str, str] = json.loads(line)
        except (OSError, ValueError):
            # It died on the way, as llama.cpp does over some broken files.
            return {}
        return report

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(self._settings.stop_seconds):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _verify(self, persona: Persona, child: _Child) -> None:
        require(persona.sampling, Dialect.LLAMA_CPP)
        if LlamaModel.of(persona) != self._model:
            raise EngineError(
                f"llama.cpp serves other files than persona {persona.name}'s: start it with that persona"
            )
        async with ModelClient(self._endpoint(child, adapter=True)) as client:
            for probe in persona.canary.probes:
                try:
                    rendered = await client.render(probe.prompt)
                except ModelError as error:
                    raise EngineError(f"the chat template cannot be checked: {error}") from error
                # llama.cpp leaves out a first token that it adds itself.
                added = probe.rendered.removesuffix(rendered)
                if (
                    probe.rendered
                    and rendered != probe.rendered
                    and added not in persona.prompt.control_tokens
                ):
                    raise EngineError(
                        "llama.cpp reads the chat template otherwise than the training did: simplify the template, "
                        "and package the persona again"
                    )
            await check_canary(client, persona.canary)


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
