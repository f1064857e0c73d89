from __future__ import annotations

from dataclasses import replace

from safety.consent import ChatConsent, Entry, How, People, Purpose
from safety.rules.consent import ConsentRule
from safety.verdict import Outcome
from tests.safety.builders import MIA, NOON, TOM, gate, message, own

YES, NO = Entry(True, How.OWNER, "olivia", NOON), Entry(False, How.IN_CHAT, "Mia", NOON)


def _ledger(people: People = People.OPT_OUT, **answered: Entry) -> ChatConsent:
    return ChatConsent(YES, {(Purpose.ANSWERED, person): entry for person, entry in answered.items()}, people)


async def test_a_chat_that_nobody_enabled_is_not_answered() -> None:
    for consent in (ChatConsent(), ChatConsent(enabled=NO)):
        assert (await ConsentRule().judge(gate(consent=consent))).outcome is Outcome.DROP


async def test_silence_is_a_yes_under_opt_out_and_a_no_under_opt_in() -> None:
    assert (await ConsentRule().judge(gate(consent=_ledger()))).outcome is Outcome.ALLOW
    assert (await ConsentRule().judge(gate(consent=_ledger(People.OPT_IN)))).outcome is Outcome.DROP
    assert (await ConsentRule().judge(gate(consent=_ledger(People.OPT_IN, u1=YES)))).outcome is Outcome.ALLOW


async def test_one_who_said_no_keeps_the_turn_from_being_answered_and_is_not_named() -> None:
    turn = (message("hi", TOM, "m1"), message("hello", MIA, "m2"))
    verdict = await ConsentRule().judge(gate(*turn, consent=_ledger(u1=NO)))
    assert verdict.outcome is Outcome.DROP
    assert "Mia" not in verdict.reason
    assert "u1" not in str(verdict.facts)


async def test_the_owner_needs_no_consent_of_their_own() -> None:
    turn = (message("hi", TOM, "m1"), own("hi"))
    assert (
        await ConsentRule().judge(gate(*turn, consent=_ledger(People.OPT_IN, u2=YES)))
    ).outcome is Outcome.ALLOW


def _hosted(answered: Entry | None = None, **hosted: Entry) -> ChatConsent:
    entries = {(Purpose.HOSTED, person): entry for person, entry in hosted.items()}
    if answered is not None:
        entries[Purpose.ANSWERED, "u1"] = answered
    return ChatConsent(YES, entries)


async def test_to_a_host_only_those_are_answered_who_agreed_to_it() -> None:
    turn = (message("hi", TOM, "m1"), message("hello", MIA, "m2"))
    at_host = replace(gate(*turn, consent=_ledger()), host="host.example")
    said = {
        "silence": (_ledger(), Outcome.DROP),
        "no": (_hosted(u1=NO, u2=NO), Outcome.DROP),
        "one yes": (_hosted(u1=YES), Outcome.ALLOW),
        "a yes of somebody else": (_hosted(u9=YES), Outcome.DROP),
    }
    for what, (consent, outcome) in said.items():
        verdict = await ConsentRule().judge(replace(at_host, consent=consent))
        assert verdict.outcome is outcome, what
        assert "Mia" not in verdict.reason
    # A model of one's own needs no such word.
    assert (await ConsentRule().judge(gate(*turn, consent=_ledger()))).outcome is Outcome.ALLOW


async def test_who_asks_whether_it_is_a_bot_needs_to_have_agreed_to_no_host() -> None:
    turn = (message("Sam, are you a bot?", MIA, "m1"),)
    subject = replace(gate(*turn, consent=_ledger()), host="host.example")
    assert (await ConsentRule().judge(subject)).outcome is Outcome.ALLOW


def test_silence_is_never_a_yes_to_a_host_and_a_no_to_answers_is_a_no_to_it() -> None:
    assert not _ledger().may_host("u1")
    assert _hosted(u1=YES).may_host("u1")
    assert not _hosted(u1=NO).may_host("u1")
    assert not _hosted(NO, u1=YES).may_host("u1")
    assert not ChatConsent(NO, {(Purpose.HOSTED, "u1"): YES}).may_host("u1")


def test_silence_is_never_a_yes_to_be_trained_on() -> None:
    assert not _ledger().may_train("u1")
    ledger = ChatConsent(YES, {(Purpose.TRAINED, "u1"): YES, (Purpose.TRAINED, "u2"): NO})
    assert [ledger.may_train(person) for person in ("u1", "u2", "u3")] == [True, False, False]
