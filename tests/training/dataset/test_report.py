"""The report counts what is there, warns in plain words, and its page shows texts as texts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from bot.cli import dataset_report
from tests.training.dataset.exports import Said, chat_of
from training.dataset.facts import Facts, facts_of
from training.dataset.filters import Cut, Filtered, Taken
from training.dataset.report import report_on
from training.dataset.report_page import page
from training.errors import DatasetUnreadable

HOSTILE = '<script src="https://evil.example/x.js">alert(1)</script>\x1b[31m & "quotes"'
GROUP = chat_of(
    [
        Said("Mia", "are we still going to the lake on the weekend?"),
        Said("Sam", "yes 😀", 2),
        Said("Sam", "i would love to go swimming with all of you"),
        Said("Mia", "ok"),
        Said("Leo", "ok"),
        Said("Sam", "ok 👍🏽", 600),
        Said("Sam", "so", 70),
    ]
)
OTHER = chat_of([("Mia", "ich komme heute leider nicht mit nach Hause"), ("Sam", "lol")], HOSTILE)


def dataset(folder: Path, answers: int = 3, text: str = "ok") -> Path:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Mia: {HOSTILE} {number}"},
                {"role": "assistant", "content": text},
            ],
            "learned": [{"source": "m", "author": "Sam", "part": 1, "begin": 0, "end": len(text)}],
        }
        for number in range(answers)
    ]
    (folder / "rows").mkdir(parents=True)
    pl.DataFrame(rows).write_parquet(folder / "rows" / "train.parquet")
    facts_of(Filtered((GROUP, OTHER), (Cut(GROUP.chat.key, Taken.FORWARD, 7),))).write(folder)
    return folder


def test_facts_are_counted_from_the_messages() -> None:
    facts = facts_of(Filtered((GROUP, OTHER), (Cut(GROUP.chat.key, Taken.FORWARD, 7),)))
    assert (facts.messages, facts.own, facts.with_emoji) == (9, 5, 2)
    assert facts.bubbles == {"1": 3, "2": 1, "3": 0, "4": 0, "5": 0, "6+": 0}
    assert facts.lengths == (4, 0, 0, 0, 1, 0, 0, 0)
    assert facts.delays == (0, 0, 2, 0, 0, 1, 0)
    assert facts.emoji == {"😀": 1, "👍🏽": 1}
    assert facts.languages == {"en": 1}
    assert facts.chats == {"Friday five": 7, HOSTILE: 2}
    assert facts.people == {"Mia": 3, "Leo": 1}
    assert facts.taken == (("forward", "Friday five", 7),)
    assert sum(facts.hours) == 5
    assert facts_of(Filtered(())) == Facts(bubbles=facts_of(Filtered(())).bubbles, pseudonyms=False)


def test_facts_keep_no_text(tmp_path: Path) -> None:
    dataset(tmp_path)
    kept = (tmp_path / "facts.json").read_text()
    assert "swimming" not in kept
    assert Facts.read(tmp_path) == facts_of(
        Filtered((GROUP, OTHER), (Cut(GROUP.chat.key, Taken.FORWARD, 7),))
    )


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str | None] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"src", "href", "action", "data"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_texts_as_texts_and_loads_nothing(tmp_path: Path) -> None:
    tags = Tags()
    tags.feed(page(report_on(dataset(tmp_path))))
    assert "script" not in tags.tags
    assert tags.links == []
    assert HOSTILE.replace("\x1b", "\x1b") in tags.text
    assert {"svg", "figure", "pre"} <= set(tags.tags)
    assert "forward" in tags.text


def test_ten_examples_are_drawn_by_a_seed(tmp_path: Path) -> None:
    dataset(tmp_path, answers=40)
    drawn = [report_on(tmp_path, seed=seed).examples for seed in (1, 1, 2)]
    assert len(set(drawn[0])) == 10
    assert drawn[0] == drawn[1] != drawn[2]


def test_warnings_say_what_to_do(tmp_path: Path) -> None:
    few = " ".join(report_on(dataset(tmp_path / "few")).warnings)
    for words in (
        "3 answers",
        "by heart",
        "contact dominates: Mia",
        "chat dominates: Friday five",
        "one word",
        "held out",
    ):
        assert words in few
    many = " ".join(report_on(dataset(tmp_path / "many", 1000, "see you there then")).warnings)
    assert "by heart" not in many
    assert "one word" not in many


def test_tokens_are_counted_by_what_is_given_and_said_so(tmp_path: Path) -> None:
    dataset(tmp_path)
    assert "4 bytes a token" in dict(report_on(tmp_path).numbers)["tokens to train on"]
    assert dict(report_on(tmp_path, ("letters", len)).numbers)["tokens to train on"].endswith("(letters)")


@pytest.mark.parametrize("what", ["nothing", "damaged", "facts"])
def test_what_is_no_dataset_is_said_to_be_none(tmp_path: Path, what: str) -> None:
    if what == "damaged":
        (tmp_path / "rows").mkdir()
        (tmp_path / "rows" / "train.parquet").write_bytes(b"no parquet")
    if what == "facts":
        dataset(tmp_path)
        (tmp_path / "facts.json").write_text("{")
    with pytest.raises(DatasetUnreadable):
        report_on(tmp_path)


def test_the_verb_shows_it_writes_the_page_and_steers_no_terminal(tmp_path: Path) -> None:
    dataset(tmp_path)
    app = typer.Typer()
    dataset_report.add_to(app)
    app.callback()(lambda: None)
    shown = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert shown.exit_code == 0, shown
    assert "3 answers" in " ".join(shown.output.split())
    assert "\x1b[31m" not in shown.output
    assert (tmp_path / "report.html").stat().st_mode & 0o777 == 0o600
    spoken = CliRunner().invoke(app, ["report", str(tmp_path), "--json"])
    assert json.loads(spoken.output)["figures"]["Messages by person"] == {"Mia": 3, "Leo": 1}
