"""JSON of any size, read a value at a time.

Exports of gigabytes are one JSON document. What is small (a message) is taken whole, by the standard
library's decoder; what may be large (all messages, all chats) is walked through. The memory used is that of
the largest value taken, which is bounded.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

from chat.errors import ExportDamaged
from chat.exports.bundle import Source

LARGEST: Final = 1 << 24
"""Characters that one value may have. No message comes near it."""
_BLOCK: Final = 1 << 18
_SPACE: Final = re.compile(r"[ \t\r\n]*")
# Escapes are read from the left, so that the x of an escaped backslash and an x is left alone.
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)
_CUT_ESCAPE: Final = re.compile(r"\\(?:x[0-9A-Fa-f]?)?\Z")


class JsonWalk:
    """A document that is read from front to back.

    `members` and `elements` walk through an object or a list; at each step the caller takes the value, walks
    through it in turn, or leaves it, and then it is passed over. A walk is finished before the next one.
    Every method raises ExportDamaged, naming the line.
    """

    def __init__(self, source: Source, raw: BinaryIO, *, control_escapes: bool = False) -> None:
        self._source, self._raw = source, raw
        self._control_escapes = control_escapes
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._scan = json.JSONDecoder().raw_decode
        self._text, self._held, self._place, self._line = "", "", 0, 1
        self._ended = self._due = False

    def peek(self) -> str:
        """Give the next value's first character, which tells its kind."""
        while True:
            space = _SPACE.match(self._text, self._place)
            self._place = space.end() if space else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._fill():
                raise self._damaged("it ends in the middle; export the chat again")

    def value(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Take the next value whole."""
        self._due = False
        self.peek()
        while True:
            try:
                value, end = self._scan(self._text, self._place)
            except RecursionError:
                raise self._damaged("this is nested deeper than any export") from None
            except ValueError:
                # Broken, or not all there yet; only the end of the file tells.
                if not self._fill():
                    raise self._damaged("this is not JSON; export the chat again") from None
                continue
            # A number may go on in the next block; what is cut off may end in `.` or `e-`.
            if len(self._text) - end <= 2 and isinstance(value, int | float) and self._fill():
                continue
            self._place = end
            return value

    def members(self) -> Iterator[str]:
        """Walk through an object, key by key."""
        yield from self._walk("{", "}", keys=True)

    def elements(self) -> Iterator[int]:
        """Walk through a list; the elements are counted from 1."""
        for number, _ in enumerate(self._walk("[", "]", keys=False), start=1):
            yield number

    def end(self) -> None:
        """Make sure that nothing follows."""
        while not self._text[self._place :].strip():
            self._place = len(self._text)
            if not self._fill():
                return
        raise self._damaged("something follows the end; export the chat again")

    def skip(self) -> None:
        """Pass over the next value, however large."""
        self._due = False
        depth = 0
        while True:
            sign = self.peek()
            if sign in "{[":
                depth += 1
            elif sign in "}]":
                depth -= 1
            elif sign not in ",:" or not depth:
                self.value()
                self._place -= 1
            self._place += 1
            if depth <= 0:
                return

    def _walk(self, opening: str, closing: str, *, keys: bool) -> Iterator[str]:
        self._due = False
        self._expect(opening)
        if self.peek() == closing:
            self._place += 1
            return
        while True:
            key = self._key() if keys else ""
            self._due = True
            yield key
            if self._due:
                self.skip()
            if self.peek() == closing:
                self._place += 1
                return
            self._expect(",")

    def _key(self) -> str:
        if self.peek() != '"':
            raise self._damaged("this is not JSON; export the chat again")
        key: str = self.value()
        self._expect(":")
        return key

    def _expect(self, sign: str) -> None:
        if self.peek() != sign:
            raise self._damaged("this is not what the format has here; export the chat again")
        self._place += 1

    def _fill(self) -> bool:
        """Read on; false at the end of the file."""
        if self._ended:
            return False
        ahead = len(self._text) - self._place
        if ahead > LARGEST:
            raise self._damaged("one value is larger than any message; the file may be damaged")
        # Twice as much each time, so that a large value is not scanned once for each block.
        block = self._raw.read(max(_BLOCK, ahead))
        self._ended = not block
        text = self._decoder.decode(block, final=self._ended)
        if self._control_escapes:
            text = self._rewritten(text)
        if self._ended and not text:
            return False
        self._line += self._text.count("\n", 0, self._place)
        self._text = self._text[self._place :] + text
        self._place = 0
        return True

    def _rewritten(self, text: str) -> str:
        """Write control characters the way JSON does: \\x0B is \\u000B."""
        text = self._held + text
        self._held = ""
        if "\\" not in text:
            return text
        if not self._ended:
            cut = _cut(text)
            text, self._held = text[:cut], text[cut:]
        return _ESCAPE.sub(lambda found: f"\\u00{found[1]}" if found[1] else found[0], text)

    def _damaged(self, problem: str) -> ExportDamaged:
        line = self._line + self._text.count("\n", 0, self._place)
        return ExportDamaged(self._source.place, f"line {line}: {problem}")


@contextmanager
def open_json(source: Source, *, control_escapes: bool = False) -> Iterator[JsonWalk]:
    """Open a source as JSON. `control_escapes` are Telegram's \\xHH, which no decoder takes.

    Raises ExportDamaged and ExportMissing.
    """
    with source.open() as raw:
        yield JsonWalk(source, raw, control_escapes=control_escapes)


def first_keys(source: Source) -> frozenset[str]:
    """Give the keys of the document's outermost object, as far as its beginning shows. Never raises."""
    keys: set[str] = set()
    # The beginning ends somewhere; what came before that counts.
    with suppress(ExportDamaged, UnicodeDecodeError):
        for key in _beginning(source).members():
            keys.add(key)
    return frozenset(keys)


def first_element(source: Source) -> object:
    """Give the first element of the list that the document is; None where it is none. Never raises."""
    try:
        stream = _beginning(source)
        return next((stream.value() for _ in stream.elements()), None)
    except (ExportDamaged, UnicodeDecodeError):
        return None


def _beginning(source: Source) -> JsonWalk:
    return JsonWalk(source, io.BytesIO(source.head()), control_escapes=True)


def _cut(text: str) -> int:
    """Where to cut a text so that no escape is cut: before a last one that may go on."""
    found = _CUT_ESCAPE.search(text, max(0, len(text) - 3))
    if found is None:
        return len(text)
    start = found.start()
    backslashes = len(text[:start]) - len(text[:start].rstrip("\\"))
    # After an odd number of backslashes, this one is escaped.
    return start if backslashes % 2 == 0 else len(text)
