"""Who is who: what is proposed, what the owner wrote, and whose messages are own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from chat.errors import OwnerUnknown, PeopleInvalid
from chat.exports.export import Clock, Export, RowsBuilder
from chat.exports.people import People, Person
from chat.message import Chat, ChatKey


def export_of(format_name: str, *authors: tuple[str, str], owner: str = "") -> Export:
    rows = RowsBuilder()
    for number, (author, name) in enumerate(authors):
        at = datetime(2024, 5, 1, 9, number)  # noqa: DTZ001
        rows.add(id=f"{number}", author=author, name=name, at=at, text="x", file="f", line=1)
    chat = Chat(ChatKey(format_name, "c"), "C")
    owners = frozenset({owner} if owner else ())
    return Export(chat, format_name, "d", Clock.WALL, rows.table(), Path("f"), owner=owners)


WHATSAPP = export_of("whatsapp", ("Sam", "Sam"), ("~ Mia", "Mia"))
DISCORD = export_of(
    "discord", ("1", "sam"), ("2", "Mia"), ("3", "Deleted User"), ("4", "Deleted User"), owner="1"
)


def test_one_name_in_two_formats_is_one_proposal_and_the_owner_is_whom_a_format_names() -> None:
    people = People().propose([WHATSAPP, DISCORD])
    assert people.persons == (
        Person("Sam", ("whatsapp:Sam", "discord:1"), owner=True),
        Person("Mia", ("whatsapp:~ Mia", "discord:2")),
        Person("Deleted User", ("discord:3",)),
        Person("Deleted User", ("discord:4",)),
    )
    resolved = people.resolve(DISCORD)
    assert [(m.author.name, m.own) for m in resolved.messages][:2] == [("Sam", True), ("Mia", False)]
    assert people.resolve(WHATSAPP).owner == {"Sam"}


@pytest.mark.parametrize("me", ["Sam", "sam", "whatsapp:Sam", "\u200eSam"])
def test_where_no_format_tells_the_owner_is_who_was_said(me: str) -> None:
    owner = People().propose([WHATSAPP], me).owner
    assert owner is not None
    assert owner.name == "Sam"


def test_nobody_said_is_a_question_that_lists_people_and_a_wrong_name_is_too() -> None:
    with pytest.raises(OwnerUnknown, match="--me with one of: Mia, Sam"):
        People().propose([WHATSAPP])
    with pytest.raises(OwnerUnknown, match=r"called 'Leo'; say --me with one of: Sam, Mia"):
        People().propose([WHATSAPP], "Leo")


def test_two_owners_of_two_formats_are_one_person_under_the_first_name() -> None:
    other = export_of("telegram", ("user9", "Samuel"), owner="user9")
    people = People().propose([DISCORD, other])
    assert people.owner == Person("sam", ("discord:1", "telegram:user9"), owner=True)
    assert "Samuel" not in {person.name for person in people.persons}


def test_who_was_said_is_one_with_whom_other_formats_name() -> None:
    signal = export_of("signal", ("Me", "Me"), ("Leo", "Leo"), owner="Me")
    sam = Person("Sam", ("whatsapp:Sam", "signal:Me"), owner=True)
    together = People().propose([signal, WHATSAPP], "Sam")
    assert together.owner == sam
    assert together.resolve(signal).owner == {"Me"}
    assert People().propose([signal]).propose([WHATSAPP], "Sam").owner == sam


def test_one_format_has_one_owner_and_who_was_said_overrules() -> None:
    people = People().propose([DISCORD], "Mia")
    assert people.owner == Person("Mia", ("discord:2",), owner=True)
    assert people.resolve(DISCORD).owner == {"2"}


def test_what_the_owner_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "people.toml"
    path.write_text(
        '[[person]]\nname = "Me"\nowner = true\nids = ["whatsapp:Sam", "whatsapp:Sam K."]\n'
        '[[person]]\nname = "Mia Y."\nids = ["whatsapp:~ Mia"]\n'
    )
    people = People.read(path).propose(
        [WHATSAPP, export_of("whatsapp", ("Sam K.", "Sam K."), ("Leo", "Leo"))]
    )
    people.write(path)
    again = People.read(path)
    assert again == people
    assert path.stat().st_mode & 0o777 == 0o600
    assert [person.name for person in again.persons] == ["Me", "Mia Y.", "Leo"]
    resolved = again.resolve(export_of("whatsapp", ("Sam K.", "Sam K."), ("Sam", "Sam")))
    assert {(m.author.id, m.author.name, m.own) for m in resolved.messages} == {("Sam", "Me", True)}


def test_the_file_overrules_what_a_format_says() -> None:
    people = People((Person("Sam", ("discord:2",), owner=True), Person("Bot", ("discord:1",))))
    assert people.resolve(DISCORD).owner == {"2"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("person = 1", "two brackets"),
        ("[people]", "no key 'people'"),
        ('[[person]]\nname = "A"\nage = 3', "no key 'age'"),
        ("[[person]]\nids = []", "needs a name"),
        ('[[person]]\nname = "A"\nids = "whatsapp:A"', "ids are a list"),
        ('[[person]]\nname = "A"\nids = ["A"]', "ids are a list"),
        ('[[person]]\nname = "A"\nids = ["x:A"]\n[[person]]\nname = "B"\nids = ["x:A"]', "stands twice"),
        ('[[person]]\nname = "A"\nowner = true\n[[person]]\nname = "B"\nowner = true', "two people"),
        ("[[person", "no TOML"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "people.toml"
    path.write_text(text)
    with pytest.raises(PeopleInvalid, match=says) as caught:
        People.read(path)
    assert "\n" not in str(caught.value)
