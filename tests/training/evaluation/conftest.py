"""The sample persona, as llama.cpp serves it and in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.persona import Persona, load_persona
from tests.training.conftest import needs_torch

if TYPE_CHECKING:
    from training.evaluation.speaker import Speaker

SAMPLE = Path(__file__).parents[3] / "personas" / "sample"


class Speakers(NamedTuple):
    """The same persona and its bare base, twice."""

    served: Speaker
    served_one_by_one: Speaker
    served_base: Speaker
    here: Speaker
    here_base: Speaker


@pytest.fixture(scope="session")
def sample_model() -> tuple[Any, Any]:
    """Sam in this process: model and tokenizer."""
    needs_torch()
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(SAMPLE / "base", dtype=torch.float32)
    return PeftModel.from_pretrained(model, SAMPLE / "adapter").eval(), AutoTokenizer.from_pretrained(
        SAMPLE / "base"
    )


@pytest.fixture
async def sam() -> Persona:
    return await load_persona(SAMPLE)


@pytest.fixture
async def speakers(sam: Persona, sample_model: tuple[Any, Any], tmp_path: Path) -> AsyncIterator[Speakers]:
    from training.evaluation.speaker import ServedSpeaker
    from training.evaluation.torch_speaker import TorchSpeaker

    marks = sam.prompt.control_tokens
    async with (
        LlamaCpp(LlamaModel.of(sam), tmp_path / "llama.log", LlamaSettings(slots=4)) as engine,
        ModelClient(lambda: engine.endpoint) as adapted,
        ModelClient(lambda: engine.base_endpoint) as bare,
    ):
        yield Speakers(
            ServedSpeaker(adapted, marks),
            ServedSpeaker(adapted, marks, abreast=1),
            ServedSpeaker(bare, marks),
            TorchSpeaker(*sample_model),
            TorchSpeaker(*sample_model, bare=True),
        )


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of the last part of Sam's chat; what is held out has templates that are in no training."""
    return dataset_since("2024-05-07", tmp_path_factory.mktemp("data"))


def dataset_since(day: str, folder: Path, test: float = 1.0) -> Path:
    """A dataset of the last part of Sam's chat that holds out what was said from that day on; `test` of it as test."""
    from chat.exports.formats import read_export
    from training.dataset.build import make_rows, write_dataset
    from training.dataset.cookbook import read_recipe
    from training.dataset.facts import facts_of
    from training.dataset.filters import Filtered

    lines = (SAMPLE / "sam_export.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    chat = folder / "WhatsApp Chat with Friday five.txt"
    chat.write_text("".join(lines[-2600:]), encoding="utf-8")
    exports = [read_export(chat, "Sam")]
    recipe = read_recipe("turns", [f'split.since="{day}"', f"split.test={test}"])
    write_dataset(make_rows(exports, recipe), recipe, folder / "data")
    facts_of(Filtered(tuple(exports))).write(folder / "data")
    return folder / "data"
