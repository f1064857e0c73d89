from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from safety.commitments import Kind
from safety.rules.commitment import CommitmentRule, CommitmentSettings, commitments
from safety.subject import DraftText
from safety.verdict import Outcome
from tests.safety.builders import draft, message, turn

BINDING = (
    # English
    "I'll be there", "ill be there at 8", "i'll pay", "yes I'll do it tomorrow", "see you at 8", "see u there",
    "omw", "on my way!", "count me in", "im in", "I promise", "it's a deal", "deal", "i'll bring the ice",
    "sure, i'll pick you up", "we'll be home by nine", "i can drive you", "i could bring chips",
    "imma bring snacks",
    "I am definitely coming", "coming over", "8pm works", "at 8", "lets say 7:30", "around noon", "tomorrow",
    "yes tomorrow", "tonight at mine", "friday works", "ok saturday then", "in 10 minutes", "be there in 5",
    "half past seven", "meet me at the station", "my place at 6?", "come over", "meet there", "let's meet",
    "i'll send you the money", "$20", "20 bucks", "i owe you 15 euros", "drinks are on me", "my treat",
    "50€ is ok",
    "venmo you later", "let's split it", "will do", "i'll let you know", "i'll definitely help you move",
    "i'm on it", "leave it to me", "yeah i can", "let me cook", "happy to help", "i'll call you tomorrow",
    "lol fine, ill do it", "gonna book the table", "you can count on me", "i swear i'll be there",
    "i’ll ｂｅ there",
    "see you on monday", "i'll try to make it", "9:30 i think", "im free at 6", "we should do brunch",
    "hundred dollars",
    # German
    "ich komme um acht", "bin dabei", "bin gleich da", "ich zahle", "bis morgen", "wir sehen uns morgen",
    "versprochen",
    "20 uhr passt", "um 8", "halb acht", "geht auf mich", "ich bring Bier mit", "ich mach das morgen",
    "Treffen wir uns",
    "bei mir um 7", "20 Euro", "ich überweise dir das", "ich hol dich ab", "Freitag passt",
    "ich kann fahren", "in 5 Minuten",
    "ich werde da sein", "komme gleich vorbei", "geht klar",
    # Spanish
    "voy para allá", "ya voy", "cuenta conmigo", "te lo prometo", "a las 8", "nos vemos mañana",
    "yo invito", "te debo 20 euros",
    "en mi casa", "allí estaré", "yo lo llevo", "te recojo", "mañana por la tarde", "hecho, pago yo",
    "me apunto",
    # French
    "j'arrive", "j'y serai", "je viens", "promis", "à 20h", "à demain", "chez moi", "c'est pour moi",
    "je te rembourse",
    "compte sur moi", "on se voit à 8h", "je le fais demain", "20 balles", "demain matin",
    # Portuguese
    "eu levo", "vou sim", "pode contar comigo", "às 8", "até amanhã", "prometo", "combinado", "eu pago",
    "te devo 20 reais",
    "estou a caminho", "amanhã de manhã",
    # Italian
    "vengo", "ci sarò", "alle 8", "pago io", "a domani", "te lo prometto", "ci vediamo alle otto",
    "sto arrivando", "da me",
    "ti devo 20 euro", "ci penso io", "domani mattina",
    # Dutch
    "ik kom om acht", "ik betaal", "tot morgen", "afgesproken", "ik ben onderweg, ben onderweg",
    "half acht", "bij mij thuis",
    "ik neem bier mee", "reken op mij", "8 uur", "ik trakteer", "beloofd", "ik doe dat morgen, doe ik morgen",
)  # fmt: skip

FREE = (
    # English
    "lol I'll be honest", "that was at 8 back then", "i'll have a nap", "ill pass", "i'll live",
    "i'll never understand you",
    "i'm feeling ill", "hell no", "well well well", "we were at mine yesterday",
    "it cost me 20 bucks last week",
    "not sure yet", "depends on the couch", "no", "couch then bed then couch", "blame monday",
    "i woke up at 8 yesterday",
    "what a deal breaker", "i won't", "i can't", "beep boop", "that's rough", "congrats", "i knew it",
    "oh no im so sorry",
    "is that a bank", "season two", "easy, chef", "do trees get tired", "lie down until it passes", "dont wait",
    "i just sat down", "who", "night", "thats me being serious", "why do i know that", "the year 2020 was long",
    "i have 3 cats", "i'm 30", "100 percent", "chapter 8", "top 10", "3 times", "we lost 3:2", "i hate mondays",
    "tomorrow never dies was a bad movie", "promised land", "he promised a lot", "did you pay?",
    "what did it cost",
    "i was there", "were you there", "the deal was off", "i'm in bed", "in my opinion no", "in a way yes",
    "in the fridge",
    "at least it's warm", "at all", "at 30 degrees everyone melts", "half of it", "quarter life crisis",
    "i'll say",
    "you'll be fine", "she'll do it", "they will come", "good morning", "morning", "late as always",
    "let it go", "lets go!!", "let me think", "let me guess", "let me sleep", "i can see that",
    "i can relate", "i could cry",
    "i can't make it", "i will never learn", "money can't buy naps", "i paid for that once",
    "what time is it", "when", "where",
    "time flies", "on brand for you", "i see you", "see? told you", "let me sleep on it", "sleep on it",
    "i owe you one nap", "let me check my calendar", "see you", "seen it", "come on",
    "coming from you that's rich",
    "how was it last night", "same here", "my place in the world", "swear jar", "i swear it was here",
    "shower thoughts",
    # German
    "ich komm grad nicht drauf", "ich komme nicht", "ich mach nix", "gute nacht", "war gestern um acht da",
    "keine ahnung",
    "ich bin müde", "das war früher so", "bin krank", "bis dann", "morgen!!! so früh",
    "um ehrlich zu sein nein",
    "das hat letztes mal 20 euro gekostet", "um was gehts", "ich hab hunger", "um gottes willen",
    # Spanish
    "voy a dormir", "no voy a decir nada", "a la mierda", "qué pereza", "ayer a las 8", "me costó 20 euros",
    "no sé", "jaja claro",
    # French
    "je viens de manger", "je suis fatigué", "hier à 20h", "ça a coûté 20 balles", "bonne nuit",
    "j'arrive pas à dormir", "mdr",
    # Portuguese
    "vou dormir", "que preguiça", "ontem às 8", "custou 20 reais", "não sei", "boa noite",
    # Italian
    "vengo da Roma", "sono stanco", "ieri alle 8", "buona notte", "non lo so", "è costato 20 euro",
    # Dutch
    "ik kom net thuis", "ik ben moe", "gisteren om acht", "geen idee", "welterusten", "dat kostte 20 euro",
    "ik kom niet",
)  # fmt: skip

MISSED = ()
"""What binds, and is not found."""
OVERDONE = ("morgen!!! so früh",)
"""What binds nobody, and is held all the same."""


def _answering(question: str, *bubbles: str) -> DraftText:
    return dataclasses.replace(draft(*bubbles), turn=turn(message(question)))


def test_what_the_tables_find_and_what_they_miss() -> None:
    missed = [text for text in BINDING if not commitments((text,), [])]
    overdone = [text for text in FREE if commitments((text,), [])]
    assert (missed, overdone) == (list(MISSED), list(OVERDONE))
    assert len(set(BINDING)) + len(set(FREE)) == len(BINDING) + len(FREE) >= 250


async def test_a_commitment_waits_for_a_person() -> None:
    verdict = await CommitmentRule().judge(draft("lol ok", "I'll be there at 8", "20 bucks at my place"))
    assert verdict.outcome is Outcome.HOLD
    assert verdict.facts == {"kinds": "promise, time, place, money"}
    assert "8" not in verdict.reason
    assert (await CommitmentRule().judge(draft("not a clue"))).outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("can you pick me up?", "sure"), ("Sam, will you carry boxes on saturday?", "ok fine"), ("you in?",
        "lol yes"),
        ("does anybody have a ladder I could borrow?", "ok fine\nbut i leave early"), ("who's bringing ice",
        "me? fine"),
        ("kannst du mir helfen?", "klar"), ("¿vienes mañana?", "sí"), ("tu viens ?", "d'accord"),
        ("você pode vir?", "beleza"),
        ("puoi venire?", "va bene"), ("kom je?", "is goed"), ("wollen wir am Samstag wandern", "gerne"),
    ],
)  # fmt: skip
async def test_a_yes_to_a_request_is_a_commitment(request_: str, answer: str) -> None:
    bubbles = answer.split("\n")
    verdict = await CommitmentRule().judge(_answering(request_, *bubbles))
    assert (verdict.outcome, verdict.facts["kinds"]) == (Outcome.HOLD, "assent")
    assert (await CommitmentRule().judge(_answering("it rained", *bubbles))).outcome is Outcome.ALLOW
    refused = await CommitmentRule().judge(_answering(request_, "no", "nope"))
    assert refused.outcome is Outcome.ALLOW


@pytest.mark.parametrize("answer", ["i left\nin my mind", "who else is coming?", "in bed", "in another life"])
async def test_what_only_begins_like_a_yes_is_none(answer: str) -> None:
    verdict = await CommitmentRule().judge(_answering("are you coming on saturday?", *answer.split("\n")))
    assert verdict.outcome is Outcome.ALLOW


@pytest.mark.parametrize(
    "answer",
    ["in", "in!", "in for the food", "in theory yes", "in my car, sure", "who else", "who else is gonna"],
)
async def test_a_short_yes_is_still_one(answer: str) -> None:
    verdict = await CommitmentRule().judge(_answering("are you coming on saturday?", answer))
    assert verdict.facts == {"kinds": "assent"}


async def test_only_the_kinds_that_are_set_hold() -> None:
    rule = CommitmentRule(CommitmentSettings(kinds=(Kind.MONEY,)))
    assert (await rule.judge(draft("see you at 8"))).outcome is Outcome.ALLOW
    assert (await rule.judge(draft("20 bucks"))).facts == {"kinds": "money"}


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(CommitmentSettings).validate_python({"kinds": ["honour"]})


@given(st.text(), st.text())
def test_nothing_makes_it_fail(said: str, asked: str) -> None:
    commitments((said,), [asked])


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["a", "a ", "1", "1 ", "i'll ", "ich ", "bin gleich ", "at ", "at 8 ", "$", "in 1 ",
    "can you ",
     "ok ", "um 1 ", "ik ", "8:"]
)  # fmt: skip
def test_a_long_text_is_read_in_a_moment(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    commitments((text,), [text])
