"""A tokenizer in GGUF's terms: byte-level BPE, or SentencePiece's as Llama 2 and Mistral have it.

llama.cpp knows rules for cutting words by name alone, and no option of tokenizer.json beside them. So whatever it would
not do alike is refused here; `training.agreement` then compares the ids of many lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gguf

from training.base import BaseFolder
from training.errors import ConversionError, NotConverted
from training.model import load_tokenizer
from training.sentencepiece import is_byte, scores_of, space_of, written

SPLIT_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)

_MARKS = ("bos_token", "eos_token", "unk_token", "pad_token")


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """What a GGUF file says of a tokenizer.

    `cut` is llama.cpp's name for how words are cut. A byte-level BPE has `merges`; SentencePiece's has `scores`, one
    a token, and `space` says whether llama.cpp puts a space before a text and after each mark.
    """

    tokens: tuple[str, ...]
    types: tuple[int, ...]
    merges: tuple[str, ...]
    scores: tuple[float, ...]
    cut: str
    space: bool
    ids: Mapping[str, int]
    template: str

    @classmethod
    def of(cls, base: BaseFolder, vocabulary: int, template: str = "") -> Tokenizer:
        """Read a base's tokenizer, for an embedding of so many rows; `template` is by default the base's own.

        It is read as transformers loads it, not from its file: for Llama's, transformers 5 sets a part of that anew,
        and so was trained. Raises BaseUnusable, NotConverted and ConversionError.
        """
        loaded = load_tokenizer(base)
        content = written(loaded)
        model = content.get("model") or {}
        space = space_of(content)
        if model.get("type") != "BPE" or bool(model.get("byte_fallback")) != (space is not None):
            raise NotConverted(_KIND)
        if space is None and content.get("normalizer"):
            raise NotConverted(_KIND)
        texts = {int(number): text for text, number in model["vocab"].items()}
        kinds = {number: _kind(text, bytewise=space is None) for number, text in texts.items()}
        for added in content.get("added_tokens") or ():
            if added.get("single_word") or added.get("lstrip") or added.get("rstrip"):
                raise NotConverted(_SPACED)
            if added.get("normalized") and content.get("normalizer"):
                raise NotConverted(_SPACED)
            number = int(added["id"])
            texts[number] = added["content"]
            kinds[number] = int(gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED)
        if max(texts) >= vocabulary:
            raise ConversionError(
                f"the tokenizer has {max(texts) + 1} tokens, the base {vocabulary}: they do not belong together"
            )
        known = {text: number for number, text in texts.items()}
        ids = {mark: known[text] for mark in _MARKS if (text := getattr(loaded, mark)) in known}
        if "eos_token" not in ids:
            raise ConversionError("the tokenizer names no eos_token, so an answer would never end: set one")
        merges: tuple[str, ...] = ()
        scores: tuple[float, ...] = ()
        if space is None:
            merges = tuple(merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"])
        else:
            marks = {added["content"] for added in content.get("added_tokens") or ()}
            found = scores_of(model, marks)
            # What is made of nothing is never joined: its score is not looked at.
            scores = tuple(found.get(texts.get(number, ""), 0.0) for number in range(vocabulary))
        return cls(
            # Embeddings are often padded to a round number; nothing ever gives those ids.
            tokens=tuple(texts.get(number, f"[PAD{number}]") for number in range(vocabulary)),
            types=tuple(kinds.get(number, int(gguf.TokenType.UNUSED)) for number in range(vocabulary)),
            merges=merges,
            scores=scores,
            cut=_cut(content.get("pre_tokenizer")) if space is None else "default",
            space=space is not None and space.by_llama_cpp,
            ids=ids,
            template=plain_template(template) if template else _template(base),
        )

    def describe(self, writer: Any) -> None:  # noqa: ANN401 - gguf is untyped here
        """Write tokens, merges or scores, marks and the chat template."""
        writer.add_tokenizer_model("llama" if self.scores else "gpt2")
        writer.add_tokenizer_pre(self.cut)
        writer.add_token_list(list(self.tokens))
        writer.add_token_types(list(self.types))
        if self.scores:
            writer.add_token_scores(list(self.scores))
        else:
            writer.add_token_merges(list(self.merges))
        for mark, add in (
            ("bos_token", writer.add_bos_token_id),
            ("eos_token", writer.add_eos_token_id),
            ("unk_token", writer.add_unk_token_id),
            ("pad_token", writer.add_pad_token_id),
        ):
            if mark in self.ids:
                add(self.ids[mark])
        # The chat template writes every mark that is wanted; with a flag here, llama.cpp would begin with two.
        writer.add_add_bos_token(False)
        writer.add_add_eos_token(False)
        writer.add_add_space_prefix(self.space)
        writer.add_chat_template(self.template)


def plain_template(template: str) -> str:
    """Take `{% generation %}` out of a chat template: it only helps trl, and llama.cpp refuses it.

    A comment in its place keeps the dashes that eat white space.
    """
    return re.sub(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}", r"{#\1 \2#}", template)


_KIND = (
    "only byte-level BPE tokenizers and SentencePiece's BPE, as Llama 2 has it, are converted here: "
    "use llama.cpp's own converter"
)
_SPACED = "the tokenizer has marks that take in what stands around them, which llama.cpp does not: use vLLM"


def _kind(text: str, *, bytewise: bool) -> int:
    return int(gguf.TokenType.BYTE if not bytewise and is_byte(text) else gguf.TokenType.NORMAL)


def _template(base: BaseFolder) -> str:
    file = base.path / "chat_template.jinja"
    settings = base.json("tokenizer_config.json")
    template = file.read_bytes().decode() if file.is_file() else settings.get("chat_template")
    if not isinstance(template, str) or not template:
        raise ConversionError(
            "the base has no chat template: take an instruction-tuned one, or add a template"
        )
    return plain_template(template)


def _cut(cutter: Any) -> str:  # noqa: ANN401 - any JSON
    """The name that llama.cpp has for how this tokenizer cuts a text into words before merging.

    Written out, since a wrong name gives a model that is subtly worse and no error. Raises ConversionError.
    """
    steps = cutter.get("pretokenizers", [cutter]) if isinstance(cutter, dict) else []
    if any(step.get("add_prefix_space") for step in steps):
        raise NotConverted(
            "the tokenizer puts a space before a text, which llama.cpp does not: train one that does not"
        )
    shape = [(step.get("type"), bool(step.get("use_regex", True))) for step in steps]
    if shape == [("ByteLevel", True)]:
        return "gpt-2"
    if shape == [("Digits", True), ("ByteLevel", True)] and steps[0].get("individual_digits"):
        return "smollm"
    if shape == [("Split", True), ("ByteLevel", False)]:
        pattern = (steps[0].get("pattern") or {}).get("Regex")
        if pattern == SPLIT_LLAMA_3 and steps[0].get("behavior") == "Isolated":
            return "llama-bpe"
    raise NotConverted(
        "the tokenizer cuts words in a way that is not converted here: use llama.cpp's own converter"
    )
