"""The real llama.cpp, with the sample persona: started, verified, killed, orphaned."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from inference.canary import canary_prompts, check_canary
from inference.client import COMPLETIONS, Endpoint, Limits, ModelClient
from inference.engines.engine import Engine
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.errors import EngineError, ModelRejected, ModelUnavailable
from inference.persona import (
    Persona,
    PersonaManifest,
    Probe,
    Sampling,
    WeightsFile,
    fingerprint_of,
    load_persona,
    write_persona_toml,
)
from inference.prompt import PromptMessage
from inference.protocol import request_body

SETTINGS = LlamaSettings(slots=2, context_tokens=512, start_seconds=60, restart_seconds=0.05)
PROMPT = (PromptMessage("system", "You are Sam."), PromptMessage("user", "Mia: SECRETWORD for dinner?"))


@pytest.fixture
async def persona(sample_folder: Path) -> Persona:
    return await load_persona(sample_folder)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "llama.log"


@pytest.fixture
async def engine(persona: Persona, log: Path) -> AsyncIterator[LlamaCpp]:
    async with LlamaCpp(LlamaModel.of(persona), log, SETTINGS) as engine:
        yield engine


@pytest.fixture
async def client(engine: LlamaCpp) -> AsyncIterator[ModelClient]:
    async with ModelClient(lambda: engine.endpoint, Limits(backoff=0.1)) as client:
        yield client


def read(path: Path) -> bytes:
    return path.read_bytes()


def children() -> set[str]:
    """The model servers that this process started and that still run."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            mine = f"\nPPid:\t{os.getpid()}\n".encode() in (folder / "status").read_bytes()
            if mine and b"llama_server" in (folder / "cmdline").read_bytes():
                found.add(folder.name)
    return found


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


async def test_the_persona_answers_and_the_seed_decides(
    engine: LlamaCpp, client: ModelClient, persona: Persona
) -> None:
    protocol: Engine = engine
    await protocol.verify(persona)
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=24)
    answers = [await client.complete(PROMPT, sampling, seed=seed) for seed in (1, 1, 2, 3, 4)]
    assert answers[0].text == answers[1].text
    assert len({answer.text for answer in answers}) > 1
    assert all(0 < answer.answer_tokens <= 25 and answer.prompt_tokens > 5 for answer in answers)


async def test_a_banned_token_is_never_drawn_and_a_penalty_counts(
    engine: LlamaCpp, client: ModelClient
) -> None:
    greedy = Sampling(temperature=0, max_tokens=12)
    plain = await client.complete(PROMPT, greedy)
    ids = await tokens(engine, plain.text)
    banned = greedy.model_copy(update={"banned_tokens": tuple(sorted(set(ids)))})
    other = await client.complete(PROMPT, banned)
    assert other.text
    assert not set(ids) & set(await tokens(engine, other.text))
    repetitive = (PromptMessage("user", "Mia: ha ha ha ha ha ha ha ha"),)
    texts = {
        (await client.complete(repetitive, greedy.model_copy(update={"repeat_penalty": penalty}))).text
        for penalty in (1.0, 3.0)
    }
    assert len(texts) == 2


async def test_an_answer_is_every_token_that_was_drawn_and_nothing_else(
    engine: LlamaCpp, persona: Persona
) -> None:
    # A chat server takes marks and thoughts out of what a model writes: the first letter of a word is neither.
    endpoint, texts = engine.endpoint, set()
    hot = persona.sampling.model_copy(update={"temperature": 1.2, "top_p": 1.0})
    async with httpx.AsyncClient(headers=endpoint.headers, timeout=30) as http:
        for seed in range(40):
            asked = {**request_body(PROMPT, hot, seed, endpoint.dialect), **endpoint.extra_body}
            asked |= {"logprobs": True, "stream": False}
            del asked["stream_options"]
            (choice,) = (await http.post(endpoint.url(COMPLETIONS), json=asked)).json()["choices"]
            drawn = b"".join(bytes(token["bytes"]) for token in choice["logprobs"]["content"])
            text = drawn.decode(errors="replace")
            for mark in persona.prompt.control_tokens:
                text = text.replace(mark, "")
            assert choice["message"]["content"] == text
            texts.add(text)
    assert len(texts) > 20


async def test_llama_cpp_is_not_asked_for_beams(engine: LlamaCpp, persona: Persona) -> None:
    beams = replace(persona, sampling=Sampling(beams=4))
    with pytest.raises(EngineError, match="no beam search"):
        await engine.verify(beams)


async def tokens(engine: LlamaCpp, text: str) -> list[int]:
    """The ids that llama.cpp cuts a text into."""
    endpoint = engine.endpoint
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            endpoint.url("/tokenize"), json={"content": text}, headers=endpoint.headers, timeout=10
        )
    return [int(token) for token in answer.json()["tokens"]]


async def test_answers_are_written_side_by_side(client: ModelClient) -> None:
    answers = await asyncio.gather(
        *(client.complete(PROMPT, Sampling(max_tokens=16), seed=n) for n in range(6))
    )
    assert all(answer.finish_reason in {"stop", "length"} for answer in answers)


async def test_the_bare_base_does_not_pass_for_the_adapter(engine: LlamaCpp, persona: Persona) -> None:
    async with ModelClient(lambda: engine.base_endpoint) as bare:
        with pytest.raises(EngineError, match="bare base model answers"):
            await check_canary(bare, persona.canary)


async def test_the_template_renders_as_the_training_did(client: ModelClient, persona: Persona) -> None:
    rendered = [probe.rendered for probe in persona.canary.probes]
    assert all(rendered)
    assert [await client.render(probe.prompt) for probe in persona.canary.probes] == rendered


async def test_a_template_that_renders_otherwise_is_refused(persona: Persona, log: Path) -> None:
    other = replace(persona, template=persona.template.replace("add_generation_prompt", "false"))
    assert other.template != persona.template
    async with LlamaCpp(LlamaModel.of(other), log, SETTINGS) as engine:
        with pytest.raises(EngineError, match="chat template"):
            await engine.verify(other)


async def test_another_persona_than_the_one_started_is_refused(engine: LlamaCpp, persona: Persona) -> None:
    with pytest.raises(EngineError, match="other files"):
        await engine.verify(replace(persona, folder=persona.folder / "elsewhere"))


def spoil_adapter(folder: Path) -> None:
    """Put another adapter in place, and package it as if it were the one: only the canary can tell."""
    path = folder / "gguf" / "adapter.gguf"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3] + bytes(len(content) - len(content) // 3))


def repackage(source: Persona, folder: Path) -> None:
    shutil.copytree(source.folder, folder, ignore=shutil.ignore_patterns("base", "adapter", "*.py"))
    spoil_adapter(folder)
    assert source.adapter is not None
    adapter = source.adapter.model_copy(update={"gguf": WeightsFile.of(folder, "gguf/adapter.gguf")})
    fingerprint = fingerprint_of(
        base=source.base,
        adapter=adapter,
        template=source.template,
        prompt=source.prompt,
        sampling=source.sampling,
    )
    toml = tomllib.loads((folder / "persona.toml").read_text(encoding="utf-8"))
    manifest = PersonaManifest.model_validate(toml)
    write_persona_toml(folder, manifest.model_copy(update={"adapter": adapter, "fingerprint": fingerprint}))


async def test_an_adapter_that_was_not_trained_is_found_out(
    persona: Persona, log: Path, tmp_path: Path
) -> None:
    repackage(persona, tmp_path / "stranger")
    stranger = await load_persona(tmp_path / "stranger")
    async with LlamaCpp(LlamaModel.of(stranger), log, SETTINGS) as engine:
        with pytest.raises(EngineError, match="answers"):
            await engine.verify(stranger)


async def test_the_key_is_required_and_not_to_be_seen(engine: LlamaCpp) -> None:
    endpoint = engine.endpoint
    async with ModelClient(replace(endpoint, api_key="")) as stranger:
        with pytest.raises(ModelRejected, match="API key"):
            await stranger.complete(PROMPT, Sampling())
    async with httpx.AsyncClient(base_url=endpoint.base_url, trust_env=False) as http:
        for path in ("/props", "/slots", "/lora-adapters", "/v1/models", "/metrics"):
            assert (await http.get(path)).status_code == 401
        for path in (
            "/completion",
            "/v1/completions",
            "/tokenize",
            "/apply-template",
            "/lora-adapters",
            "/infill",
        ):
            assert (await http.post(path, json={})).status_code == 401
    assert endpoint.base_url.startswith("http://127.0.0.1:")
    assert endpoint.api_key not in repr(endpoint)
    if sys.platform == "linux":
        for name in ("cmdline", "environ"):
            assert endpoint.api_key.encode() not in read(Path(f"/proc/{engine.pid}/{name}"))


async def test_no_message_text_gets_into_the_log(engine: LlamaCpp, client: ModelClient, log: Path) -> None:
    await client.complete(PROMPT, Sampling(max_tokens=8))
    with pytest.raises(ModelRejected, match="longer than the model's context"):
        await client.complete([PromptMessage("user", "SECRETWORD " * 2000)], Sampling())
    async with httpx.AsyncClient(base_url=engine.endpoint.base_url, trust_env=False) as http:
        headers = engine.endpoint.headers
        for body in (
            '{"messages": "SECRETWORD"}',
            '{"messages": [{"role": "SECRETWORD',
            '{"grammar": "SECRETWORD"}',
        ):
            answer = await http.post("/v1/chat/completions", content=body, headers=headers)
            assert answer.status_code >= 400
    assert b"SECRETWORD" not in read(log)


async def test_a_cancelled_generation_frees_its_slot(persona: Persona, log: Path) -> None:
    one_slot = replace(SETTINGS, slots=1, context_tokens=1024)
    async with LlamaCpp(LlamaModel.of(persona), log, one_slot) as engine:
        forever = replace(engine.endpoint, extra_body={**engine.endpoint.extra_body, "ignore_eos": True})
        async with ModelClient(forever) as client:
            for _ in range(5):
                async with aclosing(client.stream(PROMPT, Sampling(max_tokens=900))) as pieces:
                    assert await anext(pieces)
            async with asyncio.timeout(5):
                await client.complete(PROMPT, Sampling(max_tokens=4))


async def test_a_child_killed_in_its_answer_is_an_error_and_comes_back(
    engine: LlamaCpp, client: ModelClient, persona: Persona
) -> None:
    await engine.verify(persona)
    pid, old = engine.pid, engine.endpoint
    assert pid is not None
    forever = replace(old, extra_body={**old.extra_body, "ignore_eos": True})

    async def read_and_kill() -> None:
        async with aclosing(tied.stream(PROMPT, Sampling(max_tokens=400))) as pieces:
            assert await anext(pieces)
            os.kill(pid, signal.SIGKILL)
            async for _ in pieces:
                pass

    async with ModelClient(forever) as tied:
        with pytest.raises(ModelUnavailable) as caught:
            await read_and_kill()
    assert not caught.value.safe_to_retry
    await until(lambda: not engine.alive)
    with pytest.raises(ModelUnavailable, match="restarted"):
        _ = engine.endpoint
    await until(lambda: engine.alive)
    assert engine.pid != pid
    assert engine.endpoint.base_url != old.base_url
    await check_canary(client, persona.canary)


async def test_a_request_while_the_child_is_away_waits_for_the_next_one(
    engine: LlamaCpp, client: ModelClient
) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    await until(lambda: not engine.alive)
    assert (await client.complete(PROMPT, Sampling(max_tokens=4))).answer_tokens > 0


async def test_a_child_that_comes_back_as_somebody_else_stays_out(
    persona: Persona, log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(persona.folder, folder, ignore=shutil.ignore_patterns("base", "adapter", "*.py"))
    copy = await load_persona(folder)
    async with LlamaCpp(LlamaModel.of(copy), log, SETTINGS) as engine:
        await engine.verify(copy)
        assert engine.pid is not None
        # A new file, because the running child has the old one mapped.
        spoiled = tmp_path / "spoiled"
        shutil.copytree(folder, spoiled)
        spoil_adapter(spoiled)
        (spoiled / "gguf/adapter.gguf").replace(folder / "gguf/adapter.gguf")
        os.kill(engine.pid, signal.SIGKILL)
        await until(lambda: not engine.alive)
        await asyncio.sleep(1.5)
        assert not engine.alive
        assert engine.pid is None


async def test_an_adapter_that_is_replaced_while_it_is_served_ends_the_child(
    persona: Persona, log: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(persona.folder, folder, ignore=shutil.ignore_patterns("base", "adapter", "*.py"))
    copy, right = await load_persona(folder), tmp_path / "right.gguf"
    shutil.copyfile(folder / "gguf/adapter.gguf", right)
    settings = replace(SETTINGS, check_seconds=3600, longest_restart_seconds=0.2)
    async with (
        LlamaCpp(LlamaModel.of(copy), log, settings) as engine,
        ModelClient(lambda: engine.endpoint, Limits(attempts=1), engine.vouch) as client,
    ):
        await engine.verify(copy)
        await client.complete(PROMPT, Sampling(max_tokens=4))
        pid = engine.pid
        spoiled = tmp_path / "spoiled"
        shutil.copytree(folder, spoiled)
        spoil_adapter(spoiled)
        (spoiled / "gguf/adapter.gguf").replace(folder / "gguf/adapter.gguf")
        # The child still has the right one; but what answers next must be looked at first.
        with pytest.raises(ModelUnavailable, match="was changed while it was served"):
            await client.complete(PROMPT, Sampling(max_tokens=4))
        await until(lambda: "answers" in engine.trouble)
        assert not engine.alive
        right.replace(folder / "gguf/adapter.gguf")
        await until(lambda: engine.alive)
        assert engine.trouble == ""
        assert engine.pid != pid
        assert (await client.complete(PROMPT, Sampling(max_tokens=4))).answer_tokens > 0


@pytest.mark.parametrize("kind", ["files", "canary"])
async def test_a_timer_finds_what_no_answer_asked_for(
    persona: Persona, log: Path, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(persona.folder, folder, ignore=shutil.ignore_patterns("base", "adapter", "*.py"))
    copy = await load_persona(folder)
    settings = replace(SETTINGS, check_seconds=0.05, canary_seconds=0.1 if kind == "canary" else 3600)
    async with LlamaCpp(LlamaModel.of(copy), log, settings) as engine:
        await engine.verify(copy)
        pid = engine.pid
        if kind == "files":
            os.utime(folder / "gguf/base.gguf")
            # The same file again: a new child, which passes.
            await until(lambda: engine.alive and engine.pid != pid)
            return
        # An adapter that somebody switched off in the running child: its files are as they were.
        other = replace(copy, canary=copy.canary.model_copy(update={"probes": swapped(copy)}))
        engine._persona = other
        await until(lambda: "bare base model answers" in engine.trouble)
        assert not engine.alive


def swapped(persona: Persona) -> tuple[Probe, ...]:
    """Probes to which the adapter answers as the base should."""
    return tuple(
        probe.model_copy(update={"adapter": probe.base, "base": probe.adapter})
        for probe in persona.canary.probes
    )


async def test_leaving_stops_the_child(persona: Persona, log: Path) -> None:
    async with LlamaCpp(LlamaModel.of(persona), log, SETTINGS) as engine:
        address = engine.endpoint
    assert not engine.alive
    assert refused(address)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_the_child_goes_when_its_parent_is_killed(
    persona: Persona, tmp_path: Path, number: signal.Signals
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(persona.folder),
        str(tmp_path / "llama.log"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    address = Endpoint((await parent.stdout.readline()).decode().strip(), "sam")
    assert not refused(address)
    parent.send_signal(number)
    await parent.wait()
    await until(lambda: refused(address))


PARENT = """
import asyncio, sys
from pathlib import Path
from inference.engines.llama_cpp import LlamaCpp, LlamaModel
from inference.persona import load_persona

async def main():
    persona = await load_persona(Path(sys.argv[1]))
    async with LlamaCpp(LlamaModel.of(persona), Path(sys.argv[2])) as engine:
        print(engine.endpoint.base_url, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def refused(endpoint: Endpoint) -> bool:
    url = httpx.URL(endpoint.base_url)
    with socket.socket() as probe:
        return probe.connect_ex((url.host, url.port or 0)) != 0


@pytest.fixture
def made_up(persona_folder: Path) -> LlamaModel:
    """Files that are there and hold no model."""
    gguf = persona_folder / "gguf"
    return LlamaModel("sam", gguf / "base.gguf", gguf / "adapter.gguf", "{{ messages }}")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a module in the place of llama.cpp's, in the child alone."""

    def write(source: str) -> None:
        (tmp_path / "library").mkdir()
        (tmp_path / "library" / "xllamacpp.py").write_text(source, encoding="utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "library"))

    return write


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model at all" * 99])
async def test_a_base_that_is_none_says_so(made_up: LlamaModel, log: Path, content: bytes) -> None:
    await asyncio.to_thread(made_up.base.write_bytes, content)
    with pytest.raises(EngineError, match=r"cannot load base\.gguf"):
        async with LlamaCpp(made_up, log, SETTINGS):
            pass
    assert read(log)


async def test_what_went_wrong_is_in_the_log_however_late_it_is_written(
    made_up: LlamaModel, log: Path, library: Callable[[str], None]
) -> None:
    # llama.cpp logs in a thread of its own, which is waited for as Python ends.
    library(
        "import os, threading, time\n"
        "def write():\n    time.sleep(0.5)\n    os.write(2, b'the reason')\n"
        "threading.Thread(target=write).start()\n"
    )
    with pytest.raises(EngineError, match="cannot load"):
        async with LlamaCpp(made_up, log, SETTINGS):
            pass
    assert b"the reason" in await asyncio.to_thread(read, log)


async def test_an_adapter_that_does_not_fit_says_so(persona: Persona, log: Path) -> None:
    model = replace(LlamaModel.of(persona), adapter=persona.base_gguf)
    with pytest.raises(EngineError, match="cannot load"):
        async with LlamaCpp(model, log, SETTINGS):
            pass


async def test_a_file_that_is_missing_is_named(made_up: LlamaModel, log: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"nowhere\.gguf is missing"):
        async with LlamaCpp(replace(made_up, adapter=tmp_path / "nowhere.gguf"), log, SETTINGS):
            pass


async def test_a_log_that_cannot_be_written_is_an_error(made_up: LlamaModel) -> None:
    with pytest.raises(EngineError, match="cannot be started"):
        async with LlamaCpp(made_up, made_up.base / "llama.log", SETTINGS):
            pass


async def test_a_platform_without_a_wheel_says_what_else_there_is(
    made_up: LlamaModel, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"no llama\.cpp for this platform"):
        async with LlamaCpp(made_up, log, SETTINGS):
            pass


async def test_a_wheel_that_does_not_load_says_so(
    made_up: LlamaModel, log: Path, library: Callable[[str], None]
) -> None:
    library("raise ImportError('GLIBC_2.99 not found')")
    with pytest.raises(EngineError, match="does not load on this platform"):
        async with LlamaCpp(made_up, log, SETTINGS):
            pass


async def test_a_library_that_ends_its_process_says_so(
    made_up: LlamaModel, log: Path, library: Callable[[str], None]
) -> None:
    library("import os; os.abort()")
    with pytest.raises(EngineError, match=r"cannot load base\.gguf"):
        async with LlamaCpp(made_up, log, SETTINGS):
            pass


@pytest.mark.skipif(sys.platform != "linux", reason="looks for children in /proc")
async def test_a_start_that_takes_too_long_is_an_error_and_leaves_no_child(
    made_up: LlamaModel, log: Path, library: Callable[[str], None]
) -> None:
    library("import time; time.sleep(60)")
    with pytest.raises(EngineError, match="not up after"):
        async with LlamaCpp(made_up, log, replace(SETTINGS, start_seconds=0.5)):
            pass
    assert not children()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for children in /proc")
async def test_a_cancelled_start_leaves_no_child(
    made_up: LlamaModel, log: Path, library: Callable[[str], None]
) -> None:
    library("import time; time.sleep(60)")
    starting = asyncio.create_task(LlamaCpp(made_up, log, SETTINGS).__aenter__())
    await until(lambda: bool(children()) or starting.done())
    assert not starting.done()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not children()


def test_the_canary_prompts_of_the_sample_are_in_its_own_format(persona: Persona) -> None:
    assert {probe.prompt for probe in persona.canary.probes} <= set(canary_prompts(persona.prompt))
