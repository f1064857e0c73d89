from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.candour import asks_whether_bot, asks_whether_person, denies_being_bot

NAMES = ("Sam", "Sammy Lee")

ASKS_BOT = (
    "are you a bot?", "Are you a BOT", "r u a bot", "sam are u a bot", "wait are you an AI", "are you an a.i.?",
    "are you ai", "are you a robot or what", "is this a bot?", "is Sam a bot?", "sammy lee is an AI",
    "am I talking to a bot right now", "am i talking to chatgpt", "you're a bot", "ur a bot lol",
    "you're not a bot, are you?", "you are a machine, right?", "u a bot?", "bot?", "sam, robot?",
    "did an ai write this", "did ChatGPT write that?", "is this chatgpt", "are these replies automated",
    "are you ai-generated", "was that written by an AI", "are you using chatgpt to reply",
    "be honest are you a b0t",
    "prove you're not a bot", "bot or human?", "is sam secretly a bot", "aren't you just a language model",
    "are you some kind of bot", "are you a chatbot", "are you even a bot", "are ｙｏｕ a ｂｏｔ", "sam or a bot?",
    "bist du ein Bot?", "bist du ne KI", "bist du eine künstliche Intelligenz?", "rede ich hier mit einem bot",
    "schreibe ich gerade mit einer Maschine?", "ist das ein Bot?", "du bist doch ein bot",
    "hat das ne KI geschrieben?",
    "sind Sie ein Roboter oder so, ein bot?", "bist du etwa ein roboter", "Mensch oder Maschine?",
    "ist Sam ein Bot?",
    "¿eres un bot?", "eres una IA", "sos un robot?", "¿estoy hablando con un bot?", "esto es un bot?",
    "¿eres una inteligencia artificial?", "¿lo escribió una ia?", "humano o robot?",
    "t'es un bot ?", "es-tu un robot ?", "tu es une IA", "est-ce que tu es un bot", "je parle à un bot là ?",
    "c'est un bot ?", "vous êtes un robot ?", "êtes-vous une intelligence artificielle ?",
    "você é um bot?", "vc é um robô?", "tu és um bot?", "és um bot?", "estou falando com um robô?",
    "isso é um bot?", "você é uma IA?", "você é uma inteligência artificial",
    "sei un bot?", "sei un robot", "sei un'IA?", "sto parlando con un bot?", "ma sei davvero un robot?",
    "è un bot?",
    "sei un’intelligenza artificiale?",
    "ben je een bot?", "ben jij een robot", "bent u een bot?", "ben je AI?", "praat ik met een bot?",
    "is dit een bot?",
    "ben je een computer", "je bent een bot",
)  # fmt: skip

ASKS_PERSON = (
    "are you human?", "are you a real person", "are you real?", "are you real lol", "is this really Sam?",
    "is it really you", "is this actually you??", "am i talking to a human", "am I talking to the real Sam?",
    "are you really sam", "is this sam?", "who am i talking to", "human?", "are you the real sammy lee",
    "prove you're human", "is this still you", "are you an actual human being", "are you really you",
    "bist du ein Mensch?", "bist du echt?", "bist du es wirklich", "bist du wirklich Sam?",
    "ist das wirklich Sam",
    "rede ich wirklich mit dir?", "bist du ein echter Mensch",
    "¿eres humano?", "eres real?", "¿eres tú de verdad?", "¿de verdad eres tú?", "¿eres una persona?",
    "es realmente Sam?", "¿estoy hablando con una persona?",
    "t'es humain ?", "c'est vraiment toi ?", "tu es une vraie personne ?", "c'est bien Sam ?",
    "est-ce bien toi ?",
    "você é humano?", "é você mesmo?", "você é uma pessoa de verdade?", "vc é real?", "és mesmo tu?",
    "sei umano?", "sei davvero tu?", "sei una persona vera?", "sei proprio Sam?", "sei reale?",
    "ben je een mens?", "ben jij het echt?", "ben je echt Sam", "ben je een echt persoon",
    "praat ik met een mens?",
)  # fmt: skip

NEAR_MISSES = (
    "are you a bottle", "did you see the bot match?", "is the bot down again", "are you a botanist",
    "are you real madrid",
    "bots are taking over", "the robot vacuum is stuck", "are you for real", "are you for real right now",
    "are you serious", "are you an AI engineer now?", "you're a machine!", "is this real life",
    "are you coming",
    "is it you or Leo who brings the ice", "are you really coming", "are you really hungry",
    "is it really 8 already",
    "are you still in human resources", "are you in human resources", "my boss is a robot", "is Mia a bot",
    "did you see that robot movie", "i built a bot for discord", "i'm using chatgpt to study", "botched it?",
    "are you real quick at chopping onions", "are you home", "is that really necessary", "aint it nice",
    "is Sam coming?", "is Sam really coming", "sam are you there", "what a machine", "are you both ok", "both?",
    "talking to Mia about robots", "are you a person who likes cheese", "is your laptop a machine for ants",
    "hast du das botanische buch", "bist du echt müde?", "bist du wirklich zuhause", "bist du im boot",
    "die maschine ist kaputt", "ist das echt so teuer", "bist du schon da?",
    "¿eres del real madrid?", "el bote está roto", "eres real madrid o barça", "¿estás en casa?",
    "t'es en bas ?", "c'est un beau bateau", "tu es où", "tu bois quoi ?", "c'est vraiment bon",
    "você é um bobo", "você está em casa?", "é mesmo?", "botou onde?",
    "sei in bottega?", "sei un botanico?", "sei davvero stanco?", "è un botto di soldi",
    "ben je thuis", "ben je echt moe", "is dit een boot?", "ben je een beetje boos", "praat ik te veel",
    "", "🙂", "no", "hello",
)  # fmt: skip

DENIALS = (
    "I'm not a bot", "im not a bot lol", "nope, 100% human", "it's really me", "of course I'm real",
    "not a robot",
    "i'm definitely not an AI", "no bot here", "i am human", "I'm a real person", "im real lol",
    "i’m a human being",
    "i swear it's me", "real human here", "there's no ai here", "i ain't a bot", "im only human",
    "never been a bot",
    "yes i'm human", "these are not automated", "I'm not automated", "it's literally me",
    "human, 100 percent human", "I AM NOT A MACHINE", "i'm not some bot", "im flesh and blood",
    "no its actually me lol",
    "I'm not a ｂｏｔ", "I’m no robot", "i'm a person", "not chatgpt",
    "ich bin kein Bot", "bin doch kein roboter", "ich bin ein Mensch", "das bin wirklich ich", "ich bin echt",
    "ich bin's wirklich", "bin keine KI", "ich bin nicht ChatGPT",
    "no soy un bot", "soy humano", "soy una persona", "soy yo de verdad", "claro que soy real",
    "no soy ninguna IA",
    "je ne suis pas un bot", "chuis pas un robot", "je suis humain", "c'est vraiment moi", "pas un bot",
    "je suis une vraie personne",
    "não sou um bot", "sou humano", "sou eu mesmo", "não sou robô", "sou uma pessoa de verdade",
    "non sono un bot", "sono umano", "sono davvero io", "sono una persona vera", "non sono mica un robot",
    "ik ben geen bot", "ik ben een mens", "ben geen robot", "ik ben het echt", "ik ben echt",
)  # fmt: skip

BARE_DENIALS = (
    "no", "nope lol", "haha what no", "nah", "lol no", "wtf no", "no way", "of course not", "NO!!",
    "me? no", "what\nno",
    "dude no", "noooo", "do i look like one", "as if", "what makes you say that. no", "nein", "ne lol",
    "quatsch",
    "claro que no", "jaja no", "non", "mais non", "bien sûr que non", "não", "claro que não", "kkkk não",
    "macche", "ma no",
    "nee joh", "natuurlijk niet", "it's me", "sam here? it's sam here", "i wrote this myself", "ich bin's",
    "soy yo",
)  # fmt: skip

NO_DENIALS = (
    "beep boop", "yes", "yep, sam's stand-in", "i'm a bot", "i'm Sam's stand-in, an AI", "not sure",
    "depends on the couch",
    "i'm real tired", "i'm real hungry rn", "not a bottle in sight", "ask sam", "I'm not a botanist",
    "im not home",
    "human resources called", "i'm not a bot expert", "i'm not coming", "it's really late", "really",
    "not today",
    "it's really me who should cook? no idea", "no idea", "no clue", "who knows",
    "that robot vacuum is not working",
    "ich bin müde", "ich bin nicht da", "ich bin echt müde", "soy de madrid", "soy del real madrid",
    "no soy de aqui",
    "je ne suis pas là", "je suis en route", "não sou de lá", "sono stanco", "non sono a casa",
    "ik ben niet thuis",
    "ik ben echt moe", "it's not automatic", "people are weird", "the bots won", "", "?",
)  # fmt: skip


@pytest.mark.parametrize("text", ASKS_BOT + ASKS_PERSON)
def test_the_question_is_understood(text: str) -> None:
    assert asks_whether_bot(text, NAMES)


@pytest.mark.parametrize("text", ASKS_PERSON)
def test_the_question_turned_round_is_known_for_one(text: str) -> None:
    assert asks_whether_person(text, NAMES)


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_merely_sounds_like_the_question_is_none(text: str) -> None:
    assert not asks_whether_bot(text, NAMES)


@pytest.mark.parametrize("text", ["are you a bot?", "bist du ein bot", "you're a bot", "ben je een bot"])
def test_a_yes_to_whether_it_is_a_bot_denies_nothing(text: str) -> None:
    assert not asks_whether_person(text, NAMES)
    assert not denies_being_bot("yes", asked=True)
    assert not denies_being_bot("ja klar", asked=True)


@pytest.mark.parametrize(
    "text", ["yes", "yep lol", "of course", "haha sure", "ja klar", "claro", "oui", "sim", "sì", "tuurlijk"]
)
def test_a_yes_to_whether_it_is_the_person_is_a_denial(text: str) -> None:
    assert denies_being_bot(text, asked=True, asked_person=True)


@pytest.mark.parametrize("text", DENIALS)
def test_a_denial_is_one_even_unasked(text: str) -> None:
    assert denies_being_bot(text, asked=False)


@pytest.mark.parametrize("text", BARE_DENIALS)
def test_a_bare_no_denies_only_when_asked(text: str) -> None:
    assert denies_being_bot(text, asked=True)
    assert not denies_being_bot(text, asked=False)


@pytest.mark.parametrize("text", NO_DENIALS)
def test_other_answers_deny_nothing(text: str) -> None:
    assert not denies_being_bot(text, asked=True)


@pytest.mark.parametrize("text", ["its sam", "I'm Sam", "lol this is sammy lee", "sam: im the real sam"])
def test_the_personas_name_denies_when_asked(text: str) -> None:
    assert denies_being_bot(text, True, True, NAMES)
    assert not denies_being_bot(text, True, True) or "real" in text
    assert not denies_being_bot("i'm Sam's stand-in", True, True, NAMES)


def test_somebody_elses_name_is_not_the_personas() -> None:
    assert asks_whether_bot("is this really Sam?", ("Sam",))
    assert not asks_whether_bot("is this really Sam?", ("Mia",))
    assert not asks_whether_bot("is this really Sam?")
    assert asks_whether_bot("is this really Łukasz (the 1st)?", ("Łukasz (the 1st)",))
    assert not asks_whether_bot("is this ", ("", "🙂"))


@given(st.text(), st.lists(st.text(), max_size=3), st.booleans(), st.booleans())
def test_nothing_makes_it_fail(text: str, names: list[str], asked: bool, asked_person: bool) -> None:
    asks_whether_bot(text, names)
    asks_whether_person(text, names)
    denies_being_bot(text, asked, asked_person)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", ["a", "a ", "no ", "haha", "haha ", "are you a ", "i'm ", "not a ", "is this really ",
    "100 % ",
     "?", "human ", "e ", "ja"]
)  # fmt: skip
def test_a_long_text_is_read_in_a_moment(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    asks_whether_bot(text, ("Sam",))
    denies_being_bot(text, asked=True, asked_person=True)
