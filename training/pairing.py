"""What speaks against training this dataset on this base, in plain words."""

from __future__ import annotations

from typing import Any, Final

from training.dataset.presets.contact_chunks import ContactChunks
from training.dataset.presets.documents import Documents
from training.dataset.presets.pairs import Pairs
from training.dataset.recipe import Recipe
from training.settings import Loss

FEW_ROWS: Final = 500
"""Below so many rows people who published their tries found the model to know them by heart."""


def pairing_warnings(recipe: Recipe, tokenizer: Any, loss: Loss, rows: int) -> tuple[str, ...]:  # noqa: ANN401
    """Give a sentence a warning. A base is taken for an instruct model where it has a chat template."""
    instruct = bool(tokenizer.chat_template)
    told = []
    if isinstance(recipe, Documents) and instruct:
        told.append(
            "the base is an instruct model, and these rows are single own messages without anybody to answer: "
            "those who published that got one-word answers; take a plain base model, or the recipe turns"
        )
    elif isinstance(recipe, ContactChunks | Pairs) and instruct:
        told.append(
            f"the base is an instruct model, and rows of {recipe.preset} do not use its chat template, so that what it "
            "has learned of chats is lost: take a plain base model, or the recipe turns"
        )
    elif not isinstance(recipe, Documents | ContactChunks | Pairs) and not instruct:
        told.append(
            "the base has no chat template, and these rows are chats: it has to learn from them what a chat is; "
            "with few rows an instruct model does better"
        )
    if loss is Loss.EVERYTHING and not isinstance(recipe, Documents | ContactChunks):
        told.append(
            "the loss counts everybody's words: the persona learns to write what the others write, too"
        )
    if rows < FEW_ROWS:
        told.append(
            f"there are only {rows} rows: a model may know them by heart soon; see which epoch was kept"
        )
    return tuple(told)
