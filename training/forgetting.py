"""Taking a person out of files: imported chats, datasets, and what a persona's folder keeps of its training text."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from chat.exports.export import Export
from chat.exports.imports import Imports
from chat.exports.people import People
from chat.message import Chat, ChatKey
from chat.private_file import write_private
from inference.errors import PersonaError
from inference.persona import MANIFEST, read_manifest, write_persona_toml
from safety.shingles import FILE, Shingles
from safety.traces import Traces
from training.dataset.filters import is_direct
from training.dataset.folder import RECORD, ROWS, refingerprinted
from training.dataset.ledger import FILE as WORDS
from training.dataset.ledger import read_words
from training.dataset.outputs import Format, rows_of_table, write_rows
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_names import name_parts
from training.dataset.pseudonym_pools import ORDINARY
from training.dataset.pseudonym_table import NAME, PseudonymTable
from training.errors import RecipeInvalid

REGISTRY: Final = "datasets.json"
KEY: Final = "pseudonyms.key"
TABLE: Final = "pseudonyms.sealed"


@dataclass(frozen=True, slots=True)
class Left:
    """Where something of a person is still stored; never what."""

    place: str
    count: int


def register(state: Path, dataset: Path) -> None:
    """Note where a dataset lies, so that people can be taken out of it. Raises OSError."""
    known = {str(path) for path in registered(state)} | {str(dataset.resolve())}
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(state / REGISTRY, json.dumps(sorted(known), indent=1).encode())


def registered(state: Path) -> tuple[Path, ...]:
    """Every dataset that is known: those noted, and those in the state folder. Raises OSError and ValueError."""
    path = state / REGISTRY
    noted = [Path(name) for name in json.loads(path.read_bytes())] if path.exists() else []
    beside = [record.parent.resolve() for record in (state / "datasets").glob(f"*/{RECORD}")]
    return tuple(sorted({*noted, *beside}))


def _half_built(state: Path) -> tuple[Path, ...]:
    """What lies beside datasets of builds that were killed: nothing on record, but everybody's words."""
    places = {(path.parent, f".{glob.escape(path.name)}-*") for path in registered(state)}
    found = {path for parent, name in places for path in parent.glob(name) if path.is_dir()}
    return tuple(sorted(found))


def traces_of(person: str, state: Path, ids: Iterable[str] = ()) -> Traces:
    """Gather what a person leaves: every name and id that people.toml puts together, and what they wrote.

    A part of their name is a trace where nobody else is called so and it is no ordinary word. Where datasets have
    pseudonyms and the key is there, theirs are traces, too. Raises ChatError and KeyUnusable.
    """
    shelf = Imports(state / "imports")
    people, exports = shelf.people(), shelf.exports()
    wanted = {person.casefold(), *(one.casefold() for one in ids)}
    names, found = {person}, set(ids)
    for one in people.persons:
        keys = {key.partition(":")[2] for key in one.ids}
        if {one.name.casefold(), *(key.casefold() for key in keys)} & wanted:
            names.add(one.name)
            found |= keys
    first = Traces.of(names, found)
    others, texts = set[str](), list[str]()
    for export in exports:
        for author, name, text in export.rows.select("author", "name", "text").iter_rows():
            if first.is_person(author, name):
                names.add(name)
                found.add(author)
                texts.append(text)
            else:
                others.add(name)
    others |= {one.name for one in people.persons if not first.is_person(one.name)}
    shared = {part.casefold() for name in others for part in name_parts(name)}
    parts = {part for name in names for part in name_parts(name)}
    names |= {part for part in parts if part.casefold() not in shared | ORDINARY and len(part) > 2}
    key = state / KEY
    if key.exists():
        sealed = PseudonymKey.read(key)
        table = PseudonymTable.read(state / TABLE, sealed)
        mine = {part.casefold() for part in parts}
        names |= {other for real, other in table.pairs(NAME) if real.casefold() in mine - shared}
        found |= {sealed.mark(one) for one in found}
    return Traces.of(names, found, texts)


def forget_in_files(traces: Traces, state: Path, personas: Iterable[Path]) -> list[str]:
    """Take a person out of every file; gives what was done, a line each. Raises OSError, ChatError and KeyUnusable."""
    done: list[str] = []
    if (state / "imports").exists():
        # No import may put back what it read before.
        with Imports(state / "imports").alone():
            done += [*_forget_words(traces, state / "imports"), *_forget_imports(traces, state / "imports")]
    for log in state.glob("*.log"):
        if count := _count(traces, log):
            # In its place: whoever is writing it goes on.
            os.truncate(log, 0)
            done.append(f"{log}: {count} lines, and all others")
    for half in _half_built(state):
        shutil.rmtree(half, ignore_errors=True)
        done.append(f"{half}: a dataset that was never finished, whole")
    for dataset in registered(state):
        done += _forget_dataset(traces, dataset)
    if (state / KEY).exists() and (state / TABLE).exists():
        key = PseudonymKey.read(state / KEY)
        table = PseudonymTable.read(state / TABLE, key)
        if count := table.forget(traces.names | traces.ids):
            table.write(state / TABLE, key)
            done.append(f"pseudonyms: {count} can no longer be turned round")
    for folder in personas:
        done += _forget_shingles(traces, folder)
    return done


def left_in_files(traces: Traces, state: Path, personas: Iterable[Path]) -> Iterator[Left]:
    """Look through every stored file for a person. A file that cannot be read counts as one that has them."""
    folders = (state / "imports", *registered(state), *_half_built(state))
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    for path in sorted({*files, *state.glob("*.log")}):
        count = _count(traces, path)
        if count:
            yield Left(str(path), count)
    for folder in personas:
        if count := _shared(traces, folder):
            yield Left(str(folder / FILE), count)


def to_retrain(traces: Traces, state: Path, personas: Iterable[Path]) -> Iterator[str]:
    """What to do about adapters, a line a persona: what was trained cannot be taken out of weights.

    A persona names the dataset that it was trained on by its fingerprint. One whose dataset is here and has nothing of
    them needs nothing. Ask before anything is cleaned: datasets and shingles tell whether a training had theirs.
    """
    datasets = _fingerprints(traces, state)
    for folder in personas:
        try:
            manifest = read_manifest(folder)
        except PersonaError:
            continue
        text = manifest.model_dump_json()
        mine = {mark: dataset for mark, dataset in datasets.items() if mark in text}
        had = next((dataset for dataset in mine.values() if dataset is not None), None)
        who = f"{manifest.name} in {folder}"
        if had is not None:
            yield f"{who} must be trained again: it was trained on {had} when that had somebody in it who is forgotten"
        elif _shared(traces, folder):
            yield f"{who} must be trained again: it learned from what they wrote"
        elif not mine:
            yield f"{who} must be trained again if its training had them in it: only you know"


def _fingerprints(traces: Traces, state: Path) -> dict[str, Path | None]:
    """Every fingerprint that a dataset here has or had, with its folder if it had somebody in it who is forgotten."""
    found: dict[str, Path | None] = {}
    for folder in registered(state):
        try:
            record = json.loads((folder / RECORD).read_bytes())
            now, former = record.get("fingerprint"), record.get("forgotten", ())
        except (OSError, ValueError, AttributeError):
            continue
        found.update(dict.fromkeys(former, folder))
        if now:
            has = any(_count(traces, path) for path in (folder / ROWS).glob("*.parquet"))
            found[now] = folder if has else None
    return found


def _forget_words(traces: Traces, folder: Path) -> Iterator[str]:
    """What they agreed to goes whole: silence is a no."""
    path = folder / WORDS
    read_words(folder)  # a damaged line says so, and not what it holds
    if path.exists() and (count := _count(traces, path)):
        lines = path.read_bytes().splitlines(keepends=True)
        write_private(path, b"".join(line for line in lines if not traces.found_in(json.loads(line))))
        yield f"{path.name}: {count} entries"


def _forget_imports(traces: Traces, folder: Path) -> Iterator[str]:
    shelf = Imports(folder)
    kept: list[Export] = []
    exports = shelf.exports()
    messages = 0
    for export in exports:
        rows = export.rows
        theirs = pl.Series(
            [
                traces.is_person(author, name) or traces.wrote(text)
                for author, name, text in rows.select("author", "name", "text").iter_rows()
            ],
            dtype=pl.Boolean,
        )
        if is_direct(export) and theirs.any():
            # What the owner wrote to them alone is theirs as well.
            messages += rows.height
            continue
        messages += int(theirs.sum())
        gone = set(rows.filter(theirs).get_column("id"))
        left = rows.filter(~theirs)
        if left.height:
            kept.append(_masked(traces, export, left, gone))
    people = shelf.people()
    others = People(
        tuple(
            one
            for one in people.persons
            if not traces.is_person(one.name)
            and not any(traces.is_person(key.partition(":")[2]) for key in one.ids)
        )
    )
    shelf.keep_only(kept, others, traces.masked)
    if exports:
        yield f"imports: {messages} messages, {len(exports) - len(kept)} chats"


def _masked(traces: Traces, export: Export, rows: pl.DataFrame, gone: set[str]) -> Export:
    columns = [
        pl.Series(name, [traces.masked(text) for text in rows.get_column(name)], dtype=pl.String())
        for name in ("id", "text", "file")
    ]
    answers = pl.Series(
        "reply_to",
        [None if one is None or one in gone else traces.masked(one) for one in rows.get_column("reply_to")],
        dtype=pl.String(),
    )
    key = ChatKey(export.chat.key.messenger, traces.masked(export.chat.key.chat_id))
    chat = Chat(key, traces.masked(export.chat.title))
    return replace(export, chat=chat, rows=rows.with_columns(*columns, answers))


def _forget_dataset(traces: Traces, folder: Path) -> Iterator[str]:
    changed = 0
    for path in sorted((folder / ROWS).glob("*.parquet")):
        if before := _count(traces, path):
            changed += before
            _forget_rows(traces, folder, path)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        before = _count(traces, path)
        if not before:
            continue
        changed += before
        if path.suffix == ".parquet":
            _put(_without(traces, pl.read_parquet(path, memory_map=False)), path)
        elif path.suffix == ".jsonl":
            lines = path.read_bytes().splitlines()
            write_private(
                path, b"".join(line + b"\n" for line in lines if not traces.found_in(json.loads(line)))
            )
        elif path.suffix == ".json":
            write_private(path, json.dumps(_clean(traces, json.loads(path.read_bytes())), indent=1).encode())
        elif path.name == "report.html":
            # Written again by `understudy dataset report`.
            path.unlink()
        else:
            write_private(path, traces.masked(path.read_text(encoding="utf-8")).encode())
    if changed:
        _recount(folder)
        yield f"{folder}: {changed} rows and entries; build it again from what is left in the imports"


def _forget_rows(traces: Traces, folder: Path, path: Path) -> None:
    """Take them out of one side's rows, and write what others' trainers read from those that are left.

    Only here it is known whose messages a row shows: elsewhere they may stand without a name. The rows themselves come
    last, so that who is killed in between finds them again.
    """
    table = _without(traces, pl.read_parquet(path, memory_map=False))
    with suppress(ValueError):  # another version's rows: its files are gone through line by line
        rows = rows_of_table(table)
        for form in Format:
            file = folder / form.value / f"{path.stem}{form.suffix}"
            if file.exists():
                write_rows(form, rows, fresh := file.with_name(f".{file.name}.new"))
                fresh.replace(file)
    _put(table, path)


def _without(traces: Traces, table: pl.DataFrame) -> pl.DataFrame:
    """Give the rows without them.

    Their name alone, as a chat's or among those who are there, is no reason to lose what others wrote.
    """
    if "chat" in table.columns:
        chats = [traces.masked(chat) for chat in table.get_column("chat")]
        table = table.with_columns(pl.Series("chat", chats, dtype=pl.String()))
    if "messages" in table.columns:
        talks = [
            talk and [_told(traces, part) for part in talk] for talk in table.get_column("messages").to_list()
        ]
        table = table.with_columns(pl.Series("messages", talks, dtype=table.schema["messages"]))
    has = pl.Series([traces.found_in(list(row)) for row in table.iter_rows()], dtype=pl.Boolean)
    return table.filter(~has)


def _told(traces: Traces, part: dict[str, str]) -> dict[str, str]:
    told = part["role"] == "system"
    return {**part, "content": traces.masked(part["content"])} if told else part


def _put(table: pl.DataFrame, path: Path) -> None:
    table.write_parquet(fresh := path.with_name(f".{path.name}.new"))
    fresh.replace(path)


def _recount(folder: Path) -> None:
    """Put the record of a dataset right: rows and checksum of each file, and a fingerprint of what is there now.

    The former one is kept under `forgotten`: whatever was trained on those rows must be trained again.
    """
    path = folder / RECORD
    if not path.exists():
        return
    record = json.loads(path.read_bytes())
    for name, files in record.get("files", {}).items():
        for file, facts in files.items():
            at = folder / name / file
            content = at.read_bytes()
            facts["rows"] = (
                pl.read_parquet(at).height if at.suffix == ".parquet" else len(content.splitlines())
            )
            facts["sha256"] = hashlib.sha256(content).hexdigest()
    rows = record.get("files", {}).get(ROWS, {})
    record["rows"] = {Path(file).stem: facts["rows"] for file, facts in rows.items()}
    if before := record.pop("fingerprint", None):
        # Where its rows cannot be read any more it has none, and is no dataset that could be trained on.
        with suppress(OSError, ValueError, RecipeInvalid, pl.exceptions.PolarsError):
            record |= refingerprinted(folder)
        if before != record.get("fingerprint"):
            record["forgotten"] = [*record.get("forgotten", ()), before]
    write_private(path, json.dumps(record, indent=1, ensure_ascii=False).encode())


def _forget_shingles(traces: Traces, folder: Path) -> Iterator[str]:
    if not _shared(traces, folder):
        return
    path = folder / FILE
    known = Shingles.read(path)
    theirs = set(Shingles.of(traces.lines, known.words, len(traces.lines) + 1).hashes)
    left = Shingles(known.words, array("Q", (one for one in known.hashes if one not in theirs)))
    left.write(path)
    manifest = read_manifest(folder)
    if manifest.shingles is not None:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        file = manifest.shingles.model_copy(update={"bytes": path.stat().st_size, "sha256": digest})
        write_persona_toml(folder, manifest.model_copy(update={"shingles": file}))
    yield f"{folder / MANIFEST}: {len(known) - len(left)} of its runs of words"


def _shared(traces: Traces, folder: Path) -> int:
    path = folder / FILE
    return sum(Shingles.read(path).shared_with(line) for line in traces.lines) if path.exists() else 0


def _count(traces: Traces, path: Path) -> int:
    """How many rows, lines or entries of a file have a person in them; 1 where it cannot be read."""
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path, memory_map=False)
            return sum(traces.found_in(list(row)) for row in table.iter_rows())
        if path.suffix == ".jsonl":
            with path.open("rb") as file:
                return sum(traces.found_in(json.loads(line)) for line in file)
        if path.suffix == ".json":
            return int(traces.found_in(json.loads(path.read_bytes())))
        return sum(traces.found_in(line) for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return 1


def _clean(traces: Traces, value: Any) -> Any:  # noqa: ANN401
    """Take names out of a JSON structure: entries under a name go, texts are masked."""
    if isinstance(value, dict):
        return {key: _clean(traces, inner) for key, inner in value.items() if not traces.named(key)}
    if isinstance(value, list):
        return [_clean(traces, inner) for inner in value]
    return traces.masked(value) if isinstance(value, str) else value
