"""Injection: instructions that somebody in a chat smuggles in for the model.

Nobody can tell all of them from talk. What a template would take for its own marks is defused in the prompt for
certain; what merely reads like an instruction is named, so that a person looks.
"""

# ruff: noqa: E501 - a phrase is one row of a table

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Final

from chat.message import Message
from safety.folding import fold_character, fold_with_origins
from safety.phrases import Phrases, sentences

_ROLES: Final = (
    r"(?:system(?:[ _-]?(?:prompt|message|note|override))?|assistant|user|developer|human|instructions?|prompt|tool"
    r"|function|im_start|im_end|systemprompt|anweisung|instrucciones|sistema|systeme)"
)
_MARKS: Final = (
    r"<\|[^<>|\n]{1,40}\|>",  # ChatML, Llama 3, Phi, and DeepSeek's in full width
    r"</?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|think|tool_call|tool_response|function_call|mask|sep|cls)>",
    r"\[/?(?:inst|system_prompt|available_tools|tool_calls|tool_results|control_\d{1,3})\]",
    r"<</?sys>>",
    r"<\|(?:im_start|im_end|system|user|assistant|end)",
)
_TAGS: Final = (
    rf"(?m:^[^\w\n]{{0,10}}{_ROLES}[^\w\n:]{{0,4}}:)",
    rf"</?{_ROLES}>",
    rf"\[/?{_ROLES}\]",
    rf"#{{2,6}} ?{_ROLES}\b",
)
# Brackets and bars that a person, and a model, reads as those of a template, besides the compatibility forms.
_LOOKALIKES: Final = str.maketrans(
    {
        **dict.fromkeys("‹〈⟨❮❰《«˂ᐸ", "<"),
        **dict.fromkeys("›〉⟩❯❱》»˃ᐳ", ">"),
        **dict.fromkeys("∣│┃ǀ❘❙❚⏐⎪¦", "|"),
        **dict.fromkeys("【〔⟦", "["),
        **dict.fromkeys("】〕⟧", "]"),
        **dict.fromkeys("∶꞉ː", ":"),
        **dict.fromkeys("\r\u2028\u2029", "\n"),
        "▁": "_",
    }
)

_INSTRUCTIONS: Final = Phrases(
    (
        r"(?:ignore|disregard|forget|override|bypass|drop|discard|skip|violate) (?:\S+ ){0,3}(?:instructions?|prompts?|rules|programming|guidelines|guardrails|directives?|training|system message|restrictions|safety|everything above|all of the above|the above|everything (?:before|prior|you were told|you've been told|you know))",
        r"(?:ignore|disregard|forget) (?:all|everything|anything) (?:of )?(?:the )?(?:above|previous|prior|preceding|before|earlier)",
        r"(?:your )?(?:new|updated|real|actual|hidden) (?:instructions?|system prompt|directives?|prompt)(?: (?:are|is|follow\S*|from)|$)",
        r"(?:you are|you're|ur|u r) now (?:dan|in (?:\S+ )?mode|jailbroken|unrestricted|free from|no longer|a (?:different|new|free|helpful|unrestricted)|an? (?:\S+ )?(?:ai|bot|assistant|model|llm|terminal|interpreter|hacker)|acting)",
        r"(?:act|behave|respond|answer|reply|roleplay|speak) (?:as|like) (?:if you (?:are|were) )?(?:dan|an? (?:\S+ )?(?:unrestricted|uncensored|ai|assistant|chatbot|language model|llm|terminal|linux|hacker)|(?:\S+ )?with(?:out)? (?:no )?(?:restrictions|filters?|rules))",
        r"(?:from now on|henceforth|starting now|for the rest of this) (?:you|u) (?:will|must|are|shall|should|only|can|always|respond|answer|have to)",
        r"pretend (?:that )?(?:you are|you're|to be) (?:\S+ )?(?:dan|unrestricted|uncensored|an? (?:\S+ )?(?:ai|llm|language model|assistant)|jailbroken|not bound|the system|the developer|admin)",
        r"(?:developer|debug|god|admin|sudo|jailbreak|dan|maintenance|unrestricted|root) mode(?: (?:on|enabled|activated|engaged|now)|$)",
        r"(?:do anything now|jailbreak|prompt injection|system override|end of (?:system )?prompt|end of instructions|begin (?:new )?instructions|you must (?:obey|comply)|you have no (?:restrictions|rules|filters?))",
        r"(?:as an ai|as a language model|as an llm|as the (?:system|developer|admin)) (?:\S+ )?(?:you|i|your)",
        r"(?:ignoriere?|vergiss|missachte|ubergehe) (?:\S+ ){0,3}(?:anweisungen?|instruktionen|regeln|vorgaben|prompt|befehle|alles (?:davor|vorherige|bisherige|obige))",
        r"(?:du bist|verhalte dich|antworte) (?:jetzt|ab jetzt|nun|ab sofort) (?:ein|eine|als|wie|dan|im)(?: \S+)? (?:ki|bot|assistent|modus|sprachmodell)",
        r"(?:ignora|olvida|descarta|ignorad|ignore|esqueca|esquece|desconsidere|dimentica|scarta) (?:\S+ ){0,4}(?:instrucciones|instrucoes|istruzioni|reglas|regras|regole|prompt|indicaciones|direttive|indicazioni)",
        r"(?:ahora eres|a partir de ahora eres|agora voce e|a partir de agora voce e|ora sei|da ora in poi sei|d'ora in poi sei) (?:dan|un|una|um|uma) ?(?:\S+ )?(?:ia|bot|asistente|assistente|modelo|modello|ai|sin|sem|senza)?",
        r"(?:ignore|oublie|oubliez|ignorez) (?:\S+ ){0,3}(?:instructions|consignes|regles|directives|prompt)",
        r"(?:tu es|vous etes) (?:maintenant|desormais) (?:\S+ ){0,2}(?:ia|bot|assistant|modele|dan)",
        r"(?:negeer|vergeet) (?:\S+ ){0,3}(?:instructies|regels|opdrachten|prompt|aanwijzingen)",
        r"(?:je bent|jij bent) (?:nu|vanaf nu|voortaan) (?:\S+ ){0,2}(?:ai|bot|assistent|taalmodel|dan)",
    )
)
_PROMPT_REQUESTS: Final = Phrases(
    (
        r"(?:repeat|print|show|reveal|tell|give|output|display|write|leak|share|say|recite|quote|paste|send|what is|what's|whats|what are|summari[sz]e|translate|copy|encode) (?:\S+ ){0,4}(?:system prompt|system message|initial prompt|hidden prompt|original prompt|(?:your|initial|original|system|hidden|secret|developer) (?:instructions|prompt|directives|guidelines)|prompt (?:above|verbatim)|the (?:text|words|instructions|prompt|message) above|everything above|all (?:text|words) above|your rules)",
        r"(?:what|which) (?:were you told|instructions (?:do you have|were you given|are you following)|does your prompt say|is your prompt|are your instructions)",
        r"(?:zeig|zeige|wiederhole?|nenn|nenne|verrate?|gib|schreib|sag|was ist|was steht in|wie lautet|wie lauten) (?:\S+ ){0,4}(?:system ?prompt|prompt|anweisungen|systemanweisung\S*|instruktionen)",
        r"(?:muestra|repite|dime|revela|cual es|cuales son|mostra|mostre|repita|diga|revele|qual e|quais sao|mostrami|ripeti|dimmi|rivela|quali sono) (?:\S+ ){0,4}(?:prompt|instrucciones|instrucoes|istruzioni)",
        r"(?:montre|repete|donne|revele|affiche|quel est|quelles sont|quels sont) (?:\S+ ){0,4}(?:prompt|instructions|consignes)",
        r"(?:toon|herhaal|geef|wat is|wat zijn|laat) (?:\S+ ){0,4}(?:systeemprompt|prompt|instructies)",
    )
)
_ASKS_TO_DECODE: Final = Phrases(
    (
        r"(?:decode\S*|decrypt\S*|decipher\S*|base ?64|b ?64|rot ?13|base32|hex|dekodier\S*|entschlussel\S*|decodifi\S*|descifr\S*|decifr\S*|decod\S*|dechiffr\S*|ontcijfer\S*|ontsleutel\S*)",
    )
)
_BLOB: Final = re.compile(r"(?<![\w+/=-])[\w+/-]{16,}={0,2}", re.ASCII)
_TAG_CHARACTERS: Final = re.compile(r"[\U000E0000-\U000E007F]")
_FLAG: Final = re.compile(r"\U0001F3F4[\U000E0061-\U000E007A]{2,6}\U000E007F")
_UNSEEN: Final = re.compile(
    r"[\u200b\u2060-\u2064\ufeff\u180e\u202a-\u202e\u2066-\u2069\u00ad\u115f\u1160\u3164\uffa0]"
)
_MANY_UNSEEN: Final = 8


def signs_of(text: str, tokens: Iterable[str] = ()) -> tuple[str, ...]:
    """The kinds of smuggled instructions that a text shows signs of, in fixed order; usually none.

    `control tokens` (of any common chat template, and the given `tokens`), `role tags`, `instructions`,
    `prompt request`, `encoded text` and `hidden text`.
    """
    marks, tags = _marks(frozenset(tokens)), _role_tags()
    folded = _folded(text)[0]
    said = sentences(text)
    kinds = {
        "control tokens": marks.search(folded) is not None,
        "role tags": tags.search(folded) is not None,
        "instructions": _INSTRUCTIONS.found_in(said),
        "prompt request": _PROMPT_REQUESTS.found_in(said),
        "encoded text": _encoded(text, said),
        "hidden text": _hides(text),
    }
    return tuple(kind for kind, found in kinds.items() if found)


def neutralised(message: Message, tokens: Iterable[str] = ()) -> Message:
    """The message with control tokens and role tags spaced out, in its text and its author's name.

    Also those in full width, with invisible characters or accents in them, or with lookalikes of brackets; all else
    stands as typed. An author whose whole name is a role's is spaced out as well.
    """
    patterns = (_marks(frozenset(tokens)), _role_tags())
    text, name = message.text, message.author.name
    for pattern in patterns:
        text, name = _spaced(pattern, text), _spaced(pattern, name)
    if re.fullmatch(rf"\W*{_ROLES}\W*", _folded(name)[0]):
        name = " ".join(name.replace(" ", ""))
    if (text, name) == (message.text, message.author.name):
        return message
    return replace(message, text=text, author=replace(message.author, name=name))


def _spaced(pattern: re.Pattern[str], text: str) -> str:
    """The text with a blank between each two characters of what the pattern finds in its folded form."""
    folded, origins = _folded(text)
    parts: list[str] = []
    done = 0
    for found in pattern.finditer(folded):
        start, end = origins[found.start()], origins[found.end() - 1] + 1
        if start < done:
            continue  # two halves of one character
        # Line breaks stay what they are, and what nobody sees goes: it could only hide the mark again.
        shown = [char for char in text[start:end] if char == "\n" or fold_character(char).strip()]
        parts += text[done:start], " ".join(shown), " "
        done = end
    return "".join(parts) + text[done:]


def _folded(text: str) -> tuple[str, list[int]]:
    return fold_with_origins(text.translate(_LOOKALIKES))


@lru_cache(maxsize=16)
def _marks(tokens: frozenset[str]) -> re.Pattern[str]:
    own = sorted(re.escape("".join(map(fold_character, token))) for token in tokens)
    return re.compile("|".join((*_MARKS[:-1], *filter(None, own), _MARKS[-1])))


@lru_cache(maxsize=1)
def _role_tags() -> re.Pattern[str]:
    return re.compile("|".join(_TAGS))


def _encoded(text: str, said: tuple[str, ...]) -> bool:
    blobs = _BLOB.findall(text)
    if not blobs:
        return False
    return _ASKS_TO_DECODE.found_in(said) or any(_reads_as_text(blob) for blob in blobs)


def _reads_as_text(blob: str) -> bool:
    """Whether a blob is base64 of several words."""
    try:
        decoded = base64.b64decode(
            blob.rstrip("=") + "=" * (-len(blob.rstrip("=")) % 4), validate=True
        ).decode("ascii")
    except (binascii.Error, ValueError):
        return False
    return decoded.isprintable() and len(decoded.split()) >= 3


def _hides(text: str) -> bool:
    return bool(_TAG_CHARACTERS.search(_FLAG.sub("", text))) or len(_UNSEEN.findall(text)) >= _MANY_UNSEEN
