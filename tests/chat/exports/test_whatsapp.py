"""WhatsApp's text export: its quirks, one at a time."""

from __future__ import annotations

import os
import time
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from chat.errors import (
    DateOrderUnknown,
    DialectUnknown,
    ExportDamaged,
    ExportEmpty,
    ExportMissing,
    FormatUnknown,
)
from chat.exports import faults, whatsapp
from chat.exports.dates import DateOrder
from chat.exports.export import Export, RowIds, Untyped
from chat.exports.formats import read_export
from chat.message import Attachment
from tests.chat.exports.dialects import BOM, LRM, NBSP, NNBSP, RLM

STAMP = "23/03/2022, 13:31 - "
IOS = "[23/03/2022, 13:31:07] "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def read(folder: Path, text: str, *, order: DateOrder | None = None, name: str = "chat.txt") -> Export:
    path = folder / name
    path.write_bytes(text.encode())
    return read_export(path, "Sam", order)


def texts(export: Export) -> list[str]:
    return [message.text for message in export.messages]


def android(folder: Path, *bodies: str) -> Export:
    return read(folder, "".join(f"{STAMP}Sam: {body}\n" for body in ("first", *bodies)))


def ios(folder: Path, *bodies: str) -> Export:
    return read(folder, "".join(f"{IOS}Sam: {body}\n" for body in ("first", *bodies)).replace("\n", "\r\n"))


def test_own_messages_are_the_owners(folder: Path) -> None:
    export = read(folder, f"{STAMP}Mia: hey\n{STAMP}Sam: hi: you\n")
    assert [(m.author.name, m.own, m.text) for m in export.messages] == [
        ("Mia", False, "hey"),
        ("Sam", True, "hi: you"),
    ]
    assert export.members == ("Mia",)
    assert export.messages[0].sent_at == datetime(2022, 3, 23, 13, 31)  # noqa: DTZ001
    assert export.dialect == "android d/m/yyyy, h:mm"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("WhatsApp Chat with Friday five.txt", "Friday five"),
        ("WhatsApp-Chat mit Mia.txt", "Mia"),
        ("Chat de WhatsApp con Mia.txt", "Mia"),
        ("notes.txt", "WhatsApp chat"),
    ],
)
def test_the_title_is_in_the_files_name(folder: Path, name: str, title: str) -> None:
    assert read(folder, f"{STAMP}Sam: hi\n", name=name).chat.title == title


def test_an_iphones_group_signs_the_first_notice(folder: Path) -> None:
    export = read(
        folder, f"{IOS}Friday five: {LRM}Messages and calls are end-to-end encrypted.\n{IOS}Sam: hi\n"
    )
    assert export.chat.title == "Friday five"
    assert dict(export.other) == {Untyped.NOTICE: 1}


def test_blank_lines_and_byte_order_marks_in_the_middle(folder: Path) -> None:
    export = read(folder, f"{BOM}{STAMP}Sam: one\n\n two \n{BOM}{STAMP}Mia: three")
    assert texts(export) == ["one\n\n two ", "three"]


def test_a_pasted_header_of_another_dialect_is_text(folder: Path) -> None:
    pasted = "look\n[9/6/2024, 14:41] Carlos: hi\n1/2/21, 10:30 - Mia: no"
    export = read(folder, f"{STAMP}Sam: a\n{STAMP}Sam: {pasted}\n{STAMP}Sam: b\n")
    assert texts(export) == ["a", pasted, "b"]


def test_a_pasted_impossible_date_is_text(folder: Path) -> None:
    export = read(folder, f"{STAMP}Sam: a\n{STAMP}Sam: b\n03/27/2022, 10:00 - Mia: hm\n")
    assert texts(export) == ["a", "b\n03/27/2022, 10:00 - Mia: hm"]


def test_lines_before_the_first_message_are_told_one_by_one(folder: Path) -> None:
    export = read(folder, f"cut off\n\nin the middle\n{STAMP}Sam: hi\n")
    assert (texts(export), dict(export.other)) == (["hi"], {Untyped.STRAY: 2})
    assert [(problem.file, problem.line) for problem in export.problems] == [("chat.txt", 1), ("chat.txt", 3)]
    assert "cut" not in str(export.problems[0])


def test_of_many_lines_before_the_first_message_some_are_told_and_the_rest_counted(folder: Path) -> None:
    export = read(folder, "cut off\n" * (faults.MOST + 5) + f"{STAMP}Sam: hi\n")
    assert export.other[Untyped.STRAY] == faults.MOST + 5
    assert len(export.problems) == faults.MOST + 1
    assert "5 more" in export.problems[-1].what


@pytest.mark.parametrize(
    "notice",
    [
        "Messages and calls are end-to-end encrypted. Only people in this chat can read them.",
        "Mia changed the subject to “Plan: Friday”",
        'Mia changed the subject from "A" to "B: c"',
        "You created group Plan: Friday",
        f"{'x' * 61}: no name is that long",
    ],
)
def test_notices_have_no_author(folder: Path, notice: str) -> None:
    export = read(folder, f"{STAMP}Sam: hi\n{STAMP}{notice}\n")
    assert (texts(export), dict(export.other)) == (["hi"], {Untyped.NOTICE: 1})


def test_names_are_compared_without_marks_and_keep_their_emoji(folder: Path) -> None:
    export = read(
        folder,
        f"{IOS}{LRM}Sam: a\n{IOS}~{NNBSP}Mia 👩‍👧: b\n{IOS}\u202a+44\u00a07700\u00a0900123\u202c: c\n",
    )
    assert [(m.author.id, m.author.name, m.own) for m in export.messages] == [
        ("Sam", "Sam", True),
        ("~ Mia 👩‍👧", "Mia 👩‍👧", False),
        ("+44 7700 900123", "+44 7700 900123", False),
    ]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("This message was deleted", Untyped.DELETED),
        ("You deleted this message", Untyped.DELETED),
        ("Diese Nachricht wurde gelöscht.", Untyped.DELETED),
        ("null", Untyped.HIDDEN),
        ("", Untyped.HIDDEN),
        ("Missed voice call", Untyped.CALL),
        ("location: https://maps.google.com/?q=1.5,2.5", Untyped.LOCATION),
        ("live location shared", Untyped.LOCATION),
        (f"POLL:\nwhen?\nOPTION: now (2 votes)\n{LRM}OPTION: never (0 votes)\n", Untyped.POLL),
    ],
)
def test_what_android_writes_itself_is_not_typed(folder: Path, body: str, kind: Untyped) -> None:
    export = android(folder, body)
    assert (texts(export), dict(export.other)) == (["first"], {kind: 1})


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<Media omitted>", Attachment.OTHER),
        ("<Medien weggelassen>", Attachment.OTHER),
        ("<View once voice message omitted>", Attachment.OTHER),
        ("<Média kihagyva>", Attachment.OTHER),
        ("< Média vynechána >", Attachment.OTHER),
        (f"{LRM}IMG-20220318-WA0001.jpg (file attached)", Attachment.IMAGE),
        ("plan.pdf (Datei angehängt)\nplan.pdf", Attachment.DOCUMENT),
        ("IMG-20220318-WA0001.jpg (csatolt fájl)", Attachment.IMAGE),
        ("a.mp4 (soubor byl přiložen)", Attachment.OTHER),
    ],
)
def test_what_android_attached_without_a_word_has_no_text(folder: Path, body: str, kind: Attachment) -> None:
    export = android(folder, body)
    assert [(m.text, m.attachment) for m in export.messages[1:]] == [("", kind)]
    assert not export.other


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (f"{LRM}image omitted", Attachment.IMAGE),
        (f"{LRM}Bild weggelassen", Attachment.IMAGE),
        (f"{LRM}<attached: 00000012-PHOTO-2022-03-27.jpg>", Attachment.IMAGE),
        (f"plan.pdf • {LRM}2 pages {LRM}document omitted", Attachment.DOCUMENT),
        (f"{LRM}εικόνα παραλείφθηκε", Attachment.IMAGE),
        (f"{RLM}لم يتم إدراج الصورة", Attachment.IMAGE),
    ],
)
def test_what_an_iphone_left_out_without_a_word_has_no_text(
    folder: Path, body: str, kind: Attachment
) -> None:
    export = ios(folder, body)
    assert [(m.text, m.attachment) for m in export.messages[1:]] == [("", kind)]
    assert not export.other


@pytest.mark.parametrize(
    "body",
    [
        "<3",
        "a <b> c",
        "see notes.txt (draft)",
        "it was null",
        "POLL: who comes?",
        "This message was deleted by admin Mia\nand why?",
        "why: This message was deleted by admin Mia",
    ],
)
def test_what_looks_alike_is_typed(folder: Path, body: str) -> None:
    assert texts(android(folder, body)) == ["first", body]


def test_androids_caption_stands_on_the_next_line(folder: Path) -> None:
    export = android(
        folder, "<Media omitted>\nlook at that", "IMG-20220318-WA0001.jpg (file attached)\nand\nthat"
    )
    assert [(m.text, m.attachment) for m in export.messages[1:]] == [
        ("look at that", Attachment.OTHER),
        ("and\nthat", Attachment.IMAGE),
    ]


def test_an_edited_text_loses_the_marker(folder: Path) -> None:
    (_, by_android) = android(folder, "so it is <This message was edited>").messages
    (_, by_iphone) = ios(folder, f"so it is {LRM}<Texten har ändrats>").messages
    assert (by_android.text, by_android.edited) == (by_iphone.text, by_iphone.edited) == ("so it is", True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (f"{LRM}This message was deleted.", Untyped.DELETED),
        (f"{LRM}Missed video call", Untyped.CALL),
        (f"{LRM}Mia heeft de groep verlaten", Untyped.NOTICE),
        (f"{RLM}غادر أحمد", Untyped.NOTICE),
        (f"{LRM}POLL:\nwhen?\n{LRM}OPTION: now ({LRM}2 votes)", Untyped.POLL),
        ("Cafe (1 High St): https://foursquare.com/v/4b", Untyped.LOCATION),
    ],
)
def test_what_an_iphone_marks_is_not_typed(folder: Path, body: str, kind: Untyped) -> None:
    export = ios(folder, body)
    assert (texts(export), dict(export.other)) == (["first"], {kind: 1})


def test_an_iphones_caption_stands_before_the_mark(folder: Path) -> None:
    export = ios(folder, f"look {LRM}image omitted", f"two\nlines {LRM}<attached: 0001-VIDEO-2022.mp4>")
    assert [(m.text, m.attachment) for m in export.messages[1:]] == [
        ("look", Attachment.IMAGE),
        ("two\nlines", Attachment.VIDEO),
    ]


def test_half_days(folder: Path) -> None:
    export = read(
        folder,
        "".join(
            f"13/3/24, {moment} - Sam: x\n"
            for moment in ("12:05 AM", "0:06 AM", "12:07 pm", "1:08\u00a0p.\u00a0m.")
        ),
    )
    assert [(m.sent_at.hour, m.sent_at.minute) for m in export.messages] == [(0, 5), (0, 6), (12, 7), (13, 8)]


def test_spaces_and_marks_may_differ_within_a_dialect(folder: Path) -> None:
    """As after an update of the phone, or where two exports were joined."""
    export = read(
        folder,
        f"[3/4/24, 9:05:01{NNBSP}AM] Sam: a\n"
        "[3/14/24, 10:05:02 PM] Sam: b\n"
        f"[3{RLM}/15/24,{NBSP}9:05:03{RLM} AM] Sam: c\n",
    )
    assert [(m.sent_at.day, m.sent_at.hour, m.sent_at.second, m.text) for m in export.messages] == [
        (4, 9, 1, "a"),
        (14, 22, 2, "b"),
        (15, 9, 3, "c"),
    ]


def test_an_iphones_header_may_stand_alone_and_a_text_may_end_in_a_bracket(folder: Path) -> None:
    export = read(folder, f"{IOS}Sam: see [1]\n{IOS.strip()}\n{IOS}Mia: [2]\nmore [3]\n")
    assert (texts(export), dict(export.other)) == (["see [1]", "[2]\nmore [3]"], {Untyped.NOTICE: 1})


def test_the_japanese_and_buddhist_calendars(folder: Path) -> None:
    japanese = read(folder, "[3/18/R4, 14:56:01] Sam: x\n")
    thai = read(folder, "[3/18/2565 BE 14:56:01] Sam: x\n")
    assert [m.sent_at.year for m in (*japanese.messages, *thai.messages)] == [2022, 2022]


@pytest.mark.parametrize(
    ("days", "first"),
    [
        (("1/2/22", "1/13/22"), (1, 2)),  # 13 is no month
        (("1/2/22", "13/2/22"), (2, 1)),
        (("1/12/22", "2/1/22", "2/2/22"), (1, 12)),  # the other way runs backwards
        (("3/4/22", "4/4/22", "5/4/22"), (4, 3)),  # the other way jumps by months
        (("1.2.22", "1.2.22"), (2, 1)),  # dots
        (("2022/1/2", "2022/1/3"), (1, 2)),  # the year in front
    ],
)
def test_days_are_told_from_months(folder: Path, days: tuple[str, ...], first: tuple[int, int]) -> None:
    export = read(folder, "".join(f"{day}, 10:00 - Sam: x\n" for day in days))
    assert (export.messages[0].sent_at.month, export.messages[0].sent_at.day) == first


def test_one_day_needs_somebody_who_knows(folder: Path) -> None:
    text = "3/4/22, 10:00 - Sam: x\n3/4/22, 10:01 - Sam: y\n"
    with pytest.raises(DateOrderUnknown, match="say which comes first"):
        read(folder, text)
    assert read(folder, text, order=DateOrder.MONTH_FIRST).messages[0].sent_at.month == 3


def test_no_message_is_younger_than_its_file(folder: Path) -> None:
    path = folder / "chat.txt"
    path.write_text("3/4/22, 10:00 - Sam: x\n")
    written = datetime(2022, 3, 20).timestamp()  # noqa: DTZ001
    os.utime(path, (written, written))
    assert read_export(path, "Sam").messages[0].sent_at.month == 3


def test_two_exports_of_one_chat_give_the_same_ids(folder: Path) -> None:
    lines = [f"{STAMP}Sam: ok\n", f"{STAMP}Sam: ok\n", f"{STAMP}Mia: ok\n"]
    whole = read(folder, "".join(lines))
    part = read(folder, "".join([*lines, f"{STAMP}Sam: later\n"]))
    assert [m.id for m in whole.messages] == [m.id for m in part.messages[:3]]
    assert len({m.id for m in whole.messages}) == 3


def test_the_chat_in_a_zip(folder: Path) -> None:
    path = folder / "WhatsApp Chat - Friday five.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "shopping")
        archive.writestr("__MACOSX/._chat.txt", "\0")
        archive.writestr("_chat.txt", f"{IOS}Sam: hi\r\n")
    export = read_export(path, "Sam")
    assert (export.chat.title, texts(export)) == ("Friday five", ["hi"])


def test_of_texts_without_a_telling_name_the_one_with_messages_is_read(folder: Path) -> None:
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "shopping")
        archive.writestr("b.txt", f"{STAMP}Sam: hi\n")
    assert texts(read_export(path, "Sam")) == ["hi"]


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", ExportEmpty, "nothing in it"),
        (b"\xef\xbb\xbf\r\n \n", ExportEmpty, "nothing in it"),
        (b"\n\ndear diary\n", DialectUnknown, "line 3"),
        (f"{STAMP}Sam: hi\n".encode("utf-16"), ExportDamaged, "line 1 holds a NUL"),
        (f"{STAMP}Sam: hi\n{STAMP}Sam: \u00fc\n".encode("latin-1"), ExportDamaged, "line 2 is not UTF-8"),
        (f"{STAMP}Sam: hi\n{STAMP}Sam: a\0b\n".encode(), ExportDamaged, "line 2 holds a NUL"),
        (f"{STAMP}Sam: null\n".encode(), ExportEmpty, "nobody typed"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    folder: Path, content: bytes, error: type[Exception], says: str
) -> None:
    path = folder / "chat.txt"
    path.write_bytes(content)
    with pytest.raises(error, match=says) as caught:
        read_export(path, "Sam")
    assert "\n" not in str(caught.value)
    assert "diary" not in str(caught.value)


def test_other_files_are_refused(folder: Path) -> None:
    with pytest.raises(ExportMissing):
        read_export(folder / "none.txt", "Sam")
    picture, broken, other = folder / "a.jpg", folder / "b.zip", folder / "c.zip"
    picture.write_bytes(b"\xff\xd8")
    broken.write_bytes(b"PK\x03\x04 no")
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.json", "{}")
    with pytest.raises(FormatUnknown):
        read_export(picture, "Sam")
    with pytest.raises(FormatUnknown):
        read_export(other, "Sam")
    with pytest.raises(ExportDamaged):
        read_export(broken, "Sam")


def test_an_endless_message_is_left_out_and_not_kept(folder: Path) -> None:
    long = "x" * (whatsapp.LONGEST_BODY // 2) + "\n"
    export = read(folder, f"{STAMP}Sam: {long * 3}{STAMP}Sam: {'y' * 600_000}\n{STAMP}Sam: short\n")
    assert (texts(export), dict(export.other)) == (["short"], {Untyped.OVERLONG: 2})


def test_reading_takes_time_in_proportion(folder: Path) -> None:
    """Ten times the lines, in one message or in many, take about ten times as long."""

    def seconds(text: str) -> float:
        begun = time.process_time()
        read(folder, text)
        return time.process_time() - begun

    for line in (f"{STAMP}Sam: hello there\n", "1/1/22, " + "[" * 80 + "\n"):
        head = f"{STAMP}Sam: hi\n"
        small, large = seconds(head + line * 1_000 + head), seconds(head + line * 20_000 + head)
        assert large < 60 * max(small, 0.01)


def test_repeats_far_apart_in_a_long_file_have_ids_of_their_own(folder: Path) -> None:
    """As long as several blocks, with the same words in the same minute at its beginning and its end."""
    again = f"{STAMP}Sam: ok\n" * 3
    between = "".join(
        f"24/03/2022, {n // 60 % 24:02}:{n % 60:02} - Mia: {n} {'x' * 60}\n" for n in range(70_000)
    )
    export = read(folder, again + between + again)
    ids = RowIds()
    wanted = [ids.of(m.sent_at, m.author.id, m.text) for m in export.messages]
    assert [message.id for message in export.messages] == wanted
    assert len(set(wanted)) == 70_006
    assert export.rows.get_column("line").to_list() == list(range(1, 70_007))
