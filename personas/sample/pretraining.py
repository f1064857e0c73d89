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

HELD_OUT = 1_000
OTHERS_WEIGHT = 0.3
WARM_UP_STEPS = 60
DECAY_SHARE = 0.65
LONG_SHARE = 0.15
MATRIX_RATE = 0.02
VECTOR_RATE = 3e-3
SAVE_MINUTES = 5.0
LAST_MINUTES = 8.0


@dataclass(frozen=True)
class Stream:
    """All tokens of some conversations in one row, and how much each counts."""

    tokens: Tensor
    weights: Tensor

    def batches(self, rows: int, length: int, start: int = 0) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Cut the stream into batches, in order, again and again; gives the place reached."""
        span = rows * length
        place = start
        while True:
            if place + span + 1 > len(self.tokens):
                place = int(torch.randint(0, length, ()))
            tokens = self.tokens[place : place + span + 1].long()
            weights = self.weights[place + 1 : place + span + 1].float()
            place += span
            inputs, labels = tokens[:-1].view(rows, length), tokens[1:].view(rows, length)
            yield place, torch.stack([inputs, labels]), weights.view(rows, length)


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
    weights = reply_weights(tokens, tokenizer)
    starts = (tokens == tokenizer.convert_tokens_to_ids("<|system|>")).nonzero().flatten()
    cut = int(starts[-HELD_OUT])
    return Stream(tokens[:cut], weights[:cut]), Stream(tokens[cut:], weights[cut:])


def encoded(chunk: list[str], tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Tokenize some conversations into one array."""
    found = tokenizer.backend_tokenizer.encode_batch(chunk, add_special_tokens=False)
    return np.concatenate([np.array(e.ids, dtype=np.uint16) for e in found])


def reply_weights(tokens: Tensor, tokenizer: PreTrainedTokenizerFast) -> Tensor:
    """Weigh replies and their end mark fully, all else a little."""
    opened = tokens == tokenizer.convert_tokens_to_ids("<|assistant|>")
    closed = tokens == tokenizer.convert_tokens_to_ids("<|end|>")
    places = torch.arange(len(tokens))
    last_open = torch.where(opened, places, -1).cummax(0).values
    last_close = torch.where(closed, places, -1).roll(1)
    last_close[0] = -1
    inside = (last_open > last_close.cummax(0).values) & ~opened
    return torch.where(inside, 1.0, OTHERS_WEIGHT).half()


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

    def plain_loss(self, pair: Tensor, weights: Tensor) -> Tensor:
        """Compute the weighted next-token loss of a batch."""
        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.model.model(input_ids=pair[0], use_cache=False).last_hidden_state
            logits = hidden @ self.model.lm_head.weight.T
        losses = nn.functional.cross_entropy(
            logits.float().flatten(0, 1), pair[1].flatten(), reduction="none"
        )
        return (losses * weights.flatten()).sum() / weights.sum()

    def hurry(self, signum: int, frame: FrameType | None) -> None:
        """Finish within a few minutes; the learning rate falls to nothing till then."""
        self.deadline = min(self.deadline, time.monotonic() + LAST_MINUTES * 60)

    def scale(self) -> float:
        """Return the learning rate's share: warm up, stay, fall."""
        left = max(0.0, self.deadline - time.monotonic())
        return min(1.0, (self.steps + 1) / WARM_UP_STEPS, 0.01 + left / (DECAY_SHARE * self.total))

    def step(self, pair: Tensor, weights: Tensor) -> float:
        """Take one step and return its loss."""
        scale = self.scale()
        loss = self.loss(pair, weights)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, rate in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.seen += pair[0].numel()
        return loss.item()

    def validate(self, stream: Stream, length: int = 256, rows: int = 32) -> tuple[float, float]:
        """Return the held-out loss of all tokens as weighted, and of replies alone."""
        sums = np.zeros(4)
        batches = stream.batches(rows, length)
        for _ in range((len(stream.tokens) - 1) // (rows * length)):
            _, pair, weights = next(batches)
            replies = (weights == 1).float()
            with torch.no_grad():
                all_loss = self.plain_loss(pair, weights).item()
                reply_loss = self.plain_loss(pair, replies).item()
            whole, part = weights.sum().item(), replies.sum().item()
            sums += np.array([all_loss * whole, whole, reply_loss * part, part])
        return sums[0] / sums[1], sums[2] / sums[3]

    def run(self, train: Stream, held: Stream, rows: int, out: Path, most_tokens: float) -> None:
        """Train until the clock or the token count runs out, saving every few minutes."""
        length, place, saved, average = 256, 0, self.began, math.nan
        batches = train.batches(rows, length)
        while (left := self.deadline - time.monotonic()) > 0 and self.seen < most_tokens:
            if length == 256 and left < LONG_SHARE * self.total:
                length, rows = 512, rows // 2
                batches = train.batches(rows, length, place)
            place, pair, weights = next(batches)
            loss = self.step(pair, weights)
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
        state = {k: v.half() for k, v in self.model.state_dict().items()}
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
    parser.add_argument("--rows", type=int, default=48, help="rows of 256 tokens in a batch")
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
