"""Perplexity and token accuracy: of own words alone, and the same however the rows are put together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from training.errors import TooFewTexts

if TYPE_CHECKING:
    from training.layout import Tokens

pytestmark = pytest.mark.train

TALK = (
    ("Mia: hey, how are you?", "sleepy\nhow are you"),
    ("Leo: Anyone fancy a curry on Sunday evening?", "yes!!"),
    ("Leo: I passed my exam!", "congrats\nknew it"),
    ("Mia: what time shall we meet?", "7 at the usual place"),
)


def rows(tokenizer: Any) -> list[Tokens]:  # noqa: ANN401
    from training.layout import IGNORED, Tokens

    found = []
    for asked, said in TALK:
        prompt = tokenizer(f"<|user|>{asked}<|end|><|assistant|>", add_special_tokens=False)["input_ids"]
        answer = tokenizer(f"{said}<|end|>", add_special_tokens=False)["input_ids"]
        found.append(Tokens((*prompt, *answer), (*([IGNORED] * len(prompt)), *answer)))
    return found


def one_by_one(model: Any, row: Tokens) -> tuple[float, int]:  # noqa: ANN401
    """The plain way: each own token's probability after all that came before it."""
    import torch

    from training.layout import IGNORED

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.ids])).logits[0].log_softmax(-1)
    own = [place for place, label in enumerate(row.labels) if label != IGNORED]
    nats = -sum(float(logits[place - 1, row.ids[place]]) for place in own)
    return nats, sum(int(logits[place - 1].argmax()) == row.ids[place] for place in own)


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_it_is_what_each_own_token_costs(sample_model: tuple[Any, Any], batch: int) -> None:
    from training.evaluation.perplexity import likelihood

    model, tokenizer = sample_model
    asked = rows(tokenizer)
    found = likelihood(model, asked, batch=batch)
    wanted = [one_by_one(model, row) for row in asked]
    assert found.tokens == tuple(row.learned for row in asked)
    assert found.nats == pytest.approx([nats for nats, _ in wanted], abs=1e-3)
    assert found.right == tuple(hits for _, hits in wanted)
    whole = sum(nats for nats, _ in wanted) / sum(found.tokens)
    assert found.perplexity().value == pytest.approx(math.exp(whole), rel=1e-4)
    assert found.perplexity().low < found.perplexity().value < found.perplexity().high
    assert found.accuracy().value == sum(found.right) / sum(found.tokens)


def test_the_base_is_asked_without_the_adapter(sample_model: tuple[Any, Any]) -> None:
    from training.evaluation.perplexity import Perplexity, likelihood

    model, tokenizer = sample_model
    asked = rows(tokenizer)
    bare = likelihood(model, asked, bare=True)
    with model.disable_adapter():
        assert bare == likelihood(model, asked)
    both = Perplexity(likelihood(model, asked), bare)
    gain = both.gain()
    assert gain.value == pytest.approx(math.log2(bare.perplexity().value / both.persona.perplexity().value))
    assert gain.value > 0
    assert Perplexity(bare, both.persona).gain().value == pytest.approx(-gain.value)
    assert Perplexity(bare, bare).gain().high == 0


def test_a_model_in_training_goes_on_training(sample_model: tuple[Any, Any]) -> None:
    from training.evaluation.perplexity import likelihood

    model, tokenizer = sample_model
    done: list[int] = []
    model.train()
    try:
        first = likelihood(model, rows(tokenizer), batch=2, report=done.append)
        assert model.training
    finally:
        model.eval()
    assert done == [2, 4]
    assert first == likelihood(model, rows(tokenizer), batch=2)


def test_of_nothing_there_is_no_perplexity(sample_model: tuple[Any, Any]) -> None:
    from training.evaluation.perplexity import likelihood
    from training.layout import IGNORED, Tokens

    with pytest.raises(TooFewTexts):
        likelihood(sample_model[0], [Tokens((5, 6), (IGNORED, IGNORED))])
