"""Reading training files as their trainers do, by the rules that each format has published.

Every file of a dataset is inspected after it was written. Nothing here knows how the writers work.

- OpenAI chat: the checks of "Data preparation and analysis for chat model fine-tuning" in OpenAI's cookbook,
  and the weights of its fine-tuning guide.
- `{"text"}` and `{"prompt", "completion"}`: the keys that MLX-LM looks for in the first line and then reads in
  all; for the second also what OpenAI's legacy `prepare_data` asked of it.
- ShareGPT: the roles and their order that LLaMA-Factory insists on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from training.dataset.outputs import ROWS, Format
from training.errors import DatasetUnwritable

_OPENAI_KEYS: Final = {"role", "content", "name", "function_call", "weight"}


def inspect_file(form: Format, path: Path) -> int:
    """Read a file by its format's rules, and give how many rows it has.

    Raises DatasetUnwritable, with file and line and never a text.
    """
    if form is Format.PARQUET:
        return _parquet(path)
    count = 0
    ends: set[str] | None = None
    for count, record in enumerate(_records(path), 1):
        if fault := _FAULTS[form](record):
            raise DatasetUnwritable(f"{path.name}: line {count}: {fault}")
        if form is Format.PROMPT_COMPLETION:
            ends = _ends(record) if ends is None else ends & _ends(record)
    if ends is not None and not ends:
        raise DatasetUnwritable(
            f"{path.name}: the completions have no common end, so that no model would stop"
        )
    return count


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                record = json.loads(line)
            except ValueError:
                raise DatasetUnwritable(f"{path.name}: line {number}: this is no JSON") from None
            if not isinstance(record, dict):
                raise DatasetUnwritable(f"{path.name}: line {number}: this is no object")
            yield record


def _openai(record: Mapping[str, Any]) -> str | None:
    messages = record.get("messages")
    if not isinstance(messages, list) or not messages:
        return "there are no messages"
    if fault := next(filter(None, map(_openai_message, messages)), None):
        return fault
    answers = [message for message in messages if message["role"] == "assistant"]
    if not any(message.get("weight", 1) for message in answers):
        return "nothing in it is learned"
    return None if messages[-1]["role"] == "assistant" else "the last message is not the assistant's"


def _openai_message(message: object) -> str | None:
    if not isinstance(message, dict) or not {"role", "content"} <= set(message) <= _OPENAI_KEYS:
        return "a message lacks its role or content, or has a key that is not known"
    if message["role"] not in {"system", "user", "assistant", "function"}:
        return "a message has a role that is not known"
    if not isinstance(message["content"], str) or not message["content"]:
        return "a message has no content"
    if "weight" in message and (message["role"] != "assistant" or message["weight"] not in (0, 1)):
        return "a weight is 0 or 1, and an assistant's"
    return None


def _sharegpt(record: Mapping[str, Any]) -> str | None:
    talk = record.get("conversations")
    if not isinstance(talk, list) or not talk or len(talk) % 2:
        return "people and model do not take turns"
    if not isinstance(record.get("system", ""), str):
        return "the system's text is none"
    for place, message in enumerate(talk):
        if not isinstance(message, dict) or message.get("from") != ("human", "gpt")[place % 2]:
            return "people and model do not take turns"
        if not isinstance(message.get("value"), str) or not message["value"]:
            return "a message has no value"
    return None


def _strings(*keys: str) -> Callable[[Mapping[str, Any]], str | None]:
    def fault(record: Mapping[str, Any]) -> str | None:
        if set(record) != set(keys):
            return f"its keys are not {' and '.join(keys)}"
        if any(not isinstance(record[key], str) or not record[key].strip() for key in keys):
            return "a text is empty"
        return None

    return fault


def _ends(record: Mapping[str, Any]) -> set[str]:
    completion = record["completion"]
    return {completion[-length:] for length in range(1, min(len(completion), 40) + 1)}


def _parquet(path: Path) -> int:
    table = pl.read_parquet(path)
    if table.schema != ROWS:
        raise DatasetUnwritable(f"{path.name}: its columns are not those of rows")
    bodies = sum(pl.col(name).is_not_null().cast(pl.Int8) for name in ("messages", "text", "prompt"))
    wrong = table.filter(
        (bodies != 1)
        | (pl.col("prompt").is_null() != pl.col("completion").is_null())
        | (pl.col("first") > pl.col("last"))
        | (pl.col("silence") == (pl.col("learned").list.len() > 0))
        | (pl.col("sources").list.len() == 0)
    )
    if wrong.height:
        raise DatasetUnwritable(f"{path.name}: {wrong.height} rows are not whole")
    return table.height


_FAULTS: Final[Mapping[Format, Callable[[Mapping[str, Any]], str | None]]] = {
    Format.OPENAI: _openai,
    Format.SHAREGPT: _sharegpt,
    Format.TEXT: _strings("text"),
    Format.PROMPT_COMPLETION: _strings("prompt", "completion"),
}
