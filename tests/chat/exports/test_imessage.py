"""Apple's `chat.db`: each thing that is known of it, and databases that mean harm."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.errors import ExportEmpty, ExportError
from chat.exports import imessage
from chat.exports.bundle import open_bundle
from chat.exports.export import Clock, Export, Problem, Untyped
from chat.exports.formats import read_bundles
from chat.exports.imessage import IMessage
from chat.exports.reader import ReadOptions
from chat.message import Attachment
from tests.chat.exports.messages_db import Column, MessagesDb, archive, summary


@pytest.fixture
def db(tmp_path: Path) -> MessagesDb:
    return MessagesDb(tmp_path / "chat.db")


def read(path: Path) -> list[Export]:
    reading = read_bundles((path,))
    assert reading.failures == ()
    assert reading.left == ()
    return list(reading.exports)


def one(db: MessagesDb) -> Export:
    (export,) = read(db.path)
    return export


def texts(export: Export) -> list[str]:
    return [message.text for message in export.messages]


def counted(export: Export) -> Mapping[Untyped, int]:
    return dict(export.other)


def test_a_chat_comes_with_its_people_its_times_and_its_owner(db: MessagesDb) -> None:
    mia = db.handle("+491701")
    chat = db.chat("+491701", mia)
    db.message(chat, 0, text="hey", handle_id=mia)
    db.message(chat, 5, text="Hello: you", date=(669_729_600 + 5) * 10**9 + 123_456_789)
    export = one(db)
    assert (export.chat.key.messenger, export.chat.key.chat_id, export.chat.title) == (
        "imessage",
        "+491701",
        "+491701",
    )
    assert (export.format, export.dialect, export.clock, export.direct) == (
        "imessage",
        "chat.db",
        Clock.UTC,
        True,
    )
    assert export.owner == {"me"}
    assert export.rows.drop("attachment", "reply_to").rows() == [
        ("m1", "+491701", "+491701", datetime(2022, 3, 23, 12, 0), "hey", False, False, "chat.db", 1),  # noqa: DTZ001
        (
            "m2",
            "me",
            "Me",
            datetime(2022, 3, 23, 12, 0, 5, 123_456),  # noqa: DTZ001
            "Hello: you",
            False,
            False,
            "chat.db",
            2,
        ),
    ]
    assert [message.own for message in export.messages] == [False, True]


def test_dates_before_high_sierra_are_seconds(tmp_path: Path) -> None:
    db = MessagesDb(tmp_path / "chat.db", nanoseconds=False)
    db.message(db.chat("x", db.handle("x")), 7, text="old")
    assert one(db).rows["at"].to_list() == [datetime(2022, 3, 23, 12, 0, 7)]  # noqa: DTZ001


def test_a_newer_mac_keeps_the_text_in_an_archive_alone(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    long = "ü" * 4_000
    for text in ("short", long):
        db.message(chat, text=None, attributedBody=archive(text))
    assert texts(one(db)) == ["short", long]


def test_an_archive_that_cannot_be_decoded_is_reported_with_its_record(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="fine")
    db.message(chat, text=None, attributedBody=b"streamtyped")
    export = one(db)
    assert texts(export) == ["fine"]
    assert export.problems == (Problem("chat.db", 2, "its text cannot be decoded"),)


def test_attachments_are_marks_in_the_text(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    for mime, uti in [
        ("image/heic", ""),
        ("image/gif", ""),
        ("video/quicktime", ""),
        ("audio/amr", ""),
        (None, "com.apple.coreaudio-format"),
        ("text/vcard", ""),
        ("text/x-vlocation", ""),
        ("application/pdf", ""),
        (None, ""),
    ]:
        db.attach(db.message(chat, text="\ufffc"), mime, uti)
    db.attach(db.message(chat, text="\ufffclook"), "image/png", sticker=True)
    db.message(chat, text="gone \ufffc")
    rows = one(db).rows.select("text", "attachment").rows()
    assert rows == [
        ("", Attachment.IMAGE),
        ("", Attachment.GIF),
        ("", Attachment.VIDEO),
        ("", Attachment.AUDIO),
        ("", Attachment.AUDIO),
        ("", Attachment.CONTACT),
        ("", Attachment.LOCATION),
        ("", Attachment.DOCUMENT),
        ("", Attachment.OTHER),
        ("look", Attachment.STICKER),
        ("gone ", Attachment.OTHER),
    ]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        *(({"associated_message_type": 2000 + n, "text": "Loved “hey”"}, Untyped.TAPBACK) for n in range(8)),
        *(({"associated_message_type": 3000 + n, "text": "Removed"}, Untyped.TAPBACK) for n in range(8)),
        ({"associated_message_type": 1000, "text": "\ufffc"}, Untyped.STICKER),
        ({"associated_message_type": 4000}, Untyped.POLL),
        ({"associated_message_type": 5555, "text": "?"}, Untyped.UNSUPPORTED),
        ({"item_type": 1}, Untyped.NOTICE),
        ({"item_type": 2, "text": "new name"}, Untyped.NOTICE),
        ({"item_type": 6}, Untyped.NOTICE),
        ({"balloon_bundle_id": "com.apple.DigitalTouchBalloonProvider"}, Untyped.APP),
        (
            {
                "balloon_bundle_id": "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.game",
                "text": "\ufffd",
            },
            Untyped.APP,
        ),
        (
            {
                "balloon_bundle_id": "com.apple.messages.MSMessageExtensionBalloonPlugin:0:com.apple.messages.Polls"
            },
            Untyped.POLL,
        ),
        (
            {
                "balloon_bundle_id": "com.apple.messages.MSMessageExtensionBalloonPlugin:0:com.apple.findmy.FindMyApp"
            },
            Untyped.LOCATION,
        ),
        ({"text": None}, Untyped.HIDDEN),
        ({"text": "Liked “hey\nyou”", "service": "SMS"}, Untyped.TAPBACK),
        ({"text": "Loved an image", "service": "SMS"}, Untyped.TAPBACK),
    ],
)
def test_what_nobody_typed_is_counted(db: MessagesDb, columns: dict[str, Column], kind: Untyped) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="typed")
    db.message(chat, 1, **columns)
    export = one(db)
    assert (texts(export), counted(export), export.problems) == (["typed"], {kind: 1}, ())


def test_a_link_was_typed_though_it_is_a_balloon(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="https://example.org", balloon_bundle_id="com.apple.messages.URLBalloonProvider")
    assert texts(one(db)) == ["https://example.org"]


def test_what_looks_like_a_tapback_was_typed_where_tapbacks_exist(db: MessagesDb) -> None:
    db.message(db.chat("x", db.handle("x")), text="Liked “hey”")
    assert texts(one(db)) == ["Liked “hey”"]


def test_an_edited_message_stands_as_it_was_last(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text=None, message_summary_info=summary([(0, 5)], {0: ["frist", "first", "First"]}))
    db.message(chat, text="plain", message_summary_info=summary([(0, 5)]))
    assert one(db).rows.select("text", "edited").rows() == [("First", True), ("plain", False)]


def test_of_several_parts_each_is_edited_or_taken_back_alone(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    # The emoji counts two, as Apple counts.
    parts = [(0, 3), (3, 1), (4, 4)]
    whole = "😀a\ufffcmore"
    db.message(chat, text=whole, message_summary_info=summary(parts, {2: ["more", "less"]}))
    db.message(chat, text=whole, message_summary_info=summary(parts, unsent=(0,)))
    # The text is not the original any more, so that it is what stands now.
    db.message(chat, text="now this", message_summary_info=summary(parts, {2: ["more", "this"]}))
    export = one(db)
    assert export.rows.select("text", "edited").rows() == [
        ("😀aless", True),
        ("more", False),
        ("now this", True),
    ]
    assert counted(export) == {Untyped.DELETED: 1}


def test_a_message_that_was_taken_back_is_counted(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text=None, message_summary_info=summary([(0, 5)], unsent=(0,)))
    db.message(chat, text="left")
    export = one(db)
    assert (texts(export), counted(export)) == (["left"], {Untyped.DELETED: 1})


def test_an_edit_that_cannot_be_decoded_is_reported(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    info = summary([(0, 5)], {0: ["old", "MARK"]}).replace(b"MARK", b"\xff\xff\xff\xff")
    db.message(chat, text=None, message_summary_info=info)
    assert one(db).problems == (Problem("chat.db", 1, "its text cannot be decoded"),)


def test_replies_name_the_message_that_began_the_thread(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="question")
    db.message(chat, 1, text="answer", thread_originator_guid="m1")
    assert one(db).rows["reply_to"].to_list() == [None, "m1"]


def test_one_persons_numbers_and_addresses_are_one_chat(db: MessagesDb) -> None:
    phone, mail = db.handle("+491701", "P1"), db.handle("mia@example.org", "P1")
    sms = db.handle("+491701", None, "SMS")
    other = db.handle("+491702", "P2")
    chats = [db.chat(name, handle) for name, handle in (("a", phone), ("b", mail), ("c", sms), ("d", other))]
    for at, (chat, handle) in enumerate(zip(chats, (phone, mail, sms, other), strict=True)):
        db.message(chat, at, text=f"text {at}", handle_id=handle)
    first, second = read(db.path)
    assert first.rows.select("author", "text").rows() == [
        ("+491701", "text 0"),
        ("+491701", "text 1"),
        ("+491701", "text 2"),
    ]
    assert second.rows["author"].to_list() == ["+491702"]


def test_groups_keep_their_names_and_one_that_changed_its_service_stays_one(db: MessagesDb) -> None:
    mia, tom = db.handle("mia"), db.handle("tom")
    named = db.chat("chat1", mia, tom, name="Friday five")
    unnamed = [db.chat(name, mia, tom) for name in ("chat2", "chat3")]
    for at, chat in enumerate((named, *unnamed)):
        db.message(chat, at, text="hi", handle_id=tom)
    first, second = read(db.path)
    assert (first.chat.title, first.direct, first.rows.height) == ("Friday five", False, 1)
    assert (second.chat.title, second.direct, second.rows.height) == ("mia & tom", False, 2)
    assert first.chat.key.chat_id == "chat1"


def test_a_message_in_two_chats_that_are_one_stands_once(db: MessagesDb) -> None:
    mia = db.handle("mia")
    first, second = db.chat("a", mia), db.chat("b", mia)
    message = db.message(first, text="hi", handle_id=mia)
    db.also_in(second, message)
    assert texts(one(db)) == ["hi"]


def test_the_same_message_twice_is_counted_once(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    for _ in range(2):
        db.message(chat, guid="same", text="hi")
    export = one(db)
    assert (texts(export), counted(export)) == (["hi"], {Untyped.DUPLICATE: 1})


def test_recently_deleted_messages_are_counted(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="left")
    db.deleted(chat, db.message(None, 1, text="thrown away"))
    first, second = read(db.path)
    assert (texts(first), texts(second), counted(second)) == (["left"], [], {Untyped.DELETED: 1})


def test_a_message_without_a_chat_stands_with_its_author_or_is_reported(db: MessagesDb) -> None:
    mia = db.handle("mia")
    db.message(None, 0, text="hi", handle_id=mia)
    db.message(None, 1, text="lost")
    export = one(db)
    assert (export.chat.title, texts(export)) == ("mia", ["hi"])
    assert export.problems == (Problem("chat.db", 2, "it belongs to no chat"),)


def test_records_that_fit_nothing_are_reported(db: MessagesDb) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="fine")
    db.message(chat, text="when", date="yesterday")
    db.message(chat, text="when", date=0)
    db.message(chat, text="when", date=2**62)
    db.message(chat, text="who", handle_id=99)
    db.message(chat, 1, text=b"\xff\x00 bytes", attributedBody=None)
    export = one(db)
    assert texts(export) == ["fine", "when"]
    # 2**62 nanoseconds are in the year 2147, and well.
    assert {(problem.line, problem.what) for problem in export.problems} == {
        (2, "it has no time"),
        (3, "it has no time"),
        (5, "nobody is named as its author"),
    }
    assert counted(export) == {Untyped.HIDDEN: 1}


def test_an_old_database_lacks_most_columns(tmp_path: Path) -> None:
    db = MessagesDb(
        tmp_path / "sms.db",
        "CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT, service TEXT, person_centric_id TEXT);"
        "CREATE TABLE chat (ROWID INTEGER PRIMARY KEY, guid TEXT, style INT, chat_identifier TEXT, display_name TEXT);"
        "CREATE TABLE chat_handle_join (chat_id INT, handle_id INT);"
        "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, guid TEXT, text TEXT, handle_id INT, service TEXT,"
        " date INT, is_from_me INT);"
        "CREATE TABLE chat_message_join (chat_id INT, message_id INT);",
        nanoseconds=False,
    )
    db.message(db.chat("x", db.handle("x")), text="old")
    assert texts(one(db)) == ["old"]


def test_a_database_is_known_by_what_is_in_it(db: MessagesDb, tmp_path: Path) -> None:
    db.message(db.chat("x", db.handle("x")), text="hi")
    renamed = db.path.rename(tmp_path / "backup.bin")
    assert texts(read(renamed)[0]) == ["hi"]
    notes = tmp_path / "notes.db"
    with closing(sqlite3.connect(notes)) as other:
        other.execute("CREATE TABLE note (text TEXT)")
    assert [source.name for source in read_bundles((notes,)).left] == ["notes.db"]


def test_a_database_of_something_else_by_that_name_fails_alone(db: MessagesDb, tmp_path: Path) -> None:
    db.message(db.chat("x", db.handle("x")), text="hi")
    other = tmp_path / "other"
    other.mkdir()
    with closing(sqlite3.connect(other / "chat.db")) as database:
        database.execute("CREATE TABLE note (text TEXT)")
    reading = read_bundles((tmp_path,))
    assert [texts(export) for export in reading.exports] == [["hi"]]
    assert [failure.problem for failure in reading.failures] == [
        "this database is not the one of Messages; look for chat.db"
    ]


def test_the_newest_messages_are_read_from_the_log_and_nothing_is_written(
    db: MessagesDb, tmp_path: Path
) -> None:
    chat = db.chat("x", db.handle("x"))
    db.message(chat, text="in the database")
    live = tmp_path / "live"
    live.mkdir()
    shutil.copy(db.path, live / "chat.db")
    with closing(sqlite3.connect(live / "chat.db", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("UPDATE message SET text = 'in the log'")
        for packed in (False, True):
            # As it lies there while Messages runs.
            copied = tmp_path / f"copied {packed}"
            copied.mkdir()
            for name in ("chat.db", "chat.db-wal"):
                shutil.copy(live / name, copied / name)
            path = copied
            if packed:
                path = tmp_path / "mac.zip"
                with zipfile.ZipFile(path, "w") as archive_file:
                    for name in ("chat.db", "chat.db-wal"):
                        archive_file.write(copied / name, name)
            before = {file: file.read_bytes() for file in copied.iterdir()}
            (export,) = read_bundles((path,)).exports
            assert (texts(export), export.problems) == (["in the log"], ())
            assert {file: file.read_bytes() for file in copied.iterdir()} == before


@pytest.mark.parametrize("log", [b"newer pages", b"\x37\x7f\x06\x82" + bytes(5_000)])
def test_a_log_that_does_not_fit_is_reported_and_nothing_is_written(
    db: MessagesDb, tmp_path: Path, log: bytes
) -> None:
    db.message(db.chat("x", db.handle("x")), text="hi")
    (tmp_path / "chat.db-wal").write_bytes(log)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    (export,) = read_bundles((tmp_path,)).exports
    assert texts(export) == ["hi"]
    assert [(problem.file, problem.line) for problem in export.problems] == [("chat.db-wal", 1)]
    assert "newest messages are missing" in export.problems[0].what
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_packed_database_is_unpacked_into_a_private_file_that_goes(
    db: MessagesDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.message(db.chat("x", db.handle("x")), text="hi")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    packed = tmp_path / "mac.zip"
    with zipfile.ZipFile(packed, "w") as archive_file:
        archive_file.write(db.path, "Messages/chat.db")
    (export,) = read(packed)
    assert (texts(export), export.rows["file"].to_list()) == (["hi"], ["Messages/chat.db"])
    assert list(temporary.iterdir()) == []
    monkeypatch.setattr(imessage, "LARGEST_PACKED", 10)
    assert "too large" in read_bundles((packed,)).failures[0].problem


def test_a_view_in_place_of_a_table_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            "CREATE TABLE handle (id TEXT); CREATE TABLE chat (guid TEXT); CREATE TABLE chat_message_join (a INT);"
            "CREATE VIEW message AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;"
        )
    assert [failure.problem for failure in read_bundles((path,)).failures] == [
        "this database is not the one of Messages; look for chat.db"
    ]


def test_a_database_without_a_message_says_so(db: MessagesDb) -> None:
    assert [type(failure) for failure in read_bundles((db.path,)).failures] == [ExportEmpty]


def sample(path: Path) -> bytes:
    """A database that has something of everything."""
    db = MessagesDb(path)
    mia, tom = db.handle("mia", "P1"), db.handle("tom")
    group = db.chat("chat1", mia, tom, name="Friday five")
    for at in range(20):
        db.message(group, at, text=None, attributedBody=archive(f"text {at}"), handle_id=mia)
    db.attach(db.message(group, 30, text="\ufffc"), "image/png")
    db.message(group, 31, message_summary_info=summary([(0, 2)], {0: ["a", "b"]}), handle_id=tom)
    db.message(group, 32, associated_message_type=2000, handle_id=tom)
    return path.read_bytes()


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sample(tmp_path_factory.mktemp("sample") / "chat.db")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cut=st.none() | st.integers(0, 40_000),
    flips=st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 255)), max_size=20),
    seed=st.none() | st.integers(0, 1000),
)
def test_a_damaged_database_is_read_or_fails_with_our_error(
    tmp_path: Path, intact: bytes, cut: int | None, flips: list[tuple[int, int]], seed: int | None
) -> None:
    data = bytearray(intact[:cut])
    for at, value in flips:
        if data:
            data[at % len(data)] = value
    if seed is not None:
        # Whole stretches, beside single bytes.
        chance = random.Random(seed)
        at = chance.randrange(100, 20_000)
        data[at : at + 300] = chance.randbytes(300)
    path = tmp_path / "chat.db"
    path.write_bytes(data)
    reader = IMessage()
    for unit in reader.units(open_bundle(path)):
        with suppress(ExportError):
            for export in reader.read(unit, ReadOptions()):
                assert len(list(export.messages)) == export.rows.height
