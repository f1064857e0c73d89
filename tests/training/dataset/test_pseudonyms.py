"""The same person is always the same pseudonym, of the same kind; only who has the key gets back."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.exports.export import Export
from tests.training.dataset.exports import Said, chat_of, texts
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_table import NAME, PseudonymTable
from training.dataset.pseudonyms import Pseudonyms, put_back
from training.errors import KeyUnusable

KEY = PseudonymKey(b"k" * 32)
OTHER_KEY = PseudonymKey(b"o" * 32)


def pseudonyms(*exports: Export, key: PseudonymKey = KEY, names: tuple[str, ...] = ()) -> Pseudonyms:
    return Pseudonyms(
        key, exports or (chat_of([("Mia Schmidt", "hi"), ("Leo", "hi"), ("Sam", "hi")]),), names
    )


def test_names_in_bodies_and_senders_are_the_same_pseudonym() -> None:
    group = chat_of(
        [("Mia Schmidt", "hi Leo"), ("Leo", "Mia! MIA! miaaaa, Mia's cat"), ("Sam", "Schmidt, Leo")]
    )
    pair = chat_of([("Mia Schmidt", "leo says no")], "Mia Schmidt", direct=True)
    made = pseudonyms(group, pair).exports([group, pair])
    full = made[0].rows.get_column("name")[0]
    given_name, family = full.split()
    leo = made[0].rows.get_column("name")[1]
    assert not {given_name, family, leo} & {"Mia", "Schmidt", "Leo"}
    assert texts(made) == [
        f"hi {leo}",
        f"{given_name}! {given_name.upper()}! {given_name.lower()}{given_name[-1] * 3}, {given_name}'s cat",
        f"{family}, {leo}",
        f"{leo.lower()} says no",
    ]
    assert made[1].chat.title == full
    assert made[0].rows.get_column("author").to_list() == made[0].rows.get_column("name").to_list()
    assert made[0].owner == {made[0].rows.get_column("name")[2]}


def test_nothing_in_a_table_tells_of_a_person() -> None:
    pair = chat_of([("Mia Schmidt", "hi"), ("Sam", "hi Mia")], "Mia Schmidt", direct=True)
    (made,) = pseudonyms(pair).exports([pair])
    shown = repr((made.rows.to_dicts(), made.chat, made.path, made.owner))
    for real in ("Mia", "Schmidt", "Sam", pair.rows.get_column("id")[0]):
        assert real not in shown


def test_a_reply_still_answers_what_it_answered() -> None:
    group = chat_of([Said("Mia", "so?"), Said("Sam", "yes", reply_to=0)])
    rows = pseudonyms(group).exports([group])[0].rows
    assert rows.get_column("reply_to").to_list() == [None, rows.get_column("id")[0]]


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("call +49 170 1234567 now", r"call \+49 1\d\d \d{7} now"),
        ("mail mia.schmidt@web.de!", r"mail [a-z]+\.[a-z]+\d+@example\.(com|net|org)!"),
        ("see https://maps.app.goo.gl/x7Yz and", r"see https://example\.(com|net|org)/[0-9a-f]{10} and"),
        ("I'm at Hauptstraße 12, ok", r"I'm at [A-Z]\w+straße \d\d, ok"),
        ("the door code is 4821", r"the door code is \d{4}"),
        ("IBAN DE89 3704 0044 0532 0130 00 pls", r"IBAN DE\d\d( \d{4}){4} \d\d pls"),
        ("card 4111 1111 1111 1111", r"card \d{4} \d{4} \d{4} \d{4}"),
        ("it runs on 93.184.216.34", r"it runs on 198\.1[89]\.\d+\.\d+"),
        ("hey <@81384788765712384> and @491701234567", r"hey <@\d{17}> and @\d{12}"),
    ],
)
def test_each_kind_becomes_its_own_kind(text: str, like: str) -> None:
    names = pseudonyms()
    made = names.text(text)
    assert re.fullmatch(like, made), made
    assert made != text
    assert put_back(made, names.table) == text


def test_a_number_is_the_same_however_it_is_written() -> None:
    names = pseudonyms()
    digits = [
        re.sub(r"\D", "", names.text(text)) for text in ("+49 170 1234567", "0170 1234567", "0170-123 45 67")
    ]
    assert len({one[-9:] for one in digits}) == 1
    assert digits[0][-9:] != "701234567"


def test_a_bare_number_is_a_code_where_somebody_asked_for_one() -> None:
    group = chat_of([("Leo", "what's the pin?"), ("Mia", "4821"), ("Leo", "thanks"), ("Mia", "4821")])
    said = texts(pseudonyms(group).exports([group]))
    assert said[1] != "4821"
    assert re.fullmatch(r"\d{4,}", said[1])
    assert said[3] == "4821"


def test_words_that_are_names_too_are_names_where_they_are_written_so() -> None:
    group = chat_of([("Will", "hi"), ("Mia from Work", "hi")])
    names = pseudonyms(group)
    assert names.text("will you work from home?") == "will you work from home?"
    assert "Will" not in names.text("ask Will")


def test_a_nickname_that_is_told_is_replaced_as_well() -> None:
    assert "mimi" not in pseudonyms(names=("Mimi",)).text("mimi is late")


def test_a_name_that_is_kept_stays_as_it_is_typed_and_stands_for_nobody_else() -> None:
    group = chat_of([("Sam Miller", "hi"), ("Mia", "SAM! saaam, sammm, sAm Miller's"), ("Ann Miller", "hi")])
    names = Pseudonyms(KEY, [group], kept=("Sam Miller",))
    (made,) = names.exports([group])
    assert texts([made])[1] == "SAM! saaam, sammm, sAm Miller's"
    shown = made.rows.get_column("name").to_list()
    assert shown[0] == "Sam Miller"
    # A relative is not told apart by a word that both have.
    assert shown[2].endswith(" Miller")
    assert "Ann" not in shown[2]
    assert made.rows.get_column("author").to_list() == shown
    assert dict(names.table.pairs(NAME)).keys() == {"Mia", "Ann"}


def test_a_kept_name_in_a_script_without_spaces_is_not_cut_up() -> None:
    group = chat_of([("小明", "你好"), ("明", "小明在哪里 明")])
    said = texts(Pseudonyms(KEY, [group], kept=("小明",)).exports([group]))[1]
    assert said.startswith("小明在哪里 ")
    assert not said.endswith(" 明")


def test_names_in_scripts_without_spaces_are_found() -> None:
    group = chat_of([("小明", "你好"), ("Sam", "小明在哪里")])
    assert "小明" not in "".join(texts(pseudonyms(group).exports([group])))


def test_no_pseudonym_is_a_word_that_is_said_or_stands_for_two() -> None:
    people = [
        f"{first}{last}" for first in ("Ba", "Ce", "Do", "Fu") for last in ("ra", "lo", "mi", "nu", "te") * 20
    ]
    people = [f"{name}{chr(97 + number % 26)}{chr(97 + number // 26)}" for number, name in enumerate(people)]
    first = pseudonyms(chat_of([(name, "hi") for name in people]))
    table = dict(first.table.pairs(NAME))
    assert len(set(table.values())) == len(people) == len(table)
    group = chat_of([(people[0], f"who is {table[people[0]].lower()}?")])
    assert dict(pseudonyms(group).table.pairs(NAME))[people[0]] != table[people[0]]


@pytest.mark.parametrize("real", ["code: 4821", "mia@web.de", "+49 170 1234567", "https://a.example.io/Q"])
def test_no_made_up_value_is_one_that_somebody_wrote(real: str) -> None:
    drawn = pseudonyms(chat_of([("Mia", real)])).text(real)
    again = pseudonyms(chat_of([("Mia", real), ("Leo", f"and mine is {drawn}")])).text(real)
    # Else nobody could tell Leo's own from what stands for Mia's, and putting back would give Leo hers.
    assert again not in {drawn, real}


def test_another_key_draws_other_pseudonyms_and_the_same_key_the_same() -> None:
    text = "Mia, +49 170 1234567"
    assert pseudonyms().text(text) == pseudonyms().text(text)
    assert pseudonyms(key=OTHER_KEY).text(text) != pseudonyms().text(text)


def test_an_earlier_dataset_is_kept_to(tmp_path: Path) -> None:
    early = pseudonyms()
    early.table.write(tmp_path / "table", KEY)
    group = chat_of([("Mia Schmidt", f"{early.text('Mia').lower()} is a name, too"), ("Zoe", "hi")])
    late = Pseudonyms(KEY, [group], table=PseudonymTable.read(tmp_path / "table", KEY))
    assert late.text("Mia") == early.text("Mia")


piece = st.sampled_from(
    [
        *(
            "Mia",
            "MIA",
            "mia",
            "Leo",
            "Schmidt",
            "Mias",
            "ok",
            "lol",
            "2019",
            "at 8",
            "😀",
            "straße",
            "<@81384788765712384>",
        ),
        *(
            "+49 170 1234567",
            "0170 1234567",
            "mia@web.de",
            "https://a.example.io/Q",
            "code: 4821",
            "code: 4822",
        ),
        *("pin is 2019", "12 Baker Street", "4111 1111 1111 1111", "www.x.de/q", "8.8.8.8", "198.18.0.1"),
    ]
) | st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=6)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(st.lists(piece, max_size=6).map(" ".join), min_size=1, max_size=6))
def test_with_the_table_every_text_comes_back(said: list[str]) -> None:
    group = chat_of([("Mia Schmidt", text) for text in (*said, "and Leo")] + [("Leo", "hi")])
    names = pseudonyms(group)
    made = texts(names.exports([group]))
    for before, after in zip(texts([group]), made, strict=True):
        assert put_back(after, names.table) == before
        for word in re.findall(r"\w+", after):
            assert word.casefold() not in {"mia", "mias", "leo", "schmidt", "1234567", "01701234567", "web"}
    assert texts(pseudonyms(group).exports([group])) == made


def test_the_key_is_readable_by_its_owner_alone_and_stays_out_of_the_dataset(tmp_path: Path) -> None:
    dataset, path = tmp_path / "dataset", tmp_path / "keys" / "key"
    key = PseudonymKey.at(path, dataset)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PseudonymKey.at(path, dataset) == key == PseudonymKey.read(path)
    assert key.secret not in repr(key).encode()
    (tmp_path / "link").symlink_to(dataset)
    for inside in (dataset / "key", dataset / ".." / "dataset" / "key", tmp_path / "link" / "key"):
        with pytest.raises(KeyUnusable, match="travel with it"):
            PseudonymKey.at(inside, dataset)
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        PseudonymKey.at(path, dataset)


@pytest.mark.parametrize("content", [b"", b"no key", b"AAAA", b"\xff" * 50])
def test_what_is_no_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyUnusable, match="is no key"):
        PseudonymKey.read(path)


def test_the_table_opens_with_its_key_alone_and_tells_nothing_without(tmp_path: Path) -> None:
    names = pseudonyms()
    names.text("write to mia@web.de")
    path = tmp_path / "pseudonyms"
    names.table.write(path, KEY)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PseudonymTable.read(path, KEY).entries == names.table.entries
    with pytest.raises(KeyUnusable, match="another key"):
        PseudonymTable.read(path, OTHER_KEY)
    assert not any(word in path.read_bytes() for word in (b"Mia", b"web.de"))
    assert not any(word in repr(names.table) for word in ("Mia", "web.de"))


def test_who_is_forgotten_cannot_be_got_back() -> None:
    names = pseudonyms()
    made = names.text("Mia and Leo")
    assert names.table.forget(["mia"]) == 1
    back = put_back(made, names.table)
    assert "Mia" not in back
    assert back.endswith("and Leo")


@pytest.fixture(autouse=True)
def _nothing_is_logged(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert capfd.readouterr() == ("", "")
