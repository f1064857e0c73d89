"""Voices: how a speaker types, and the slips of friends who type in a hurry."""

import random
import re
from dataclasses import dataclass

LAUGHS = {
    "none": [""],
    "haha": ["haha", "haha", "hahaha"],
    "lol": ["lol", "lol", "lmao"],
    "tears": ["😂", "😂😂"],
    "hehe": ["hehe", ":D"],
}
GLAD = ["😊", "🙂", "🎉", "😄", "❤️", "😍", "🥳", ":)", "👍", "✨"]
SAD = ["😢", "😭", "🙈", ":(", "😩", "🥲", "😞"]
SHORT_FORMS = {
    "you": "u",
    "are": "r",
    "your": "ur",
    "tomorrow": "tmrw",
    "please": "pls",
    "because": "bc",
    "want to": "wanna",
    "going to": "gonna",
    "don't know": "dunno",
    "tonight": "tonite",
    "thanks": "thx",
    "people": "ppl",
    "weekend": "wknd",
    "okay": "ok",
}
DROPPABLE = ["the", "a", "i", "is", "to", "are", "do", "it", "just", "some"]


@dataclass(frozen=True)
class Voice:
    """One way of typing; the probabilities are per bubble, that of `short` per word that has a short form."""

    lower: bool = False
    apostrophes: bool = True
    period: float = 0.0
    question: float = 1.0
    exclamation: float = 0.5
    laugh: str = "none"
    laughs: float = 0.3
    emoji: float = 0.1
    burst: float = 0.3
    dry: float = 0.0
    slips: float = 0.0
    short: float = 0.0
    trails: float = 0.0


def draw_friend(rng: random.Random) -> Voice:
    """Draw the voice of someone who is not the assistant."""
    return Voice(
        lower=rng.random() < 0.4,
        apostrophes=rng.random() < 0.75,
        period=rng.choice([0, 0, 0.3, 0.8]),
        question=rng.choice([1, 1, 0.6]),
        exclamation=rng.choice([0, 0.5, 1]),
        laugh=rng.choice(list(LAUGHS)),
        laughs=rng.choice([0.2, 0.5, 0.9]),
        emoji=rng.choice([0, 0.2, 0.6]),
        burst=rng.choice([0, 0.5]),
        dry=rng.choice([0, 0, 0, 0.3]),
        slips=rng.choice([0, 0, 0.1, 0.3]),
    )


def draw_assistant(rng: random.Random) -> Voice:
    """Draw the voice of a corpus assistant: plain or dry, in all sorts of typing."""
    kind = rng.random()
    if kind < 0.30:
        return Voice(
            lower=True,
            apostrophes=False,
            question=rng.choice([0.5, 1]),
            exclamation=0,
            laugh=rng.choice(["lol", "none", "lol"]),
            laughs=0.3,
            emoji=0.01,
            burst=0.9,
            dry=1,
        )
    if kind < 0.45:
        return Voice(period=rng.choice([0, 0.6]), laugh=rng.choice(["none", "haha"]), burst=0.3, dry=0)
    return Voice(
        lower=rng.random() < 0.5,
        apostrophes=rng.random() < 0.6,
        period=rng.choice([0, 0, 0.4]),
        question=rng.choice([1, 0.6]),
        exclamation=rng.choice([0, 0.5]),
        laugh=rng.choice(list(LAUGHS)),
        laughs=rng.choice([0.2, 0.5]),
        emoji=rng.choice([0, 0, 0.4]),
        burst=rng.choice([0, 0.5, 1]),
        dry=rng.choice([0, 0.5, 1]),
    )


def bubbles(text: str, voice: Voice, rng: random.Random) -> list[str]:
    """Part a template's text at `//` into bubbles, or join it, as the voice does."""
    parts = [part.strip() for part in text.split("//") if part.strip()]
    if len(parts) > 1 and rng.random() >= voice.burst:
        joint = " " if parts[0][-1] in "?!." else ", "
        return [joint.join(parts)]
    if len(parts) == 1 and ", " in parts[0] and rng.random() < 0.3 * voice.burst:
        return parts[0].split(", ", 1)
    return parts


def typed(text: str, voice: Voice, rng: random.Random) -> str:
    """Type a bubble: laugh and emoji marks, capitals, apostrophes, end marks."""
    text = text.replace("~", rng.choice(LAUGHS[voice.laugh]) if rng.random() < voice.laughs else "")
    text = text.replace("^", rng.choice(GLAD) if rng.random() < voice.emoji else "")
    text = text.replace("_", rng.choice(SAD) if rng.random() < voice.emoji else "")
    text = re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\s+", " ", text)).strip(" ,")
    if "!" in text and rng.random() >= voice.exclamation:
        text = text.replace("!", "").strip()
    if text.endswith("?") and rng.random() >= voice.question:
        text = text[:-1]
    text = text or ("lol" if voice.laugh == "lol" else "haha")
    if voice.lower:
        text = text.lower()
    else:
        text = re.sub(r"\bi\b(?!\.)", "I", text)
        text = re.sub(r"(^|[.?!]\s+)([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)
        if text[-1].isalnum() and rng.random() < voice.period:
            text += "."
    if not voice.apostrophes:
        text = re.sub(r"(?<=[a-z])'(?=(t|s|m|re|ll|ve|d)\b)", "", text, flags=re.IGNORECASE)
    text = clipped(text, voice)
    return slipped(text, voice, rng) if rng.random() < voice.slips else text


def clipped(text: str, voice: Voice) -> str:
    """Type short forms out of habit, and trail off.

    Drawn from the text itself, so that the lines of those who do neither stay what they are.
    """
    rng = random.Random(text)
    for word, short in SHORT_FORMS.items():
        if rng.random() < voice.short:
            text = re.sub(rf"(?<![\w']){re.escape(word)}(?![\w'])", short, text)
    return text + "..." if text[-1].isalnum() and rng.random() < voice.trails else text


def slipped(text: str, voice: Voice, rng: random.Random) -> str:
    """Put one hurried slip into a bubble: a short form, a lost word, a wrong letter, a tail."""
    kind = rng.random()
    words = text.split(" ")
    if kind < 0.3:
        found = [w for w in SHORT_FORMS if f" {w} " in f" {text} "]
        if found:
            word = rng.choice(found)
            return f" {text} ".replace(f" {word} ", f" {SHORT_FORMS[word]} ").strip()
    if kind < 0.55 and len(words) > 3:
        found = [w for w in words if w.lower() in DROPPABLE]
        if found:
            words.remove(rng.choice(found))
            return " ".join(words)
    if kind < 0.75:
        place = rng.randrange(len(words))
        word = words[place]
        if len(word) > 3 and word.isalpha():
            at = rng.randrange(1, len(word) - 1)
            words[place] = rng.choice(
                [
                    word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                    word[:at] + word[at + 1 :],
                    word[:at] + word[at] + word[at:],
                ]
            )
            return " ".join(words)
    if kind < 0.85:
        return rng.choice([text.upper(), text.lower(), text.rstrip("?.!")]) or text
    head = ["ok so ", "hey ", "btw ", "so ", "um ", "wait ", "guys ", "right, ", "anyway ", "and "]
    tail = [" tbh", " lol", " haha", " guys", " though", " right now", " tho", "...", " honestly"]
    return rng.choice(head) + text if rng.random() < 0.5 else text + rng.choice(tail)
