"""How well a model foresees what the person really wrote: perplexity and token accuracy on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from training.errors import TooFewTexts
from training.evaluation.estimate import Estimate, resample_weights, widened
from training.held_out import labelled_logits
from training.layout import IGNORED, Tokens

_RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What a model thinks of rows: of each, how many tokens counted, their nats together, and how many it foresaw."""

    tokens: tuple[int, ...]
    nats: tuple[float, ...]
    right: tuple[int, ...]

    @property
    def loss(self) -> float:
        """Nats a token."""
        return sum(self.nats) / sum(self.tokens)

    def perplexity(self, seed: int = 0) -> Estimate:
        """Among how many tokens alike the model hesitates on average; rows are drawn anew for its interval."""
        found = _ratios(self.nats, self.tokens, seed)
        return _between(math.exp(self.loss), np.exp(found))

    def accuracy(self, seed: int = 0) -> Estimate:
        """The share of tokens that the model would have written itself at temperature 0."""
        return _between(sum(self.right) / sum(self.tokens), _ratios(self.right, self.tokens, seed))


@dataclass(frozen=True, slots=True)
class Perplexity:
    """The persona and its bare base on the same rows."""

    persona: Likelihood
    base: Likelihood

    def gain(self, seed: int = 0) -> Estimate:
        """How many times the base's perplexity was halved, in bits a token; below 0 where it grew."""
        saved = [bare - own for bare, own in zip(self.base.nats, self.persona.nats, strict=True)]
        bits = _ratios(saved, self.persona.tokens, seed) / math.log(2)
        return _between((self.base.loss - self.persona.loss) / math.log(2), bits)


def likelihood(
    model: Any,  # noqa: ANN401 - torch is untyped here
    rows: Sequence[Tokens],
    *,
    bare: bool = False,
    batch: int = 8,
    report: Callable[[int], None] = lambda _: None,
) -> Likelihood:
    """Ask a model about tokenized rows; only tokens with a label count. With `bare` it answers without its adapter.

    `report` hears how many rows are done. Blocks. Raises TooFewTexts when there is nothing to ask about.
    """
    asked = [row for row in rows if row.learned]
    if not asked:
        raise TooFewTexts("no held-out row fits the model: raise max_length, or hold more out")
    # Alike lengths together: what is filled up is computed for nothing.
    order = sorted(range(len(asked)), key=lambda place: len(asked[place].ids))
    nats, right = [0.0] * len(asked), [0] * len(asked)
    training = model.training
    model.eval()
    without: AbstractContextManager[Any] = model.disable_adapter() if bare else nullcontext()
    try:
        with torch.inference_mode(), without:
            for begin in range(0, len(order), batch):
                places = order[begin : begin + batch]
                found = _batch(model, [asked[place] for place in places])
                for place, one, hits in zip(places, *found, strict=True):
                    nats[place], right[place] = one, hits
                report(begin + len(places))
    finally:
        model.train(training)
    # The first token of a row is foreseen by nobody.
    counted = tuple(sum(label != IGNORED for label in row.labels[1:]) for row in asked)
    return Likelihood(counted, tuple(nats), tuple(right))


def _batch(model: Any, rows: Sequence[Tokens]) -> tuple[list[float], list[int]]:  # noqa: ANN401
    logits, targets = labelled_logits(model, rows)
    losses = cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    ).view(targets.shape)
    hits = (logits.argmax(-1) == targets) & (targets != IGNORED)
    return losses.sum(-1).tolist(), hits.sum(-1).tolist()


def _ratios(values: Sequence[float], weights: Sequence[int], seed: int) -> Any:  # noqa: ANN401
    """Sum over sum, in each resample of the rows."""
    drawn = resample_weights(range(len(values)), _RESAMPLES, seed)
    found = (drawn @ np.array(values, dtype=np.float64)) / (drawn @ np.array(weights, dtype=np.float64))
    return widened(found, len(values))


def _between(value: float, replicates: Any) -> Estimate:  # noqa: ANN401
    low, high = (float(bound) for bound in np.percentile(replicates, [2.5, 97.5]))
    return Estimate(value, min(low, value), max(high, value))
