"""The loss on what is held out: exact over tokens, however the rows fall into batches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from training.layout import IGNORED, Tokens
from training.model import Compute


def mean_loss(model: Any, rows: Sequence[Tokens], compute: Compute, *, batch: int) -> float:  # noqa: ANN401
    """The mean loss in nats a learned token."""
    total, learned = summed_loss(model, rows, compute, batch=batch)
    return total / learned


def summed_loss(
    model: Any,  # noqa: ANN401 - torch is untyped here
    rows: Sequence[Tokens],
    compute: Compute,
    *,
    batch: int,
) -> tuple[float, int]:
    """The loss in nats summed over the learned tokens, and how many those are. The model is left as it was."""
    training = model.training
    model.eval()
    # Longest first: where memory is short, that shows at once.
    ordered = sorted(rows, key=lambda row: -len(row.ids))
    total = 0.0
    learned = 0
    with torch.no_grad():
        for begin in range(0, len(ordered), batch):
            loss, count = _batch_loss(model, ordered[begin : begin + batch], compute)
            total += float(loss.item())
            learned += count
    model.train(training)
    return total, learned


def _batch_loss(model: Any, rows: Sequence[Tokens], compute: Compute) -> tuple[Any, int]:  # noqa: ANN401
    with _autocast(compute):
        logits, targets = labelled_logits(model, rows)
    loss = cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return loss, int((targets != IGNORED).sum().item())


def labelled_logits(model: Any, rows: Sequence[Tokens]) -> tuple[Any, Any]:  # noqa: ANN401 - torch is untyped here
    """Ask a model about a batch of rows: logits (rows, places, vocabulary) and the labels there (rows, places).

    Places at which no row has a label are left out.
    """
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        length = len(row.ids)
        ids[number, :length] = torch.tensor(row.ids)
        labels[number, :length] = torch.tensor(row.labels)
        mask[number, :length] = 1
    # Position p says what comes at p + 1. Only positions that somebody learns from get logits: with a
    # large vocabulary those are most of the memory.
    targets = labels[:, 1:]
    places = (targets != IGNORED).any(dim=0).nonzero().flatten()
    device = next(model.parameters()).device
    targets = targets[:, places].to(device)
    logits = model(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        logits_to_keep=places.to(device),
        use_cache=False,
    ).logits
    if logits.shape[1] != len(places):
        # A model that ignores `logits_to_keep` gives them all.
        logits = logits[:, places]
    return logits, targets


def _autocast(compute: Compute) -> AbstractContextManager[Any]:
    if compute.precision == "float32":
        return nullcontext()
    return torch.autocast(compute.device, compute.dtype)  # type: ignore[no-any-return]
