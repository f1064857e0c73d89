"""Candour: is somebody asking whether they talk to a machine, and does a text deny it?

In English, German, Spanish, French, Portuguese, Italian and Dutch. Both err on the side of candour: an accusation
("you're a bot") counts as the question, and being told of humanity that nobody asked about as a denial.
"""

# ruff: noqa: E501 - a phrase is one row of a table

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from safety.answers import says_no, says_yes
from safety.folding import fold
from safety.phrases import Phrases, sentences

# What a machine is called, in all seven languages at once: people mix them. Not what merely begins so ("an AI
# engineer", "the bot match").
_MACHINE: Final = (
    r"(?:(?:chat ?|ro|social )?b(?:o| 0 )t(?:ti|s|je)?|robos?|robot(?:er|ers|s|je|jes)?|a ?i|ia|ki|llms?|npcs?"
    r"|androids?|clankers?|(?:chat ?)?gpt(?: ?\d)?|language model|artificial intelligence|sprachmodell"
    r"|kunstliche intelligenz|kuenstliche intelligenz|inteligencia artificial|intelligence artificielle"
    r"|intelligenza artificiale|kunstmatige intelligentie|modelo de lenguaje|modelo de linguagem|maschine"
    r"|machine|maquina|macchina|computer|computerprogramm|ordinateur|ordenador|computador|programm?a?|software)"
    r"(?! (?:engineer|dev|devs|developer|expert|fan|fans|researcher|guy|girl|person|people|nerd|student|company"
    r"|startup|account|owner|match|game|lane|player|vacuum|learning|job|course|class|stuff|thing|artist|art"
    r"|salesman|repair\S*|programmer|wars|combat|wash\S*|gun|part|entwickler|experte|ingenieur|fan))"
)
_PERSON: Final = (
    r"(?:(?:\S+ )?(?:human(?: being)?|person|mensch|humano|humana|persona|humain|humaine|personne|pessoa"
    r"|umano|umana|mens|persoon|menselijk|menschlich|dude|guy|man|woman|girl|boy)(?! (?:resources|rights|of|who|to)))"
)
_TRULY: Final = (
    r"(?:a |an |the |even |still |just |actually |really |truly |actual |real |living |live |genuine )"
)
# After "real" and the like, what keeps it an adjective: "are you real" and "real lol", not "real quick", "real tired".
_END: Final = (
    r"(?= (?:lol|lmao|haha\S*|bro|dude|man|or|and|btw|tho|though|right|you|i|i'm|o|ou|oder|of)(?!\S)|$)"
)
_A: Final = (
    r"(?:(?:a|an|some|just|even|really|actually|secretly|still|now|like|maybe|kind of|honestly|basically"
    r"|talking|this|the|your"
    r"|ein|eine|einem|einer|ne|n|nem|ner|etwa|wirklich|vielleicht|eigentlich|nur|echt|doch|ja"
    r"|un|una|uno|acaso|solo|realmente|une|vraiment|juste|bien|un'|um|uma|mesmo|so|por acaso"
    r"|davvero|forse|proprio|soltanto|een|gewoon|eigenlijk|soms|misschien|stiekem) ){0,3}"
)

_IS: Final = r"(?:is|are|ist|bist|es|eres|est|c'est|e|sei|ben|bent)"
_REALLY: Final = (
    r"(?:really|actually|truly|even|still|wirklich|echt|tatsachlich|de verdad|realmente|vraiment|bien|mesmo"
    r"|davvero|proprio|veramente|wel)"
)

_ASKS_BOT: Final = Phrases(
    (
        # English
        rf"(?:are|r|is|aren't|isn't|am|was|were) (?:you|u|ya|this|that|it) {_A}(?:an?)?{_MACHINE}",
        rf"(?:you|u) {_A}{_MACHINE}(?:$| or)",
        rf"(?:you're|you are|u r|ur|ure) (?:not )?{_A}(?!machine|computer|program){_MACHINE}",
        rf"(?:you're|you are) (?:not )?{_A}(?:machine|computer|program) (?:right|aren't you|are you|or)",
        rf"(?:talking|speaking|chatting|texting|writing) (?:to|with) {_A}{_MACHINE}",
        rf"(?:did|does|do|has|have) (?:you |this |that )?{_A}{_MACHINE} (?:really )?(?:writ\S*|wrote|answer\S*|typ\S*|say|said)",
        rf"(?:answered|answering|written|generated|typed|sent|run|replying|writing) by {_A}{_MACHINE}",
        r"are (?:you|these|those)(?: replies| messages| answers)? (?:automated|automatic|ai ?generated|artificial|fake|generated)",
        rf"is (?:this|that) (?:automated|an auto ?reply|auto ?generated|fake|{_MACHINE})",
        rf"(?:using|use) {_A}{_MACHINE} (?:to (?:reply|answer|write|text|talk|chat)|for (?:this|these|your replies))",
        rf"(?:prove|swear|promise|admit|confess|say) (?:to me |it |us )?(?:that )?(?:you're|you are|ur|u r) (?:not )?{_A}{_MACHINE}",
        # German
        rf"(?:bist|biste|seid|sind|ist) (?:du|sie|das|dies|das hier|ihr|hier)? ?{_A}{_MACHINE}",
        rf"(?:du bist|das ist|sie sind) (?:doch |ja |kein |keine )?{_A}{_MACHINE} (?:oder|gell|stimmts|richtig|ne)",
        rf"du bist (?:doch |ja |sicher |bestimmt )?{_A}(?!maschine){_MACHINE}",
        rf"(?:rede|red|spreche|schreibe|schreib|chatte|unterhalte) ich (?:mich )?(?:hier |gerade |grade |eigentlich )*mit {_A}{_MACHINE}",
        rf"hat (?:das |dich |dir )?{_A}{_MACHINE} (?:das )?geschrieben",
        # Spanish and Portuguese
        rf"(?:eres|sos|es usted|usted es|es esto|esto es|tu eres|vos sos) {_A}{_MACHINE}",
        rf"(?:voce|vc|tu|ce|isso|isto|o senhor|a senhora) (?:e|es|eh|seria) {_A}{_MACHINE}",
        rf"(?:es|e) (?:tu |voce )?(?:um|uma) {_MACHINE}",
        rf"(?:estoy|estou|to|ando)? ?(?:hablando|falando|hablo|falo|conversando|chateando|a falar) (?:com|con) {_A}{_MACHINE}",
        rf"(?:lo|te|isso|isto)? ?(?:escribio|escribe|escreveu|escreve) (?:esto |isso |isto )?(?:un|una|um|uma) {_MACHINE}",
        # French
        rf"(?:t'es|es tu|tu es|tu serais|serais tu|vous etes|etes vous|c'est|est ce|tu n'es|t'es pas) (?:pas )?{_A}{_MACHINE}",
        rf"(?:je|j'|on)? ?(?:parle|discute|ecris|cause|parles) (?:a|avec|bien a) {_A}{_MACHINE}",
        # Italian
        rf"(?:sei|siete|saresti|e lei|lei e|questo e|e questo|e) (?:tu )?(?:un|una|un'|proprio|davvero|solo|per caso|forse|un po') ?(?:un |una |un')?{_MACHINE}",
        rf"(?:sto|stiamo)? ?(?:parlando|scrivendo|parlo|scrivo) (?:con|a) {_A}{_MACHINE}",
        # Dutch
        rf"(?:ben|bent|is) (?:je|jij|u|dit|dat|jullie) {_A}{_MACHINE}",
        rf"(?:je|jij) bent (?:toch |zeker )?{_A}{_MACHINE}",
        rf"(?:praat|spreek|chat|app|schrijf) ik (?:nu |hier |eigenlijk )?(?:met|tegen) {_A}{_MACHINE}",
        # Any
        rf"{_MACHINE} (?:or|oder|o|ou|of) (?:not|nicht|no|non|nao|niet|{_PERSON}|real|echt)",
        rf"{_PERSON} (?:or|oder|o|ou|of) {_A}{_MACHINE}",
    )
)

_ASKS_PERSON: Final = Phrases(
    (
        # English
        rf"(?:are|r|aren't|is|isn't) (?:you|u|ya|this|that) {_TRULY}{{0,3}}(?:human(?: being)?|person)(?! (?:resources|rights|of|who|to))",
        rf"(?:are|r|aren't) (?:you|u) {_TRULY}{{0,2}}real{_END}",
        r"(?:are|r) (?:you|u) (?:a )?(?:real|actual|living) (?:guy|dude|man|woman|girl|boy|friend)",
        r"(?:is|isn't) (?:this|that|it) (?:really|actually|truly|even|still|the real) (?:you|u)(?!\S)",
        r"(?:is|isn't) (?:this|that|it) the real you",
        r"are you (?:really|actually|even|still|truly) (?:you|yourself)",
        rf"(?:am i|are we) (?:really |actually )?(?:talking|speaking|chatting|texting) (?:to|with) {_TRULY}{{0,3}}(?:human(?: being)?|person|you)",
        r"who am i (?:really |actually )?(?:talking|speaking|chatting|texting) (?:to|with)",
        rf"(?:prove|swear|promise) (?:to me |it |us )?(?:that )?(?:you're|you are|ur|u r) {_TRULY}{{0,3}}(?:human|real|person)",
        r"(?:really|actually) you (?:typing|writing|texting|answering|talking)",
        # German
        rf"(?:bist|biste|sind) (?:du|sie) {_A}(?:echter |echte |realer )?(?:mensch|menschlich|person|echt$|real$)",
        r"bist (?:du(?: es| das)?|dus|das|es) (?:wirklich|echt|tatsachlich)(?: du| selbst| selber)?$",
        r"(?:ist|bist) (?:das|es) (?:wirklich|echt|tatsachlich) du",
        rf"(?:rede|spreche|schreibe|schreib|chatte) ich (?:hier |gerade |grade |eigentlich |wirklich )*mit (?:dir|{_A}(?:echten |echter )?(?:menschen|mensch|person))",
        # Spanish
        rf"(?:eres|sos|es usted|tu eres) {_A}(?:(?:humano|humana|persona|real(?! madrid|\S))|de verdad$)",
        r"(?:eres|sos) (?:tu|vos) (?:de verdad|realmente|en serio|mismo)",
        r"(?:de verdad|realmente|en serio) (?:eres|sos) (?:tu|vos)",
        r"(?:hablando|hablo) (?:realmente )?con (?:un humano|una persona|contigo)",
        # French
        rf"(?:t'es|es tu|tu es|vous etes|etes vous|c'est|est ce que tu es) {_A}(?:vrai |vraie )?(?:humain|humaine|personne|etre humain|reel|reelle)",
        r"(?:c'est|est ce) (?:vraiment|bien|reellement) (?:toi|vous)",
        r"(?:parle|discute) (?:bien |vraiment )?(?:a|avec) (?:un humain|une vraie personne|une personne|toi)",
        # Portuguese
        rf"(?:voce|vc|tu|ce) (?:e|es|eh) {_A}(?:humano|humana|pessoa|real|de verdade$)",
        r"(?:e|es) (?:voce|vc|tu) (?:mesmo|mesma|de verdade)",
        r"(?:es|e) (?:mesmo|realmente) (?:tu|voce|vc)",
        r"(?:falando|falo|a falar) (?:mesmo )?com (?:um humano|uma pessoa|voce mesmo)",
        # Italian
        rf"(?:sei|e lei|lei e) {_A}(?:umano|umana|persona|essere umano|vero$|vera$|reale)",
        r"(?:sei|e) (?:davvero|proprio|veramente) (?:tu|te)",
        r"sei tu (?:davvero|veramente)",
        r"(?:parlando|parlo) (?:davvero )?con (?:una persona|un umano|un essere umano|te)",
        # Dutch
        rf"(?:ben|bent) (?:je|jij|u) {_A}(?:echte |echt )?(?:mens|persoon|menselijk|echt$)",
        r"ben (?:je|jij) (?:het|dit|dat) (?:echt|werkelijk|wel)",
        r"praat ik (?:nu |echt )?met (?:jou|een (?:echt |echte )?(?:mens|persoon))",
        # Any
        rf"{_MACHINE} (?:or|oder|o|ou|of) (?:{_PERSON}|real|echt)",
        rf"{_PERSON} (?:or|oder|o|ou|of) {_A}{_MACHINE}",
    )
)
# A question in one word: "bot?", "sam, human?"
_ONE_WORD_BOT: Final = re.compile(rf"(?:(?:\S+ )?{_MACHINE}|(?:chat)?bot {_MACHINE})")
_ONE_WORD_PERSON: Final = re.compile(r"(?:\S+ )?(?:human|humano|humain|umano|mensch|mens)")

_DENIES: Final = Phrases(
    (
        # English
        rf"(?:not|ain't|isn't|never been|never was|no) {_A}{_TRULY}{{0,2}}(?:\S+ )?(?!machine|computer|program|software){_MACHINE}",
        rf"(?:i'm|i am|im) (?:\S+ ){{0,2}}(?:not|no) (?:a |an |some )?(?:\S+ )?{_MACHINE}",
        r"(?:i'm|i am|these are|this is|it's) (?:\S+ ){0,2}not (?:automated|artificial|fake|generated|virtual|simulated|synthetic)",
        rf"(?:i'm|i am|i was) (?!not)(?:\S+ ){{0,2}}{_TRULY}{{0,3}}(?:human(?: being)?|flesh and blood|(?:(?:real|actual|living|breathing|genuine) )person)(?! (?:resources|rights))",
        r"(?:i'm|i am) (?:still |just |only |really |literally |definitely )?a person(?! (?:of|who|that))",
        rf"(?:i'm|i am) (?:\S+ )?{_TRULY}{{0,2}}real{_END}",
        r"(?:i'm|i am) (?:\S+ )?the real (?:me|one|deal)",
        r"(?:100|hundred|1000|110|99) ?(?:% |percent )(?:\S+ )?(?:human|real|me|organic|person|authentic)",
        r"(?:really|actually|totally|definitely|truly|literally|100 %|still|genuinely|honestly) me(?= (?:lol|haha\S*|i|promise|bro|typing|here|dude)(?!\S)|$)",
        r"(?:swear|promise) (?:\S+ )?(?:it's|it is|its) (?:\S+ )?me",
        r"(?:real|actual|living) human(?: being)?(?! (?:resources|rights))(?= (?:here|typing|over|lol|i|speaking)(?!\S)|$)",
        r"(?:human|person) here",
        # German
        rf"(?:kein|keine|nicht|keinen|niemals) (?:\S+ ){{0,2}}?{_A}{_MACHINE}",
        r"(?:ich bin|bin|ich) (?:\S+ ){0,3}?(?:ein mensch|mensch|n mensch|menschlich|ein echter mensch|aus fleisch und blut)",
        r"(?:ich bin|bin) (?:\S+ ){0,2}?echt(?= lol|$)",
        r"(?:ich bin's|bin's|bins|ich bin es|das bin|es bin) (?:\S+ )?(?:wirklich|echt|tatsachlich)(?: ich)?",
        r"(?:bin|ist) (?:wirklich|echt|tatsachlich|naturlich) (?:ich|ich's)$",
        # Spanish
        rf"no soy {_A}(?:\S+ )?{_MACHINE}",
        r"(?:soy|que soy) (?:\S+ )?(?:humano|humana|real(?! madrid)|de verdad|una persona(?: real| de verdad|$)|un ser humano|de carne y hueso)",
        r"(?:de verdad|realmente|en serio|si) soy yo",
        r"soy yo (?:de verdad|en serio|mismo|realmente)",
        # French
        rf"(?:suis|je suis|n'suis|chui|chuis) (?:\S+ )?(?:pas|aucunement) {_A}(?:\S+ )?{_MACHINE}",
        rf"pas {_A}{_MACHINE}$",
        r"(?:suis|chui|chuis) (?:\S+ ){0,2}?(?:humain|humaine|un etre humain|reel|reelle|une vraie personne|une personne|un vrai humain|en chair et en os)",
        r"c'est (?:vraiment|bien|reellement) moi",
        # Portuguese
        rf"nao sou {_A}(?:\S+ )?{_MACHINE}",
        r"(?:sou|que sou) (?:\S+ )?(?:humano|humana|real(?! madrid)|de verdade|uma pessoa(?: real| de verdade|$)|de carne e osso)",
        r"sou eu (?:mesmo|mesma|de verdade)",
        # Italian
        rf"non sono (?:mica )?{_A}(?:\S+ )?{_MACHINE}",
        r"sono (?:\S+ )?(?:umano|umana|un essere umano|reale|vero$|vera$|una persona(?: vera| reale|$)|in carne e ossa)",
        r"sono (?:davvero|proprio|veramente) io",
        # Dutch
        rf"(?:geen|niet) {_A}(?:\S+ )?{_MACHINE}",
        r"(?:ik ben|ben) (?:\S+ ){0,2}?(?:een mens|mens|menselijk|een echt mens|een echte mens|een echt persoon|van vlees en bloed)",
        r"(?:ik ben|ben) (?:\S+ )?echt(?= lol|$)",
        r"(?:ik ben|ben) (?:het|t) (?:echt|wel|zelf|gewoon)",
    )
)

_ANYWHERE_NO: Final = Phrases(
    (
        r"of course not|obviously not|course not|hell no|no way|definitely not|absolutely not|naturlich nicht|nope",
        r"claro que nao?|bien sur que non|certo che no|natuurlijk niet|tuurlijk niet|why would i be|do i (?:look|sound) like (?:one|it|\S+ \S+)",
    )
)
_ITS_ME: Final = Phrases(
    (
        r"(?:it's|it is|its|that's|still|just|only|yes|this is|tis) me|me myself|who else|it's \S+ here|in the flesh",
        r"ich bin's|ich bin es|bin's|bin ich|das bin ich|soy yo|c'est moi|sou eu|sono io|ik ben het|ben ik|met mij",
        r"(?:i|i'm) (?:\S+ )?(?:wrote|typed|typing|writing|type|write) (?:\S+ ){0,3}my ?self",
        r"(?:i'm|i am) (?:\S+ )?me",
    )
)


def asks_whether_bot(text: str, names: Iterable[str] = ()) -> bool:
    """Whether somebody asks, or says, that they talk to a machine and not to the person; either way round.

    `names` are the persona's, for "is this really Sam?" and "is Sam a bot?".
    """
    said = sentences(text)
    return (
        _ASKS_BOT.found_in(said)
        or _asks_in_a_word(text, said, _ONE_WORD_BOT)
        or _asks_person(text, said, names)
        or any(phrases.found_in(said) for phrases in _named(frozenset(names))[:1])
    )


def asks_whether_person(text: str, names: Iterable[str] = ()) -> bool:
    """Whether the question is put so that a yes denies the machine: "are you human?", "is it really you?"."""
    return _asks_person(text, sentences(text), names)


def denies_being_bot(text: str, asked: bool, asked_person: bool = False, names: Iterable[str] = ()) -> bool:
    """Whether a text says that no machine wrote it.

    When `asked` whether one does, a bare no counts, and so does one of the persona's `names` ("it's Sam"); when
    `asked_person`, a bare yes does, too.
    """
    said = sentences(text)
    if _DENIES.found_in(said):
        return True
    if not (asked or asked_person):
        return False
    return (
        says_no(said)
        or _ANYWHERE_NO.found_in(said)
        or _ITS_ME.found_in(said)
        or (asked_person and says_yes(said))
        or any(phrases.found_in(said) for phrases in _named(frozenset(names))[2:])
    )


def _asks_person(text: str, said: tuple[str, ...], names: Iterable[str]) -> bool:
    return (
        _ASKS_PERSON.found_in(said)
        or _asks_in_a_word(text, said, _ONE_WORD_PERSON)
        or any(phrases.found_in(said) for phrases in _named(frozenset(names))[1:2])
    )


def _asks_in_a_word(text: str, said: tuple[str, ...], word: re.Pattern[str]) -> bool:
    return "?" in fold(text) and any(word.fullmatch(sentence) for sentence in said)


@lru_cache(maxsize=64)
def _named(names: frozenset[str]) -> tuple[Phrases, ...]:
    """What says the persona's name: first questions whether it is a machine, then whether a person, then answers."""
    folded = sorted({" ".join(sentences(name)) for name in names} - {""})
    if not folded:
        return ()
    name = "|".join(map(re.escape, folded))
    return (
        Phrases(
            (
                rf"(?:is|ist|es|est|e) (?:{name}) {_A}{_MACHINE}",
                rf"(?:{name}) (?:is|ist|es|est|e) {_A}{_MACHINE}",
                rf"(?:{name}) (?:or|oder|o|ou|of) {_A}{_MACHINE}",
            )
        ),
        Phrases(
            (
                rf"{_IS} (?:\S+ ){{0,2}}?{_REALLY} (?:the real |der echte |el |o |il )?(?:{name})",
                rf"(?:is|are) (?:this|that|it|you) (?:{name})$",
                rf"(?:the real|der echte|die echte|le vrai|la vraie|el verdadero|il vero|o verdadeiro|de echte) (?:{name})",
                rf"(?:talking|speaking|chatting|texting) (?:to|with) (?:really |actually )?(?:{name})",
                rf"(?:eres|c'est|es|sei|ben je|bist du|voce e|e) (?:{name}) {_REALLY}",
            )
        ),
        Phrases(
            (
                rf"(?:i'm|i am|it's|this is|still|the real|bin|soy|c'est|sou|sono|ben) (?:\S+ )?(?:{name})(?: here)?$",
            )
        ),
    )
