"""The trainer: the loss is on own words only, what is asked is what runs, and the same seed gives the same bytes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.training.conftest import FORM, talk
from training.dataset.turns import Per, Turns
from training.errors import NotAsAsked

if TYPE_CHECKING:
    from training.base import BaseFolder
    from training.lora import LoraSettings

pytestmark = pytest.mark.train

DATASET = Turns(held_out=0.2).dataset([talk(60)], FORM)


def small(**changes: object) -> LoraSettings:
    from training.lora import LoraSettings

    settings = LoraSettings(rank=4, alpha=8, epochs=2, learning_rate=1e-2, max_length=256)
    return dataclasses.replace(settings, **changes)  # type: ignore[arg-type]


def test_only_own_words_and_their_end_are_learned(tiny_base: BaseFolder) -> None:
    from training.lora import load_tokenizer
    from training.tokens import IGNORED, Encoder

    tokenizer = load_tokenizer(tiny_base)
    encoder = Encoder(tokenizer)
    for example in DATASET.train:
        tokens = encoder.encode(example)
        learned = [token for token, label in zip(tokens.ids, tokens.labels, strict=True) if label != IGNORED]
        assert tokenizer.decode(learned) == example.completions[0] + "<|end|>"
        # The rest is the prompt, in the very ids that a server makes of the rendered text.
        prompt = encoder.render(example.messages[:-1])
        assert list(tokens.ids[: -len(learned)]) == tokenizer(prompt, add_special_tokens=False)["input_ids"]


def test_all_bursts_of_a_conversation_at_once(tiny_base: BaseFolder) -> None:
    from training.lora import load_tokenizer
    from training.tokens import IGNORED, Encoder

    tokenizer = load_tokenizer(tiny_base)
    for example in Turns(per=Per.CONVERSATION).dataset([talk(20)], FORM).train:
        tokens = Encoder(tokenizer).encode(example)
        learned = [token for token, label in zip(tokens.ids, tokens.labels, strict=True) if label != IGNORED]
        assert tokenizer.decode(learned) == "".join(text + "<|end|>" for text in example.completions)
        rows = [dataclasses.asdict(message) for message in example.messages]
        assert tokenizer.decode(tokens.ids) == tokenizer.apply_chat_template(rows, tokenize=False)


def test_a_long_example_loses_its_oldest_messages(tiny_base: BaseFolder) -> None:
    from training.lora import load_tokenizer
    from training.tokens import Encoder

    encoder = Encoder(load_tokenizer(tiny_base))
    longest = max(DATASET.train, key=lambda example: len(example.messages))
    length = len(encoder.encode(longest).ids)
    encoded = encoder.encode_all([longest], length - 1)
    assert (len(encoded.rows), encoded.shortened, encoded.left_out) == (1, 1, 0)
    assert encoded.rows[0].labels[-1] == encoder.encode(longest).labels[-1]
    assert encoder.encode_all([longest], 5).left_out == 1


def test_training_lowers_the_held_out_loss_and_peft_loads_the_adapter(
    tiny_base: BaseFolder, tmp_path: Path
) -> None:
    import torch
    from peft import PeftModel

    from training import lora
    from training.tokens import Encoder

    steps: list[lora.Progress] = []
    record = lora.train_lora(tiny_base, DATASET, tmp_path, small(), report=steps.append)
    assert record.loss_after < 0.6 * record.loss_before
    assert record.train[-1] < record.train[0]
    assert (steps[-1].step, steps[-1].steps) == (len(steps), len(steps))
    assert record.modules == dict.fromkeys(sorted(lora.LINEAR_LAYERS), 2)
    assert record.dataset == DATASET.fingerprint
    assert lora.TrainingRecord.read(tmp_path) == record

    compute = lora.Compute("cpu", "float32")
    loaded = PeftModel.from_pretrained(lora.load_model(tiny_base, compute), tmp_path).eval()
    encoded = Encoder(lora.load_tokenizer(tiny_base)).encode_all(DATASET.held_out, 256)
    assert lora.mean_loss(loaded, encoded.rows, compute, batch=8) == pytest.approx(
        record.loss_after, abs=1e-6
    )
    with torch.no_grad(), loaded.disable_adapter():
        bare = lora.mean_loss(loaded, encoded.rows, compute, batch=3)
    assert bare == pytest.approx(record.loss_before, abs=1e-5)


def test_the_same_seed_gives_the_same_adapter(tiny_base: BaseFolder, tmp_path: Path) -> None:
    from training.lora import train_lora

    files = []
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        train_lora(tiny_base, DATASET, tmp_path / folder, small(seed=seed, epochs=1))
        files.append((tmp_path / folder / "adapter_model.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize(
    "targets", [("q_proj", "nonsense_proj"), ("nonsense_proj",)], ids=["one target missing", "all missing"]
)
def test_targets_that_the_base_lacks_are_not_passed_over(
    tiny_base: BaseFolder, tmp_path: Path, targets: tuple[str, ...]
) -> None:
    from training.lora import train_lora

    with pytest.raises(NotAsAsked):
        train_lora(tiny_base, DATASET, tmp_path, small(targets=targets))


def test_what_runs_must_be_what_was_asked(tiny_base: BaseFolder) -> None:
    from training.lora import Compute, add_lora, check_lora, load_model

    model = add_lora(
        load_model(tiny_base, Compute("cpu", "float32")), small(targets=("q_proj",), rslora=True)
    )
    assert check_lora(model, small(targets=("q_proj",), rslora=True)) == ({"q_proj": 2}, 2 * 4 * (64 + 64))
    for other in (small(targets=("q_proj",)), small(targets=("k_proj",)), small(targets=("q_proj",), rank=8)):
        with pytest.raises(NotAsAsked):
            check_lora(model, other)
    next(model.parameters()).requires_grad_(True)
    with pytest.raises(NotAsAsked, match="besides the adapter"):
        check_lora(model, small(targets=("q_proj",), rslora=True))
