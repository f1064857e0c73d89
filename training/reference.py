"""What PyTorch makes of a base and its adapter: the word on what every other form of them must compute."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from peft import PeftModel

from inference.client import TOP_TOKENS
from inference.prompt import PromptMessage
from training.base import BaseFolder
from training.model import Compute, load_model, load_tokenizer, with_adapter


@dataclass(frozen=True, slots=True)
class Reference:
    """A model in this process, in 32 bits; `template` is the chat template it is asked with.

    `adapted` says whether its adapter counts, where it has one.
    """

    tokenizer: Any
    model: Any
    template: str
    adapted: bool = True

    @classmethod
    def load(cls, base: BaseFolder, adapter: Path | None = None, template: str = "") -> Self:
        """Load a base, and the adapter in a folder on it; by default with the base's template. Raises BaseUnusable."""
        tokenizer = load_tokenizer(base)
        model = load_model(base, Compute.best("fp32"))
        if adapter is not None:
            model = with_adapter(model, adapter)
        model.eval()
        return cls(tokenizer, model, template or str(tokenizer.chat_template))

    @property
    def bare(self) -> Self:
        """The same without its adapter."""
        return replace(self, adapted=False)

    def render(self, prompt: Sequence[PromptMessage]) -> str:
        """Write a prompt by the template, with the mark that asks for an answer."""
        messages = [asdict(message) for message in prompt]
        return str(
            self.tokenizer.apply_chat_template(
                messages, chat_template=self.template, tokenize=False, add_generation_prompt=True
            )
        )

    def ids(self, text: str) -> list[int]:
        """The tokens of a text that has all its marks."""
        return [int(token) for token in self.tokenizer(text, add_special_tokens=False)["input_ids"]]

    def next_logprobs(self, ids: Sequence[int]) -> Any:  # noqa: ANN401 - torch is untyped here
        """Log-probabilities, in nats, of every token that may follow these."""
        off = not self.adapted and isinstance(self.model, PeftModel)
        with torch.no_grad(), self.model.disable_adapter() if off else nullcontext():
            logits = self.model(torch.tensor([list(ids)], device=self.model.device)).logits
        return logits[0, -1].float().log_softmax(-1).cpu()

    async def first_tokens(self, prompt: Sequence[PromptMessage]) -> dict[str, float]:
        """See `inference.canary.Asked`; a token is named by its text, as vLLM names it."""
        top = self.next_logprobs(self.ids(self.render(prompt))).topk(TOP_TOKENS)
        found: dict[str, float] = {}
        for token, value in zip(top.indices.tolist(), top.values.tolist(), strict=True):
            # Marks have a text here and none in llama.cpp. Two tokens may read alike; the likelier one comes first.
            if token not in self.tokenizer.all_special_ids and (text := self.tokenizer.decode([token])):
                found.setdefault(text, value)
        return found
