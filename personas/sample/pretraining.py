"""Train the base from scratch on the corpus, on a clock, and save it in half precision."""

import argparse
import json
import math
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from personas.sample.grammar.transcript import rendered

HELD_OUT = 600
LENGTH = 384
PICKED_SHARE = 0.4
WARM_UP_STEPS = 60
DECAY_SHARE = 0.65
MATRIX_RATE = 0.02
VECTOR_RATE = 3e-3
SAVE_MINUTES = 8.0
LAST_MINUTES = 8.0


@dataclass(frozen=True)
class Batch:
    """Rows of tokens, the places whose next token counts, and those next tokens."""

    inputs: Tensor
    places: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Stream:
    """All tokens of some conversations in one row, and which belong to replies."""

    tokens: Tensor
    replies: Tensor

    def batches(self, rows: int, length: int) -> Iterator[Batch]:
        """Cut the stream into batches, in order, again and again.

        The output layer costs nearly half a step, so it sees a share of the places only:
        every token of a reply, and others drawn by chance.
        """
        span = rows * length
        start = 0
        while True:
            if start + span + 1 > len(self.tokens):
                start = int(torch.randint(0, length, ()))
            tokens = self.tokens[start : start + span + 1].long()
            luck = torch.rand(span) + self.replies[start + 1 : start + span + 1]
            places = luck.topk(int(PICKED_SHARE * span)).indices.sort().values
            start += span
            yield Batch(tokens[:-1].view(rows, length), places, tokens[1:][places])


def read_streams(corpus: Path, tokenizer: PreTrainedTokenizerFast) -> tuple[Stream, Stream]:
    """Tokenize the corpus into a training stream and a held-out stream."""
    parts: list[np.ndarray] = []
    with corpus.open(encoding="utf-8") as file:
        chunk: list[str] = []
        for line in file:
            chunk.append(rendered(json.loads(line)))
            if len(chunk) == 10_000:
                parts.append(encoded(chunk, tokenizer))
                chunk = []
        if chunk:
            parts.append(encoded(chunk, tokenizer))
    tokens = torch.from_numpy(np.concatenate(parts).astype(np.int32))
    replies = reply_places(tokens, tokenizer)
    starts = (tokens == tokenizer.convert_tokens_to_ids("<|system|>")).nonzero().flatten()
    cut = int(starts[-HELD_OUT])
    return Stream(tokens[:cut], replies[:cut]), Stream(tokens[cut:], replies[cut:])


def encoded(chunk: list[str], tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Tokenize some conversations into one array."""
    found = tokenizer.backend_tokenizer.encode_batch(chunk, add_special_tokens=False)
    return np.concatenate([np.array(e.ids, dtype=np.uint16) for e in found])


def reply_places(tokens: Tensor, tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """Tell which tokens belong to replies, their end mark included."""
    opened = tokens == tokenizer.convert_tokens_to_ids("<|assistant|>")
    closed = tokens == tokenizer.convert_tokens_to_ids("<|end|>")
    places = torch.arange(len(tokens))
    last_open = torch.where(opened, places, -1).cummax(0).values
    last_close = torch.where(closed, places, -1).roll(1)
    last_close[0] = -1
    return (last_open > last_close.cummax(0).values) & ~opened


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Make the base: four layers, four million parameters, tied embeddings."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


class Trainer:
    """Trains one model on one stream until its clock runs out."""

    def __init__(self, model: LlamaForCausalLM, minutes: float) -> None:
        self.model = model
        self.began = time.monotonic()
        self.total = minutes * 60
        self.deadline = self.began + self.total
        matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
        vectors = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimizers: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.Muon(matrices, lr=MATRIX_RATE, weight_decay=0.01), MATRIX_RATE),
            (
                torch.optim.AdamW(vectors, lr=VECTOR_RATE, betas=(0.9, 0.95), weight_decay=0.0),
                VECTOR_RATE,
            ),
        ]
        self.loss = torch.compile(self.plain_loss)
        self.steps = 0
        self.seen = 0

    def plain_loss(self, inputs: Tensor, places: Tensor, labels: Tensor) -> Tensor:
        """Compute the next-token loss at some places of a batch."""
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.model.model(input_ids=inputs, use_cache=False).last_hidden_state
            logits = hidden.flatten(0, 1)[places] @ self.model.lm_head.weight.T
        return nn.functional.cross_entropy(logits.float(), labels)

    def hurry(self, signum: int, frame: FrameType | None) -> None:
        """Finish within a few minutes; the learning rate falls to nothing till then."""
        self.deadline = min(self.deadline, time.monotonic() + LAST_MINUTES * 60)

    def scale(self) -> float:
        """Return the learning rate's share: warm up, stay, fall."""
        left = max(0.0, self.deadline - time.monotonic())
        return min(1.0, (self.steps + 1) / WARM_UP_STEPS, 0.01 + left / (DECAY_SHARE * self.total))

    def step(self, batch: Batch) -> float:
        """Take one step and return its loss."""
        scale = self.scale()
        loss = self.loss(batch.inputs, batch.places, batch.labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, rate in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.seen += batch.inputs.numel()
        return float(loss.item())

    def validate(self, stream: Stream, length: int = 256) -> tuple[float, float]:
        """Return the held-out loss of all tokens and of replies alone."""
        rows = (len(stream.tokens) - 1) // length
        tokens = stream.tokens[: rows * length + 1].long()
        inputs, labels = tokens[:-1].view(rows, length), tokens[1:]
        replies = stream.replies[1 : rows * length + 1].nonzero().flatten()
        everywhere = torch.arange(rows * length)
        with torch.no_grad():
            losses = [
                self.plain_loss(inputs, places, labels[places]).item() for places in (everywhere, replies)
            ]
        return losses[0], losses[1]

    def run(self, train: Stream, held: Stream, rows: int, out: Path, most_tokens: float) -> None:
        """Train until the clock or the token count runs out, saving every few minutes."""
        saved, average = self.began, math.nan
        batches = train.batches(rows, LENGTH)
        while time.monotonic() < self.deadline and self.seen < most_tokens:
            loss = self.step(next(batches))
            average = loss if math.isnan(average) else 0.98 * average + 0.02 * loss
            if self.steps % 50 == 0:
                self.report(average)
            if time.monotonic() - saved > SAVE_MINUTES * 60:
                saved = time.monotonic()
                self.save(out, held)
        self.save(out, held)

    def report(self, average: float) -> None:
        """Print how far the training is."""
        minutes = (time.monotonic() - self.began) / 60
        print(
            f"{minutes:.1f} min, step {self.steps}, {self.seen / 1e6:.1f} M tokens, "
            f"{self.seen / minutes / 60:.0f} tokens/s, loss {average:.4f}, rate {self.scale():.3f}",
            flush=True,
        )

    def save(self, out: Path, held: Stream) -> None:
        """Print the held-out losses and save the model in half precision."""
        whole, replies = self.validate(held)
        print(f"held-out loss {whole:.4f}, replies {replies:.4f}", flush=True)
        tied = "lm_head.weight"
        state = {k: v.half() for k, v in self.model.state_dict().items() if k != tied}
        self.model.save_pretrained(out, state_dict=state)
        config = json.loads((out / "config.json").read_text(encoding="utf-8"))
        config["dtype"] = "float16"
        (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the corpus, train, save into the folder that holds the tokenizer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="the folder with the tokenizer")
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--tokens", type=float, default=math.inf, help="stop after this many")
    parser.add_argument("--rows", type=int, default=24, help="rows of 384 tokens in a batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.base)
    train, held = read_streams(options.corpus, tokenizer)
    print(f"{len(train.tokens) / 1e6:.1f} M training tokens", flush=True)
    model = new_model(tokenizer)
    trainer = Trainer(model, options.minutes)
    signal.signal(signal.SIGUSR1, trainer.hurry)
    trainer.run(train, held, options.rows, options.base, options.tokens)


if __name__ == "__main__":
    main()
