"""Files that others train from: one writer a format, and what each has no place for."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import polars as pl

from inference.prompt import PromptMessage
from training.dataset.row import Body, Document, Learned, Pair, Row, Talk
from training.errors import DatasetUnwritable


class Format(StrEnum):
    """A published layout of training files."""

    OPENAI = "openai"
    """`{"messages": [{"role", "content", "weight"}]}`; an own turn that is only shown has weight 0."""
    TEXT = "text"
    """`{"text"}`, as MLX-LM and most trainers take it."""
    PROMPT_COMPLETION = "prompt-completion"
    """`{"prompt", "completion"}`."""
    SHAREGPT = "sharegpt"
    """`{"conversations": [{"from", "value"}], "system"}`, people and model in turn, people first."""
    PARQUET = "parquet"
    """Everything that is known of a row, sources and learned places too."""

    @property
    def suffix(self) -> str:
        """The files' ending."""
        return ".parquet" if self is Format.PARQUET else ".jsonl"


ROWS: Final = pl.Schema(
    {
        "chat": pl.String(),
        "first": pl.Datetime("us"),
        "last": pl.Datetime("us"),
        "silence": pl.Boolean(),
        "messages": pl.List(pl.Struct({"role": pl.String(), "content": pl.String()})),
        "text": pl.String(),
        "prompt": pl.String(),
        "completion": pl.String(),
        "sources": pl.List(pl.String()),
        "authors": pl.List(pl.String()),
        "learned": pl.List(
            pl.Struct(
                {
                    "source": pl.String(),
                    "author": pl.String(),
                    "part": pl.UInt32(),
                    "begin": pl.UInt32(),
                    "end": pl.UInt32(),
                }
            )
        ),
    }
)
"""The columns of the Parquet files; of `messages`, `text` and `prompt` with `completion`, one is there."""

_CHUNK: Final = 1 << 14
_PLACES: Final[Mapping[Format, tuple[type[Body], ...]]] = {
    Format.OPENAI: (Talk, Pair),
    Format.TEXT: (Document, Pair),
    Format.PROMPT_COMPLETION: (Pair,),
    Format.SHAREGPT: (Talk, Pair),
    Format.PARQUET: (Talk, Document, Pair),
}


def usual_format(body: type[Body]) -> Format:
    """The format that most trainers expect of such rows."""
    return {Talk: Format.OPENAI, Document: Format.TEXT, Pair: Format.PROMPT_COMPLETION}[body]


def write_rows(form: Format, rows: Sequence[Row], path: Path) -> int:
    """Write rows to a file, and give how many. What a format cannot hold of a row is left out.

    Raises DatasetUnwritable when the format has no place for rows of this kind at all.
    """
    if not all(isinstance(row.body, _PLACES[form]) for row in rows):
        kind = next(type(row.body) for row in rows if not isinstance(row.body, _PLACES[form]))
        able = ", ".join(other for other, kinds in _PLACES.items() if kind in kinds)
        raise DatasetUnwritable(
            f"the format {form} has no place for what this recipe makes; choose one of {able}"
        )
    if form is Format.PARQUET:
        # By way of memory: a full disk is no error that polars tells from others.
        rows_table(rows).write_parquet(packed := io.BytesIO())
        path.write_bytes(packed.getvalue())
        return len(rows)
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in filter(None, map(_RECORDS[form], rows)):
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def rows_table(rows: Sequence[Row]) -> pl.DataFrame:
    """Give rows as a table, see `ROWS`."""
    chunks = [
        pl.DataFrame([row_cells(row) for row in rows[begin : begin + _CHUNK]], schema=ROWS, orient="row")
        for begin in range(0, len(rows), _CHUNK)
    ]
    return pl.concat(chunks) if chunks else ROWS.to_frame()


def row_cells(row: Row) -> tuple[Any, ...]:
    """Give a row as the cells of such a table."""
    body = row.body
    return (
        row.chat,
        row.first,
        row.last,
        row.silence,
        [{"role": m.role, "content": m.content} for m in body.messages] if isinstance(body, Talk) else None,
        body.text if isinstance(body, Document) else None,
        body.prompt if isinstance(body, Pair) else None,
        body.completion if isinstance(body, Pair) else None,
        row.sources,
        row.authors,
        [span._asdict() for span in row.learned],
    )


def rows_of_table(table: pl.DataFrame) -> tuple[Row, ...]:
    """Read a table of rows back. Raises ValueError when its columns are not those, or a row is not whole."""
    if table.schema != ROWS:
        raise ValueError("its columns are not those of rows")
    return tuple(
        Row(
            chat=cells["chat"],
            body=_body(cells),
            first=cells["first"],
            last=cells["last"],
            sources=tuple(cells["sources"]),
            authors=tuple(cells["authors"]),
            learned=tuple(Learned(**span) for span in cells["learned"]),
            silence=cells["silence"],
        )
        for cells in table.iter_rows(named=True)
    )


def _body(cells: Mapping[str, Any]) -> Body:
    if cells["messages"] is not None:
        return Talk(tuple(PromptMessage(**message) for message in cells["messages"]))
    return (
        Document(cells["text"]) if cells["text"] is not None else Pair(cells["prompt"], cells["completion"])
    )


def _turns(row: Row) -> Iterator[tuple[str, str, bool]]:
    """Role, content, and whether it is learned."""
    trained = set(row.trained)
    if isinstance(row.body, Talk):
        for place, message in enumerate(row.body.messages):
            yield message.role, message.content, place in trained
    elif isinstance(row.body, Pair):
        yield "user", row.body.prompt, False
        yield "assistant", row.body.completion, True


def _openai(row: Row) -> dict[str, Any]:
    return {
        "messages": [
            {"role": role, "content": content, **({"weight": int(learned)} if role == "assistant" else {})}
            for role, content, learned in _turns(row)
        ]
    }


def _sharegpt(row: Row) -> dict[str, Any] | None:
    """What the owner says before anybody else has no place here; a row that learns nothing else is left out."""
    system, talk = "", list[dict[str, Any]]()
    learns = False
    for role, content, learned in _turns(row):
        if role == "system":
            system = content
        elif role == "user":
            talk.append({"from": "human", "value": content})
        elif talk:
            talk.append({"from": "gpt", "value": content, "weight": int(learned)})
            learns = learns or learned
    return {"conversations": talk, **({"system": system} if system else {})} if learns else None


def _text(row: Row) -> dict[str, Any]:
    return {"text": "".join(row.body.parts)}


def _prompt_completion(row: Row) -> dict[str, Any]:
    prompt, completion = row.body.parts
    return {"prompt": prompt, "completion": completion}


_RECORDS: Final[Mapping[Format, Callable[[Row], dict[str, Any] | None]]] = {
    Format.OPENAI: _openai,
    Format.TEXT: _text,
    Format.PROMPT_COMPLETION: _prompt_completion,
    Format.SHAREGPT: _sharegpt,
}
