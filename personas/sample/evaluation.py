"""Measure a base, or a base with an adapter: facts repeated, non-words, style."""

import argparse
import json
import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from personas.sample.export import KEPT_BACK_COUNTS, ME, VOICES, cast
from personas.sample.grammar.talk import Cast, Talk
from personas.sample.grammar.template import read_acts, read_rows
from personas.sample.grammar.transcript import Message, messages

ANSWERS = {
    "planned": "time",
    "placed": "place",
    "whatday": "day",
    "bring": "role_a",
    "bring2": "role_b",
    "recall": "v",
    "recall_far": "v",
    "which_of": "v",
    "or": "x",
}
WORD = re.compile(r"[a-z']+")
RARE = 2
ROWS = 48


@dataclass(frozen=True)
class Question:
    """A chat whose last message asks for a value said before, and what would do."""

    kind: str
    chat: list[Message]
    values: tuple[str, ...]


@dataclass(frozen=True)
class Speaker:
    """A model that replies."""

    model: PeftModel
    tokenizer: PreTrainedTokenizerFast

    def reply(self, chats: Sequence[list[Message]], temperature: float) -> list[str]:
        """Reply to each chat; a temperature of nothing takes the likeliest words."""
        replies: list[str] = []
        for start in range(0, len(chats), ROWS):
            batch = self.tokenizer.apply_chat_template(
                list(chats[start : start + ROWS]),
                add_generation_prompt=True,
                padding=True,
                return_tensors="pt",
                return_dict=True,
            )
            sampling = {"temperature": temperature, "top_p": 0.9, "top_k": 0} if temperature else {}
            with torch.no_grad():
                rows = self.model.generate(
                    input_ids=batch["input_ids"],
                    attention_mask=batch["attention_mask"],
                    do_sample=temperature > 0,
                    max_new_tokens=40,
                    pad_token_id=self.tokenizer.pad_token_id,
                    eos_token_id=self.tokenizer.eos_token_id,
                    **sampling,
                )
            length = batch["input_ids"].shape[1]
            replies += [self.tokenizer.decode(r[length:], skip_special_tokens=True) for r in rows]
        return replies


def load(base: Path, adapter: Path | None) -> Speaker:
    """Load a base, with an adapter if there is one."""
    tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter)
    return Speaker(model.eval(), tokenizer)


def questions(count: int, seed: int, draw_cast: Callable[[Talk], Cast]) -> list[Question]:
    """Write chats that ask the assistant for a value said before."""
    talk = Talk(seed)
    scenes = [s for s in talk.scenes if s.name in ANSWERS]
    found: list[Question] = []
    while len(found) < count:
        scene = talk.rng.choice(scenes)
        group = draw_cast(talk)
        talk.lines = []
        talk.play(scene, group)
        chat = messages(talk.lines, group.me, group.group)
        own = [i for i, message in enumerate(chat) if message["role"] == "assistant"]
        if not own or own[-1] < 2:
            continue
        value = talk.words[ANSWERS[scene.name]]
        values = (value, talk.words["x2"]) if scene.name == "or" else (value,)
        if any(holds(chat[own[-1]]["content"], v) for v in values):
            found.append(Question(scene.name, chat[: own[-1]], values))
    return found


def holds(reply: str, value: str) -> bool:
    """Tell whether a reply holds a value, whatever its apostrophes."""
    return value.lower().replace("'", "") in reply.lower().replace("'", "")


def copied(speaker: Speaker, asked: Sequence[Question]) -> dict[str, float]:
    """Return the share of questions answered with the right value, by kind and over all."""
    replies = speaker.reply([q.chat for q in asked], 0)
    right = [any(holds(r, v) for v in q.values) for q, r in zip(asked, replies, strict=True)]
    shares = {
        kind: statistics.mean(r for q, r in zip(asked, right, strict=True) if q.kind == kind)
        for kind in sorted({q.kind for q in asked})
    }
    return shares | {"all": statistics.mean(right)}


def known_words(conversations: int, seed: int) -> set[str]:
    """Return the words that assistants of the corpus use more than once or twice."""
    talk = Talk(seed)
    counts: Counter[str] = Counter()
    for _ in range(conversations):
        group = talk.draw_cast()
        for message in messages(talk.converse(group, 2), group.me, group.group):
            if message["role"] == "assistant":
                counts.update(WORD.findall(message["content"].lower()))
    own = [t for templates in read_acts("sam.txt").values() for t in templates]
    own += [replies for _, replies in read_rows("small_talk.txt")]
    words = {word for word, count in counts.items() if count > RARE}
    return words | {word for t in own for word in WORD.findall(t.replace("'", ""))}


def held_out(count: int, seed: int) -> tuple[list[list[Message]], list[str]]:
    """Return chats up to a reply of Sam's, and what he said, from templates kept back."""
    talk = Talk(seed, kept_back=True)
    chats: list[list[Message]] = []
    said: list[str] = []
    while len(chats) < count:
        group = cast()
        chat = messages(talk.converse(group, talk.rng.choice(KEPT_BACK_COUNTS)), ME, list(VOICES))
        for index, message in enumerate(chat):
            if message["role"] == "assistant" and len(chats) < count:
                chats.append(chat[:index])
                said.append(message["content"])
    return chats, said


def style(replies: Sequence[str]) -> dict[str, float]:
    """Return the figures of a way of talking."""
    bubbles = [b for reply in replies for b in reply.split("\n") if b.strip()]
    return {
        "lower case": statistics.mean(b == b.lower() for b in bubbles),
        "words a bubble": statistics.mean(len(b.split()) for b in bubbles),
        "bubbles a reply": len(bubbles) / len(replies),
        "lol": statistics.mean("lol" in b.lower().split() for b in bubbles),
        "end mark": statistics.mean(b[-1] in ".!?" for b in bubbles),
        "apostrophe": statistics.mean("'" in b for b in bubbles),
        "distinct": len(set(replies)) / len(replies),
    }


def non_words(chats: Sequence[list[Message]], replies: Sequence[str], known: set[str]) -> float:
    """Return the share of replies with a word neither known nor said in the chat."""
    bad = 0
    for chat, reply in zip(chats, replies, strict=True):
        said = set(WORD.findall(" ".join(m["content"] for m in chat).lower()))
        bad += any(w not in known and w not in said for w in WORD.findall(reply.lower()))
    return bad / len(replies)


def main() -> None:
    """Print all figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--count", type=int, default=240)
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--show", type=int, default=0, help="print this many replies")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    speaker = load(options.base, options.adapter)
    draw = (lambda talk: cast()) if options.adapter else (lambda talk: talk.draw_cast())
    asked = questions(options.count, 10_007, draw)
    chats, said = held_out(options.count, 10_009)
    replies = speaker.reply(chats, options.temperature)
    known = known_words(20_000, 10_037)
    for chat, reply in list(zip(chats, replies, strict=True))[: options.show]:
        print(f"{chat[-1]['content']!r} -> {reply!r}")
    figures = {
        "copied": copied(speaker, asked),
        "non-words": non_words(chats, replies, known),
        "style": style(replies),
        "style of Sam": style(said),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
