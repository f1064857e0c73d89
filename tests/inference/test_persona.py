"""A persona folder is used as it was packaged, or not at all."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from inference.errors import AdapterMismatch, FingerprintMismatch, PersonaError
from inference.persona import (
    Origin,
    PersonaManifest,
    Quantiles,
    Sampling,
    StyleProfile,
    TypingProfile,
    WeightsFile,
    fingerprint_of,
    load_persona,
    write_persona_toml,
)
from inference.prompt import PromptFormat
from tests.inference.conftest import TEMPLATE, Edit, manifest_of, sha256

OLD_FINGERPRINT = "849ad7ef4d31971fc05a576b350b3b56c2016b9b04d04c4a1516f6e0184825ad"
"""What the folder of the fixture had before there was a format 2."""


async def test_what_was_written_is_what_is_loaded(persona_folder: Path) -> None:
    manifest = manifest_of(persona_folder)
    persona = await load_persona(persona_folder)
    assert persona.folder == persona_folder
    assert persona.fingerprint == manifest.fingerprint
    assert persona.prompt == manifest.prompt
    assert persona.sampling == manifest.sampling
    assert persona.typing == manifest.typing
    assert persona.template == TEMPLATE
    assert persona.canary == manifest.canary
    assert persona.figures == {"perplexity": 4.5, "messages": 900}
    assert persona.base_gguf.read_bytes().startswith(b"GGUF base")
    assert persona.adapter_gguf is not None
    assert persona.adapter_gguf.read_bytes().startswith(b"GGUF adapter")


async def test_the_hugging_face_folders_may_be_left_out(persona_folder: Path) -> None:
    shutil.rmtree(persona_folder / "base")
    shutil.rmtree(persona_folder / "adapter")
    assert (await load_persona(persona_folder)).name == "sam"


@pytest.mark.parametrize(
    "file",
    [
        "persona.toml",
        "chat_template.jinja",
        "gguf/base.gguf",
        "gguf/adapter.gguf",
        "base/model.safetensors",
        "adapter/adapter_model.safetensors",
    ],
)
async def test_a_missing_file_is_named(persona_folder: Path, file: str) -> None:
    (persona_folder / file).rename(persona_folder / file.replace(".", "_"))
    with pytest.raises(PersonaError, match="is missing") as caught:
        await load_persona(persona_folder)
    assert Path(file).name in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_model_at_a_host_is_said_to_be_no_persona(tmp_path: Path) -> None:
    (tmp_path / "hosted.json").write_text("{}")
    with pytest.raises(PersonaError, match="a model at a host, and is no persona"):
        await load_persona(tmp_path)


async def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="is missing"):
        await load_persona(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "file",
    ["chat_template.jinja", "gguf/base.gguf", "gguf/adapter.gguf", "base/model.safetensors"],
)
async def test_a_truncated_file_is_said_to_be_truncated(persona_folder: Path, file: str) -> None:
    path = persona_folder / file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PersonaError, match="is truncated"):
        await load_persona(persona_folder)


async def test_a_persona_toml_cut_anywhere_never_loads(persona_folder: Path) -> None:
    path = persona_folder / "persona.toml"
    whole = path.read_bytes()
    figures = whole.index(b"[figures]")
    for size in range(0, figures, 7):
        path.write_bytes(whole[:size])
        with pytest.raises(PersonaError):
            await load_persona(persona_folder)


@pytest.mark.parametrize(
    "file",
    ["chat_template.jinja", "gguf/base.gguf", "gguf/adapter.gguf", "adapter/adapter_model.safetensors"],
)
async def test_one_changed_byte_is_noticed(persona_folder: Path, file: str) -> None:
    path = persona_folder / file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(PersonaError, match="not the file that was packaged"):
        await load_persona(persona_folder)


async def test_a_longer_file_is_noticed(persona_folder: Path) -> None:
    with (persona_folder / "gguf/base.gguf").open("ab") as file:
        file.write(b"x")
    with pytest.raises(PersonaError, match="not the file that was packaged"):
        await load_persona(persona_folder)


async def test_an_adapter_of_another_base_is_refused(persona_folder: Path) -> None:
    write_persona_toml(persona_folder, manifest_of(persona_folder, base_sha256=sha256(b"another")))
    with pytest.raises(AdapterMismatch, match="trained on base"):
        await load_persona(persona_folder)


async def test_another_adapter_with_its_own_hash_breaks_the_fingerprint(
    persona_folder: Path, edit: Edit
) -> None:
    path = persona_folder / "gguf/adapter.gguf"
    old = sha256(path.read_bytes())
    path.write_bytes(b"GGUF adaptor" * 10)
    edit(old, sha256(path.read_bytes()))
    with pytest.raises(FingerprintMismatch, match="fingerprint"):
        await load_persona(persona_folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("temperature = 0.4", "temperature = 1.4"),
        ("history_messages = 16", "history_messages = 17"),
        ("You are {name}. Group", "You were {name}. Group"),
        ("rank = 4", "rank = 8"),
    ],
)
async def test_a_change_to_what_the_model_answers_breaks_the_fingerprint(
    edit: Edit, persona_folder: Path, old: str, new: str
) -> None:
    edit(old, new)
    with pytest.raises(FingerprintMismatch):
        await load_persona(persona_folder)


async def test_typing_may_be_changed_by_hand(edit: Edit, persona_folder: Path) -> None:
    edit("characters_per_second = 12.0", "characters_per_second = 3.5")
    assert (await load_persona(persona_folder)).typing.characters_per_second == 3.5


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("temperature = 0.4", "temperature = nan", "sampling.temperature"),
        ("temperature = 0.4", "temprature = 0.4", "sampling.temprature"),
        ("max_tokens = 128", "max_tokens = 0", "sampling.max_tokens"),
        ("format = 2", 'format = "SECRET"', "format"),
        ('file = "gguf/base.gguf"', 'file = "../base.gguf"', "base.gguf.file"),
        ('file = "gguf/base.gguf"', 'file = "/etc/passwd"', "base.gguf.file"),
        ('file = "gguf/base.gguf"', 'file = "C:\\\\base.gguf"', "base.gguf.file"),
        ("history_messages = 16", "history = 16", "prompt.history"),
        ("{name}. Group", "{SECRET}. Group", "prompt"),
    ],
)
async def test_a_senseless_value_is_named_and_not_shown(
    edit: Edit, persona_folder: Path, old: str, new: str, place: str
) -> None:
    edit(old, new)
    with pytest.raises(PersonaError, match=place) as caught:
        await load_persona(persona_folder)
    assert "SECRET" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_persona_of_a_later_version_asks_for_that(edit: Edit, persona_folder: Path) -> None:
    # Whatever else such a file may say.
    edit("format = 2", "format = 3\nwisdom = 1")
    with pytest.raises(PersonaError, match="format 3, which a later version wrote: update Understudy"):
        await load_persona(persona_folder)


async def test_a_toml_that_is_not_utf8_is_an_error(persona_folder: Path) -> None:
    (persona_folder / "persona.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PersonaError, match="cannot be read"):
        await load_persona(persona_folder)


async def test_a_persona_without_gguf_says_where_it_can_be_served(persona_folder: Path) -> None:
    manifest = manifest_of(persona_folder)
    base = manifest.base.model_copy(update={"gguf": None})
    fingerprint = fingerprint_of(
        base=base,
        adapter=manifest.adapter,
        template=TEMPLATE,
        prompt=manifest.prompt,
        sampling=manifest.sampling,
    )
    write_persona_toml(persona_folder, manifest.model_copy(update={"base": base, "fingerprint": fingerprint}))
    persona = await load_persona(persona_folder)
    with pytest.raises(PersonaError, match="vLLM"):
        _ = persona.base_gguf


async def test_a_folder_of_format_1_loads_with_the_fingerprint_it_had(persona_folder: Path) -> None:
    path = persona_folder / "persona.toml"
    text = path.read_text(encoding="utf-8").replace("format = 2", "format = 1")
    # What format 1 had not; it stood in no file of then.
    for line in (
        "beams = 1\n",
        "banned_tokens = []\n",
        "banned_words = []\n",
        'revision = ""\n',
        'license = ""\n',
    ):
        assert line in text
        text = text.replace(line, "")
    text = text.replace("[adapter.modules]\n", "")
    path.write_text(text, encoding="utf-8")
    persona = await load_persona(persona_folder)
    assert persona.fingerprint == OLD_FINGERPRINT
    assert persona.manifest.format == 1
    assert (persona.sampling.beams, persona.manifest.style, persona.manifest.dataset) == (1, None, None)


async def test_all_that_a_persona_is_made_of_is_read_back(persona_folder: Path) -> None:
    plain = manifest_of(persona_folder)
    manifest = plain.model_copy(
        update={
            "made": date(2026, 11, 21),
            "style": StyleProfile(bubbles=Quantiles(low=1, middle=2, high=4, count=90)),
            "base": plain.base.model_copy(update={"revision": "abc", "license": "apache-2.0"}),
            "dataset": Origin(fingerprint="f", recipe={"preset": "openai-chat", "split": {"held_out": 0.1}}),
            "consent": {"people": 3},
            "evaluation": {"score": {"value": 61.5, "low": 57.0}},
        }
    )
    write_persona_toml(persona_folder, manifest)
    persona = await load_persona(persona_folder)
    assert persona.manifest == manifest
    assert persona.fingerprint == plain.fingerprint


async def test_what_a_dataset_does_not_know_of_consent_is_left_out(persona_folder: Path) -> None:
    # Built with --as-it-is, nobody was asked, and a dataset says so with nulls, which TOML has no word for.
    consent = {"by": "as_it_is", "newest": None, "live": {"read": None, "people": 2}}
    write_persona_toml(persona_folder, manifest_of(persona_folder).model_copy(update={"consent": consent}))
    persona = await load_persona(persona_folder)
    assert persona.manifest.consent == {"by": "as_it_is", "live": {"people": 2}}


async def test_a_persona_whose_base_was_trained_has_no_adapter(persona_folder: Path) -> None:
    manifest = manifest_of(persona_folder)
    base = manifest.base.model_copy(update={"trained_from": sha256(b"the base before")})
    parts: dict[str, Any] = {"template": TEMPLATE, "prompt": manifest.prompt, "sampling": manifest.sampling}
    changed = {"base": base, "adapter": None, "fingerprint": fingerprint_of(base=base, adapter=None, **parts)}
    write_persona_toml(persona_folder, manifest.model_copy(update=changed))
    persona = await load_persona(persona_folder)
    assert persona.adapter is None
    assert persona.adapter_gguf is None
    assert persona.base_gguf.is_file()


@pytest.mark.parametrize("both", [True, False])
def test_an_adapter_and_a_trained_base_exclude_each_other(persona_folder: Path, both: bool) -> None:
    whole = manifest_of(persona_folder).model_dump()
    if both:
        whole["base"]["trained_from"] = sha256(b"the base before")
    else:
        whole["adapter"] = None
    with pytest.raises(ValidationError, match="trained further"):
        PersonaManifest.model_validate(whole)


async def test_a_thorough_look_hashes_the_bases_own_folder_too(persona_folder: Path) -> None:
    path = persona_folder / "base/model.safetensors"
    path.write_bytes(path.read_bytes().replace(b"base", b"bass", 1))
    assert (await load_persona(persona_folder)).name == "sam"
    with pytest.raises(PersonaError, match="not the file that was packaged"):
        await load_persona(persona_folder, thorough=True)


def test_measuring_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PersonaError, match="cannot be read"):
        WeightsFile.of(tmp_path, "base.gguf")


def test_the_fingerprint_covers_each_of_its_parts(persona_folder: Path) -> None:
    manifest = manifest_of(persona_folder)
    assert manifest.adapter is not None
    parts: dict[str, Any] = {
        "base": manifest.base,
        "adapter": manifest.adapter,
        "template": TEMPLATE,
        "prompt": manifest.prompt,
        "sampling": manifest.sampling,
    }
    other = sha256(b"other")
    changes: list[dict[str, Any]] = [
        {
            "base": manifest.base.model_copy(
                update={
                    "gguf": manifest.base.gguf and manifest.base.gguf.model_copy(update={"sha256": other})
                }
            )
        },
        {"base": manifest.base.model_copy(update={"safetensors": ()})},
        {"adapter": manifest.adapter.model_copy(update={"base_sha256": other})},
        {"adapter": manifest.adapter.model_copy(update={"gguf": None})},
        {"template": TEMPLATE + " "},
        {"prompt": PromptFormat("Sam")},
        {"sampling": Sampling(min_p=0.01)},
        {"sampling": Sampling(beams=2)},
        {"sampling": Sampling(banned_words=("x",))},
        {"sampling": Sampling(banned_tokens=(1,))},
        {"adapter": None},
    ]
    seen = {fingerprint_of(**{**parts, **change}) for change in [{}, *changes]}
    assert len(seen) == len(changes) + 1
    assert fingerprint_of(**parts) == manifest.fingerprint


@settings(deadline=None)
@given(
    st.builds(
        TypingProfile,
        characters_per_second=st.floats(0.5, 50),
        reading_seconds=st.floats(0, 10),
        pause_seconds=st.floats(0, 10),
        jitter=st.floats(0, 0.99),
        longest_seconds=st.floats(0.1, 60),
    ),
    st.text(),
    st.text(max_size=300),
    st.booleans(),
)
def test_a_bubble_waits_the_same_each_time_and_never_too_long(
    profile: TypingProfile, bubble_id: str, text: str, first: bool
) -> None:
    seconds = profile.seconds_before(bubble_id, text, first=first)
    assert 0 <= seconds <= profile.longest_seconds
    assert seconds == profile.seconds_before(bubble_id, text, first=first)


def test_waits_stray_around_the_mean() -> None:
    profile = TypingProfile(characters_per_second=10, reading_seconds=1, pause_seconds=0, jitter=0.5)
    waits = [profile.seconds_before(f"bubble {number}", "x" * 10, first=True) for number in range(500)]
    assert 1.0 <= min(waits) < 1.1
    assert 2.9 < max(waits) <= 3.0
    assert sum(waits) / len(waits) == pytest.approx(2.0, abs=0.1)


def test_a_longer_bubble_takes_longer_and_the_first_one_is_read_before() -> None:
    profile = TypingProfile(characters_per_second=7, reading_seconds=1.5, pause_seconds=0.8, jitter=0)
    assert profile.seconds_before("b", "x" * 14, first=False) == pytest.approx(0.8 + 2.0)
    assert profile.seconds_before("b", "x" * 14, first=True) == pytest.approx(1.5 + 2.0)
