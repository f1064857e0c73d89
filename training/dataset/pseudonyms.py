"""Personal data in exports replaced by pseudonyms: always the same for the same, and each of its own kind.

Names become names, phone numbers phone numbers. Which stands for what is in a table that is sealed with the owner's key
(`training.dataset.pseudonym_key`): nobody gets from a dataset back to the people in it without both. Nothing here is
logged, and no error quotes a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

import polars as pl

from chat.exports.export import Export
from chat.message import Chat, ChatKey
from safety.personal_data import Found, Kind, Recognisers, asks_for_code, plain_text
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_names import WORD, PseudonymNames, names_put_back
from training.dataset.pseudonym_table import PseudonymTable
from training.dataset.pseudonym_values import values_like

_THRESHOLD: Final = 0.4
"""How sure a recogniser must be. One number taken for another costs little: it becomes a number like it."""
# Which kinds can be in a text at all. The recognisers are slow, and most messages have nothing for them.
_DIGITS: Final = ((Kind.ADDRESS, 1), (Kind.CODE, 3), (Kind.IP, 4), (Kind.PHONE, 6), (Kind.NATIONAL_ID, 6))
_MANY_DIGITS: Final = ((Kind.IBAN, 8), (Kind.CARD, 12))
_DIGIT: Final = re.compile(r"\d")
_LINKED: Final = re.compile(r"://|www\.|[^\W_]\.[^\W_]", re.IGNORECASE)
_LONG: Final = re.compile(r"[0-9a-z]{25}", re.IGNORECASE)
# What no recogniser may know: who is mentioned by a messenger's id, and any other long number.
_NUMBER: Final = re.compile(r"\d{7,}")

Value = TypeVar("Value")


class Pseudonyms:
    """Replaces personal data in exports and in texts.

    `names` are those of further people, and by which further names people go; the names in `kept` are not replaced.
    A `table` of earlier datasets is kept to, and grows.
    """

    def __init__(
        self,
        key: PseudonymKey,
        exports: Sequence[Export],
        names: Iterable[str] = (),
        table: PseudonymTable | None = None,
        kept: Iterable[str] = (),
    ) -> None:
        self._key = key
        self.table = PseudonymTable() if table is None else table
        self._recognisers = Recognisers.open()
        self._known: dict[tuple[str, bool], str] = {}
        self._said = frozenset(_words(exports))
        people = {name for export in exports for name in export.rows.get_column("name").unique()}
        self._names = PseudonymNames(key, self.table, people.union(names), self._said, kept)

    def exports(self, exports: Sequence[Export]) -> tuple[Export, ...]:
        """Give the exports with pseudonyms in every column that tells of people, in titles and in file names."""
        return tuple(map(self._export, exports))

    def text(self, text: str, *, code_asked: bool = False) -> str:
        """Give a text with pseudonyms. `code_asked` says that somebody just asked for a code or a password."""
        if (known := self._known.get((text, code_asked))) is None:
            known = self._known[text, code_asked] = self._replaced(text, code_asked=code_asked)
        return known

    def chat(self, key: ChatKey) -> ChatKey:
        """Give the key under which a chat stands among exports with pseudonyms."""
        return ChatKey(key.messenger, self._mark(key.chat_id))

    def _export(self, export: Export) -> Export:
        rows = export.rows
        names = set(rows.get_column("name"))

        def author(real: str) -> str:
            # An id stays an id; a name that serves as one stays that name.
            return self.text(real) if real in names else self._mark(real)

        rows = rows.with_columns(
            pl.Series("text", list(self._texts(rows.get_column("text"))), dtype=pl.String()),
            *(_mapped(rows, column, self._mark) for column in ("id", "reply_to")),
            _mapped(rows, "author", author),
            _mapped(rows, "name", self.text),
            _mapped(rows, "file", self._file),
        )
        return replace(
            export,
            chat=Chat(self.chat(export.chat.key), self.text(export.chat.title)),
            rows=rows,
            owner=frozenset(map(author, export.owner)),
            path=Path(self._file(export.path.name)),
            problems=tuple(replace(one, file=self._file(one.file)) for one in export.problems),
        )

    def _texts(self, texts: Iterable[str]) -> Iterator[str]:
        before = ""
        for text in texts:
            yield self.text(text, code_asked=bool(_DIGIT.search(text)) and asks_for_code(before))
            before = text

    def _replaced(self, text: str, *, code_asked: bool) -> str:
        if not (kinds := _possible(plain_text(text), code_asked=code_asked)):
            return self._names.replaced(text)
        found = self._recognisers.find(text, code_asked=code_asked, kinds=kinds)
        values = {one.text: one.kind for one in sorted(found, key=_order) if one.score >= _THRESHOLD}
        if any(value not in text for value in values):
            # Its signs were disguised: what the recognisers read is taken instead of what was typed.
            text = plain_text(text)
        return "".join(
            self._names.replaced(part) if kind is None else self._value(kind, part)
            for kind, part in _parted(text, values, Kind.PHONE)
        )

    def _value(self, kind: Kind, real: str) -> str:
        return self.table.of(kind, real, values_like(kind, real, self._key), self._is_said)

    def _is_said(self, value: str) -> bool:
        """Whether nothing in a pseudonym tells it from what was really said."""
        return all(word.casefold() in self._said for word in WORD.findall(value))

    def _mark(self, real: str) -> str:
        return self._key.mark(real)

    def _file(self, real: str) -> str:
        suffix = Path(real).suffix
        return self._mark(real) + (suffix if suffix[1:].isalnum() and len(suffix) < 6 else "")


def put_back(text: str, table: PseudonymTable) -> str:
    """Give a text as it was before, with the table that only the owner's key opens.

    Capitals inside a name come back as the name is written; characters that nobody sees do not come back.
    """
    values = {other: real for real, other in table.pairs(*Kind)}
    return "".join(
        names_put_back(part, table) if real is None else real or part
        for real, part in _parted(text, values, "")
    )


def _possible(text: str, *, code_asked: bool) -> frozenset[Kind]:
    """Which kinds of personal data can be in a text."""
    digits = len(_DIGIT.findall(text))
    kinds = {kind for kind, fewest in (*_DIGITS, *_MANY_DIGITS) if digits >= fewest}
    if "@" in text:
        kinds.add(Kind.MAIL)
    if _LINKED.search(text):
        kinds |= {Kind.LINK, Kind.MAIL}
    if text.count(":") > 1:
        kinds.add(Kind.IP)
    if _LONG.search(text):
        kinds |= {Kind.WALLET, Kind.IBAN}
    if (digits and code_asked) or asks_for_code(text):
        kinds.add(Kind.CODE)
    return frozenset(kinds)


def _order(found: Found) -> tuple[int, float]:
    return len(found.text), found.score


def _parted(text: str, values: Mapping[str, Value], other: Value) -> Iterator[tuple[Value | None, str]]:
    """Part a text into values, longest first where they overlap, other long numbers, and what lies between."""
    longest = sorted(filter(None, values), key=len, reverse=True)
    whole = "|".join(map(_alone, longest))
    pattern = re.compile(f"(?P<value>{whole})|{_NUMBER.pattern}" if whole else _NUMBER.pattern)
    end = 0
    for match in pattern.finditer(text):
        if match.start() > end:
            yield None, text[end : match.start()]
        yield values.get(match.group(), other), match.group()
        end = match.end()
    if end < len(text):
        yield None, text[end:]


def _alone(value: str) -> str:
    """A pattern of a value that is no part of a longer number or word; scripts without spaces may touch it."""
    before, after = (
        r"\d" if char.isdecimal() else "[A-Za-z]" if char.isascii() and char.isalpha() else ""
        for char in (value[0], value[-1])
    )
    return (f"(?<!{before})" if before else "") + re.escape(value) + (f"(?!{after})" if after else "")


def _mapped(rows: pl.DataFrame, column: str, change: Callable[[str], str]) -> pl.Series:
    reals = rows.get_column(column)
    others = {real: change(real) for real in reals.unique() if real is not None}
    return pl.Series(column, [others.get(real) for real in reals], dtype=pl.String())


def _words(exports: Collection[Export]) -> Iterator[str]:
    for export in exports:
        for text in (export.chat.title, *export.rows.get_column("text").unique()):
            yield from map(str.casefold, WORD.findall(text))
