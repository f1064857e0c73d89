"""A model in this process as a speaker: for the search, and for personas that no server here can load."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from inference.errors import SamplingUnsupported
from inference.sampling import Sampling
from training.evaluation.speaker import Answer, seeds, with_stops

_BATCH = 16


class TorchSpeaker:
    """Goes on with prompts in batches, and draws as a server does.

    Each answer has random numbers of its own, so that what stands beside it in a batch changes nothing but rounding.
    With `bare`, a model that carries an adapter answers without it.
    """

    def __init__(self, model: Any, tokenizer: Any, *, bare: bool = False, batch: int = _BATCH) -> None:  # noqa: ANN401
        self._model = model
        self._tokenizer = tokenizer
        self._bare = bare
        self._batch = batch
        self._ends = _end_tokens(model, tokenizer)
        self._longest = getattr(model.config, "max_position_embeddings", None) or 1 << 30

    async def answers(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        """See `Speaker.answers`."""
        return await asyncio.to_thread(self.answers_now, prompts, sampling, stop, seed)

    def answers_now(
        self, prompts: Sequence[str], sampling: Sampling, stop: tuple[str, ...], seed: int
    ) -> tuple[Answer | None, ...]:
        """See `Speaker.answers`; blocks, for those who are in a thread already. Beams raise SamplingUnsupported."""
        if sampling.beams > 1:
            raise SamplingUnsupported("there is no beam search in this process: serve the persona with vLLM")
        wanted = with_stops(sampling, stop)
        ids = [self._tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
        own = seeds(seed, prompts)
        found: list[Answer | None] = [None] * len(prompts)
        # Alike lengths together: what is filled up is computed for nothing.
        fitting = [place for place, row in enumerate(ids) if len(row) + wanted.max_tokens <= self._longest]
        fitting.sort(key=lambda place: len(ids[place]))
        training = self._model.training
        self._model.eval()
        try:
            for begin in range(0, len(fitting), self._batch):
                places = fitting[begin : begin + self._batch]
                with torch.inference_mode(), self._without_adapter():
                    rows = _Writing(
                        self, [ids[place] for place in places], wanted, [own[p] for p in places]
                    ).run()
                for place, answer in zip(places, rows, strict=True):
                    found[place] = answer
        finally:
            self._model.train(training)
        return tuple(found)

    def _without_adapter(self) -> AbstractContextManager[Any]:
        if not self._bare:
            return nullcontext()
        return self._model.disable_adapter()  # type: ignore[no-any-return]

    def read(self, prompt: Sequence[int], answer: Sequence[int]) -> str:
        """Give the text of an answer as a server streams it: some tokenizers drop the first blank of a text."""
        before = self._text(prompt[-1:])
        return self._text([*prompt[-1:], *answer])[len(before) :]

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


class _Writing:
    """One batch on its way, a token at a time."""

    def __init__(
        self, speaker: TorchSpeaker, prompts: Sequence[Sequence[int]], sampling: Sampling, own: Sequence[int]
    ) -> None:
        self._speaker = speaker
        self._prompts = prompts
        self._sampling = sampling
        self._draws = [torch.Generator().manual_seed(seed) for seed in own]
        self._said: list[list[int]] = [[] for _ in prompts]
        self._done: list[Answer | None] = [None] * len(prompts)

    def run(self) -> list[Answer]:
        model = self._speaker._model
        device = model.device
        longest = max(map(len, self._prompts))
        ids = torch.zeros((len(self._prompts), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(self._prompts):
            # Filled up on the left, so that all answers begin at one place.
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        ids, mask = ids.to(device), mask.to(device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        cache = None
        for _ in range(self._sampling.max_tokens):
            made = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = made.past_key_values
            tokens = self._draw(made.logits[:, -1].float().cpu())
            self._take(tokens)
            if all(self._done):
                break
            ids = torch.tensor(tokens, device=device).unsqueeze(1)
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
            positions = positions[:, -1:] + 1
        return [
            answer or self._answer(row, self._said[row], "length") for row, answer in enumerate(self._done)
        ]

    def _draw(self, logits: Any) -> list[int]:  # noqa: ANN401 - torch is untyped here
        """Draw a token a row: penalty over prompt and answer, temperature, min_p, top_p; see `inference.protocol`."""
        sampling = self._sampling
        if sampling.repeat_penalty != 1:
            for row, scores in enumerate(logits):
                met = torch.tensor(sorted({*self._prompts[row], *self._said[row]}))
                known = scores[met]
                scores[met] = torch.where(
                    known > 0, known / sampling.repeat_penalty, known * sampling.repeat_penalty
                )
        logits[:, list(sampling.banned_tokens)] = -torch.inf
        if sampling.temperature == 0:
            return [int(token) for token in logits.argmax(-1)]
        chances = (logits / sampling.temperature).softmax(-1)
        if sampling.min_p:
            chances[chances < sampling.min_p * chances.max(-1, keepdim=True).values] = 0
            chances /= chances.sum(-1, keepdim=True)
        if sampling.top_p < 1:
            ranked, order = torch.sort(chances, dim=-1, descending=True, stable=True)
            # A token stays while those before it have less than the share.
            ranked[ranked.cumsum(-1) - ranked >= sampling.top_p] = 0
            chances = torch.zeros_like(chances).scatter(-1, order, ranked)
        return [
            int(torch.multinomial(row, 1, generator=draw))
            for row, draw in zip(chances, self._draws, strict=True)
        ]

    def _take(self, tokens: Sequence[int]) -> None:
        for row, token in enumerate(tokens):
            if self._done[row] is not None:
                continue
            said = self._said[row]
            if token in self._speaker._ends:
                self._done[row] = self._answer(row, said, "stop", ended=1)
                continue
            said.append(token)
            if not self._sampling.stop:
                continue
            text = self._speaker.read(self._prompts[row], said)
            stops = [text.index(stop) for stop in self._sampling.stop if stop in text]
            if stops:
                self._done[row] = Answer(text[: min(stops)], len(said), "stop")

    def _answer(self, row: int, said: Sequence[int], finish: Any, ended: int = 0) -> Answer:  # noqa: ANN401
        return Answer(self._speaker.read(self._prompts[row], said), len(said) + ended, finish)


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:  # noqa: ANN401 - transformers is untyped here
    """What servers end an answer at: what the model's settings and its tokenizer call its end."""
    named = getattr(model.generation_config, "eos_token_id", None)
    found = {*(named if isinstance(named, list) else [named]), tokenizer.eos_token_id}
    return frozenset(token for token in found if token is not None)
