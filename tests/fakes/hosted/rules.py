"""The documented rules of the fine-tuning API: what a file and a job must be like, and how they are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
JOB_KEYS = {
    "model",
    "training_file",
    "validation_file",
    "hyperparameters",
    "method",
    "suffix",
    "seed",
    "metadata",
    "integrations",
}
FEWEST = 10


@dataclass(frozen=True)
class Fault(Exception):
    """An error object on its way to the caller."""

    message: str
    status: int = 400
    param: str | None = None
    code: str | None = None
    type: str = "invalid_request_error"

    @property
    def body(self) -> dict[str, Any]:
        parts = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": parts}


def check_upload(filename: str, purpose: str, content: bytes) -> None:
    if purpose not in PURPOSES:
        raise Fault(f"'{purpose}' is not one of {list(PURPOSES)} - 'purpose'")
    if purpose != "fine-tune":
        return
    if not filename.endswith(".jsonl"):
        raise Fault(f'Invalid extension {filename.rpartition(".")[2]}. Supported formats: "jsonl"')
    if not content:
        raise Fault("File is empty.")
    for number, line in enumerate(
        content.split(b"\n")[:-1] if content.endswith(b"\n") else content.split(b"\n"), 1
    ):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise Fault(
                "Expected file to have JSONL format, where every line is a valid JSON dictionary. "
                f"Line {number} is not a dictionary."
            )


def examples_fault(content: bytes, param: str) -> Fault | None:
    """Why a job fails over a file, as `validating_files` finds it."""
    records = [json.loads(line) for line in content.split(b"\n") if line]
    if param == "training_file" and len(records) < FEWEST:
        message = f"Training file has {len(records)} example(s), but must have at least {FEWEST} examples"
        return Fault(message, param=param, code="invalid_n_examples")
    for number, record in enumerate(records, 1):
        if problem := _example(record):
            message = f"Invalid file format. Example {number}: {problem}"
            return Fault(message, param=param, code=f"invalid_{param}")
    return None


def _example(record: Mapping[str, Any]) -> str | None:
    messages = record.get("messages")
    if set(record) - {"messages", "tools", "parallel_tool_calls", "functions"} or not isinstance(
        messages, list
    ):
        return "unexpected keys, or no messages"
    if not messages:
        return "messages is empty"
    if fault := next(filter(None, map(_message, messages)), None):
        return fault
    if messages[-1]["role"] != "assistant":
        return "the last message must be from the assistant"
    if not any(message.get("weight", 1) for message in messages if message["role"] == "assistant"):
        return "at least one assistant message must have a weight other than 0"
    return None


def _message(message: object) -> str | None:
    if not isinstance(message, dict) or set(message) - {"role", "content", "weight", "name"}:
        return "a message has unexpected keys"
    if message.get("role") not in {"system", "developer", "user", "assistant", "tool", "function"}:
        return f"{message.get('role')!r} is not a role"
    if not isinstance(message.get("content"), str) or not message["content"]:
        return "content must be a string"
    if "weight" in message and (message["role"] != "assistant" or message["weight"] not in {0, 1}):
        return "weight must be 0 or 1, of an assistant's message"
    return None


def check_job(asked: object) -> dict[str, Any]:
    if not isinstance(asked, dict):
        raise Fault("We could not parse the JSON body of your request.")
    if unknown := sorted(set(asked) - JOB_KEYS):
        raise Fault(f"Unrecognized request argument supplied: {unknown[0]}")
    for name in ("model", "training_file"):
        if not isinstance(asked.get(name), str):
            raise Fault(f"you must provide a {name} parameter", param=name)
    suffix, seed = asked.get("suffix"), asked.get("seed")
    if suffix is not None and not (isinstance(suffix, str) and 1 <= len(suffix) <= 64):
        raise Fault("suffix must have 1 to 64 characters", param="suffix", code="invalid_suffix")
    if seed is not None and not (type(seed) is int and 0 <= seed < 2**31):
        raise Fault("seed must be an integer between 0 and 2147483647", param="seed")
    method = asked.get("method")
    numbers = asked.get("hyperparameters")
    if method is not None:
        if numbers is not None:
            raise Fault("hyperparameters cannot be given along with method", param="hyperparameters")
        if not isinstance(method, dict) or method.get("type") not in {"supervised", "dpo", "reinforcement"}:
            raise Fault("method.type must be supervised, dpo or reinforcement", param="method")
        numbers = (method.get(method["type"]) or {}).get("hyperparameters")
    _check_numbers(numbers or {})
    return asked


def _check_numbers(numbers: Mapping[str, Any]) -> None:
    if unknown := sorted(set(numbers) - {"n_epochs", "batch_size", "learning_rate_multiplier"}):
        raise Fault(f"Unrecognized request argument supplied: {unknown[0]}", param="hyperparameters")
    for name, most in (("n_epochs", 50), ("batch_size", 256)):
        value = numbers.get(name, "auto")
        if value != "auto" and not (type(value) is int and 1 <= value <= most):
            raise Fault(f"{value!r} is not valid - '{name}'", param=f"hyperparameters.{name}")
    rate = numbers.get("learning_rate_multiplier", "auto")
    if rate != "auto" and not (isinstance(rate, int | float) and rate > 0):
        raise Fault("learning_rate_multiplier must be more than 0", param="hyperparameters")
