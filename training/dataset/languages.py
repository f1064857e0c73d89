"""Which language a text is in."""

from __future__ import annotations

from functools import cache
from typing import Any


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language by ISO 639-1, and how sure that is, 0 to 1. Of short texts it is a guess."""
    language, sureness = _identifier().classify(text)
    return str(language), float(sureness)


@cache
def _identifier() -> Any:  # noqa: ANN401 - untyped
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - numpy, for this alone

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
