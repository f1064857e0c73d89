"""SentencePiece's way of cutting a text, as tokenizer.json writes it down and as llama.cpp does it.

Both join neighbours until nothing joins. tokenizer.json ranks pairs; llama.cpp, as SentencePiece, has a score for each
token and joins whatever two neighbours make one. They do alike where all pairs that make a token stand together in
the ranking, and none that could is left out: so it is in what was made from a SentencePiece model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final

from training.errors import NotConverted

SPACE: Final = "▁"
"""What stands for a space in a token."""

_BYTES: Final = frozenset(f"<0x{byte:02X}>" for byte in range(256))


class Space(Enum):
    """Where a tokenizer puts a space that nobody wrote."""

    NOWHERE = auto()
    FIRST = auto()
    """Before a text, unless that begins with a space or a mark."""
    ALWAYS = auto()
    """The same, and also after each mark."""
    EVEN_TWICE = auto()
    """Before a text and after each mark, be there one already or not: what llama.cpp does by itself."""

    @property
    def by_llama_cpp(self) -> bool:
        """Whether llama.cpp has to put spaces, too; else they are written."""
        return self in {Space.ALWAYS, Space.EVEN_TWICE}

    def settled(self, text: str, marks: Collection[str]) -> str:
        """A text such that transformers and llama.cpp cut it alike; `marks` are the tokenizer's own."""
        opened = "|".join(map(re.escape, sorted(marks, key=len, reverse=True)))
        if self is Space.FIRST and text and not re.match(f"{opened}| " if opened else " ", text):
            return f" {text}"
        if self is Space.ALWAYS:
            before = f"{opened}|\\A" if opened else r"\A"
            return re.sub(rf"({before})[ {SPACE}]+", r"\1", text)
        return text


def space_of(content: Mapping[str, Any]) -> Space | None:
    """What a tokenizer.json says of spaces; None where it does not cut as SentencePiece does."""
    before = _steps(content.get("normalizer"), "normalizers")
    cutting = _steps(content.get("pre_tokenizer"), "pretokenizers")
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if not cutting and before == [spaces]:
        return Space.NOWHERE
    if not cutting and before == [{"type": "Prepend", "prepend": SPACE}, spaces]:
        return Space.EVEN_TWICE
    if not before and len(cutting) == 1 and cutting[0].get("type") == "Metaspace":
        (step,) = cutting
        if step.get("replacement") == SPACE and step.get("split") is False:
            schemes = {"never": Space.NOWHERE, "first": Space.FIRST, "always": Space.ALWAYS}
            return schemes.get(step.get("prepend_scheme", ""))
    return None


def space_put_by(tokenizer: Any) -> Space:  # noqa: ANN401 - transformers is untyped here
    """Where a tokenizer of transformers puts a space; nowhere, where it is of another kind or cannot say."""
    content = written(tokenizer)
    return space_of(content) or Space.NOWHERE


def written(tokenizer: Any) -> dict[str, Any]:  # noqa: ANN401 - transformers is untyped here
    """The tokenizer.json of a loaded tokenizer: transformers replaces part of what stands in the file."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return {} if backend is None else dict(json.loads(backend.to_str()))


def is_byte(token: str) -> bool:
    """Whether a token is a byte, for what has no token of its own."""
    return token in _BYTES


def scores_of(model: Mapping[str, Any], marks: Collection[str]) -> dict[str, float]:
    """The score of each token that is made of two, for llama.cpp. `marks` are never joined.

    Raises NotConverted where joining by scores would not do what the ranking does.
    """
    vocab: Mapping[str, int] = model["vocab"]
    pairs = [_pair(merge) for merge in model["merges"]]
    options = ("continuing_subword_prefix", "end_of_word_suffix", "dropout", "ignore_merges")
    if (
        any(model.get(option) for option in options)
        or not vocab.keys() >= _BYTES
        or any(is_byte(side) for pair in pairs for side in pair)
    ):
        raise NotConverted(
            "the tokenizer's model is not as SentencePiece's are: use llama.cpp's own converter"
        )
    scores: dict[str, float] = {}
    last = ""
    for rank, (left, right) in enumerate(pairs):
        if (token := left + right) != last and token in scores:
            raise NotConverted(_OTHERWISE)
        scores.setdefault(token, -float(rank))
        last = token
    known = set(pairs)
    for token in vocab.keys() - set(marks):
        for place in range(1, len(token)):
            left, right = token[:place], token[place:]
            joined = all(len(side) == 1 or (side in vocab and side not in marks) for side in (left, right))
            if joined and (left, right) not in known:
                raise NotConverted(_OTHERWISE)
    return scores


_OTHERWISE: Final = (
    "the tokenizer joins letters in an order that llama.cpp cannot follow: serve this base with vLLM"
)


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    """What is joined; older files have both in one string."""
    left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
    return left, right


def _steps(step: Any, several: str) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    if not isinstance(step, dict):
        return []
    return list(step[several]) if step.get("type") == "Sequence" else [step]
