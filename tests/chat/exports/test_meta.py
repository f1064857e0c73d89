"""Messenger's and Instagram's downloads: each thing that is known of them, and files that mean harm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.errors import ExportError
from chat.exports import json_walk
from chat.exports.bundle import open_bundle
from chat.exports.export import Clock, Export, Untyped
from chat.exports.formats import read_bundles
from chat.exports.meta import Meta
from chat.exports.meta_records import repaired
from chat.exports.meta_words import app_written
from chat.exports.reader import ReadOptions
from chat.message import Attachment

START = 1_648_036_800_000
MIA, SAM, TOM = "Mia Baum", "Sam Ötting", "Tom Tal"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dropped"
    folder.mkdir()
    return folder


def bytes_as_letters(value: object) -> object:
    """Write every text as Meta does: the bytes of UTF-8 as if each were a letter."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, list):
        return [bytes_as_letters(element) for element in value]
    if isinstance(value, dict):
        return {key: bytes_as_letters(element) for key, element in value.items()}
    return value


def said(sender: str, second: int, content: str | None = None, **more: object) -> dict[str, object]:
    message: dict[str, object] = {"sender_name": sender, "timestamp_ms": START + second * 1000}
    return message | ({} if content is None else {"content": content}) | more


def download(
    folder: Path,
    messages: list[Any],
    *,
    people: tuple[str, ...] = (MIA, SAM),
    thread: str = "miabaum_17",
    number: int = 1,
    title: str = MIA,
    **more: object,
) -> Path:
    """Write a `message_N.json`; `messages` are given oldest first, and written newest first."""
    path = folder / "your_facebook_activity" / "messages" / "inbox" / thread / f"message_{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "participants": [{"name": name} for name in people],
        "messages": messages[::-1],
        "title": title,
        "is_still_participant": True,
        "thread_path": f"inbox/{thread}",
        "magic_words": [],
        **more,
    }
    path.write_text(json.dumps(bytes_as_letters(record)), "ascii")
    return path


def encrypted(folder: Path, name: str, people: list[str], messages: list[Any]) -> Path:
    path = folder / f"{name}.json"
    record = {"participants": people, "threadName": name, "messages": messages}
    path.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    return path


def sealed(sender: str, second: int, text: str = "", kind: str = "text", **more: object) -> dict[str, object]:
    return {
        "isUnsent": False,
        "media": [],
        "reactions": [],
        "senderName": sender,
        "text": text,
        "timestamp": START + second * 1000,
        "type": kind,
        **more,
    }


def read(folder: Path) -> list[Export]:
    reading = read_bundles((folder,))
    assert reading.failures == ()
    assert reading.left == ()
    return list(reading.exports)


def one(folder: Path) -> Export:
    (export,) = read(folder)
    return export


def texts(export: Export) -> list[str]:
    return [message.text for message in export.messages]


def counted(export: Export) -> Mapping[Untyped, int]:
    return dict(export.other)


def test_a_chat_is_read_oldest_first_with_its_letters_repaired(folder: Path) -> None:
    download(folder, [said(MIA, 0, "schön 😀"), said(SAM, 1, "hi: you")])
    export = one(folder)
    assert (str(export.chat.key), export.chat.title) == ("messenger/miabaum_17", MIA)
    assert (export.format, export.dialect, export.clock, export.direct) == (
        "meta",
        "message_N.json",
        Clock.UTC,
        True,
    )
    file = "your_facebook_activity/messages/inbox/miabaum_17/message_1.json"
    assert export.rows.select("author", "name", "at", "text", "file", "line").rows() == [
        (MIA, MIA, datetime(2022, 3, 23, 12, 0, 0), "schön 😀", file, 2),  # noqa: DTZ001
        (SAM, SAM, datetime(2022, 3, 23, 12, 0, 1), "hi: you", file, 1),  # noqa: DTZ001
    ]


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("schÃ¶n", "schön"),
        ("plain", "plain"),
        # Neither step may be half done: these letters are no bytes, these bytes no UTF-8.
        ("schön 😀", "schön 😀"),
        ("ok 😀", "ok 😀"),
        ("schön", "schön"),
    ],
)
def test_letters_are_repaired_only_where_all_of_them_are_bytes_of_utf8(written: str, typed: str) -> None:
    assert repaired(written) == typed


def test_the_files_of_one_thread_are_one_chat_in_the_order_of_time(folder: Path) -> None:
    download(folder, [said(MIA, 20, "5"), said(SAM, 30, "6")], number=1, title="New name")
    download(folder, [said(MIA, 10, "3"), said(SAM, 10, "4")], number=2, title="Old name")
    download(folder, [said(MIA, 0, "1"), said(SAM, 1, "2")], number=10)
    export = one(folder)
    assert (texts(export), export.chat.title) == (["1", "2", "3", "4", "5", "6"], "New name")


def test_a_byte_order_mark_is_no_matter(folder: Path) -> None:
    path = download(folder, [said(MIA, 0, "hi")])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert texts(one(folder)) == ["hi"]


def test_attachments_with_a_text_or_without(folder: Path) -> None:
    file = [{"uri": "messages/inbox/x/a.bin"}]
    download(
        folder,
        [
            said(MIA, 0, "look", photos=file),
            said(MIA, 1, photos=file),
            said(MIA, 2, videos=file),
            said(MIA, 3, audio_files=file),
            said(MIA, 4, gifs=file),
            said(MIA, 5, files=file),
            said(MIA, 6, sticker={"uri": "stickers_used/1.png"}),
            said(MIA, 7, "Mia Baum sent an attachment.", photos=file),
            said(MIA, 8, "https://example.org", share={"link": "https://example.org"}),
        ],
    )
    assert one(folder).rows.select("text", "attachment").rows() == [
        ("look", Attachment.IMAGE),
        ("", Attachment.IMAGE),
        ("", Attachment.VIDEO),
        ("", Attachment.AUDIO),
        ("", Attachment.GIF),
        ("", Attachment.DOCUMENT),
        ("", Attachment.STICKER),
        ("", Attachment.IMAGE),
        ("https://example.org", None),
    ]


@pytest.mark.parametrize(
    ("content", "more", "kind"),
    [
        ("gone", {"is_unsent": True}, Untyped.DELETED),
        ("Mia Baum called you.", {"call_duration": 12}, Untyped.CALL),
        ("Mia Baum hat dich angerufen", {"type": "Call"}, Untyped.CALL),
        ("Mia Baum wurde hinzugefügt", {"type": "Subscribe"}, Untyped.NOTICE),
        ("Video chat ended", {}, Untyped.CALL),
        ("Mia Baum started an audio call", {}, Untyped.CALL),
        ("Reacted 😆 to your message ", {}, Untyped.TAPBACK),
        ("Hat mit 😆 auf deine Nachricht reagiert", {}, Untyped.TAPBACK),
        ("Liked a message", {}, Untyped.TAPBACK),
        ("Mia Baum created a poll: when?", {}, Untyped.POLL),
        ('Mia Baum voted for "now" in the poll: when?', {}, Untyped.POLL),
        ("This poll is no longer available.", {}, Untyped.POLL),
        ("Mia Baum sent an attachment.", {"share": {"link": "https://x"}}, Untyped.FORWARD),
        ("You sent an attachment.", {"share": {"link": "https://x"}}, Untyped.FORWARD),
        ("Mia Baum hat einen Anhang gesendet.", {"share": {}, "x": 1}, Untyped.MEDIA),
        (None, {"share": {"link": "https://x", "share_text": "theirs"}}, Untyped.FORWARD),
        ("Mia Baum named the group Friday five.", {}, Untyped.NOTICE),
        # A language that no table has.
        ("Mia Baum a quitté le groupe.", {}, Untyped.NOTICE),
        (None, {}, Untyped.HIDDEN),
    ],
)
def test_what_the_app_wrote_is_counted(
    folder: Path, content: str | None, more: dict[str, object], kind: Untyped
) -> None:
    download(folder, [said(MIA, 0, "typed"), said(MIA, 1, content, **more)])
    export = one(folder)
    assert (texts(export), counted(export), export.problems) == (["typed"], {kind: 1}, ())


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("Mia Baum is here.", "Tom Tal"),
        ("Ok see you.", "Ok"),
        ("You added milk.", "Tom Tal"),
        ("she sent an attachment.", "Tom Tal"),
        ("Mia Baum rules", "Mia Baum"),
        ("liked a message", "Tom Tal"),
        ("", "Tom Tal"),
    ],
)
def test_what_only_looks_like_the_apps_words_was_typed(text: str, sender: str) -> None:
    assert app_written(text, sender) is None


def test_reactions_stay_with_their_message(folder: Path) -> None:
    download(folder, [said(MIA, 0, "hi", reactions=[{"reaction": "😍", "actor": SAM}])])
    export = one(folder)
    assert (texts(export), counted(export)) == (["hi"], {})


def test_records_that_fit_nothing_are_reported(folder: Path) -> None:
    download(
        folder, [{"timestamp_ms": START}, said(MIA, 0, "fine"), {"sender_name": MIA}, "text", None][::-1]
    )
    export = one(folder)
    assert texts(export) == ["fine"]
    assert [(problem.line, problem.what) for problem in export.problems] == [
        (1, "it has no sender"),
        (3, "it has no time"),
        (4, "it has no time"),
        (5, "it has no time"),
    ]


def test_the_owner_is_who_is_in_every_chat(folder: Path) -> None:
    download(folder, [said(SAM, 0, "a")], people=(MIA, SAM))
    download(folder, [said(TOM, 0, "b")], people=(TOM, SAM), thread="tom_1")
    download(folder, [said(TOM, 0, "c")], people=(TOM, MIA, SAM), thread="friday_1", title="Friday")
    exports = read(folder)
    assert {export.owner for export in exports} == {frozenset({SAM})}
    assert [export.direct for export in exports] == [False, True, True]


def test_where_two_are_in_every_chat_nobody_is_the_owner(folder: Path) -> None:
    download(folder, [said(SAM, 0, "a")], people=(MIA, SAM))
    assert one(folder).owner == frozenset()
    download(folder, [said(SAM, 0, "a")], people=(MIA, SAM, TOM), thread="friday_1")
    assert {export.owner for export in read(folder)} == {frozenset()}


def test_instagram_is_told_from_messenger(folder: Path) -> None:
    path = download(folder, [said(MIA, 0, photos=[{"uri": "your_instagram_activity/messages/a.jpg"}])])
    assert one(folder).chat.key.messenger == "instagram"
    path.write_text(path.read_text().replace("your_instagram_activity", "photos"))
    assert one(folder).chat.key.messenger == "messenger"
    (folder / "your_facebook_activity").rename(folder / "instagram-sam-2026")
    assert one(folder).chat.key.messenger == "instagram"


def test_an_old_groups_type_and_a_joinable_one_are_groups(folder: Path) -> None:
    download(folder, [said(MIA, 0, "hi")], thread_type="RegularGroup")
    assert one(folder).direct is False


def test_encrypted_chats_are_flat_files_in_proper_utf8(folder: Path) -> None:
    encrypted(
        folder,
        "Mia Baum_40",
        [MIA, SAM],
        [
            sealed(SAM, 9, "Mia Baum sent an attachment.", "media", media=[{"uri": "./media/a.jpeg"}]),
            sealed(SAM, 8, "schÃ¶n is typed so"),
            sealed(MIA, 7, "https://example.org", "link"),
            sealed(MIA, 6, "look", "media", media=[{"uri": "./media/a.mp4"}], reactions=[{"reaction": "x"}]),
            sealed(MIA, 5, "", "media"),
            sealed(MIA, 4, "You can’t see this.", "placeholder"),
            sealed(MIA, 3, "You missed an audio call", "placeholder"),
            sealed(MIA, 2, "", isUnsent=True),
            sealed(MIA, 1),
            {"senderName": MIA, "text": "when"},
        ],
    )
    encrypted(folder, "Tom Tal_3", [TOM, SAM], [sealed(TOM, 0, "hi")])
    mia, tom = read(folder)
    assert (str(mia.chat.key), mia.chat.title, mia.dialect) == (
        "messenger/Mia Baum_40",
        MIA,
        "end-to-end encrypted",
    )
    assert {mia.owner, tom.owner} == {frozenset({SAM})}
    assert mia.rows.select("author", "text", "attachment").rows() == [
        (MIA, "", Attachment.OTHER),
        (MIA, "look", Attachment.VIDEO),
        (MIA, "https://example.org", None),
        (SAM, "schÃ¶n is typed so", None),
        (SAM, "Mia Baum sent an attachment.", Attachment.IMAGE),
    ]
    assert counted(mia) == {Untyped.UNSUPPORTED: 1, Untyped.CALL: 1, Untyped.DELETED: 1, Untyped.HIDDEN: 1}
    assert [(problem.line, problem.what) for problem in mia.problems] == [(10, "it has no time")]


def test_a_damaged_file_fails_alone_and_keeps_nothing(folder: Path) -> None:
    download(folder, [said(MIA, 20, "new")], number=1)
    cut = download(folder, [said(MIA, 0, "x" * 50) for _ in range(100)], number=2)
    cut.write_bytes(cut.read_bytes()[:-300])
    download(folder, [said(TOM, 0, "other")], thread="tom_1", people=(TOM, SAM))
    reading = read_bundles((folder,))
    assert sorted(texts(export) for export in reading.exports) == [["new"], ["other"]]
    assert [failure.path.name for failure in reading.failures] == ["message_2.json"]


@pytest.mark.parametrize(
    "harm",
    ["[" * 200_000, "1" * 10_000, "1e999999", '"\\ud83d"', "NaN", '"' + "x" * 3_000_000 + '"'],
    ids=["deep", "long number", "large number", "half a pair", "no number", "long text"],
)
def test_hostile_values_are_read_or_refused(folder: Path, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_walk, "LARGEST", 1_000_000)
    path = download(folder, [said(MIA, 0, "typed"), said(MIA, 1, "HARM")])
    path.write_text(path.read_text().replace('"HARM"', harm))
    reading = read_bundles((folder,))
    # Either the file is refused as a whole, or what is no text counts as none.
    assert len(reading.failures) + len(reading.exports) == 1
    assert all(texts(export)[0] == "typed" for export in reading.exports)
    assert all("reader failed" not in failure.problem for failure in reading.failures)


def test_other_json_is_left_alone(folder: Path) -> None:
    for number, value in enumerate(
        (
            {"messages": []},
            {"participants": [], "messages": [{"text": "x"}]},
            [1],
            {"participants": "x", "messages": []},
        )
    ):
        (folder / f"{number}.json").write_text(json.dumps(value))
    reading = read_bundles((folder,))
    assert (reading.exports, len(reading.left)) == ((), 4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sealed_shape=st.booleans(),
    cut=st.none() | st.integers(60, 1_500),
    changes=st.lists(st.tuples(st.integers(0, 5_000), st.binary(max_size=4)), max_size=8),
)
def test_a_mutated_file_is_read_or_fails_with_our_error(
    folder: Path, sealed_shape: bool, cut: int | None, changes: list[tuple[int, bytes]]
) -> None:
    if sealed_shape:
        path = encrypted(folder, "Mia Baum_40", [MIA, SAM], [sealed(MIA, n, f"text {n}") for n in range(8)])
    else:
        path = download(folder, [said(MIA, n, f"text ü {n}", photos=[{"uri": "x"}]) for n in range(8)])
    data = bytearray(path.read_bytes()[:cut])
    for at, put in changes:
        place = at % (len(data) + 1)
        data[place : place + len(put)] = put
    path.write_bytes(data)
    reader = Meta()
    for unit in reader.units(open_bundle(path)):
        with suppress(ExportError):
            for found in reader.read(unit, ReadOptions()):
                assert isinstance(found, ExportError) or len(list(found.messages)) == found.rows.height
