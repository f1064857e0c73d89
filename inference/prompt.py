"""The prompt: one function, for training and serving alike.

A chat becomes the messages that a chat template takes. Everything others wrote in a row is one user
message, a line for each of theirs with the speaker's name before it; a burst of the persona's own is one
assistant message, a line for each bubble. So templates that insist on alternating roles work, and the
model learns who speaks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from string import Formatter
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict

from chat.message import Message

Role = Literal["system", "user", "assistant"]

# Control and format characters and lone surrogates; of these, emoji and several scripts need the joiners.
_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
_JOINERS = frozenset("\u200c\u200d")


LONGEST_NAME = 40
"""Characters of a display name that the model is shown: a name is no place for instructions."""
LONGEST_LINE = 1000
"""Characters of one message that the model is shown: one paste must not push the rest of the chat out."""
SILENCE: Final = "<silence>"
"""What a model writes that has learned when its person says nothing. It is never a bubble."""


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the OpenAI chat format; its content is not in its `repr`, which may reach a log."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    role: Role
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How a persona's prompts are built; part of the persona's fingerprint.

    `system` may name `{name}` and `{others}`. `history_messages` is how many messages (not tokens) the
    model is shown, at least 1. `control_tokens` are the template's own marks, which nobody may smuggle in.
    Raises ValueError when the format cannot be used.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    system: str = "You are {name}. Group chat with {others}."
    history_messages: int = 16
    control_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.history_messages < 1:
            raise ValueError("history_messages is at least 1")
        if any(len(token) < 2 or len(token.split()) != 1 for token in self.control_tokens):
            # Tokens are kept out by blanks between their characters, so they must have some and no blank.
            raise ValueError("a control token has at least two characters and no blank")
        fields = {field for _, field, _, _ in Formatter().parse(self.system) if field is not None}
        if not fields <= {"name", "others"}:
            raise ValueError("system may name {name} and {others}, and nothing else in braces")


def build_prompt(
    form: PromptFormat, messages: Sequence[Message], members: Iterable[str]
) -> tuple[PromptMessage, ...]:
    """Build the prompt for the newest `history_messages` of a chat, oldest first.

    `members` are the names of the others in the chat; they are sorted, so that the same chat always
    gives the same prompt. An empty text gives no line.
    """
    newest = messages[-form.history_messages :]
    spoken = [(m.own, prompt_line(form, m.text, None if m.own else m.author.name)) for m in newest]
    return lay_out(form, spoken, members)


def prompt_line(form: PromptFormat, text: str, name: str | None) -> str:
    """Give a message's line in a prompt, or nothing. `name` is the speaker's, None for the persona itself."""
    line = _line(form, text)
    if not line or name is None:
        return line
    return f"{_name(form, name) or 'Somebody'}: {line[:LONGEST_LINE].rstrip()}"


def lay_out(
    form: PromptFormat, spoken: Iterable[tuple[bool, str]], members: Iterable[str]
) -> tuple[PromptMessage, ...]:
    """Build the prompt of lines that `prompt_line` gave, each with whether it is own.

    For those who lay the same messages out again and again: a line is made once.
    """
    others = _and(sorted({line for name in members if (line := _name(form, name))}))
    system = form.system.format(name=form.name, others=others or "nobody yet")
    prompt = [PromptMessage("system", system)]
    for own, run in groupby((line for line in spoken if line[1]), key=lambda line: line[0]):
        prompt.append(PromptMessage("assistant" if own else "user", "\n".join(line for _, line in run)))
    return tuple(prompt)


def split_bubbles(text: str) -> tuple[str, ...]:
    """Undo what `build_prompt` does to a burst: one bubble a line; blank lines and `SILENCE` gone."""
    return tuple(line for raw in text.splitlines() if (line := raw.strip()) and line != SILENCE)


def without_marks(text: str, control_tokens: Iterable[str]) -> str:
    """Take the power from control tokens that somebody typed: blanks between their characters."""
    for token in control_tokens:
        pattern = _pattern(token)
        # More than once, because matches may overlap.
        while pattern.search(text):
            text = pattern.sub(lambda found: " ".join(found.group()), text)
    return text


def _name(form: PromptFormat, name: str) -> str:
    """A name without a colon: only the first colon of a line ends the speaker's name."""
    return _line(form, name.replace(":", " "))[:LONGEST_NAME].rstrip()


def _line(form: PromptFormat, text: str) -> str:
    """One line, and no control tokens: a friend's text must not pass for another speaker or role.

    Characters that nobody sees (format and control characters, such as a zero-width space) are dropped
    first: they could hide a control token from the search and be dropped later by a tokenizer.
    """
    if not (text.isascii() and text.isprintable()):
        text = text.translate(_seen())
    return " ".join(without_marks(text, form.control_tokens).split())


class _Seen(dict[int, int | None]):
    """What becomes of a character that somebody typed, worked out when it is first met: a table for `translate`."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        hidden = char not in _JOINERS and unicodedata.category(char) in _HIDDEN
        self[code] = ord(" ") if char.isspace() else None if hidden else code
        return self[code]


@lru_cache(maxsize=1)
def _seen() -> _Seen:
    return _Seen()


@lru_cache(maxsize=256)
def _pattern(token: str) -> re.Pattern[str]:
    return re.compile(re.escape(token), re.IGNORECASE)


def _and(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
