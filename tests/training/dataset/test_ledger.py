"""Who agreed to be trained on: a person is one, wherever they said it."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chat.exports.people import People, Person
from chat.message import ChatKey
from safety.consent import ChatConsent, Entry, How, Purpose
from tests.training.dataset.exports import chat_of
from training.dataset.ledger import FILE, Ledger, Word, add_word, counted, live_words, read_words
from training.errors import LedgerDamaged

MAY = datetime(2026, 5, 3, 12, tzinfo=UTC)
MIA = Person("Mia", ("whatsapp:Mia", "discord:402"))
LEO = Person("Leo", ("whatsapp:Leo",))
PEOPLE = People((Person("Sam", ("whatsapp:Sam",), owner=True), MIA, LEO))
CHAT = chat_of([("Mia", "hi"), ("Leo", "ho"), ("Sam", "he")])
KEY = CHAT.chat.key


def told(person: Person = MIA, *, agreed: bool = True, at: datetime = MAY) -> Word:
    return Word(person.name, person.ids, agreed, "on the phone", "sam", at)


def live(*, agreed: bool, at: datetime, purpose: Purpose = Purpose.TRAINED) -> tuple[Word, ...]:
    entry = Entry(agreed, How.IN_CHAT, "mia_the_second", at, "mia_the_second")
    return live_words({ChatKey("discord", "7"): ChatConsent(None, {(purpose, "402"): entry})})


def test_silence_is_a_no() -> None:
    assert Ledger().agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: frozenset()}


def test_what_somebody_told_the_owner_counts_in_every_chat_of_theirs() -> None:
    other = chat_of([("Mia", "hi")], "other")
    found = Ledger((told(),)).agreed(PEOPLE, [CHAT, other])
    assert found == {None: frozenset(), KEY: {"Mia"}, other.chat.key: {"Mia"}}
    assert counted([CHAT, other], found) == (2, 1)


def test_what_an_account_agreed_to_in_a_live_chat_counts_for_the_person_in_the_exports() -> None:
    assert Ledger(live(agreed=True, at=MAY)).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: {"Mia"}}
    only_answered = live(agreed=True, at=MAY, purpose=Purpose.ANSWERED)
    assert Ledger(only_answered).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: frozenset()}


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=1)])
def test_the_newest_word_counts_and_at_one_time_the_no(later: timedelta) -> None:
    withdrawn = live(agreed=False, at=MAY + later)
    assert Ledger((told(), *withdrawn)).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: frozenset()}
    assert Ledger((*withdrawn, told())).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: frozenset()}
    again = told(at=MAY + later + timedelta(hours=1))
    assert Ledger((*withdrawn, again)).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: {"Mia"}}


def test_a_yes_goes_by_ids_and_a_no_by_the_name_as_well() -> None:
    namesake = People((Person("Mia", ("whatsapp:Mia 2",)),))
    chat = chat_of([("Mia 2", "hi")])
    assert Ledger((told(),)).agreed(namesake, [chat]) == {None: frozenset(), KEY: frozenset()}
    own = told(namesake.persons[0])
    assert Ledger((own,)).agreed(namesake, [chat]) == {None: frozenset(), KEY: {"Mia 2"}}
    assert Ledger((own, told(agreed=False))).agreed(namesake, [chat]) == {None: frozenset(), KEY: frozenset()}


def test_all_names_of_a_person_in_one_format_count() -> None:
    people = People((Person("Mia", ("whatsapp:Mia", "whatsapp:Mia S")),))
    chat = chat_of([("Mia S", "hi")])
    (author,) = people.resolve(chat).rows.get_column("author")
    assert author in Ledger((told(people.persons[0]),)).agreed(people, [chat])[KEY]


def test_with_the_live_ledger_away_nobody_counts_who_might_have_taken_it_back_there() -> None:
    words = (told(), told(LEO))
    assert Ledger(words).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: {"Mia", "Leo"}}
    assert Ledger(words, reached=False).agreed(PEOPLE, [CHAT]) == {None: frozenset(), KEY: {"Leo"}}


def test_whom_the_owner_names_counts_unless_a_no_of_theirs_is_on_record() -> None:
    named = ["Mia", "Leo", "402"]
    assert Ledger().agreed(PEOPLE, [CHAT], named)[None] == set(named)
    for ledger in (Ledger(live(agreed=False, at=MAY)), Ledger(reached=False)):
        assert ledger.agreed(PEOPLE, [CHAT], named)[None] == {"Leo"}


def test_words_are_added_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "imports"
    assert read_words(folder) == ()
    words = (told(), replace(told(LEO, agreed=False), told='in a café: "no"\n'))
    for word in words:
        add_word(folder, word)
    assert read_words(folder) == words
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"person": "Mia"}',
        '{"person": "Mia", "ids": [], "agreed": "yes", "told": "", "by": "", "at": "2026-05-03T12:00:00+00:00"}',
        '{"person": "Mia", "ids": [], "agreed": true, "told": "", "by": "", "at": "2026-05-03T12:00:00"}',
    ],
)
def test_with_a_damaged_line_nobodys_yes_is_known(line: str, tmp_path: Path) -> None:
    add_word(tmp_path, told())
    with (tmp_path / FILE).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(LedgerDamaged, match="line 2") as raised:
        read_words(tmp_path)
    assert "Mia" not in str(raised.value)
