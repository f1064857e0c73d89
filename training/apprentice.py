"""From exports to a persona in one call: data set, adapter, GGUF, folder."""

from __future__ import annotations

import asyncio
import re
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from chat.exports.dates import DateOrder
from chat.exports.formats import read_export
from inference.persona import Persona, Sampling, TypingProfile
from inference.prompt import PromptFormat
from training.base import BaseFolder
from training.dataset.dataset import Dataset
from training.dataset.turns import Turns
from training.gguf import NumberType
from training.lora import LoraSettings, Progress, load_tokenizer, train_lora
from training.package import ADAPTER, Package, package_persona
from training.tokens import Encoder


@dataclass(frozen=True, slots=True)
class Apprentice:
    """Who is learned from, and how.

    `prompt.name` is the owner's name as the exports write it; the base's own marks join its control
    tokens. `name` is the model name, by default made of the owner's.
    `date_order` settles exports of which nothing tells.
    """

    base: BaseFolder
    exports: tuple[Path, ...]
    prompt: PromptFormat
    name: str = ""
    date_order: DateOrder | None = None
    recipe: Turns = field(default_factory=Turns)
    lora: LoraSettings = field(default_factory=LoraSettings)
    sampling: Sampling = field(default_factory=Sampling)
    typing: TypingProfile = field(default_factory=TypingProfile)
    numbers: NumberType = NumberType.F16
    with_base: bool = False

    def form(self) -> PromptFormat:
        """The prompt format with the base's marks. Raises BaseUnusable."""
        marks = Encoder(load_tokenizer(self.base)).marks
        return replace(self.prompt, control_tokens=tuple(sorted({*self.prompt.control_tokens, *marks})))

    def dataset(self) -> Dataset:
        """Read the exports and make the examples. Raises ChatError and TrainingError."""
        exports = [read_export(path, self.prompt.name, self.date_order) for path in self.exports]
        return self.recipe.dataset(exports, self.form())

    def persona(self, out: Path, report: Callable[[Progress], None] = lambda _: None) -> Persona:
        """Train, convert and package to the folder `out`. Raises ChatError, TrainingError, InferenceError."""
        dataset = self.dataset()
        package = Package(
            name=self.name or slug(self.prompt.name),
            prompt=self.form(),
            sampling=self.sampling,
            typing=self.typing,
            numbers=self.numbers,
            with_base=self.with_base,
            learned=dataset.learned,
        )
        # Not into `out` yet: a training that breaks off must leave the last persona as it is.
        with tempfile.TemporaryDirectory() as folder:
            adapter = Path(folder) / ADAPTER
            train_lora(self.base, dataset, adapter, self.lora, report=report)
            return asyncio.run(package_persona(self.base, adapter, out, package))


def slug(name: str) -> str:
    """Make a model name of a person's: `Ann-Marie K.` gives `ann-marie-k`, and no letters `persona`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub("[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or "persona"
