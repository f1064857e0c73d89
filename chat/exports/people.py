"""Who is who across exports: `people.toml`, proposed by the importer and edited by the owner.

    [[person]]
    name = "Sam"
    owner = true
    ids = ["whatsapp:Sam", "discord_package:402"]

An id is the format's name, a colon, and the author's id there: on WhatsApp the name as written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import tomli_w

from chat.errors import OwnerUnknown, PeopleInvalid, shown
from chat.exports.export import Export
from chat.exports.whatsapp_body import author_key
from chat.private_file import write_private

_HEAD = """\
# Who is who in your exports. Put the ids of one person together under one name; `owner = true` is you.
# What you write here stays: a new import only adds people that it does not find.

"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, under however many names: `ids` are `format:author-id`."""

    name: str
    ids: tuple[str, ...]
    owner: bool = False


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the exports."""

    persons: tuple[Person, ...] = ()

    @classmethod
    def read(cls, path: Path) -> People:
        """Read the file; nobody is in one that is not there. Raises PeopleInvalid, which says what to do."""
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            # The parser's own words may quote a name; the line is in them for syntax errors alone.
            raise PeopleInvalid(path, f"it is no TOML ({type(error).__name__})") from error
        return cls(_persons(path, found))

    def write(self, path: Path) -> None:
        """Write the file, for the owner's eyes alone."""
        tables = [
            {"name": person.name, **({"owner": True} if person.owner else {}), "ids": list(person.ids)}
            for person in self.persons
        ]
        write_private(path, (_HEAD + tomli_w.dumps({"person": tables})).encode())

    @property
    def owner(self) -> Person | None:
        """The owner, where somebody said or a format told."""
        return next((person for person in self.persons if person.owner), None)

    def as_owner(self, person: Person) -> People:
        """Give the same people seen from one of them: what that person wrote is own."""
        return People(tuple(replace(one, owner=one == person) for one in self.persons))

    def propose(self, exports: Iterable[Export], me: str = "") -> People:
        """Add everybody in the exports who is not here yet.

        The same name in two formats is proposed as one person; two ids of one format are two people, however
        alike their names. The owner is whom a format names, or `me`, a name or id of the owner's. Raises
        OwnerUnknown when nobody can be told to be the owner.

        With `me`, whom a format names (or the file) is the owner, too, under one name. But one format has one owner:
        there, `me` overrules.
        """
        roll = _Roll(list(self.persons))
        found = list(exports)
        for export in found:
            named = export.rows.select("author", "name").unique("author", maintain_order=True)
            for author, name in named.iter_rows():
                roll.add(f"{export.format}:{author}", name, owner=author in export.owner)
        people = People(tuple(person for person in roll.persons if person.ids or person in self.persons))
        if me:
            return people._owned(me)
        if found and people.owner is None:
            raise OwnerUnknown(_question(found))
        return people

    def resolve(self, export: Export) -> Export:
        """Give the export with people under the names they have here, and with the owner's messages own."""
        mine: set[str] = set(export.owner)
        names: dict[str, str] = {}
        authors: dict[str, str] = {}
        prefix = f"{export.format}:"
        for person in self.persons:
            ids = [key.removeprefix(prefix) for key in person.ids if key.startswith(prefix)]
            names.update(dict.fromkeys(ids, person.name))
            # One person with two ids in a chat is one author: the first of them.
            authors.update(dict.fromkeys(ids[1:], ids[0] if ids else ""))
            mine = mine | set(ids) if person.owner else mine - set(ids)
        rows = export.rows
        if names:
            known = pl.col("author").replace_strict(names, default=None, return_dtype=pl.String)
            rows = rows.with_columns(pl.coalesce(known, pl.col("name")).alias("name"))
        if authors:
            rows = rows.with_columns(pl.col("author").replace(authors))
        return replace(export, rows=rows, owner=frozenset(authors.get(author, author) for author in mine))

    def _owned(self, me: str) -> People:
        key = author_key(me)
        mine = [person for person in self.persons if _known_as(person, key)]
        if not mine:
            raise OwnerUnknown(
                f"nobody in these chats is called {shown(me)!r}; say --me with one of: {_some(self.persons)}"
            )
        said = {form for person in mine for form in _formats(person)}
        mine += [
            one for one in self.persons if one.owner and one not in mine and said.isdisjoint(_formats(one))
        ]
        ids = tuple(dict.fromkeys(key for person in mine for key in person.ids))
        return People(
            tuple(
                replace(person, owner=True, ids=ids) if person is mine[0] else replace(person, owner=False)
                for person in self.persons
                if person is mine[0] or person not in mine
            )
        )


class _Roll:
    """People who are being gathered."""

    def __init__(self, persons: list[Person]) -> None:
        self.persons = persons
        self._places = {key: place for place, person in enumerate(persons) for key in person.ids}
        self._names: dict[str, list[int]] = {}
        for place, person in enumerate(persons):
            self._names.setdefault(_folded(person.name), []).append(place)

    def add(self, key: str, name: str, *, owner: bool) -> None:
        """Note one author of an export."""
        place = self._places.get(key)
        if place is None:
            place = self._namesake(key, name)
            if place is None:
                place = len(self.persons)
                self.persons.append(Person(name, ()))
                self._names.setdefault(_folded(name), []).append(place)
            self._places[key] = place
            self.persons[place] = replace(self.persons[place], ids=(*self.persons[place].ids, key))
        if owner:
            self._mine(place)

    def _mine(self, place: int) -> None:
        """The format says that this is the owner: one person, whatever the formats call them."""
        first = next((at for at, person in enumerate(self.persons) if person.owner), None)
        if first is None:
            self.persons[place] = replace(self.persons[place], owner=True)
        elif first != place:
            ids = (*self.persons[first].ids, *self.persons[place].ids)
            self.persons[first] = replace(self.persons[first], ids=ids)
            self._places.update(dict.fromkeys(self.persons[place].ids, first))
            self.persons[place] = replace(self.persons[place], ids=())

    def _namesake(self, key: str, name: str) -> int | None:
        prefix = key.partition(":")[0] + ":"
        places = self._names.get(_folded(name), [])
        if len(places) != 1 or any(known.startswith(prefix) for known in self.persons[places[0]].ids):
            return None
        return places[0]


def _folded(name: str) -> str:
    return author_key(name).casefold()


def _known_as(person: Person, key: str) -> bool:
    return _folded(person.name) == key.casefold() or any(
        key in (known, known.partition(":")[2]) for known in person.ids
    )


def _formats(person: Person) -> set[str]:
    return {key.partition(":")[0] for key in person.ids}


def _question(exports: Iterable[Export]) -> str:
    """Ask who the owner is, with those who are in the most chats first."""
    chats = pl.concat([export.rows.select("name").unique() for export in exports])
    counts = chats.group_by("name").len().sort(["len", "name"], descending=[True, False])
    names = counts.get_column("name").to_list()
    return f"which of these people are you? say --me with one of: {_listed(names)}"


def _some(persons: Iterable[Person]) -> str:
    return _listed([person.name for person in persons])


def _listed(names: list[str]) -> str:
    return ", ".join(shown(name) for name in names[:12]) + (" and others" if len(names) > 12 else "")


def _persons(path: Path, found: Mapping[str, Any]) -> tuple[Person, ...]:
    if strange := sorted(set(found) - {"person"}):
        raise PeopleInvalid(path, f"there is no key {shown(strange[0])!r}; people stand under [[person]]")
    tables = found.get("person", [])
    if not isinstance(tables, list):
        raise PeopleInvalid(path, "people stand under [[person]], with two brackets")
    persons: list[Person] = []
    taken: set[str] = set()
    for number, table in enumerate(tables, 1):
        who = f"person {number}"
        if strange := sorted(set(table) - {"name", "owner", "ids"}):
            raise PeopleInvalid(
                path, f"{who} has no key {shown(strange[0])!r}: there are name, owner and ids"
            )
        name, owner, ids = table.get("name"), table.get("owner", False), table.get("ids", [])
        if not isinstance(name, str) or not name.strip() or not isinstance(owner, bool):
            raise PeopleInvalid(path, f"{who} needs a name, and owner is true or false")
        if not isinstance(ids, list) or not all(isinstance(key, str) and ":" in key for key in ids):
            raise PeopleInvalid(path, f'{who}: ids are a list like ["whatsapp:Mia"]')
        if len(set(ids)) < len(ids) or taken & set(ids):
            raise PeopleInvalid(path, f"{who} has an id that stands twice; give it to one person")
        taken.update(ids)
        persons.append(Person(name, tuple(ids), owner))
    if sum(person.owner for person in persons) > 1:
        raise PeopleInvalid(path, "two people are marked as owner; there is one")
    return tuple(persons)
