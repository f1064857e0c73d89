"""What a persona of a model at a host says of itself, and when none is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import EngineError, PersonaError
from inference.persona import MANIFEST, Persona, Sampling, load_persona, read_manifest, resampled
from inference.prompt import PromptFormat
from safety.shingles import Shingles
from tests.fakes.hosted.rules import Fault
from tests.fakes.hosted.server import BASES
from tests.training.hosted.desk import SECRET, Desk, build_dataset
from training.card import card_of
from training.dataset.folder import open_dataset
from training.errors import TrainingError
from training.hosted.persona import HostedPackage, at_hosts, package_hosted
from training.hosted.record import Record
from training.layout import form_of


async def trained(desk: Desk) -> Record:
    return await desk.finish(desk.agree())


async def packaged(desk: Desk, record: Record, out: Path, top_logprobs: int = 20) -> Persona:
    dataset = open_dataset(desk.dataset)
    package = HostedPackage("sam", form_of(dataset.recipe, "Sam"), Sampling(), top_logprobs)
    return await package_hosted(record, dataset, desk.host, package, out)


async def test_the_folder_names_a_host_and_has_no_weights(desk: Desk, tmp_path: Path) -> None:
    record = await trained(desk)
    persona = await packaged(desk, record, tmp_path / "sam")
    hosted = persona.base.hosted
    assert hosted is not None
    assert (hosted.base_url, hosted.model) == (desk.fake.base_url, record.models[0])
    assert record.job is not None
    assert (hosted.job, persona.base.name) == (record.job.id, BASES[0])
    assert {path.name for path in (tmp_path / "sam").iterdir()} == {MANIFEST, "shingles.bin"}
    assert persona.prompt == PromptFormat("Sam")
    manifest = persona.manifest
    assert (manifest.adapter, manifest.template, persona.template) == (None, None, "")
    assert manifest.dataset is not None
    assert manifest.dataset.fingerprint == record.fingerprint
    assert manifest.figures["training"]["train_examples"] == record.sent["train"].rows
    assert manifest.base.license == f"the terms of {desk.fake.name}"
    assert Shingles.read(tmp_path / "sam" / "shingles.bin").words == 12
    # Neither what was said nor the key is in it.
    text = (tmp_path / "sam" / MANIFEST).read_text()
    assert SECRET not in text
    assert desk.key not in text
    with pytest.raises(PersonaError, match="no hash of them is known"):
        _ = persona.base.sha256
    with pytest.raises(PersonaError, match="no GGUF"):
        _ = persona.base_gguf


async def test_no_chat_is_in_what_the_host_is_asked(desk: Desk, tmp_path: Path) -> None:
    await packaged(desk, await trained(desk), tmp_path / "sam")
    asked = "\n".join(one.text for one in desk.fake.chat.asked)
    assert "what is it on day" not in asked
    assert "Leo: I passed my exam!" in asked


async def test_its_card_says_where_the_weights_are(desk: Desk, tmp_path: Path) -> None:
    record = await trained(desk)
    persona = await packaged(desk, record, tmp_path / "sam")
    card = card_of(persona.manifest)
    assert f"at {desk.fake.name}, where the weights stay" in card
    assert record.models[0] in card
    assert "understudy hosted forget" in card


async def test_another_sampling_makes_another_persona_of_the_same_model(desk: Desk, tmp_path: Path) -> None:
    persona = await packaged(desk, await trained(desk), tmp_path / "sam")
    changed = resampled(tmp_path / "sam", Sampling(temperature=0.2))
    assert changed.fingerprint != persona.fingerprint
    assert (await load_persona(tmp_path / "sam")).base == persona.base


@pytest.mark.parametrize("what", ["model", "base_url"])
async def test_another_model_or_host_in_the_file_is_no_persona(desk: Desk, tmp_path: Path, what: str) -> None:
    record = await trained(desk)
    await packaged(desk, record, tmp_path / "sam")
    path = tmp_path / "sam" / MANIFEST
    mine = {"model": record.models[0], "base_url": desk.fake.base_url}[what]
    path.write_text(path.read_text().replace(f'{what} = "{mine}"', f'{what} = "{mine}x"'))
    with pytest.raises(PersonaError, match="fingerprint"):
        await load_persona(tmp_path / "sam")


def test_what_hosts_cannot_draw_is_left_out_and_named() -> None:
    asked = Sampling(temperature=0.75, top_p=0.15, min_p=0.05, repeat_penalty=1.1, beams=4, stop=("x",))
    drawn, left_out = at_hosts(asked)
    assert drawn == Sampling(temperature=0.75, top_p=0.15, stop=("x",))
    assert left_out == ("min_p", "repeat_penalty", "beams")
    assert at_hosts(drawn) == (drawn, ())


async def test_a_host_that_gives_five_tokens_is_asked_for_five(desk: Desk, tmp_path: Path) -> None:
    desk.fake.chat.most_logprobs = 5
    record = await trained(desk)
    with pytest.raises(EngineError, match="refuses the request"):
        await packaged(desk, record, tmp_path / "sam")
    persona = await packaged(desk, record, tmp_path / "sam", top_logprobs=5)
    assert persona.base.hosted is not None
    assert persona.base.hosted.top_logprobs == 5


async def test_where_nobody_could_prove_who_answers_there_is_no_persona(desk: Desk, tmp_path: Path) -> None:
    record = await trained(desk)
    chat, out = desk.fake.chat, tmp_path / "sam"
    chat.gives_logprobs = False
    with pytest.raises(EngineError, match="gives no log-probabilities"):
        await packaged(desk, record, out)
    chat.gives_logprobs, chat.jitter = True, 0.6
    with pytest.raises(EngineError, match="nobody could prove who answers"):
        await packaged(desk, record, out)
    # The base under the trained model's name: the host has not trained anything, or serves it wrongly.
    chat.jitter, chat.answers_as = 0.0, {record.models[0]: BASES[0]}
    with pytest.raises(EngineError, match=r"by 0\.00 only"):
        await packaged(desk, record, out)
    chat.answers_as, chat.refusal = {}, Fault("no such model", status=404)
    with pytest.raises(EngineError, match="the canary got no answer"):
        await packaged(desk, record, out)
    assert not out.exists()


async def test_a_job_without_a_model_or_another_dataset_makes_none(desk: Desk, tmp_path: Path) -> None:
    agreed = desk.agree()
    with pytest.raises(TrainingError, match="hosted watch"):
        await packaged(desk, agreed, tmp_path / "sam")
    record = await desk.finish(agreed)
    build_dataset(tmp_path / "other", talks=30)
    desk.dataset = tmp_path / "other"
    with pytest.raises(TrainingError, match="train another"):
        await packaged(desk, record, tmp_path / "sam")
    assert not (tmp_path / "sam").exists()


async def test_what_hosted_training_wrote_says_how_a_persona_is_made_of_it(
    desk: Desk, tmp_path: Path
) -> None:
    record = await trained(desk)
    with pytest.raises(PersonaError, match=f"understudy hosted persona {record.id}"):
        read_manifest(desk.records.folder(record.id))
