"""How the next token is drawn, and the starting points that others have published.

Which of it a server understands, and under which name, is the business of `inference.protocol`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints, field_validator

from inference.frozen import Frozen

_Word = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]


class Sampling(Frozen):
    """How the next token is drawn; neutral values switch a filter off."""

    temperature: float = Field(default=0.5, ge=0, le=5)
    """0 takes the likeliest token."""
    top_p: float = Field(default=0.9, gt=0, le=1)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repeat_penalty: float = Field(default=1.0, gt=0, le=5)
    """Divides the logits of what was said already; 1 is off. Often called repetition penalty."""
    max_tokens: int = Field(default=128, ge=1, le=8192)
    """The longest answer, in tokens."""
    stop: tuple[str, ...] = ()
    """Texts that end the answer and are not part of it."""
    banned_tokens: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Ids of tokens, by the base's tokenizer, that are never drawn."""
    banned_words: tuple[_Word, ...] = ()
    """Words that must not be said. A server's ban leaks where it has one, so the text is looked through as well."""
    beams: int = Field(default=1, ge=1, le=16)
    """1 draws; more search for the likeliest text along so many ways, and then top_p, min_p and the penalty are off."""

    @field_validator("stop")
    @classmethod
    def _some(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if not all(stop):
            raise ValueError("a stop is at least one character")
        return stop

    @classmethod
    def named(cls, name: str, **changes: Any) -> Self:  # noqa: ANN401 - any field's value
        """Give a starting point of `PUBLISHED`, with some values changed. Raises ValueError for an unknown name."""
        if name not in PUBLISHED:
            raise ValueError(f"no sampling is called {name}: take one of {', '.join(PUBLISHED)}")
        return cls.model_validate({**PUBLISHED[name], **changes})

    def banned_in(self, text: str) -> str | None:
        """The first banned word that stands in a text, whatever its case; None where none does."""
        for word in self.banned_words:
            # Not \b: it knows no edge beside a word that begins or ends with a sign.
            if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE):
                return word
        return None

    def cut(self, text: str) -> str:
        """A text up to the first stop in it."""
        ends = [place for stop in self.stop if (place := text.find(stop)) >= 0]
        return text[: min(ends)] if ends else text


PUBLISHED: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "narrow": {"temperature": 0.75, "top_p": 0.15},
        "cool": {"temperature": 0.5, "top_p": 1.0},
        "open": {"temperature": 1.0, "top_p": 1.0},
        "even": {"temperature": 1.0, "top_p": 1.0, "min_p": 0.05},
        "likeliest": {"temperature": 0.0, "top_p": 1.0},
        "fresh": {"temperature": 0.75, "top_p": 0.9, "repeat_penalty": 1.1},
        "searched": {"temperature": 1.0, "top_p": 1.0, "beams": 4},
    }
)
"""Where those who published a model of themselves began, by what it does.

`narrow` (0.75 among the likeliest 15 %) keeps a chatty model to the point; `cool` and `open` leave the whole
distribution, at half its heat or as it is; `even` cuts the tail that `open` draws nonsense from; `likeliest`
always says the same; `fresh` is for models that repeat themselves; `searched` is beam search, on vLLM alone.
"""
