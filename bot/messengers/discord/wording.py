"""Wording: what a bubble's text becomes on Discord, and how what stands there reads."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from bot.messengers.discord.markdown import escaped, outside_code, split, unescaped
from bot.messengers.discord.settings import EVERYBODY_THERE

_EMOJI: Final = re.compile(r":(\w{2,32}):")
_SHOWN_EMOJI: Final = re.compile(r"<a?(:\w+:)\d+>")
_SHOWN_PERSON: Final = re.compile(r"<@!?(\d+)>")


@dataclass(frozen=True, slots=True)
class Wording:
    """A bubble as messages on Discord, and who is pinged by them: ids of users, and of nobody else ever."""

    parts: tuple[str, ...]
    pinged: tuple[int, ...] = ()


def worded(
    text: str,
    people: Mapping[str, str],
    *,
    pings: Collection[str] = (),
    emoji: Mapping[str, str] = {},
    escape: bool = True,
) -> Wording:
    """Word a text. `people` are ids by name, `pings` the ids that may be pinged or `people`, `emoji` marks by name.

    A text too long for one message is only split: each part must be the same whenever it is made.
    """
    allowed = {
        name: id_
        for name, id_ in people.items()
        if id_.isdigit() and not {EVERYBODY_THERE, id_}.isdisjoint(pings)
    }
    named, pinged = _with_people(text, allowed)
    parts = split(_finished(_with_emoji(named, emoji), escape=escape))
    if len(parts) == 1:
        return Wording(parts, pinged)
    return Wording(split(_finished(text, escape=escape)))


def reads(content: str, people: Mapping[str, str]) -> str:
    """What a message's content says, with the names that it was written with: the same for each wording of a text."""
    names = {id_: name for name, id_ in people.items()}
    said = _SHOWN_EMOJI.sub(r"\1", unescaped(content.strip()))
    return _SHOWN_PERSON.sub(lambda match: f"@{names[match[1]]}" if match[1] in names else match[0], said)


def _finished(text: str, *, escape: bool) -> str:
    return escaped(text) if escape else text


def _with_people(text: str, people: Mapping[str, str]) -> tuple[str, tuple[int, ...]]:
    if not people:
        return text, ()
    # Of Mia and Mia Moore the longer name is meant where it stands.
    names = "|".join(re.escape(name) for name in sorted(people, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w@<])@({names})(?!\w)")
    pinged: dict[int, None] = {}

    def mark(match: re.Match[str]) -> str:
        pinged[int(people[match[1]])] = None
        return f"<@{people[match[1]]}>"

    return outside_code(text, lambda part: pattern.sub(mark, part)), tuple(pinged)


def _with_emoji(text: str, emoji: Mapping[str, str]) -> str:
    if not emoji:
        return text
    return outside_code(text, lambda part: _EMOJI.sub(lambda match: emoji.get(match[1], match[0]), part))
