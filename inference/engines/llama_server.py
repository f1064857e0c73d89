"""The child process that holds llama.cpp; `inference.engines.llama_cpp` starts and watches it.

It is run as a file, with no house package at hand: it must start fast, and from any folder. The parent
writes one line of JSON to its standard input and keeps the pipe open; the answer is one line of JSON on
standard output. When the pipe ends, for whatever reason the parent is gone, so is this process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

_ERRORS = 1
"""llama.cpp's verbosity. Its warnings (2) quote a request that it cannot read, with the message in it."""


def main() -> None:
    """Serve until standard input ends."""
    order = json.loads(sys.stdin.buffer.readline())
    # llama.cpp writes to standard output as it likes; the parent reads only our line there.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    ended, failed = threading.Event(), threading.Event()
    # In a thread of its own, so that an orphan also goes while it still loads the model.
    threading.Thread(target=_wait_for_the_end, args=(failed,), daemon=True).start()
    try:
        _server, address = _serve(order)
        report = {"address": address}
    except ImportError:
        report = {"error": "import"}
    except Exception:  # noqa: BLE001 - llama.cpp raises what it likes; its own words are in the log
        report = {"error": "start"}
    if "address" not in report:
        failed.set()
    print(json.dumps(report), file=answer, flush=True)
    answer.close()
    if "address" in report:
        ended.wait()


def _wait_for_the_end(failed: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    # Not sys.exit: C++ threads are at work and no destructor may hold up the end. But where nothing is served, this
    # process is ending anyway, and llama.cpp still has to write down why: it logs in a thread of its own.
    if not failed.is_set():
        os._exit(0)


def _serve(order: dict[str, Any]) -> tuple[object, str]:
    """Start llama.cpp: what keeps it running while it is referenced, and its address."""
    import xllamacpp  # noqa: PLC0415 - a missing wheel is reported, not a traceback

    params = xllamacpp.CommonParams()
    params.model.path = order["base"]
    params.model_alias = {order["model"]}
    if order["adapter"]:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(order["adapter"], 1.0)]
    params.chat_template = order["template"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the kernel picks a free one; nobody can take it first
    params.api_keys = [order["key"]]
    params.n_parallel = order["slots"]
    params.n_ctx = order["slots"] * order["context_tokens"]
    params.cpuparams.n_threads = order["threads"]
    params.cpuparams_batch.n_threads = order["threads"]
    params.verbosity = _ERRORS
    params.ui = False
    params.endpoint_slots = False  # it shows prompts
    params.offline = True
    params.cache_ram_mib = 0  # prompts of idle chats are not kept
    server = xllamacpp.Server(params)
    return server, server.listening_address


if __name__ == "__main__":
    main()
