"""`understudy persona`, in a process of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from inference.persona import MANIFEST, load_persona, read_manifest, write_persona_toml
from tests.bot.cli.command import CommandLine
from tests.fakes.openai_server import FakeOpenAIServer
from tests.fakes.persona import write_persona
from tests.inference.conftest import SAMPLE


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the persona that ships, to be changed."""
    folder = tmp_path / "sample"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("*.py", "grammar", "*.txt"))
    return folder


async def test_personas_are_listed_by_name_also_one_that_cannot_be_used(
    understudy: CommandLine, sample: Path
) -> None:
    shelf = understudy.state_dir / "personas"
    write_persona(shelf / "little")
    (shelf / "broken").mkdir()
    (shelf / "broken" / MANIFEST).write_text("format = 99")
    (shelf / "no-persona").mkdir()
    manifest = read_manifest(sample)
    write_persona_toml(sample, manifest.model_copy(update={"evaluation": {"score": [61.5, 57.0, 66.0]}}))
    ended = await understudy("persona", "list", "--json", persona=str(sample))
    assert ended.code == 0, ended.err
    found = {Path(line["folder"]).name: line for line in ended.json()}
    assert set(found) == {"broken", "little", "sample"}
    assert found["sample"]["score"] == "61.5 (57 to 66)"
    assert found["sample"]["for"] == "llama.cpp, vLLM"
    assert found["sample"]["size"] == "20.3 MB"
    assert (found["little"]["score"], found["little"]["for"]) == ("not evaluated", "llama.cpp")
    assert "cannot be used" in found["broken"]["for"]
    ended = await understudy("persona", "list", str(shelf / "no-persona"))
    assert "understudy train" in ended.out


async def test_one_is_shown_by_its_name_on_the_shelf(understudy: CommandLine) -> None:
    write_persona(understudy.state_dir / "personas" / "little")
    ended = await understudy("persona", "show", "little")
    assert ended.code == 0, ended.err
    assert "sampling.temperature = 0.5" in ended.out
    assert "for llama.cpp" in ended.out
    ended = await understudy("persona", "show", "little", "--json")
    assert ended.json()["adapter"]["rank"] == 1
    said = await understudy.line(9, "persona", "show", "nobody")
    assert "persona list" in said


async def test_a_persona_is_checked_with_the_real_engine(understudy: CommandLine, sample: Path) -> None:
    ended = await understudy("persona", "check", str(sample))
    assert ended.code == 0, ended.err
    assert (await load_persona(sample)).fingerprint in ended.out
    assert "sam answers, and nobody else, at llama_cpp" in ended.out
    path = sample / "base/model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    # `run` looks at such a file's size alone.
    assert (await load_persona(sample)).name == "sam"
    said = await understudy.line(9, "persona", "check", str(sample), "--engine", "none")
    assert "not the file that was packaged" in said


async def test_a_server_that_answers_as_somebody_else_fails_the_check(
    served: CommandLine, model: FakeOpenAIServer
) -> None:
    assert (await served("persona", "check")).code == 0
    model.first_tokens = {"sam": {"b": -1.0, "z": -5.0}}
    said = await served.line(10, "persona", "check")
    assert "bare base model answers" in said
    assert (await served("persona", "check", "--engine", "none")).code == 0
    assert "choose one of" in await served.line(2, "persona", "check", "--engine", "magic")


async def test_another_sampling_makes_another_persona_that_is_not_evaluated(
    understudy: CommandLine, sample: Path
) -> None:
    before = await load_persona(sample)
    ended = await understudy("persona", "sampling", str(sample))
    assert "narrow" in ended.out
    assert (await load_persona(sample)).fingerprint == before.fingerprint
    changes = ("--named", "narrow", "--set", "banned_words=['lol']")
    ended = await understudy("persona", "sampling", str(sample), *changes)
    assert ended.code == 0, ended.err
    after = await load_persona(sample)
    assert (after.sampling.temperature, after.sampling.top_p) == (0.75, 0.15)
    assert (after.sampling.max_tokens, after.sampling.banned_words) == (48, ("lol",))
    assert after.fingerprint != before.fingerprint
    for wrong in (
        ("--named", "warm"),
        ("--set", "temperature=9"),
        ("--set", "temperature"),
        ("--set", "heat=1"),
    ):
        assert (await understudy("persona", "sampling", str(sample), *wrong)).code == 2, wrong
    # A folder that somebody changed gets no fingerprint that fits, by the way.
    path = sample / MANIFEST
    path.write_text(path.read_text().replace("history_messages = 16", "history_messages = 15"))
    assert "fingerprint" in await understudy.line(9, "persona", "sampling", str(sample), "--named", "cool")


async def test_a_card_tells_counts_and_consent_and_nobodys_words(
    understudy: CommandLine, sample: Path
) -> None:
    manifest = read_manifest(sample)
    changes = {
        "base": manifest.base.model_copy(update={"license": "apache-2.0 | <b>", "revision": "0123abc"}),
        "consent": {"by": "ledger", "people": 4, "agreed": 3, "left_out": 17},
        "evaluation": {"score": [61.5, 57.0, 66.0], "perplexity": 8.25},
        "sampling": manifest.sampling.model_copy(update={"banned_words": ("SECRETWORD",)}),
    }
    write_persona_toml(sample, manifest.model_copy(update=changes))
    out = sample / "CARD.md"
    ended = await understudy("persona", "card", str(sample), "--out", str(out))
    assert ended.code == 0, ended.err
    card = out.read_text(encoding="utf-8")
    for part in (
        "# sam",
        "61.5 (57 to 66)",
        "8.25",
        "| agreed | 3 |",
        "ledger of consent",
        "2,704",
        "understudy forget",
    ):
        assert part in card, part
    assert r"apache-2.0 \| &lt;b>" in card
    assert "SECRETWORD" not in card
    assert not any(probe.prompt[-1].content in card for probe in manifest.canary.probes)
    assert "Do not pass this persona on" not in card
    write_persona_toml(sample, manifest.model_copy(update={"consent": None}))
    ended = await understudy("persona", "card", str(sample))
    assert "Do not pass this persona on" in ended.out


@pytest.mark.train
async def test_gguf_is_exported_with_other_numbers(understudy: CommandLine, sample: Path) -> None:
    before = await load_persona(sample)
    ended = await understudy("persona", "export-gguf", str(sample), "--numbers", "q8_0")
    assert ended.code == 0, ended.err
    after = await load_persona(sample)
    assert after.base_gguf.stat().st_size < 5_000_000
    assert after.fingerprint != before.fingerprint
    assert after.fingerprint[:12] in ended.out
    assert "choose one of" in await understudy.line(
        2, "persona", "export-gguf", str(sample), "--numbers", "q2"
    )
    json.dumps(dict(after.figures))
