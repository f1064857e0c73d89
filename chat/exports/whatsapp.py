"""WhatsApp's "Export chat": a text file, alone or in a zip with its media.

The file is read twice, a line at a time: once to find the one dialect that it is written in and the order
of its dates, once to read the messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import polars as pl

from chat.errors import DateOrderUnknown, DialectUnknown, ExportEmpty
from chat.exports.blocks import Block, read_blocks
from chat.exports.bundle import Bundle, Source
from chat.exports.dates import DateOrder
from chat.exports.export import ROWS, Clock, Export, RowIds, Untyped
from chat.exports.faults import Faults
from chat.exports.reader import ReadOptions, Unit
from chat.exports.whatsapp_body import Body, author_key, is_author, odd_bodies, read_android, read_ios
from chat.exports.whatsapp_columns import Columns
from chat.exports.whatsapp_header import MARKS, Dialect, Survey, parse_header
from chat.exports.whatsapp_phrases import chat_names
from chat.message import Attachment, Chat, ChatKey

LONGEST_BODY = 100_000
"""Characters. WhatsApp sends up to 65,536; what is longer is not a message, and must not fill the memory."""

_ATTACHMENT = pl.Enum([kind.value for kind in Attachment])
_LOOK = 1 << 17


_CHATS_TEXT = "_chat.txt"


class WhatsApp:
    """Reads WhatsApp's text export, of iOS and of Android."""

    format = "whatsapp"

    def units(self, bundle: Bundle) -> Iterator[Unit]:
        """Pick the texts that begin messages as WhatsApp does, or are named as it names them."""
        texts = [source for source in bundle.sources if source.name.lower().endswith(".txt")]
        # Beside an iPhone's `_chat.txt`, and beside a text named after its chat, lie files that people sent.
        named = {_folder(text) for text in texts if _base(text).lower() == _CHATS_TEXT}
        titled = {_folder(text) for text in texts if _title(text)} - named
        for text in texts:
            if _folder(text) in named:
                wanted = _base(text).lower() == _CHATS_TEXT
            elif _folder(text) in titled and text.packed:
                wanted = bool(_named(Path(_base(text)).stem))
            else:
                # A single .txt was surely meant: reading it says what is wrong with it.
                wanted = len(bundle.sources) == 1 or bool(_title(text)) or _begins_messages(text)
            if wanted:
                yield (text,)

    def read(self, unit: Unit, options: ReadOptions) -> Iterator[Export]:
        """Read the one chat in a text.

        Raises ExportMissing, ExportEmpty, ExportDamaged, DialectUnknown (no line begins as WhatsApp's do)
        and DateOrderUnknown (set `date_order` then; it is ignored where the file itself tells).
        """
        (text,) = unit
        survey, columns = _survey(text)
        order = survey.order(text.written_on()) or options.date_order
        if order is None:
            raise DateOrderUnknown(
                text.place,
                "3/4 may be April or March here; say which comes first, day or month (--date-order dmy or mdy)",
            )
        reading = _Reading(text, columns, order, _title(text))
        for block in read_blocks(text):
            reading.see(block)
        yield reading.finish(self.format)


def _survey(text: Source) -> tuple[Survey, Columns]:
    """Find the dialect that most headers are in, of equals the one seen first, and what tells their order.

    A large file is looked at until both are clear: its first block mostly says it all.
    """
    surveys: dict[Dialect, Survey] = {}
    samples: dict[Dialect, str] = {}
    columns: Columns | None = None
    survey: Survey | None = None
    begun_at = 0
    for block in read_blocks(text, first=_LOOK):
        if survey is not None and columns is not None:
            _see_dates(survey, columns, block)
        else:
            for number, line in enumerate(block.lines().to_list(), block.number):
                if not begun_at and line.strip(MARKS).strip():
                    begun_at = number
                if header := parse_header(line):
                    dialect = header.dialect
                    found = surveys.get(dialect) or surveys.setdefault(dialect, Survey(dialect))
                    found.see(header.numbers)
                    samples.setdefault(dialect, line)
            best = max(surveys.values(), key=lambda one: one.count, default=None)
            # From here on only one dialect is looked for, unless others are nearly as frequent.
            if best is not None and best.count > 0.9 * sum(one.count for one in surveys.values()):
                survey, columns = best, _columns(best.dialect, samples)
        if survey is not None and survey.clear:
            break
    if not begun_at:
        raise ExportEmpty(text.place, "there is nothing in it; export the chat again")
    if not surveys:
        raise DialectUnknown(
            text.place,
            begun_at,
            "it does not begin with date and time as WhatsApp writes them, nor does any other",
        )
    survey = survey or max(surveys.values(), key=lambda one: one.count)
    return survey, columns or _columns(survey.dialect, samples)


def _columns(dialect: Dialect, samples: dict[Dialect, str]) -> Columns:
    line = samples[dialect].lstrip(MARKS)
    return Columns(dialect, line.partition("]" if dialect.bracketed else " - ")[0])


def _see_dates(survey: Survey, columns: Columns, block: Block) -> None:
    parts = columns.split(block.lines())
    dates = parts.filter(pl.col("date").is_not_null() & pl.col("seconds").is_not_null()).get_column("date")
    runs = dates.rle().struct.unnest()
    for date, times in zip(runs.get_column("value").to_list(), runs.get_column("len").to_list(), strict=True):
        (numbers,) = columns.day_numbers([date])
        if numbers:
            survey.see(numbers, times)


@dataclass(slots=True)
class _Reading:
    """One file on its way to an `Export`: what is done, and the lines of the message that is still open."""

    source: Source
    columns: Columns
    order: DateOrder
    title: str
    done: list[pl.DataFrame] = field(default_factory=list)
    other: Counter[Untyped] = field(default_factory=Counter)
    faults: Faults = field(default_factory=Faults)
    authors: dict[str, str | None] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    group: str = ""
    open: Block | None = None

    def see(self, block: Block) -> None:
        """Take more lines, and finish all messages but the last, which may go on in the next block."""
        shift = 0
        if self.open is not None:
            # Lines of a body that is too long to be one are not all kept: those after it are further down.
            shift = block.number - self.open.number - self.open.count
            since = self.open.count
            block = Block(block.place, self.open.number, self.open.data + block.data)
        lines = block.lines()
        parts = self.columns.split(lines).with_columns(line=lines)
        numbers = pl.int_range(parts.height, dtype=pl.UInt32, eager=True) + block.number
        if shift:
            numbers = pl.concat([numbers[:since], numbers[since:] + shift], rechunk=True)
        parts = parts.with_columns(
            day=self.columns.days(parts.get_column("date"), self.order), number=numbers
        )
        headed = parts.select(pl.col("day").is_not_null() & pl.col("seconds").is_not_null()).to_series()
        places = headed.arg_true()
        if places.is_empty():
            if self.open is None:
                self._strays(lines, numbers)
            else:
                self.open = Block(block.place, block.number, _kept(block.data))
            return
        if self.open is None:
            begin = int(places[0])
            self._strays(lines[:begin], numbers[:begin])
            parts, headed = parts[begin:], headed[begin:]
            lines, numbers, places = lines[begin:], numbers[begin:], places - begin
        last = int(places[-1])
        self.open = Block(block.place, int(numbers[last]), _kept("\n".join((*lines[last:], "")).encode()))
        self._take(parts[:last], headed[:last])

    def _strays(self, lines: pl.Series, numbers: pl.Series) -> None:
        for number in numbers.filter(lines.str.strip_chars() != ""):
            self.other[Untyped.STRAY] += 1
            self.faults.add(self.source.name, number, "it stands before the first message and begins none")

    def finish(self, format_name: str) -> Export:
        """Close the last message and give the whole. Raises ExportEmpty when nobody typed anything."""
        if self.open is not None:
            lines = self.open.lines()
            parts = self.columns.split(lines).with_columns(
                line=lines, number=pl.lit(self.open.number, pl.UInt32)
            )
            parts = parts.with_columns(day=self.columns.days(parts.get_column("date"), self.order))
            self._take(parts, pl.Series([True] + [False] * (parts.height - 1)))
        if not self.done:
            raise ExportEmpty(self.source.place, "nobody typed anything in it; export the chat again")
        rows = self._rows()
        # A chat that nothing names is known by who writes in it.
        chat_id = self.title or self.group or " & ".join(rows.get_column("author").unique().sort())
        dialect = self.columns.dialect
        return Export(
            # iOS signs its first notice with the group's name; Android names the file after the chat.
            chat=Chat(ChatKey("whatsapp", chat_id), self.title or self.group or "WhatsApp chat"),
            format=format_name,
            dialect=dialect.name(self.order),
            clock=Clock.WALL,
            rows=rows,
            path=self.source.path,
            date_order=self.order if dialect.dash in ("/", "-") and not dialect.year_first else None,
            other=MappingProxyType({kind: count for kind, count in sorted(self.other.items()) if count}),
            problems=self.faults.all(),
        )

    def _take(self, parts: pl.DataFrame, headed: pl.Series) -> None:
        """Turn lines that begin with a header into messages."""
        if parts.is_empty():
            return
        heads = (
            parts.select("rest", "number", "day", "seconds")
            .filter(headed)
            .select(
                pl.col("rest").str.splitn(": ", 2).alias("parts"),
                "rest",
                "number",
                at=pl.col("day").cast(pl.Int64) * 86_400 + pl.col("seconds"),
            )
        )
        names = heads.get_column("parts").struct.field("field_0")
        bodies = heads.get_column("parts").struct.field("field_1")
        bare = bodies.is_null()
        if bare.any():
            # "Name:" is an empty body; without a colon it is a notice.
            bodies = bodies.fill_null("")
            ended = heads.select(
                pl.when(~bare | pl.col("rest").str.ends_with(":")).then(names.str.strip_suffix(":"))
            ).to_series()
            names = names.zip_with(~bare, ended)
        if heads.height < parts.height:
            bodies = _continued(bodies, parts, headed)
        found = pl.DataFrame(
            {"name": names, "text": bodies, "number": heads.get_column("number")}
        ).with_columns(at=heads.get_column("at"), author=self._authors(names))
        notices = found.get_column("author").null_count()
        self.other[Untyped.NOTICE] += notices
        long = found.get_column("text").str.len_bytes() > LONGEST_BODY
        if long.any():
            # Letters are counted where bytes leave it open.
            long = long & (found.get_column("text").str.len_chars() > LONGEST_BODY)
            self.other[Untyped.OVERLONG] += int((long & found.get_column("author").is_not_null()).sum())
            found = found.filter(~long)
        if notices:
            found = found.filter(pl.col("author").is_not_null())
        found = self._bodies(found)
        if found.height:
            self.done.append(self._packed(found))

    def _authors(self, names: pl.Series) -> pl.Series:
        """The authors' keys; null for a notice that has a colon in it."""
        fresh = names.unique().drop_nulls().to_list()
        for name in fresh:
            if name not in self.authors:
                self.authors[name] = author_key(name) if is_author(name) else None
        table = {name: self.authors[name] for name in fresh}
        return names.replace_strict(table, default=None, return_dtype=pl.String)

    def _bodies(self, found: pl.DataFrame) -> pl.DataFrame:
        """Look closely at what the app may have written itself; the rest is typed as it stands."""
        bracketed = self.columns.dialect.bracketed
        odd = odd_bodies(found.get_column("text"), bracketed=bracketed)
        found = found.with_columns(edited=pl.lit(value=False), attachment=pl.lit(None, pl.String))
        if not odd.any():
            return found
        read = read_ios if bracketed else read_android
        strange = found.filter(odd)
        texts: list[str | None] = []
        edited: list[bool] = []
        attached: list[str | None] = []
        known: dict[str, Body | Untyped] = {}
        for name, text in strange.select("author", "text").iter_rows():
            # Most of them are the same few placeholders.
            body = known.get(text) or known.setdefault(text, read(text))
            if isinstance(body, Untyped):
                self.other[body] += 1
                if body is Untyped.NOTICE and not self.group:
                    self.group = name
                texts.append(None)
                edited.append(False)
                attached.append(None)
            else:
                texts.append(body.text)
                edited.append(body.edited)
                attached.append(body.attachment.value if body.attachment else None)
        places = odd.arg_true()
        return found.with_columns(
            text=found.get_column("text").scatter(places, pl.Series(texts, dtype=pl.String)),
            edited=found.get_column("edited").scatter(places, pl.Series(edited, dtype=pl.Boolean)),
            attachment=found.get_column("attachment").scatter(places, pl.Series(attached, dtype=pl.String)),
        ).filter(pl.col("text").is_not_null())

    def _packed(self, found: pl.DataFrame) -> pl.DataFrame:
        """Make it small: numbers for authors, and for the keys that ids are made of."""
        whole = found.select(pl.concat_str("author", pl.lit("\0"), "text").cast(pl.Binary)).to_series()
        marks = pl.Series(list(map(crc32, whole.to_list())), dtype=pl.UInt32)
        for author in found.get_column("author").unique().to_list():
            self.codes.setdefault(author, len(self.codes))
        return found.select(
            pl.col("author").replace_strict(self.codes, return_dtype=pl.UInt32),
            "at",
            "text",
            "edited",
            pl.col("attachment").cast(_ATTACHMENT),
            "number",
            key=RowIds.key_of(pl.col("at"), pl.lit(marks)),
        )

    def _rows(self) -> pl.DataFrame:
        """Make the table; each part is let go as it is taken over."""
        ids = RowIds.column(pl.concat([part.get_column("key") for part in self.done]))
        authors = pl.Series(list(self.codes), dtype=pl.String)
        # "~ Name" is how WhatsApp shows somebody who is not among the phone's contacts.
        names = pl.Series([key.removeprefix("~").strip() or key for key in self.codes], dtype=pl.String)
        parts, begin = [], 0
        for place, part in enumerate(self.done):
            codes = part.get_column("author")
            parts.append(
                part.select(
                    id=ids[begin : begin + part.height],
                    author=authors.gather(codes),
                    name=names.gather(codes),
                    at=(pl.col("at") * 1_000_000).cast(pl.Datetime("us")),
                    text="text",
                    edited="edited",
                    attachment=pl.col("attachment").cast(pl.String),
                    line="number",
                )
            )
            begin += part.height
            self.done[place] = part.clear()
        alike = {"reply_to": None, "forwarded": False, "file": self.source.name}
        return pl.concat(parts).with_columns(
            pl.lit(value, dtype=ROWS[name]).alias(name) for name, value in alike.items()
        )[list(ROWS)]


def _continued(bodies: pl.Series, parts: pl.DataFrame, headed: pl.Series) -> pl.Series:
    """Put the lines that follow a header to its body."""
    more = (
        pl.DataFrame({"place": headed.cast(pl.UInt32).cum_sum() - 1, "line": parts.get_column("line")})
        .filter(~headed)
        .group_by("place", maintain_order=True)
        .agg(pl.col("line").str.join("\n"))
    )
    places = more.get_column("place")
    joined = pl.DataFrame({"body": bodies.gather(places), "more": more.get_column("line")}).select(
        pl.concat_str("body", "more", separator="\n")
    )
    return bodies.scatter(places, joined.to_series())


def _kept(data: bytes) -> bytes:
    """An open message, or so much of it as shows that it is too long to be one."""
    most = 5 * LONGEST_BODY  # letters of four bytes, and the header
    return data if len(data) <= most else data[:most].decode(errors="ignore").encode() + b"\n"


def _begins_messages(text: Source) -> bool:
    lines = text.head().decode("utf-8", "replace").splitlines()
    return any(parse_header(line) for line in lines)


def _title(text: Source) -> str:
    """The chat's name, where the file or its zip carries it."""
    for name in _stems(text):
        if title := _named(name):
            return title
    return ""


def _named(stem: str) -> str:
    """The chat that a file is named after."""
    found = chat_names().fullmatch(stem)
    return author_key(next(filter(None, found.groups()))) if found else ""


def _stems(text: Source) -> Iterator[str]:
    parts = text.name.split("/")
    yield from (Path(part).stem for part in reversed(parts))
    yield text.path.stem


def _base(text: Source) -> str:
    return text.name.rpartition("/")[2]


def _folder(text: Source) -> str:
    return text.name.rpartition("/")[0]
