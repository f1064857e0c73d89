"""The prompt: one function, for training and serving alike.

A chat becomes the messages that a chat template takes. Everything others wrote in a row is one user
message, a line for each of theirs with the speaker's name before it; a burst of the persona's own is one
assistant message, a line for each bubble. So templates that insist on alternating roles work, and the
model learns who speaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from chat.message import Message

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the OpenAI chat format."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How a persona's prompts are built; part of the persona's fingerprint.

    `system` may name `{name}` and `{others}`. `history_messages` is how many messages (not tokens) the
    model is shown. `control_tokens` are the template's own marks, which nobody may smuggle in.
    """

    name: str
    system: str = "You are {name}. Group chat with {others}."
    history_messages: int = 16
    control_tokens: tuple[str, ...] = ()


def build_prompt(
    form: PromptFormat, messages: Sequence[Message], members: Iterable[str]
) -> tuple[PromptMessage, ...]:
    """Build the prompt for the newest `history_messages` of a chat, oldest first.

    `members` are the names of the others in the chat; they are sorted, so that the same chat always
    gives the same prompt. An empty text gives no line.
    """
    others = _and(sorted({_line(form, name) for name in members}))
    system = form.system.format(name=form.name, others=others or "nobody yet")
    prompt = [PromptMessage("system", system)]
    recent = messages[-form.history_messages :]
    for own, run in groupby(recent, key=lambda message: message.own):
        lines = [line for message in run if (line := _spoken(form, message))]
        if lines:
            prompt.append(PromptMessage("assistant" if own else "user", "\n".join(lines)))
    return tuple(prompt)


def split_bubbles(text: str) -> tuple[str, ...]:
    """Undo what `build_prompt` does to a burst: one bubble a line, blank lines gone."""
    return tuple(line for raw in text.splitlines() if (line := raw.strip()))


def _spoken(form: PromptFormat, message: Message) -> str:
    text = _line(form, message.text)
    if not text or message.own:
        return text
    return f"{_line(form, message.author.name).replace(':', '')}: {text}"


def _line(form: PromptFormat, text: str) -> str:
    """One line, and no control tokens: a friend's text must not pass for another speaker or role."""
    for token in form.control_tokens:
        text = re.sub(re.escape(token), lambda found: " ".join(found.group()), text, flags=re.IGNORECASE)
    return " ".join(text.split())


def _and(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
