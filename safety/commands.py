"""Words with which people in a chat tell the stand-in to leave them alone, and to come back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chat.message import Message
from safety.folding import fold

STOP_PHRASES: Final = (
    *("stop talking to me", "don't talk to me", "do not talk to me"),
    *(
        "hör auf, mit mir zu reden",
        "hör auf mit mir zu sprechen",
        "rede nicht mit mir",
        "sprich nicht mit mir",
    ),
    *("deja de hablarme", "deja de hablar conmigo", "no me hables"),
    *("arrête de me parler", "ne me parle plus", "ne me parle pas"),
    *("pare de falar comigo", "para de falar comigo", "não fale comigo", "não fales comigo"),
    *("smetti di parlarmi", "smettila di parlarmi", "non parlarmi", "non parlare con me"),
    *("stop met tegen me praten", "stop met tegen mij te praten", "praat niet tegen me", "praat niet met me"),
)
START_PHRASES: Final = (
    *("you may talk to me again", "you can talk to me again", "talk to me again"),
    *("du darfst wieder mit mir reden", "du kannst wieder mit mir reden", "rede wieder mit mir"),
    *("puedes volver a hablarme", "puedes hablarme de nuevo", "háblame otra vez"),
    *("tu peux me reparler", "tu peux de nouveau me parler", "reparle-moi"),
    *("pode falar comigo de novo", "podes falar comigo outra vez", "pode voltar a falar comigo"),
    *("puoi parlarmi di nuovo", "puoi tornare a parlarmi"),
    *("je mag weer met me praten", "je mag weer tegen me praten", "praat weer met me"),
)
# "never stop talking to me" is the opposite.
_NEGATIONS: Final = frozenset(
    {
        "never",
        "dont",
        "not",
        "nie",
        "niemals",
        "nicht",
        "nunca",
        "jamais",
        "nao",
        "no",
        "mai",
        "non",
        "nooit",
        "niet",
    }
)


class Order(StrEnum):
    """What a person in a chat may order of the stand-in."""

    STOP = "stop"
    """Stop talking to me."""
    START = "start"
    """You may talk to me again."""


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """The phrases, each list as a whole: what is set takes the place of the default."""

    stop: tuple[str, ...] = STOP_PHRASES
    start: tuple[str, ...] = START_PHRASES


class Commands:
    """Finds orders in messages, however they are cased, accented and punctuated.

    A phrase counts when it is the whole message (names of the persona aside), and within a longer one when that
    names the persona or replies to it. Rather once too often: who did not mean it has a phrase for the way back.
    Raises ValueError for a phrase without a letter.
    """

    def __init__(self, settings: CommandSettings) -> None:
        self._phrases = {Order.STOP: _phrases(settings.stop), Order.START: _phrases(settings.start)}

    def given_in(self, message: Message, names: Iterable[str], *, to_persona: bool = False) -> Order | None:
        """Give the order in a message; `names` are the persona's, `to_persona` says that it replies to it."""
        if message.own or message.forwarded or message.author.is_bot:
            return None
        text = _words(message.text)
        bare = text
        for name in sorted(filter(None, map(_words, names)), key=len, reverse=True):
            bare = _without(bare, name)
        addressed = to_persona or bare != text
        # The way back first: "talk to me again" holds no phrase that stops, but a language may have one that does.
        for order in (Order.START, Order.STOP):
            if any(bare == phrase or (addressed and _said(phrase, bare)) for phrase in self._phrases[order]):
                return order
        return None

    def hinted_in(self, message: Message) -> bool:
        """Whether a phrase stands in a message at all, so that it is worth asking what it replies to."""
        text = _words(message.text)
        return any(_said(phrase, text) for phrases in self._phrases.values() for phrase in phrases)


def _phrases(texts: Iterable[str]) -> tuple[str, ...]:
    phrases = tuple(_words(text) for text in texts)
    if not all(phrases):
        raise ValueError("a phrase needs a letter")
    return phrases


def _words(text: str) -> str:
    """The folded words of a text, one space between each two; an apostrophe parts nothing."""
    return " ".join(re.findall(r"\w+", re.sub(r"['’‘`´]", "", fold(text))))


def _without(text: str, name: str) -> str:
    return " ".join(re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", " ", text).split())


def _said(phrase: str, text: str) -> bool:
    """Whether the phrase stands in the text, in whole words and not denied right before."""
    for found in re.finditer(rf"(?<!\w){re.escape(phrase)}(?!\w)", text):
        before = text[: found.start()].split()
        if not before or before[-1] not in _NEGATIONS:
            return True
    return False
