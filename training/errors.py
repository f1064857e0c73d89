"""What can go wrong on the way from exports to a persona.

    TrainingError
    ├── DatasetTooSmall   the exports give too little to learn from
    ├── DatasetUnreadable a folder is no dataset, or cannot be read
    ├── KeyUnusable       a key to pseudonyms is missing, another's, open to others, or lies in the dataset
    ├── LedgerDamaged     what people agreed to cannot be read
    ├── ModerationAway    messages that should be moderated could not be judged
    ├── RecipeInvalid     a recipe's file has a key that is unknown, or a value that cannot be
    ├── DatasetLeaks      what is held out stands in the training part
    ├── DatasetUnwritable rows that a format has no place for, or a folder that is not a dataset's
    ├── ExtraMissing      the libraries of the extra `train` are not installed
    ├── SettingsUnusable  a training setting or preset that does not exist, or has a value that cannot be
    ├── BaseUnusable      a base model's folder is not whole, or of a kind that is not handled here
    ├── MemoryTooSmall    a training needs more than the card or the machine has free
    ├── TuningFailed      no trial of a search came to its end
    ├── NotAsAsked        what would be trained is not what was asked for
    ├── WrongDataset      a dataset that is not the one a persona was trained on
    ├── TooFewTexts       nothing can be said of so few texts, or so few people
    ├── WorkTaken         a folder holds the checkpoints of another training
    ├── TrainingBroke     a training that ended before its end; its last whole checkpoint is kept
    │   ├── Interrupted   somebody ended it
    │   ├── Diverged      the loss is no number any more
    │   ├── OutOfMemory   of the GPU, or of the machine
    │   └── DiskFull      or a limit on what may be written
    ├── HostedError       what can go wrong at a host, see training/hosted/errors.py
    ├── ConversionError   weights that cannot be written as GGUF
    │   └── NotConverted  because that kind of base is not converted here
    └── Disagreement      llama.cpp and PyTorch do not compute the same

Each message is one line that says what to do. None holds a message's text.
"""

from __future__ import annotations


class TrainingError(Exception):
    """The root: catch this to catch all of them."""


class DatasetTooSmall(TrainingError):
    """The exports give no examples, or none that can be held out."""


class DatasetUnreadable(TrainingError):
    """A folder holds no dataset, or one that cannot be read."""


class KeyUnusable(TrainingError):
    """A key to pseudonyms is missing, is another's, may be read by others, or would travel with the dataset."""


class LedgerDamaged(TrainingError):
    """The record of who agreed to be trained on cannot be read, so that nobody's yes is known."""


class ModerationAway(TrainingError):
    """Messages that should be moderated could not be judged, so that there is no dataset of them."""


class RecipeInvalid(TrainingError):
    """A recipe that cannot be read, or asks for what cannot be."""


class DatasetLeaks(TrainingError):
    """Answers that are held out stand in the training part as well: measuring on them would prove nothing."""


class DatasetUnwritable(TrainingError):
    """A format that cannot hold these rows, or a folder that holds something else."""


class ExtraMissing(TrainingError):
    """A library of the extra `train` is not installed."""


class SettingsUnusable(TrainingError):
    """A training setting or preset that does not exist, or has a value that cannot be."""


class BaseUnusable(TrainingError):
    """A base model's folder lacks a file, or its template or tokenizer cannot be trained with."""


class MemoryTooSmall(TrainingError):
    """A training that would need more memory than is free; found before anything is loaded."""


class TuningFailed(TrainingError):
    """A search of which nothing came: every trial failed or was pruned."""


class NotAsAsked(TrainingError):
    """The model that stands ready differs from the settings; training it would prove nothing."""


class WrongDataset(TrainingError):
    """A dataset on which a persona was not trained: what it holds out may have been trained on."""


class TooFewTexts(TrainingError):
    """A measure that would be chance alone with so few texts, or so few people to tell apart."""


class WorkTaken(TrainingError):
    """A folder holds the checkpoints of another training, or something else altogether."""


class TrainingBroke(TrainingError):
    """A training that ended before its end. What it had reached is in its last whole checkpoint."""


class Interrupted(TrainingBroke):
    """Somebody ended the training; the same command goes on with it."""


class Diverged(TrainingBroke):
    """The loss is no number any more."""


class OutOfMemory(TrainingBroke):
    """The memory of the GPU or of the machine does not suffice."""


class DiskFull(TrainingBroke):
    """The disk is full, or a file may not become as large."""


class ConversionError(TrainingError):
    """Weights, a tokenizer or a template that llama.cpp would not read as transformers does."""


class NotConverted(ConversionError):
    """A base of a kind that is not converted here; nothing is wrong with it, and vLLM serves it."""


class Disagreement(TrainingError):
    """llama.cpp and PyTorch tokenize or compute differently beyond the tolerance."""
