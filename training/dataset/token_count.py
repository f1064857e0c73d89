"""How many tokens a text has: by a tokenizer, or by its length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from training.errors import RecipeInvalid

TokenCount = Callable[[str], int]


def token_count(tokenizer: Path | None) -> TokenCount:
    """Give a counter. `tokenizer` is a `tokenizer.json`; without it, four bytes of UTF-8 make a token.

    Raises RecipeInvalid when the file cannot be used, or `tokenizers` is not installed.
    """
    if tokenizer is None:
        return by_length
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - of the extra `train`
    except ImportError:
        raise RecipeInvalid(
            "counting with a tokenizer.json needs the extra `train`: pip install 'understudy[train]'"
        ) from None
    try:
        loaded = Tokenizer.from_file(str(tokenizer))
    except Exception as error:
        raise RecipeInvalid(f"{tokenizer} is no tokenizer.json that can be read") from error
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)


def by_length(text: str) -> int:
    """Count four bytes of UTF-8 a token, which is near for the large models' tokenizers."""
    return -(-len(text.encode()) // 4)
