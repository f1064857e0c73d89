from __future__ import annotations

import dataclasses
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from safety import personal_data
from safety.personal_data import Kind, Recognisers, domain_of
from safety.policy import decide
from safety.rules.personal_data import PersonalDataRule, PersonalDataSettings
from safety.subject import DraftText
from safety.verdict import Outcome
from tests.safety.builders import draft, message, turn

PERSONAL = {
    Kind.LINK: (
        "see https://evil.example/x", "evil.com", "www.shady.example", "t.ly/abc", "HTTP://A.EXAMPLE",
        "ｅｖｉｌ.com",
        "pics at foo-bar.co.uk", "discord://invite/1", "ev\u200bil.com",
    ),
    Kind.MAIL: ("me@mail.example.com", "write to a.b+c@gmail.com!", "ME@GMAIL.COM"),
    Kind.PHONE: ("call +49 151 23456789", "555-867-5309", "its 0151 23456789", "+33 6 12 34 56 78", "020 7946 0958"),
    Kind.ADDRESS: (
        "12 Baker Street", "im at 221b baker street", "Hauptstraße 5", "Berliner Allee 12", "calle mayor 5",
        "via Roma 12",
        "12 rue de Rivoli", "10115 Berlin", "AB12 3CD", "Rua Augusta 100", "Kerkstraat 12", "NY 10001",
        "1012 AB Amsterdam",
        "１２ Baker Street",
    ),
    Kind.CODE: (
        "the code is 4711", "482913 is your code", "password: hunter2", "the wifi password is tomato55",
        "pin 1234",
        "door code 1234#", "gate is 4711", "passwort ist geheim123", "mi contraseña es Sol2024",
        "mot de passe: chat99",
        "o código é 5521", "wachtwoord is kaas12", "OTP 482 913", "G-482913 is your google code",
    ),
    Kind.CARD: ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"),
    Kind.IBAN: ("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"),
    Kind.WALLET: ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "0x52908400098527886E0F7030069857D2E4169EE7"),
    Kind.IP: ("10.0.0.1", "2001:db8:85a3::8a2e:370:7334"),
    Kind.NATIONAL_ID: ("219-09-9999", "AB123456C", "12345678Z", "RSSMRA85T10A562S"),
}  # fmt: skip
PLAIN = (
    "lol", "8", "9:30 i think", "see you at 8", "3 cats", "2020 was long", "its 30 degrees", "ok.so what",
    "lol.no",
    "call me.it's late", "password is wrong", "the code is bad", "10 min drive", "we won 3:1", "1000 naps",
    "i paid 20 euros",
    "rue the day", "via leo", "chapter 12", "the 5 of us", "24/7", "half past 7", "50 million people",
    "e.g. naps", "v1.2.3",
    "the pin fell off", "no way", "5 star place", "room 12", "22 people at the place", "gas is 12", "...",
    "a@b", "@mia",
)  # fmt: skip


def _answering(question: str, *bubbles: str) -> DraftText:
    return dataclasses.replace(draft(*bubbles), turn=turn(message(question)))


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in PERSONAL.items() for text in texts]
)
async def test_personal_data_is_kept_back(kind: Kind, text: str) -> None:
    verdict = await PersonalDataRule().judge(draft("lol", text))
    dropped = kind in {Kind.CARD, Kind.IBAN, Kind.NATIONAL_ID}
    assert verdict.outcome is (Outcome.DROP if dropped else Outcome.HOLD)
    assert kind.value in verdict.facts
    assert text not in repr(verdict)


@pytest.mark.parametrize("text", PLAIN)
async def test_ordinary_talk_passes(text: str) -> None:
    verdict = await PersonalDataRule().judge(draft(text))
    assert (verdict.outcome, verdict.facts) == (Outcome.ALLOW, {})


@pytest.mark.parametrize("answer", ["tomato55", "4711", "its 482913"])
async def test_a_bare_code_is_one_when_somebody_asked(answer: str) -> None:
    asked = await PersonalDataRule().judge(_answering("Sam, what was the password again?", answer))
    assert (asked.outcome, list(asked.facts)) == (Outcome.HOLD, ["code"])
    assert (await PersonalDataRule().judge(_answering("pizza?", answer))).outcome is Outcome.ALLOW


async def test_what_several_patterns_find_is_counted_once() -> None:
    assert (await PersonalDataRule().judge(draft("door code 1234#"))).facts == {"code": 1}


async def test_the_strictest_kind_decides_and_all_are_counted() -> None:
    verdict = await PersonalDataRule().judge(draft("evil.com and foo.com", "4111 1111 1111 1111"))
    assert verdict.outcome is Outcome.DROP
    assert (verdict.facts["link"], verdict.facts["card"]) == (2, 1)
    assert "credit card" in verdict.reason


async def test_outcomes_and_thresholds_are_set_by_kind() -> None:
    lenient = PersonalDataRule(
        PersonalDataSettings(outcomes={Kind.LINK: Outcome.ALLOW, Kind.IP: Outcome.REWRITE})
    )
    assert (await lenient.judge(draft("evil.com"))).outcome is Outcome.ALLOW
    assert (await lenient.judge(draft("10.0.0.1"))).outcome is Outcome.REWRITE
    assert (await lenient.judge(draft("me@gmail.com"))).outcome is Outcome.HOLD
    sure = PersonalDataRule(PersonalDataSettings(thresholds={Kind.LINK: 0.8}))
    assert (await sure.judge(draft("evil.com"))).outcome is Outcome.ALLOW
    assert (await sure.judge(draft("https://evil.com"))).outcome is Outcome.HOLD


async def test_links_to_known_domains_pass() -> None:
    rule = PersonalDataRule(PersonalDataSettings(domains=("Example.org",)))
    for text in ("example.org/x", "https://www.example.org:8080/y?z", "EXAMPLE.ORG"):
        assert (await rule.judge(draft(text))).outcome is Outcome.ALLOW
    for text in (
        "https://example.org.evil.com",
        "https://example.org@evil.com/",
        "notexample.org",
        "https://evil.com/#example.org",
    ):
        assert (await rule.judge(draft(text))).outcome is Outcome.HOLD


async def test_what_somebody_just_wrote_may_be_said_again_where_it_is_set() -> None:
    rule = PersonalDataRule(PersonalDataSettings(echoes=(Kind.LINK,)))
    assert (
        await rule.judge(_answering("look: https://a.com/b", "https://a.com/b lol"))
    ).outcome is Outcome.ALLOW
    assert (await rule.judge(_answering("look: https://a.com/b", "https://a.com/c"))).outcome is Outcome.HOLD
    assert (await rule.judge(_answering("its me@gmail.com", "me@gmail.com"))).outcome is Outcome.HOLD
    assert (
        await PersonalDataRule().judge(_answering("look: https://a.com/b", "https://a.com/b"))
    ).outcome is Outcome.HOLD


@pytest.mark.parametrize(
    "given_",
    [
        {"outcomes": {"link": "stop"}},
        {"outcomes": {"shoe": "drop"}},
        {"thresholds": {"link": 0}},
        {"longest": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(given_: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PersonalDataSettings).validate_python(given_)


def test_the_domain_of_a_link_is_its_host() -> None:
    assert domain_of("HTTPS://user:pw@Shop.Example:443/x?y@z") == "shop.example"
    assert domain_of("me@gmail.com") == "gmail.com"


@pytest.fixture
def _no_presidio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Presidio as good as uninstalled, and nothing remembered of it."""
    found = importlib.util.find_spec
    personal_data._built.cache_clear()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "presidio_analyzer" else found(name, *a)
    )
    yield
    personal_data._built.cache_clear()


@pytest.mark.usefixtures("_no_presidio")
async def test_without_presidio_nothing_leaves() -> None:
    decision = await decide((PersonalDataRule(),), draft("lol"))
    assert decision.outcome is Outcome.STOP
    assert decision.verdict.reason == "the rule failed (ModuleNotFoundError), so the answer is no"


def test_nothing_heavy_is_imported_and_the_network_is_never_asked(tmp_path: Path) -> None:
    """In a process of its own, where nothing was fetched before, and all that is imported and asked can be seen."""
    code = (
        "import sys, socket\n"
        "asked = []\n"
        "def refuse(*a, **k):\n"
        "    asked.append(a)\n"
        "    raise OSError('no network')\n"
        "from safety.chain import draft_rules\n"
        "assert not any(name.startswith(('presidio', 'tldextract', 'phonenumbers')) for name in sys.modules)\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "from safety.personal_data import Recognisers\n"
        "found = Recognisers.open().find('a@foo-unknown.zzz me@gmail.com evil.com +49 151 23456789')\n"
        "assert sorted({one.kind.value for one in found}) == ['link', 'mail', 'phone'], found\n"
        "assert not asked, asked\n"
        "assert not {'torch', 'spacy', 'transformers', 'presidio_analyzer'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TLDEXTRACT_CACHE": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_drafts_of_many_chats_at_once_are_all_judged_the_first_time() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from safety.personal_data import Recognisers\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    found = list(pool.map(lambda _: Recognisers.open().find('mia@gmail.com'), range(8)))\n"
        "assert [[one.kind.value for one in each] for each in found] == [['mail']] * 8, found\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert (done.returncode, done.stderr) == (0, "")


@settings(deadline=None)
@given(st.one_of(st.text(), st.text("0123456789 .-:/@+aA#")), st.booleans())
def test_nothing_makes_it_fail(text: str, code_asked: bool) -> None:
    Recognisers.open().find(text, code_asked=code_asked)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["a", "a.", "1", "1 ", "@", "a@", "://", "http://", "code ", "code 1", "1 A ", "(1", "-", "1-",
    "a@a.", "ß", "DE1", "０"]
)  # fmt: skip
async def test_a_long_text_is_read_in_a_moment(piece: str) -> None:
    rule = PersonalDataRule()
    await rule.judge(draft((piece * 4000)[:4000]))
    verdict = await rule.judge(draft(piece * 20_000))
    assert verdict.outcome is Outcome.DROP
