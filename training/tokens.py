"""Examples as token ids, with a label on each token that is to be learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from inference.prompt import PromptMessage
from training.dataset.dataset import Example
from training.errors import BaseUnusable

IGNORED = -100
"""The label of a token that is not learned, as PyTorch's cross entropy takes it."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids and, one for one, their labels: the id itself, or `IGNORED`."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def learned(self) -> int:
        """How many tokens count in the loss."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A side of a dataset in tokens. `shortened` examples lost old messages, `left_out` ones did not fit at all."""

    rows: tuple[Tokens, ...]
    shortened: int
    left_out: int

    @property
    def learned(self) -> int:
        """How many tokens count in the loss."""
        return sum(row.learned for row in self.rows)


class Encoder:
    """Writes examples with a tokenizer's own chat template, exactly as a server will.

    The text before each learned burst is tokenized as the server tokenizes a prompt, by itself; the burst
    and the mark that ends it follow as the tokens the model should answer with.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - transformers is untyped here
        if not tokenizer.chat_template:
            raise BaseUnusable(
                "the base has no chat template: take an instruction-tuned one, or add a template"
            )
        self._tokenizer = tokenizer
        added = map(str, tokenizer.added_tokens_decoder.values())
        #: What nobody may smuggle into a prompt.
        self.marks: tuple[str, ...] = tuple(sorted({*tokenizer.all_special_tokens, *added}))

    def render(self, messages: Sequence[PromptMessage]) -> str:
        """The text of a prompt, with the mark that asks for an answer."""
        return self._text(messages, ask=True)

    def encode(self, example: Example) -> Tokens:
        """Tokenize one example in full. Raises BaseUnusable when the template does not fit training."""
        ids: list[int] = []
        labels: list[int] = []
        written = ""
        for place in example.learned:
            prompt = self._text(example.messages[:place], ask=True)
            whole = self._text(example.messages[: place + 1], ask=False)
            if not prompt.startswith(written) or not whole.startswith(prompt):
                raise BaseUnusable(
                    "the base's chat template rewrites what came before: train with one example a burst, or take "
                    "a template that only appends"
                )
            answer = self._to_end_mark(whole[len(prompt) :])
            for text, learned in ((prompt[len(written) :], False), (answer, True)):
                piece = self._ids(text)
                ids += piece
                labels += piece if learned else [IGNORED] * len(piece)
            written = prompt + answer
        return Tokens(tuple(ids), tuple(labels))

    def encode_all(self, examples: Iterable[Example], max_length: int) -> Encoded:
        """Tokenize examples, dropping the oldest messages of those longer than `max_length` tokens."""
        rows = []
        shortened = left_out = 0
        for example in examples:
            fitting: Example | None = example
            tokens = self.encode(example)
            while fitting is not None and len(tokens.ids) > max_length:
                fitting = _without_oldest(fitting)
                tokens = self.encode(fitting) if fitting else tokens
            if fitting is None:
                left_out += 1
                continue
            shortened += fitting is not example
            rows.append(tokens)
        return Encoded(tuple(rows), shortened, left_out)

    def _text(self, messages: Sequence[PromptMessage], *, ask: bool) -> str:
        rows = [asdict(message) for message in messages]
        return str(self._tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=ask))

    def _ids(self, text: str) -> list[int]:
        # The template wrote every mark already; a server adds none to a rendered prompt either.
        return [int(token) for token in self._tokenizer(text, add_special_tokens=False)["input_ids"]]

    def _to_end_mark(self, text: str) -> str:
        """Cut after the first mark: what a template puts behind the end of an answer is not the model's to say."""
        ends = [text.index(mark) + len(mark) for mark in self.marks if mark in text]
        if not ends:
            raise BaseUnusable(
                "the base's chat template ends an answer with no special token, so the model would never stop: take "
                "an instruction-tuned base"
            )
        return text[: min(ends)]


def _without_oldest(example: Example) -> Example | None:
    """Drop the oldest exchange after the system message, or give None when nothing learned would be left."""
    messages = example.messages
    # Up to the next message of others, for templates that insist on beginning with one.
    drop = 1
    while 1 + drop < len(messages) and messages[1 + drop].role != "user":
        drop += 1
    learned = tuple(place - drop for place in example.learned if place > drop)
    rest = (messages[0], *messages[1 + drop :])
    if not learned or len(rest) < 3:
        return None
    return Example(example.conversation, rest, learned)
