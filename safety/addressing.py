"""Addressing: whether a turn speaks to the persona, by its name or by a reply."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum

from chat.message import Message
from chat.transcript import Turn
from safety.folding import fold, is_spaceless
from safety.subject import Gate


class Address(StrEnum):
    """How a turn speaks to the persona, from the least to the most direct."""

    AMBIENT = "ambient"
    """Not at all: people talk among themselves."""
    MENTION = "mention"
    """By name."""
    REPLY = "reply"
    """By a reply to something it said."""


def address_of(subject: Gate) -> Address:
    """How the turn's people address the persona; other bots cannot."""
    people = [message for message in subject.others if not message.author.is_bot]
    if any(message.reply_to in subject.own_ids for message in people):
        return Address.REPLY
    return Address.MENTION if names_any(people, subject.persona_names) else Address.AMBIENT


def is_addressed(subject: Gate) -> bool:
    """Whether somebody named the persona or replied to it."""
    return address_of(subject) is not Address.AMBIENT


def answered_in(turn: Turn, names: Sequence[str]) -> Message:
    """Which of a turn's messages an answer is to: the newest with which a person addresses the persona, else the last.

    `names` are the persona's name and aliases.
    """
    own = {message.id for message in turn.transcript if message.own}
    for message in reversed(turn.messages):
        if message.author.is_bot or message.own:
            continue
        if message.reply_to in own or is_named(message.text, names):
            return message
    return turn.last


def names_any(messages: Iterable[Message], names: Sequence[str]) -> bool:
    """Whether one of the messages has one of the names in it."""
    return any(is_named(message.text, names) for message in messages)


def is_named(text: str, names: Sequence[str]) -> bool:
    """Whether one of the names stands in the text as a word of its own.

    Letter case, accents and width do not matter; `@sam`, `Sam's` and `sam!` count, `same` does not.
    In scripts written without spaces a name counts wherever it stands.
    """
    patterns = [_pattern(words) for name in names if (words := fold(name).split())]
    return bool(patterns) and re.search("|".join(patterns), fold(text)) is not None


def _pattern(words: Sequence[str]) -> str:
    """The words of one name, guarded only at ends where a longer word could go on."""
    name = r"\s+".join(re.escape(word) for word in words)
    before, after = words[0][0], words[-1][-1]
    head = r"(?<!\w)" if before.isalnum() and not is_spaceless(before) else ""
    tail = r"(?!\w)" if after.isalnum() and not is_spaceless(after) else ""
    return f"(?:{head}{name}{tail})"
