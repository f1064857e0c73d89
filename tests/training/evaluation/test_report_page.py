"""The page: whatever was said, it is shown as text, and nothing is loaded from anywhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from inference.persona import load_persona
from inference.sampling import Sampling
from tests.training.evaluation.conftest import SAMPLE
from tests.training.evaluation.test_bench import POLITE, Reader
from training.dataset.folder import open_dataset

pytestmark = pytest.mark.train

HOSTILE = (
    '<script>alert(1)</script><img src="http://127.0.0.1/x" onerror=alert(1)>',
    "</pre></div></body></html><h1>done</h1>",
    "'\" onmouseover=alert(1) \u202e <|user|> &lt; \x00",
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


async def test_hostile_texts_are_texts(sample_data: Path) -> None:
    from training.base import BaseFolder
    from training.evaluation.bench import Bench
    from training.evaluation.figures import figures_of
    from training.evaluation.report_page import page
    from training.layout import layout_of
    from training.model import load_tokenizer

    persona = await load_persona(SAMPLE)
    dataset = open_dataset(sample_data)
    layout = layout_of(dataset.recipe, load_tokenizer(BaseFolder(SAMPLE / "base")), persona.prompt)
    bench = Bench(dataset, layout, side="test", generations=40)
    said = await bench.say(Reader(HOSTILE), Sampling())
    found = bench.measure(said, await bench.say(Reader(POLITE), Sampling()), typing=persona.typing)
    head = {
        "notes": ["<b>bold</b>"],
        "seed": 0,
        "dataset": "f" * 64,
        "side": "test",
        "engine": "<i>",
        "sampling": Sampling().model_dump(),
        "date": "2026-01-02",
    }
    html = page(persona, found, {**head, **figures_of(found)})
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert not tags.names & {"script", "img", "link", "iframe", "b", "i", "object", "style "}
    assert not {name for name in tags.attributes if name.startswith("on")} | (
        tags.attributes & {"src", "href"}
    )
    assert "default-src 'none'" in html
    assert "&lt;script&gt;alert(1)" in html
