"""Answers: whether a text says yes or no, in the seven languages that the rules know.

English, German, Spanish, French, Portuguese, Italian and Dutch; laughter and fillers before the word do not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from safety.phrases import Phrases

_FILLER: Final = Phrases(
    (
        r"(?:(?:ha|he|hi|ja|je|ah|hue|kk|rs){2,}\S*|lo+l\S*|lmf?ao+|rofl|mdr|ptdr|what+|wha+t|wtf|omg|dude|bro|bruh|man"
        r"|u+h*m+|u+h+|e+h+m*|hm+|well|wait|hey|ok|okay|oh|ah|i mean|honestly|come on|me|a|an|pff+t?|sorry"
        r"|was|wie|ach|also|alter|hae|hey|ey|aber|que|pero|pues|tio|eh|quoi|mais|bah|ben|mec|o que|mas|ue|cara"
        r"|cosa|ma|beh|dai|wat|joh|nou|maar|zeg)",
    )
)
_NO: Final = Phrases(
    (
        r"(?:no+|nope+|nah+|naw|nuh uh|negative|never|not$|not me|absolutely not|of course not|obviously not|course not"
        r"|definitely not|hell no|certainly not|as if|hardly|nein|ne+|nee+|noe|niemals|quatsch|bestimmt nicht"
        r"|naturlich nicht|sicher nicht|auf keinen fall|claro que no|que va|para nada|por supuesto que no|nunca|jamas"
        r"|non+|nan+|mais non|bien sur que non|pas du tout|jamais|nao|claro que nao|de jeito nenhum|imagina|macche"
        r"|certo che no|ma va|assolutamente no|mai|neen|tuurlijk niet|natuurlijk niet|echt niet|zeker niet|welnee)"
        r"(?! (?:idea|clue|comment|worries|problem|idee|ahnung|se|lo se|sei|so|weet|problema|rush|offense|one|way to))",
    )
)
_YES: Final = Phrases(
    (
        r"(?:yes+|ye+s?|yea+h*|yep+|yup+|ya+|of course|ofc|course|obviously|sure|definitely|absolutely|duh|totally"
        r"|100 %|always|indeed"
        r"|who else(?! (?:is|are) (?:coming|going|joining|there|in)$)"
        r"|ja+|jep|jo|klar|naturlich|sicher|na klar|logisch|wer sonst|si+|claro"
        r"|por supuesto|obvio|quien mas|oui+|ouais|bien sur|evidemment|qui d'autre|sim+|com certeza|e claro|quem mais"
        r"|certo|ovvio|ovviamente|chi altro|tuurlijk|natuurlijk|zeker|jazeker|wie anders)",
    )
)


def says_no(sentences: Iterable[str]) -> bool:
    """Whether one of the sentences (of `safety.phrases`) begins with a no."""
    return any(begins_with(_NO, sentence) for sentence in sentences)


def says_yes(sentences: Iterable[str]) -> bool:
    """Whether one of the sentences (of `safety.phrases`) begins with a yes."""
    return any(begins_with(_YES, sentence) for sentence in sentences)


def begins_with(phrases: Phrases, sentence: str) -> bool:
    """Whether a sentence begins with one of the phrases, laughter and fillers aside."""
    at = 0
    while (end := phrases.end(sentence, at)) is None:
        if (filler := _FILLER.end(sentence, at)) is None:
            return False
        at = filler + 1
    return end > at
