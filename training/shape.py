"""What a base can take: told by its config.json, before a byte of its weights is read."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING
from transformers.pytorch_utils import Conv1D

from training.base import BaseFolder
from training.errors import BaseUnusable, NotAsAsked, SettingsUnusable
from training.quiet import quiet
from training.settings import Method, TrainSettings


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a base: it reads `context` tokens at once, whose ids are below `vocabulary`; None where nobody says.

    `layers` are the names of the linear layers of its blocks, which can carry LoRA.
    """

    context: int | None
    vocabulary: int | None
    layers: tuple[str, ...]

    def check(self, settings: TrainSettings) -> None:
        """Raises SettingsUnusable for rows that it cannot read, and NotAsAsked for layers that it does not have."""
        if self.context is not None and settings.max_length > self.context:
            raise SettingsUnusable(
                f"the base reads {self.context} tokens at once, and max_length is {settings.max_length}: "
                f"--set max_length={self.context}"
            )
        absent = [name for name in settings.targets if name not in self.layers]
        if absent and settings.method is not Method.FULL:
            raise NotAsAsked(
                f"the base has no layer named {' or '.join(absent)}: it has --set targets={','.join(self.layers)}"
            )


def shape_of(base: BaseFolder) -> Shape:
    """Look at a base before a byte of its weights is read. Raises BaseUnusable where it cannot be trained on."""
    told = base.config
    if told.get("quantization_config"):
        raise BaseUnusable(
            f"{base.path} stands quantised already: give the base that it was made of; qlora keeps it in 4 bits here"
        )
    kind = told.get("model_type", "unknown")
    try:
        with quiet():
            config = AutoConfig.from_pretrained(base.path, local_files_only=True)
            if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
                raise BaseUnusable(
                    f"a {kind} is no causal language model: give a base that goes on with a text"
                )
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError):
        raise BaseUnusable(
            f"{base.path / 'config.json'} makes no model: transformers {version('transformers')} knows no {kind} "
            "of that shape; give another base"
        ) from None
    text = config.get_text_config()
    return Shape(
        getattr(text, "max_position_embeddings", None),
        getattr(text, "vocab_size", None),
        _linear_layers(model),
    )


def _linear_layers(model: Any) -> tuple[str, ...]:  # noqa: ANN401 - torch is untyped here
    head = model.get_output_embeddings()
    names = (
        path.rpartition(".")[2]
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head
    )
    return tuple(dict.fromkeys(names))
