from __future__ import annotations

import re
import time
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.kill_word import KillWords

WORDS = KillWords()

# Written by hand, not taken from the table that the code uses.
LOOKALIKES = {
    "p": "рρᴘ🅿🇵Ⓟ𝓅𝙿ᵖ", "i": "іι1!lI|ɪ🅸🇮ⓘ𝕚ⁱ", "n": "ηո🅽🇳Ⓝ𝖓ɴⁿ", "e": "еε3€ᴇ🅴🇪ⓔ𝐞ᵉ",
    "a": "аα4@ᴀ🅰🇦Ⓐ𝒶ᵃ", "l": "ӏ1|!ʟ🅻🇱ⓛ𝔩ˡ",
}  # fmt: skip
# What may stand between two letters of a word that is spaced out.
GAPS = st.one_of(
    st.just(""),
    st.text(" .-_*~/\\,'\"·•→🙂🎉\u200b\u200d\u2060\u00ad\ufe0f\u3164\t\n\u00a0\u3000#()[]0279", max_size=4),
)


@st.composite
def letters(draw: st.DrawFn, letter: str) -> str:
    """One letter of `pineapple`, disguised."""
    shown: str = draw(
        st.sampled_from([letter, letter.upper(), chr(ord(letter) + 0xFEE0), *LOOKALIKES.get(letter, "")])
    )
    return shown * draw(st.integers(1, 3)) + draw(st.text("\u0301\u0323\u0336\u20dd\ufe0f\u200b", max_size=3))


@st.composite
def disguises(draw: st.DrawFn, word: str = "pineapple") -> str:
    shown = "".join(draw(letters(letter)) + draw(GAPS) for letter in word)
    before = draw(st.sampled_from(["", "ok ", "#", "@", "(", "42", "...", "パ", "🙂", "stop. "]))
    after = draw(st.sampled_from(["", "!", " now", "s", "'s", "’s", ")", "2", "だ", "🙂", "\ufe0f", " pine"]))
    return before + shown + after


@settings(max_examples=600)
@given(disguises())
def test_the_word_is_found_in_any_disguise(text: str) -> None:
    assert WORDS.found_in(text) == "pineapple"


@pytest.mark.parametrize(
    "text",
    ["pineapple", "PINEAPPLE!", "#pineapple", "@pineapple", "pineapples", "pineapple's", "P I N E A P P L E",
     "p.i.n.e.a.p.p.l.e", "p-i-n-e-a-p-p-l-e", "p1neapple", "p!neapple", "p1n34ppl3", "pine@pple", "PlNEAPPLE",
     "pine apple", "pine-\napple", "ｐｉｎｅａｐｐｌｅ", "рinеаррlе", "рιηεαρρӏε", "p\u200bi\u200dn\u2060eapple",
     "p\u0336i\u0336n\u0336e\u0336a\u0336p\u0336p\u0336l\u0336e\u0336", "píñèäpplê", "**p**ineapple",
     "||pineapple||", "pineapple123", "PINEAPPLEEEE", "pineapplepineapple", "🅿🅸🅽🅴🅰🅿🅿🅻🅴", "🇵🇮🇳🇪🇦🇵🇵🇱🇪",
     "ᴘɪɴᴇᴀᴘᴘʟᴇ", "𝓹𝓲𝓷𝓮𝓪𝓹𝓹𝓵𝓮", "p@i@n@e@a@p@p@l@e", "p1i1n1e1a1p1p1l1e", "\u202eelppaenip\u202c",
     "https://example.org/pineapple?x=1", "jaパイナップルpineappleだよ", "pーiーnーeーaーpーpーlーe",
     "ǝlddɐǝuıd", "yo ǝ l d d ɐ ǝ u ı d!", "ɘlqqɒɘniq", "PINƎAPPLƎ", "pinɘɒpplɘ", "ⱣÌŊɆȺᵽƤŁⱸ", "🆊ineapple",
     "p\u2800i\u2800n\u2800e\u2800a\u2800p\u2800p\u2800l\u2800e", "p\U000e0101ineapple", "p\u034fineapple",
     "⒫⒤⒩⒠⒜⒫⒫⒧⒠", "🄿🄸🄽🄴🄰🄿🄿🄻🄴", "pinapples", "P\ni\nn\ne\na\np\np\nl\ne", "> pineapple", "ᴾᴵᴺᴱᴬᴾᴾᴸᴱ",
     "pineappleʼs", "pineaple", "pinapple", "pineappel",
     "so anyway, PINEAPPLE, you lot"],
)  # fmt: skip
def test_the_word_is_found(text: str) -> None:
    assert WORDS.found_in(text) == "pineapple"


@pytest.mark.parametrize("text", ["🍍", "a🍍b", "🍍🍍", "🍍\ufe0f", "🍍\ufe0e", "no🍍\u200d!", "ok 🍍 pls"])
def test_the_emoji_is_found_anywhere(text: str) -> None:
    assert WORDS.found_in(text) == "🍍"


@pytest.mark.parametrize(
    "text",
    ["", "pine", "apple", "apples and pines", "pineappleXY", "unpineapple", "xpineapple", "the pin apple asked for",
     "pine appeal", "a pine tree, an apple", "pineapplefish", "🍎🍏🌲", "pi ne ap pl", "elppaenip", "!@1|", "p" * 50,
     "pineal gland", "I'm in spine apparel", "\u202eelppa\u202c", "ǝlddɐ", "spineapple", "pineapplet", "dǝǝp",
     "ɘlqqɒ pine", "pinapplesque"],
)  # fmt: skip
def test_what_is_not_the_word_is_not_found(text: str) -> None:
    assert WORDS.found_in(text) is None


@pytest.mark.parametrize("letter", "pineal")
def test_every_letter_that_unicode_calls_a_latin_one_is_read_as_it(letter: str) -> None:
    first = "LATIN|MATHEMATICAL|FULLWIDTH|CIRCLED|SQUARED|REGIONAL|PARENTHESIZED|NEGATIVE|TURNED|REVERSED"
    name = re.compile(rf"(?:{first}) .*\b{letter.upper()}(?: WITH .*)?")
    # Not seen by themselves, two in one, or other people's letters.
    others = ("COMBINING", "TAG", " WITH SMALL LETTER", "HUNDRED", "SIXTY", "HANGUL", "KATAKANA")
    characters = [
        chr(code)
        for code in range(0x80, 0x110000)
        if name.fullmatch(found := unicodedata.name(chr(code), ""))
        and not any(other in found for other in others)
    ]
    assert len(characters) > 40
    assert [c for c in characters if WORDS.found_in("pineapple".replace(letter, c)) is None] == []


def test_what_friends_and_strangers_write_is_no_kill_word() -> None:
    folder = Path(__file__).parents[2] / "personas" / "sample"
    texts = [(folder / name).read_text(encoding="utf-8") for name in ("sam_export.txt", "strangers.txt")]
    lines = [line for text in texts for line in text.splitlines()]
    assert len(lines) > 1000
    assert [line for line in lines if WORDS.found_in(line) and "pineapple" not in line.casefold()] == []


ORDINARY_TEXT = """the be to of and a in that have i it for not on with he as you do at this but his by from they we say
her she or an will my one all would there their what so up out if about who get which go me when make can like time
no just him know take people into year your good some could them see other than then now look only come its over
think also back after use two how our work first well way even new want because any these give day most us lol haha
pin pines spine apple apples apply appeal nap ripple people nipple pie pies peel line lane plane plan april ape"""


@settings(max_examples=300)
@given(st.lists(st.sampled_from(ORDINARY_TEXT.split()), max_size=60))
def test_ordinary_english_is_not_found(words: list[str]) -> None:
    text = " ".join(words)
    # Only "pine" right before "apple" spells the word, and then it counts.
    assert (WORDS.found_in(text) is not None) == (("pine", "apple") in pairwise(words))


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(max_codepoint=0x24F, exclude_characters="🍍"), max_size=300))
def test_any_text_without_the_words_letters_is_not_found(text: str) -> None:
    without = "".join(
        character for character in text if unicodedata.normalize("NFKD", character)[0] not in "pPÞþ"
    )
    assert WORDS.found_in(without) is None


ALPHABETS = {
    "Cyrillic": "абвгдежзиклмнопрстуфхцчшщыэюя",
    "Greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "Hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "kana": "アイウエオカキクケコガギグゲゴパピプペポッャュョー",
    "Hangul": "가나다라마바사아자차카타파하",
    "Han": "菠蘿鳳梨停止口令安全",
    "Devanagari": "कखगघचछजझटठडढतथदधनपफबभमयरलवशसहािीुूेो",
    "Thai": "กขคงจฉชซญดตถทนบปผพฟภมยรลวสหอะาิีึืุูเแโใไ",
    "Latin": "abcdefghijklmnopqrstuvwxyzßøłæœđ",
    "emoji": "🍍🛑✋🚨☠🦄",
}


def _is_visible(word: str) -> bool:
    return any(unicodedata.category(character)[0] in "LSN" and character != "ー" for character in word)


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(ALPHABETS)).flatmap(
        lambda script: st.text(ALPHABETS[script], min_size=2, max_size=12).filter(_is_visible)
    ),
    st.sampled_from(["", " ", ".", " - ", "\u200b", "🙂"]),
    st.booleans(),
)
def test_a_word_of_any_script_is_found_spaced_out_and_in_capitals(word: str, gap: str, loud: bool) -> None:
    shown = gap.join(word.upper() if loud else word)
    assert KillWords((word,)).found_in(f"so: {shown}, ok") == word


@pytest.mark.parametrize(
    ("word", "text"),
    [("ананас", "АНАНАС!"), ("ананас", "а н а н а с"), ("ананас", "aнaнac"), ("パイナップル", "これはパイナップルだよ"),
     ("パイナップル", "ﾊﾟｲﾅｯﾌﾟﾙ"), ("パイナップル", "パ・イ・ナ・ッ・プ・ル"),
     ("파인애플", "파인애플이다"), ("สับปะรด", "กินสับปะรดไหม"),
     ("red panda", "RED-PANDA"), ("red panda", "redpanda"), ("red panda", "red  pandas!"),
     ("rock'n'roll", "rock n roll"),
     ("Straße", "STRASSE"), ("👋🏽", "👋"), ("🛑✋", "🛑 ✋🏿"), ("agent47", "AGENT 47"), ("c++", "C++?")],
)  # fmt: skip
def test_configured_words_are_found(word: str, text: str) -> None:
    assert KillWords((word,)).found_in(text) == word


@pytest.mark.parametrize(
    ("word", "text"),
    [("ананас", "ананасовый"), ("stop", "stopping"), ("stop", "nonstop"), ("red panda", "infrared panda"),
     ("agent47", "agent475"), ("agent47", "agentat"), ("c++", "c"), ("🛑✋", "🛑"), ("halt", "hat"),
     ("friend", "fiend")],
)  # fmt: skip
def test_other_words_are_not_taken_for_configured_ones(word: str, text: str) -> None:
    assert KillWords((word,)).found_in(text) is None


def test_the_configured_word_is_given_not_what_was_written() -> None:
    assert KillWords(("Halt", "Red Panda")).found_in("r3d_PANDA") == "Red Panda"


@pytest.mark.parametrize("words", [(), ("",), ("pineapple", " "), ("...",), ("\u200b",), ("\ufe0f",)])
def test_words_that_could_never_be_found_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="kill word"):
        KillWords(words)


@pytest.mark.parametrize(
    "unit",
    ["p", "p ", "pi", "p.i.n.e.a.p.p.l.", "pineappl ", "!1|", "\u0301\u0323", "\ufe0f", " ", "PINE APPL€\u200b",
     "\ud800"],
)  # fmt: skip
def test_a_hostile_text_of_a_hundred_thousand_characters_takes_no_more_than_linear_time(unit: str) -> None:
    text = ("p" + unit * 100_000)[:100_000]
    began = time.process_time()
    assert WORDS.found_in(text + "x") is None
    # A tenth of a second is usual; anything quadratic takes minutes.
    assert time.process_time() - began < 5
    assert WORDS.found_in(text + "x pineapple") == "pineapple"
