"""Somebody is taken out of everything that is stored, others stay, and a look proves it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from bot.app import Office
from bot.forgetting import Forgetting
from bot.messengers.local import LocalRooms
from chat.exports.export import Export
from chat.exports.imports import Imports
from chat.exports.people import People, Person
from chat.message import Chat, ChatKey, Message, message_to_json
from inference.persona import read_manifest, write_persona_toml
from safety.consent import How, Purpose
from safety.mode import Mode
from safety.shingles import FILE, Shingles
from safety.traces import Traces
from tests.bot.dashboard.conftest import plant, receive
from tests.bot.playground import LEO, MIA, ROOM, Playground
from tests.fakes.persona import write_persona
from tests.training.dataset.exports import Said, chat_of
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import read_recipe
from training.dataset.folder import DatasetFolder, open_dataset
from training.dataset.ledger import Word, add_word, read_words
from training.dataset.outputs import Format
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_table import PseudonymTable
from training.dataset.pseudonyms import Pseudonyms
from training.forgetting import KEY, TABLE, forget_in_files, left_in_files, register, to_retrain, traces_of

LETTER = "the lake is far too cold in may and nobody will come with you if it rains again"


def state_with(folder: Path) -> Path:
    """A state folder with imports, two datasets and the key of the second."""
    group = chat_of(
        [
            Said("Mia Schmidt", LETTER),
            Said("Leo", "as Mia says, no"),
            Said("Sam", "fine", reply_to=0),
            Said("Leo", LETTER),
        ],
        "Mia's birthday",
    )
    pair = chat_of([("Mia Schmidt", "hi"), ("Sam", "a secret")], "Mia Schmidt", direct=True)
    people = People(
        tuple(Person(name, (f"whatsapp:{name}",), name == "Sam") for name in ("Sam", "Mia Schmidt", "Leo"))
    )
    exports = []
    for one in (group, pair):
        path = folder / one.path.name
        path.write_text("export")
        exports.append(replace(one, path=path))
    Imports(folder / "imports").keep(exports, people)
    key = PseudonymKey.at(folder / KEY, folder / "datasets" / "two")
    names = Pseudonyms(key, exports)
    for name, texts in (
        ("one", ["Mia Schmidt: hi", f"Leo: {LETTER}", "Leo: ok"]),
        ("two", [names.text("Mia: hi"), "ok"]),
    ):
        dataset = folder / ("elsewhere" if name == "one" else "datasets") / name
        (dataset / "rows").mkdir(parents=True)
        pl.DataFrame({"text": texts, "authors": [["x"]] * len(texts)}).write_parquet(
            dataset / "rows" / "train.parquet"
        )
        (dataset / "text").mkdir()
        (dataset / "text" / "train.jsonl").write_text(
            "".join(json.dumps({"text": text}) + "\n" for text in texts)
        )
        record = {"rows": {"train": 0}, "files": {"rows": {"train.parquet": {}}, "text": {"train.jsonl": {}}}}
        (dataset / "dataset.json").write_text(json.dumps(record))
        (dataset / "facts.json").write_text(
            json.dumps({"people": {"Mia Schmidt": 3, "Leo": 2}, "note": "by Mia"})
        )
    names.table.write(folder / TABLE, key)
    register(folder, folder / "elsewhere" / "one")
    return folder


def texts_in(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def test_files_lose_the_person_and_nobody_else(tmp_path: Path) -> None:
    state = state_with(tmp_path)
    traces = traces_of("mia schmidt", state)
    places = {Path(one.place).name for one in left_in_files(traces, state, ())}
    assert {"people.toml", "manifest.json", "train.parquet", "train.jsonl", "facts.json"} <= places
    forget_in_files(traces, state, ())
    assert list(left_in_files(traces, state, ())) == []
    (left,) = Imports(state / "imports").exports()
    assert left.rows.get_column("text").to_list() == ["as [forgotten] says, no", "fine"]
    assert left.rows.get_column("reply_to").to_list() == [None, None]
    assert left.chat.title == "[forgotten]'s birthday"
    assert [person.name for person in Imports(state / "imports").people().persons] == ["Sam", "Leo"]
    one, two = state / "elsewhere" / "one", state / "datasets" / "two"
    assert texts_in(one / "text" / "train.jsonl") == ["Leo: ok"]
    assert texts_in(two / "text" / "train.jsonl") == ["ok"]
    record = json.loads((one / "dataset.json").read_text())
    assert record["rows"] == {"train": 1}
    assert record["files"]["text"]["train.jsonl"]["rows"] == 1
    assert json.loads((one / "facts.json").read_text()) == {"people": {"Leo": 2}, "note": "by [forgotten]"}
    table = PseudonymTable.read(state / TABLE, PseudonymKey.read(state / KEY))
    assert not {real for real, _ in table.pairs()} & {"Mia", "Schmidt"}
    assert {real for real, _ in table.pairs()} >= {"Leo", "Sam"}


def test_a_file_that_cannot_be_read_counts_as_one_that_has_them(tmp_path: Path) -> None:
    state = state_with(tmp_path)
    traces = traces_of("Mia Schmidt", state)
    forget_in_files(traces, state, ())
    (state / "imports" / "broken.parquet").write_bytes(b"?")
    assert [Path(one.place).name for one in left_in_files(traces, state, ())] == ["broken.parquet"]


@pytest.mark.parametrize("recipe", ["conversations", "weclone", "turns"])
def test_a_message_that_stands_without_a_name_is_taken_out_of_every_file(tmp_path: Path, recipe: str) -> None:
    talk = [Said("Mia Schmidt", "a short one"), Said("Sam", "yes")] * 3
    later = [Said("Leo", "hm", minutes=9_999), Said("Sam", "no"), Said("Leo", "hm"), Said("Sam", "no")]
    export = replace(chat_of([*talk, *later], "us"), path=tmp_path / "export.txt")
    export.path.write_text("export")
    Imports(tmp_path / "imports").keep([export], People())
    meant = read_recipe(recipe, ["split.held_out=0"])
    folder = tmp_path / "datasets" / recipe
    write_dataset(make_rows([export], meant), meant, folder, [Format.OPENAI, Format.SHAREGPT])
    assert "a short one" in (folder / "openai" / "train.jsonl").read_text()
    forget_in_files(traces_of("Mia Schmidt", tmp_path), tmp_path, ())
    left = open_dataset(folder).rows("train")
    assert left
    for form in ("openai", "sharegpt"):
        lines = (folder / form / "train.jsonl").read_text().splitlines()
        assert len(lines) == len(left)
        assert not any("a short one" in line or "Mia" in line for line in lines)
        assert any("hm" in line for line in lines)


def test_what_killed_imports_and_builds_leave_is_found_and_taken_out(tmp_path: Path) -> None:
    state = state_with(tmp_path)
    traces = traces_of("Mia Schmidt", state)
    forget_in_files(traces, state, ())
    (state / "imports" / "0123.parquet.new").write_bytes(b"PAR1\xff")
    (state / "imports" / "0123.parquet").write_bytes(b"PAR1")
    for half in (state / "elsewhere" / ".one-x7", state / "datasets" / ".two-x7"):
        (half / "text").mkdir(parents=True)
        (half / "text" / "train.jsonl").write_text('{"text": "Mia Schmidt: hi"}\n')
    assert len(list(left_in_files(traces, state, ()))) == 4
    forget_in_files(traces, state, ())
    assert list(left_in_files(traces, state, ())) == []
    assert (state / "elsewhere" / "one" / "dataset.json").exists()


def test_a_people_file_is_cleaned_where_no_chat_is_left(tmp_path: Path) -> None:
    (tmp_path / "imports").mkdir()
    People((Person("Mia Schmidt", ("whatsapp:Mia Schmidt",)),)).write(tmp_path / "imports" / "people.toml")
    traces = traces_of("Mia Schmidt", tmp_path)
    forget_in_files(traces, tmp_path, ())
    assert list(left_in_files(traces, tmp_path, ())) == []


def test_a_name_that_somebody_else_has_too_is_theirs(tmp_path: Path) -> None:
    export = chat_of([("Mia Schmidt", "hi"), ("Mia Weber", "hi Schmidt")])
    path = tmp_path / "export.txt"
    path.touch()
    Imports(tmp_path / "imports").keep([replace(export, path=path)], People())
    assert traces_of("Mia Schmidt", tmp_path).names == {"Mia Schmidt", "Schmidt"}


def lake(*names: str) -> Export:
    return chat_of([line for _ in range(9) for name in names for line in ((name, "lake?"), ("Sam", "no"))])


def built(folder: Path, *names: str) -> DatasetFolder:
    """A dataset of a talk with these people."""
    recipe = read_recipe("turns", ["split.held_out=0"])
    write_dataset(make_rows([lake(*names)], recipe), recipe, folder)
    return open_dataset(folder)


def trained_on(folder: Path, fingerprint: str) -> Path:
    """A persona that says so."""
    manifest = read_manifest(write_persona(folder))
    figures = {"training": {"dataset": fingerprint}}
    write_persona_toml(folder, manifest.model_copy(update={"figures": figures}))
    return folder


def test_a_persona_is_to_be_trained_again_if_the_dataset_it_was_trained_on_had_them_in_it(
    tmp_path: Path,
) -> None:
    both, leo = (
        built(tmp_path / "datasets" / "both", "Mia", "Leo"),
        built(tmp_path / "datasets" / "leo", "Leo"),
    )
    mine, clean = trained_on(tmp_path / "a", both.fingerprint), trained_on(tmp_path / "b", leo.fingerprint)
    unknown = trained_on(tmp_path / "c", "0" * 64)
    traces = Traces.of(["Mia"])
    (first, second) = to_retrain(traces, tmp_path, [mine, clean, unknown])
    assert "must be trained again: it was trained on" in first
    assert str(mine) in first
    assert "only you know" in second
    assert str(unknown) in second
    forget_in_files(traces, tmp_path, [])
    after = open_dataset(tmp_path / "datasets" / "both")
    assert after.fingerprint != both.fingerprint
    assert after.facts["forgotten"] == [both.fingerprint]
    assert not any("Mia" in part for row in after.rows("train") for part in row.body.parts)
    # What was trained before is still known to have had somebody in it; what is trained on the rest is not.
    assert "it was trained on" in next(to_retrain(Traces.of(["Zoe"]), tmp_path, [mine]))
    again = trained_on(tmp_path / "d", after.fingerprint)
    assert list(to_retrain(traces, tmp_path, [again])) == []


def test_a_chat_called_after_them_loses_the_name_and_not_what_others_wrote(tmp_path: Path) -> None:
    lines = [line for n in range(9) for line in (("Leo", "lake?"), Said("Sam", f"no {n}", 20))]
    chat = replace(chat_of(lines), chat=Chat(ChatKey("whatsapp", "Mia & Leo"), "Mia & Leo"))
    recipe = read_recipe("documents", ["split.held_out=0"])
    write_dataset(make_rows([chat], recipe), recipe, tmp_path / "datasets" / "one")
    traces = Traces.of(["Mia"])
    before = open_dataset(tmp_path / "datasets" / "one").rows("train")
    forget_in_files(traces, tmp_path, [])
    assert list(left_in_files(traces, tmp_path, [])) == []
    after = open_dataset(tmp_path / "datasets" / "one").rows("train")
    assert [row.body for row in after] == [row.body for row in before]
    assert {row.chat for row in after} == {"whatsapp/[forgotten] & Leo"}


def test_what_somebody_agreed_to_and_logs_are_forgotten_as_well(tmp_path: Path) -> None:
    at = datetime(2026, 5, 3, tzinfo=UTC)
    for name in ("Mia", "Leo"):
        add_word(tmp_path / "imports", Word(name, (f"whatsapp:{name}",), True, "by phone", "sam", at))
    (tmp_path / "llama.log").write_text("a prompt with Mia in it\n")
    traces = Traces.of(["Mia"])
    assert {Path(one.place).name for one in left_in_files(traces, tmp_path, [])} == {
        "consent.jsonl",
        "llama.log",
    }
    forget_in_files(traces, tmp_path, [])
    assert list(left_in_files(traces, tmp_path, [])) == []
    assert [word.person for word in read_words(tmp_path / "imports")] == ["Leo"]


def test_an_index_loses_their_runs_and_its_persona_is_to_be_trained_again(tmp_path: Path) -> None:
    folder = write_persona(tmp_path / "persona")
    own = "every text of the owner has more than a dozen words in it as well as this one does"
    Shingles.of([LETTER, own]).write(folder / FILE)
    traces = Traces.of(["Mia"], texts=[LETTER])
    assert "must be trained again: it learned" in next(to_retrain(traces, tmp_path, [folder]))
    assert [Path(one.place).name for one in left_in_files(traces, tmp_path, [folder])] == [FILE]
    forget_in_files(traces, tmp_path, [folder])
    assert list(left_in_files(traces, tmp_path, [folder])) == []
    assert Shingles.read(folder / FILE).shared_with(own)
    assert "only you know" in next(to_retrain(traces, tmp_path, [folder]))
    assert read_manifest(folder).name


async def test_redis_loses_the_person_and_nobody_else(office: Office) -> None:
    room = Playground(office)
    await room.open()

    chats, store = office.desk.chats, office.store
    prefix = store.partitions.prefix(store.partitions.of(room.key))
    for author, text in ((MIA, LETTER), (LEO, "Mia is right"), (LEO, "see you there")):
        message = Message(
            room.key, f"{author.id}-{len(text)}", author, text, datetime(2024, 5, 1, tzinfo=UTC)
        )
        await store.ask("rpush", f"{prefix}transcript:{room.key}", message_to_json(message))
    await store.ask(
        "hset", f"{prefix}draft:d1", mapping={"state": "sent", "bubbles": json.dumps([f"you said: {LETTER}"])}
    )
    await store.ask(
        "xadd",
        f"{prefix}journal",
        {"at": "1", "kind": "k", "chat": str(room.key), "facts": json.dumps({"said": LETTER})},
    )
    await office.consents.grant(room.key, MIA, Purpose.TRAINED, How.OWNER, "olivia")
    await room.say("hello from me", MIA)
    await room.say("hello from Leo", LEO)
    forgetting = Forgetting(store, office.clock, chats, office.consents)
    traces = Traces.of(["Mia"], ["mia"], [LETTER])
    assert len(await forgetting.left(traces)) >= 4
    await forgetting.forget(traces, "olivia")
    assert await forgetting.left(traces) == {}
    assert [message.text for message in await chats.transcript(room.key)] == ["see you there"]
    assert [message.text for message in await LocalRooms(store, office.clock).said(room.key)] == [
        "hello from Leo"
    ]
    assert not await store.ask("exists", f"{prefix}draft:d1")
    ledger = await office.consents.of(room.key)
    assert not ledger.may_answer("mia")
    assert not ledger.may_train("mia")
    assert ledger.may_answer("leo")
    assert all(entry.name == "" for entry in ledger.entries.values())


async def test_what_waits_to_be_answered_decided_or_sent_is_taken_out_too(office: Office) -> None:
    room = Playground(office)
    await room.open(Mode.MANUAL)
    prefix = office.store.partitions.prefix(office.store.partitions.of(room.key))
    kept = await plant(office, said_by_leo("a", "the lake?"), "see you there")
    decided = await plant(office, said_by_leo("b", "who comes?"), "ask Mia")
    approved = await plant(office, said_by_leo("c", "and then?"), "Mia knows")
    await office.desk.drafts.approve(approved, "olivia")
    for id_, text in (("d", "Mia is right"), ("e", "so am i")):
        await receive(office, said_by_leo(id_, text))
    traces = Traces.of(["Mia"])
    forgetting = Forgetting(office.store, office.clock, office.desk.chats, office.consents)
    assert sum((await forgetting.left(traces)).values()) >= 4
    await forgetting.forget(traces, "olivia")
    assert await forgetting.left(traces) == {}
    assert [draft.id for draft in await office.desk.drafts.waiting()] == [kept]
    for id_ in (decided, approved):
        assert not await office.store.ask("exists", f"{prefix}draft:{id_}")
    assert await office.store.ask("lrange", f"{prefix}out:{room.key}", 0, -1) == []
    box = await office.store.ask("lrange", f"{prefix}box:{room.key}", 0, -1)
    assert [json.loads(line)["text"] for line in box] == ["so am i"]


async def test_a_bubble_that_is_being_handed_over_is_said_to_be_left(office: Office) -> None:
    room = Playground(office)
    await room.open()
    prefix = office.store.partitions.prefix(office.store.partitions.of(room.key))
    await office.store.ask("hset", f"{prefix}bubble:b1", mapping={"state": "sending", "text": "ask Mia"})
    forgetting = Forgetting(office.store, office.clock, office.desk.chats, office.consents)
    await forgetting.forget(Traces.of(["Mia"]), "olivia")
    assert list(await forgetting.left(Traces.of(["Mia"]))) == [f"{prefix}bubble:b1"]


def said_by_leo(id_: str, text: str) -> Message:
    return Message(ROOM, id_, LEO, text, datetime(2024, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["Mia", "so says mia.", "Leo: " + LETTER, f"ok\n  {LETTER} "])
def test_traces_are_found(text: str) -> None:
    assert Traces.of(["Mia"], texts=[LETTER]).found_in([{"a": text}])


@pytest.mark.parametrize("text", ["Miami", "the lake", "ok", LETTER[:-1]])
def test_what_anybody_says_is_no_trace(text: str) -> None:
    assert not Traces.of(["Mia"], texts=[LETTER, "ok"]).found_in(text)


def test_traces_show_nothing() -> None:
    assert "Mia" not in repr(Traces.of(["Mia"], ["mia-1"], [LETTER]))
