"""Fixtures of the training tests: a tiny random base, and a little talk to learn from."""

from __future__ import annotations

import os
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from chat.exports.export import Clock, Export, RowsBuilder
from chat.message import Chat, ChatKey
from inference.prompt import PromptFormat

if TYPE_CHECKING:
    from training.base import BaseFolder

MARKS = ("<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
FORM = PromptFormat(name="Sam", history_messages=6, control_tokens=MARKS)
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
ASKED = (
    "curry on Sunday?",
    "what time shall we meet?",
    "did you see the game",
    "so tired",
    "sushi or ramen?",
)
ANSWERED = (("yeah", "why not"), ("seven?",), ("lol yes", "so good"), ("same",), ("ramen",))


def needs_torch() -> None:
    """Skip where the extra `train` is missing; on CI that is a mistake of the set-up."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import torch
    except ImportError:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must install the extra `train`")
        pytest.skip("needs the extra `train`: make test TRAIN=1")
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _needs_torch(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("train"):
        needs_torch()


def export_of(lines: list[tuple[str, str, int]]) -> Export:
    """An export of messages: author, text, minutes since the last one."""
    at, rows = datetime(2024, 5, 1, 9), RowsBuilder()  # noqa: DTZ001
    for number, (name, text, minutes) in enumerate(lines):
        at += timedelta(minutes=minutes)
        rows.add(id=f"m{number}", author=name, name=name, at=at, text=text, file="chat.txt", line=number + 1)
    return Export(
        Chat(ChatKey("whatsapp", "Friday five"), "Friday five"),
        "whatsapp",
        "test",
        Clock.WALL,
        rows.table(),
        Path("chat.txt"),
        owner=frozenset({"Sam"}),
    )


def talk(conversations: int, seed: int = 0) -> Export:
    """Small talk in which Sam answers briefly, in lower case."""
    draw, lines = random.Random(seed), []
    for _ in range(conversations):
        pause = 600
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(ASKED))
            lines.append((draw.choice(("Mia", "Leo")), ASKED[place], pause))
            lines += [("Sam", bubble, 1) for bubble in ANSWERED[place]]
            pause = 2
    return export_of(lines)


def odd_lines(count: int, seed: int) -> list[str]:
    """Lines of everything that rules for cutting words look at."""
    draw = random.Random(seed)
    pieces = [
        "a",
        "the",
        "don't",
        "'s",
        " ",
        "  ",
        "\n",
        "\t",
        "7",
        "42",
        "1999",
        "é",
        "ß",
        "…",
        "!",
        "??",
        "😀",
        "👍🏽",
    ]
    pieces += [
        "я",
        "日",
        "\u00a0",
        "\u200d",
        "'",
        '"',
        "-",
        "_",
        "/",
        "<|end|>",
        "LOL",
        "I'LL",
        "\r",
        "٣",
        "½",
        "e\u0301",
    ]
    return ["".join(draw.choices(pieces, k=draw.randint(1, 12))) for _ in range(count)]


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> BaseFolder:
    """A Llama of two layers with random weights, and a byte-level BPE trained on the talk."""
    needs_torch()
    from training.base import BaseFolder

    path = tmp_path_factory.mktemp("tiny-base")
    make_base(path)
    return BaseFolder(path)


def make_base(path: Path, *, cutter: object = None, rope: dict[str, object] | None = None) -> None:
    """Write a tiny Llama to a folder; `cutter` is a pre-tokenizer other than GPT-2's."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cutter or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    said = [*ASKED, *(line for burst in ANSWERED for line in burst)] * 20
    # With merges across all that rules for cutting words part, so that a wrong rule gives other tokens.
    tokenizer.train_from_iterator([*said, *odd_lines(1000, seed=1)], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=list(MARKS[1:4]),
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(path)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        # Grouped keys, and a vocabulary padded beyond the tokenizer: both differ in GGUF.
        config = LlamaConfig(
            vocab_size=608,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=96,
            max_position_embeddings=1024,
            tie_word_embeddings=rope is None,
            rope_parameters=rope or {"rope_type": "default", "rope_theta": 10000.0},
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=4,
            initializer_range=0.1,
        )
        LlamaForCausalLM(config).save_pretrained(path)


LIKE_LLAMA_2 = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] + eos_token }}{% else %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% endif %}"
    "{% endfor %}"
)
"""A template that writes the mark at the beginning itself."""
LIKE_TINY_LLAMA = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + eos_token + '\n' }}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}"
)
"""One that begins with words, since its signs of roles are no tokens."""


def make_sentencepiece_base(
    path: Path,
    *,
    kind: str = "llama",
    spaces: str = "first",
    template: str = LIKE_LLAMA_2,
    opens: bool = True,
) -> BaseFolder:
    """Write a tiny Llama or Mistral whose tokenizer is as one made from a SentencePiece model.

    `spaces` are `first`, `always`, `never`, as transformers 5 loads Llama's tokenizers, or `prepend`: as tokenizer.json
    has it in the older way, which transformers keeps where no class is named. `opens` is whether `<s>` opens a text.
    """
    import torch
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        LlamaTokenizer,
        MistralConfig,
        MistralForCausalLM,
        PreTrainedTokenizerFast,
    )
    from transformers.convert_slow_tokenizer import generate_merges

    from training.base import BaseFolder

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    said = [*ASKED, *(line for burst in ANSWERED for line in burst)] * 20
    lines = [
        line.replace("日", "").replace("<|end|>", "[INST] a [/INST]") for line in odd_lines(1000, seed=1)
    ]
    learner.train_from_iterator([*said, *lines], trainers.BpeTrainer(vocab_size=400, show_progress=False))
    # No token has a control character in it: those are bytes.
    learned = sorted(filter(str.isprintable, learner.get_vocab()), key=learner.get_vocab().__getitem__)
    # As SentencePiece orders them: marks, bytes, what is joined by its score, letters at last.
    order = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    order += ["▁▁", "▁▁▁▁", "▁▁▁"]
    order += [token for token in learned if len(token) > 1]
    order += [token for token in learned if len(token) == 1]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(order))}
    merges = generate_merges(
        vocab, {token: -float(number) for token, number in vocab.items()}, skip_tokens=list(vocab)[:259]
    )
    marks = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>"}
    if spaces == "prepend":
        tokenizer = Tokenizer(
            models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
        )
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in list(vocab)[:3]])
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)
    else:
        fast = LlamaTokenizer(
            vocab=vocab,
            merges=merges,
            legacy=spaces == "always",
            add_prefix_space=spaces != "never",
            add_bos_token=opens,
            **marks,
        )
    fast.chat_template = template
    fast.save_pretrained(path)
    measures = {
        "vocab_size": len(vocab) + 5,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 96,
        "max_position_embeddings": 1024,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "initializer_range": 0.1,
    }
    with torch.random.fork_rng():
        torch.manual_seed(2)
        if kind == "mistral":
            config = MistralConfig(**measures, head_dim=32, sliding_window=None)
            MistralForCausalLM(config).save_pretrained(path)
        else:
            LlamaForCausalLM(LlamaConfig(**measures)).save_pretrained(path)
    return BaseFolder(path)
