"""What people drop in: files, folders and zips, of which some mean harm. One bad member fails alone."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from chat.errors import ExportDamaged, ExportMissing
from chat.exports.bundle import LONGEST_NAME, SMALL, Bundle, open_bundle
from chat.exports.formats import read_bundles

CHAT = "23/03/2022, 13:31 - Sam: hi\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dropped"
    folder.mkdir()
    return folder


def names(bundle: Bundle) -> list[str]:
    return [source.name for source in bundle.sources]


def reasons(bundle: Bundle) -> list[str]:
    return [failure.problem for failure in bundle.failures]


def packed(path: Path, members: dict[str, bytes | str], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2022, 3, 24, 0, 0, 0)), content, how)
    return path


def patched(path: Path, at: int, form: str, value: int) -> Path:
    """Change one field of the zip's first entry in its directory: `at` bytes in."""
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, content.index(b"PK\x01\x02") + at, value)
    path.write_bytes(content)
    return path


def test_a_folder_is_listed_in_order_without_what_is_hidden(folder: Path) -> None:
    for name in ("b.txt", "a/c.txt", ".DS_Store", "__MACOSX/._x.txt", "a/.hidden/x.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    packed(folder / "z.zip", {"_chat.txt": "x", "__MACOSX/._chat.txt": "x", ".nomedia": ""})
    bundle = open_bundle(folder)
    assert names(bundle) == ["b.txt", "z.zip/_chat.txt", "a/c.txt"]
    assert bundle.failures == ()


def test_a_source_gives_its_bytes_its_head_and_its_day(folder: Path) -> None:
    (source,) = open_bundle(packed(folder / "a.zip", {"x/y.txt": "hello"})).sources
    assert (source.name, source.size, source.head(2)) == ("x/y.txt", 5, b"he")
    assert source.written_on().isoformat() == "2022-03-25"
    with source.open() as raw:
        assert raw.read() == b"hello"
    (plain,) = open_bundle(_written(folder / "p.txt", "hello")).sources
    assert (plain.name, plain.size, plain.head()) == ("p.txt", 5, b"hello")


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("large", [False, True], ids=["in memory", "by jumping"])
def test_a_zip_in_a_zip_is_opened_and_one_within_that_is_not(
    folder: Path, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr("chat.exports.bundle._KEPT_IN_MEMORY", 10)
    third = packed(folder / "3.zip", {"three.txt": "3"}).read_bytes()
    second = packed(folder / "2.zip", {"two.txt": CHAT * 3, "3.zip": third}).read_bytes()
    bundle = open_bundle(packed(folder / "1.zip", {"one.txt": "1", "in/2.zip": second}))
    assert names(bundle) == ["one.txt", "in/2.zip/two.txt", "in/2.zip/3.zip"]
    for _ in range(2):
        with bundle.sources[1].open() as raw:
            assert raw.read() == (CHAT * 3).encode()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/passwd.txt", "leads out"),
        ("a/../b.txt", "leads out"),
        ("a\\..\\b.txt", "leads out"),
        ("/etc/passwd.txt", "root of a disk"),
        ("C:\\windows\\x.txt", "root of a disk"),
        ("\\\\server\\x.txt", "root of a disk"),
        ("a\x1b[2Jb.txt", "control characters"),
        ("a\nb.txt", "control characters"),
        ("x" * 4_000 + ".txt", "longer than"),
    ],
)
def test_a_hostile_name_is_refused_alone_and_not_repeated(folder: Path, name: str, why: str) -> None:
    path = packed(folder / "a.zip", {name: "x", "good.txt": CHAT})
    bundle = open_bundle(path)
    assert names(bundle) == ["good.txt"]
    (failure,) = bundle.failures
    assert why in str(failure)
    assert len(str(failure)) < 500
    assert not any(sign in str(failure) for sign in "\x1b\n")
    assert LONGEST_NAME < 4_000


def test_a_name_on_disk_may_be_hostile_too(folder: Path) -> None:
    (folder / "a\x1b[2J.txt").write_text(CHAT)
    (folder / "good.txt").write_text(CHAT)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text(CHAT)
    bundle = open_bundle(folder)
    assert names(bundle) == ["good.txt", "?.txt"]
    assert "control characters" in reasons(bundle)[0]


def test_links_and_what_is_no_file_are_not_followed(folder: Path) -> None:
    outside = _written(folder.parent / "secret.txt", CHAT)
    (folder / "link.txt").symlink_to(outside)
    (folder / "up").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.txt")
    bundle = open_bundle(folder)
    assert names(bundle) == []
    assert sorted(reasons(bundle)) == [
        "a symbolic link, which is not followed",
        "a symbolic link, which is not followed",
        "it is no plain file",
    ]
    with pytest.raises(ExportDamaged, match="neither a file nor a folder"):
        open_bundle(folder / "pipe.txt")


def test_a_link_in_a_zip_is_refused(folder: Path) -> None:
    path = packed(folder / "a.zip", {"link.txt": "/etc/passwd"})
    assert "symbolic link" in reasons(open_bundle(patched(path, 38, "<I", 0o120777 << 16)))[0]


def test_what_unpacks_to_too_much_is_a_bomb_and_fails_alone(folder: Path) -> None:
    path = packed(folder / "a.zip", {"bomb.txt": b"0" * (SMALL * 8), "good.txt": CHAT})
    bundle = open_bundle(path)
    assert names(bundle) == ["good.txt"]
    assert "zip bomb" in reasons(bundle)[0]
    small = packed(folder / "b.zip", {"dull.txt": b"0" * SMALL})
    assert names(open_bundle(small)) == ["dull.txt"]


def test_a_bomb_in_a_zip_in_a_zip_is_never_unpacked(folder: Path) -> None:
    inner = packed(folder / "i.zip", {"bomb.txt": b"0" * (SMALL * 8)}).read_bytes()
    assert "zip bomb" in reasons(open_bundle(packed(folder / "a.zip", {"i.zip": inner})))[0]


def test_a_member_that_declares_less_than_it_holds_gives_no_more_than_declared(folder: Path) -> None:
    path = patched(packed(folder / "a.zip", {"lie.txt": b"0" * (SMALL * 8)}), 24, "<I", 1_000)
    (source,) = open_bundle(path).sources
    assert len(source.head(SMALL)) <= 1_000
    with pytest.raises(ExportDamaged, match="zip is broken"), source.open() as raw:
        raw.read()


def test_a_member_that_declares_more_packed_bytes_than_the_zip_has_is_refused(folder: Path) -> None:
    path = patched(packed(folder / "a.zip", {"lie.txt": b"0" * (SMALL * 8)}), 20, "<I", 1 << 30)
    with pytest.raises(ExportDamaged, match="members overlap"):
        open_bundle(path)


def test_a_zips_directory_of_any_length_is_not_read(folder: Path) -> None:
    path = folder / "a.zip"
    with path.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 9, 9, 1 << 29, 1 << 29, 0))
    with pytest.raises(ExportDamaged, match="zip is broken"):
        open_bundle(path)


def test_a_locked_member_says_so(folder: Path) -> None:
    path = patched(packed(folder / "a.zip", {"_chat.txt": CHAT}), 8, "<H", 1)
    assert "locked with a password" in reasons(open_bundle(path))[0]


def test_a_foreign_packing_says_so(folder: Path) -> None:
    path = packed(folder / "a.zip", {"_chat.txt": CHAT}, zipfile.ZIP_LZMA)
    assert "no messenger uses" in reasons(open_bundle(path))[0]


def test_a_broken_zip_fails_alone_in_a_folder(folder: Path) -> None:
    (folder / "a.zip").write_bytes(b"PK\x03\x04 no")
    (folder / "chat.txt").write_text(CHAT)
    reading = read_bundles([folder, folder / "none"])
    assert [export.path.name for export in reading.exports] == ["chat.txt"]
    assert [type(failure) for failure in reading.failures] == [ExportDamaged, ExportMissing]


def test_a_bundle_that_is_thrown_away_in_a_knot_closes_its_zip_quietly(folder: Path) -> None:
    for _ in range(50):
        knot: list[object] = [open_bundle(packed(folder / "a.zip", {"_chat.txt": CHAT}))]
        knot.append(knot)
        (folder / "b.zip").write_bytes(b"PK\x03\x04 no")
        with pytest.raises(ExportDamaged) as caught:
            open_bundle(folder / "b.zip")
        knot.append(caught)
    del knot, caught
    gc.collect()  # pytest makes an error of each warning


def test_a_zip_that_was_cut_or_damaged_fails_alone(folder: Path) -> None:
    whole = packed(folder / "a.zip", {"_chat.txt": CHAT * 500, "b/_chat.txt": CHAT}).read_bytes()
    (folder / "cut.zip").write_bytes(whole[:-40])
    (folder / "bent.zip").write_bytes(whole[:60] + b"\xff" * 8 + whole[68:])
    (folder / "a.zip").unlink()
    reading = read_bundles([folder])
    assert [export.rows.item(0, "file") for export in reading.exports] == ["bent.zip/b/_chat.txt"]
    assert ["bent.zip" in str(f) or "cut.zip" in str(f) for f in reading.failures] == [True, True]


def test_texts_that_are_none_fail_alone(folder: Path) -> None:
    (folder / "WhatsApp Chat with A.txt").write_bytes(CHAT.encode() + b"\xff\xfe broken\n")
    (folder / "WhatsApp Chat with B.txt").write_bytes(CHAT.encode() + b"nul \0 byte\n")
    (folder / "WhatsApp Chat with C.txt").write_bytes(b"\x89PNG no text at all")
    (folder / "WhatsApp Chat with D.txt").write_text(CHAT)
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    reading = read_bundles([folder])
    assert [export.chat.title for export in reading.exports] == ["D"]
    assert len(reading.failures) == 3
    assert [source.name for source in reading.left] == ["photo.jpg"]


def test_gigabytes_of_nothing_take_little_memory(folder: Path) -> None:
    """Six gigabytes of NUL bytes and a line of 200 MB, in a process that may not grow."""
    huge = folder / "WhatsApp Chat with X.txt"
    with huge.open("wb") as file:
        file.write(CHAT.encode())
        file.truncate(6 << 30)
    letters = folder / "WhatsApp Chat with Y.txt"
    letters.write_bytes(CHAT.encode() + b"x" * (200 << 20) + b"\n" + CHAT.encode())
    script = (
        "import resource, sys; from pathlib import Path; from chat.exports.formats import read_bundles\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (700 << 20, 700 << 20))\n"
        "found = read_bundles([Path(sys.argv[1])])\n"
        "sys.exit(0 if len(found.failures) == 1 and len(found.exports) == 1 else 3)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
        check=False,
        timeout=100,
    )
    assert ended.returncode == 0
