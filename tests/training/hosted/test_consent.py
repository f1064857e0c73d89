"""What is asked before anything leaves: the words, and whose yes counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.training.hosted.desk import build_dataset
from training.dataset.outputs import Format
from training.errors import DatasetUnreadable
from training.hosted.consent import Question
from training.hosted.errors import NoConsent, ShipmentUnfit
from training.hosted.host import Host
from training.hosted.screening import OnFlagged, Screen, Screening
from training.hosted.shipment import read_shipment

HOST = Host("https://api.openai.com/v1", "sk-quokka")
ELSEWHERE = Host("https://guard.example:8443/v1", "sk-numbat")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return build_dataset(tmp_path / "dataset")


def _question(dataset: Path, **how: object) -> Question:
    question = Question(read_shipment(dataset), HOST, "gpt-4o-mini", Screening(Screen.ENDPOINT, ELSEWHERE))
    return replace(question, **how)  # type: ignore[arg-type]


def test_the_words_name_what_leaves_and_to_whom(dataset: Path) -> None:
    said = "\n".join(_question(dataset).words)
    lines = (dataset / "openai" / "train.jsonl").read_text().splitlines()
    assert str(dataset) in said
    assert f"train: {len(lines)} rows with {3 * len(lines)} messages" in said
    assert "valid: " in said
    assert "words of 2 people" in said
    assert "AS THEY ARE" in said
    assert "who of the others agreed to be trained on is not on record" in said
    assert "goes to api.openai.com, to train gpt-4o-mini" in said
    assert "moderation of guard.example:8443; rows it objects to are left out" in said
    assert "OpenAI keeps the files and the model until they are deleted" in said
    assert "what is it on day" not in said


@pytest.mark.parametrize(
    ("agreed", "said"),
    [
        ((3, 4, "ledger"), "3 of 4 others are on record as having agreed"),
        ((0, 4, "as_it_is"), "you answered for it that all 4 others agreed"),
    ],
)
def test_who_agreed_to_be_trained_on_is_told(dataset: Path, agreed: tuple[int, int, str], said: str) -> None:
    shipment = replace(read_shipment(dataset), agreed=agreed)
    told = "\n".join(_question(dataset, shipment=shipment).words)
    assert said in told
    assert "says nothing of this host" in told


def test_pseudonyms_are_told(tmp_path: Path) -> None:
    said = "\n".join(_question(build_dataset(tmp_path / "p", pseudonyms=True)).words)
    assert "replaced by pseudonyms" in said
    assert "AS THEY ARE" not in said
    assert "YOUR OWN" not in said


def test_it_is_told_when_the_owners_own_name_leaves_beside_the_others_pseudonyms(tmp_path: Path) -> None:
    said = "\n".join(_question(build_dataset(tmp_path / "p", pseudonyms=True, own_name=True)).words)
    assert "others' names replaced by pseudonyms, YOUR OWN NAME AS IT IS" in said


def test_where_nobody_wrote_it_down_names_are_taken_to_be_real(dataset: Path) -> None:
    (dataset / "facts.json").unlink()
    assert "does not say whether names were replaced" in "\n".join(_question(dataset).words)


def test_what_an_unknown_host_keeps_is_said_to_be_unknown_or_in_the_owners_words(dataset: Path) -> None:
    host = Host("https://tuning.example", "sk-quokka")
    assert "not known here" in "\n".join(_question(dataset, host=host).words)
    told = replace(host, keeps="a week, says its contract")
    assert "What is kept: a week, says its contract." in _question(dataset, host=told).words


@pytest.mark.parametrize(
    ("screening", "said"),
    [
        (Screening(Screen.LEXICON), "built-in lexicon judges every text here; rows it objects to"),
        (Screening(Screen.OFF), "No moderation judges it before"),
        (Screening(Screen.ENDPOINT, HOST, flagged=OnFlagged.REFUSE), "nothing is uploaded"),
    ],
)
def test_moderation_is_told_as_it_is(dataset: Path, screening: Screening, said: str) -> None:
    question = _question(dataset, screening=screening)
    assert said in "\n".join(question.words)
    assert question.hosts == ("api.openai.com",)


@pytest.mark.parametrize(
    "named", [(), ("yes",), ("api.openai.com",), ("guard.example:8443",), ("api.openai.com", "other.example")]
)
def test_only_who_names_every_host_agrees(dataset: Path, named: tuple[str, ...]) -> None:
    wanted = "--yes-send api.openai.com --yes-send guard.example:8443"
    with pytest.raises(NoConsent, match=f"nothing was sent: .* {wanted}"):
        _question(dataset).agreed(named, "sam", NOW)


def test_consent_keeps_the_words_that_were_agreed_to(dataset: Path) -> None:
    question = _question(dataset)
    consent = question.agreed(["API.openai.com", "guard.example:8443"], "sam", NOW)
    assert (consent.by, consent.at, consent.hosts, consent.words) == (
        "sam",
        NOW,
        question.hosts,
        question.words,
    )


@pytest.mark.parametrize(
    "address",
    ["http://tuning.example/v1", "ftp://tuning.example", "tuning.example", "https://key@tuning.example", ""],
)
def test_chats_and_keys_go_nowhere_unencrypted(address: str) -> None:
    with pytest.raises(ValueError, match=r"address|https"):
        Host(address)


def test_a_key_is_not_shown() -> None:
    assert "sk-quokka" not in repr(HOST)


def test_a_dataset_without_openais_format_says_which_command_makes_it(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path / "dataset", form=Format.SHAREGPT)
    with pytest.raises(ShipmentUnfit, match="understudy dataset build --format openai --out"):
        read_shipment(folder)


def test_a_folder_that_is_no_dataset_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnreadable, match="understudy dataset build"):
        read_shipment(tmp_path)


def test_a_file_that_was_changed_by_hand_does_not_leave(dataset: Path) -> None:
    path = dataset / "openai" / "train.jsonl"
    path.write_text(path.read_text().replace("day 3", "day three"))
    with pytest.raises(ShipmentUnfit, match="not the file that was built"):
        read_shipment(dataset)


def test_fewer_than_ten_rows_are_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path / "dataset", talks=16, held_out=0.5)
    with pytest.raises(ShipmentUnfit, match="hosts take 10 at least"):
        read_shipment(folder)
