"""Small parts that the pages are made of."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

Item = TypeVar("Item")
ItemIn = TypeVar("ItemIn", contravariant=True)


class Tag(TextElement):
    """A plain HTML element with text in it."""

    def __init__(self, tag: str, text: str = "", classes: str = "") -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)


def box(tag: str = "div", classes: str = "") -> ui.element:
    """Make a plain HTML element for others to stand in."""
    return ui.element(tag).classes(classes)


def attribute(element: ui.element, name: str, value: str | bool | None) -> None:
    """Set an attribute, or with None remove it; nothing is sent when it stands already."""
    if value is None or value is False:
        if name in element.props:
            element.props(remove=name)
    elif element.props.get(name) != value:
        element.props[name] = value
        element.update()


def show_if(element: ui.element, yes: object) -> None:
    """Show or hide an element."""
    if element.visible != bool(yes):
        element.set_visibility(bool(yes))


def set_text(element: TextElement, text: str) -> None:
    """Change a text, if it changes."""
    if element.text != text:
        element.set_text(text)


class Moment(Tag):
    """A time as the reader's own clock says it (`assets/dashboard.js` does that)."""

    def __init__(self, at: datetime, kind: str = "clock", classes: str = "") -> None:
        super().__init__("u-time", classes=classes)
        self.props["kind"] = kind
        self.props["at"] = at.isoformat()

    def set(self, at: datetime) -> None:
        """Show another time."""
        attribute(self, "at", at.isoformat())


def hue(name: str) -> int:
    """Give a person's colour as an angle; the same on every page."""
    return zlib.crc32(name.encode()) * 47 % 360


class Row(Protocol[ItemIn]):
    """One line of a list: made once, then changed in place."""

    @property
    def root(self) -> ui.element:
        """The element that holds it."""

    def show(self, item: ItemIn) -> None:
        """Change what it shows."""

    def leave(self) -> bool:
        """Told that its item is gone; whether it may be taken away now."""


class Rows(Generic[Item]):
    """A list that changes only where its items change: what somebody is reading or writing stays."""

    def __init__(
        self,
        parent: ui.element,
        key: Callable[[Item], str],
        make: Callable[[Item], Row[Item]],
    ) -> None:
        self._parent = parent
        self._key = key
        self._make = make
        self._rows: dict[str, Row[Item]] = {}
        self._items: dict[str, Item] = {}

    def show(self, items: Sequence[Item]) -> None:
        """Show these, in this order."""
        wanted = {self._key(item): item for item in items}
        for key in [key for key in self._rows if key not in wanted]:
            if self._rows[key].leave():
                self._rows.pop(key).root.delete()
                self._items.pop(key)
        kept = len(self._rows)
        for position, (key, item) in enumerate(wanted.items()):
            if key not in self._rows:
                with self._parent:
                    self._rows[key] = self._make(item)
                self._rows[key].show(item)
                kept += 1
                if position < kept - 1:
                    self._rows[key].root.move(target_index=position)
            elif self._items[key] != item:
                self._rows[key].show(item)
            self._items[key] = item
