"""The converter: llama.cpp tokenizes and computes as transformers does, with the adapter and without."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.training.conftest import FORM, TEMPLATE, make_base, make_sentencepiece_base, odd_lines
from tests.training.datasets import build
from training.errors import ConversionError, Disagreement, NotConverted
from training.settings import Method, TrainSettings

if TYPE_CHECKING:
    from training.base import BaseFolder

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def adapter(tiny_base: BaseFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from training.trainer import Training, train

    folder = tmp_path_factory.mktemp("trained")
    settings = TrainSettings(
        method=Method.LORA, rank=4, alpha=8, epochs=1, learning_rate=1e-2, max_length=256, rslora=True
    )
    train(
        Training(tiny_base, build(folder / "data"), settings, folder / "work", FORM),
        out := folder / "adapter",
    )
    return out


async def test_llama_cpp_agrees_with_and_without_the_adapter(
    tiny_base: BaseFolder, adapter: Path, tmp_path: Path
) -> None:
    from training.agreement import TOLERANCES, check_agreement
    from training.gguf import NumberType, write_adapter, write_base
    from training.reference import Reference

    bare, adapted = Reference.load(tiny_base), Reference.load(tiny_base, adapter)
    sizes = []
    for numbers in NumberType:
        base_gguf, adapter_gguf = tmp_path / f"base-{numbers}.gguf", tmp_path / f"adapter-{numbers}.gguf"
        write_base(tiny_base, base_gguf, numbers)
        write_adapter(tiny_base, adapter, adapter_gguf, numbers)
        sizes.append(base_gguf.stat().st_size)
        lines, allowed = odd_lines(300, seed=5), TOLERANCES[numbers]
        alone = await check_agreement(bare, base_gguf, form=FORM, lines=lines, tolerance=allowed)
        both = await check_agreement(adapted, base_gguf, adapter_gguf, form=FORM, tolerance=allowed)
        assert (alone.compared, both.compared) == (20 * alone.prompts, 40 * both.prompts)
    assert sizes == sorted(sizes, reverse=True)
    with pytest.raises(Disagreement, match="log-probabilities"):
        await check_agreement(adapted, tmp_path / "base-f32.gguf", None, form=FORM)
    with pytest.raises(Disagreement, match="log-probabilities"):
        await check_agreement(bare, tmp_path / "base-f32.gguf", tmp_path / "adapter-f32.gguf", form=FORM)


@pytest.mark.parametrize("kind", ["smollm", "llama-bpe"])
async def test_other_ways_to_cut_words_and_to_rotate(kind: str, tmp_path: Path) -> None:
    from tokenizers import Regex, pre_tokenizers

    from training import gguf, gguf_tokenizer
    from training.agreement import check_agreement
    from training.base import BaseFolder
    from training.reference import Reference

    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    cutter = {
        "smollm": lambda: [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ],
        "llama-bpe": lambda: [
            pre_tokenizers.Split(Regex(gguf_tokenizer.SPLIT_LLAMA_3), "isolated"),
            bytes_only,
        ],
    }[kind]()
    rope = {
        "smollm": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50000.0},
        "llama-bpe": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    }[kind]
    make_base(tmp_path, cutter=pre_tokenizers.Sequence(cutter), rope=rope)
    base = BaseFolder(tmp_path)
    gguf.write_base(base, tmp_path / "base.gguf", gguf.NumberType.F32)
    await check_agreement(
        Reference.load(base), tmp_path / "base.gguf", form=FORM, lines=odd_lines(300, seed=5)
    )


@pytest.mark.parametrize("method", [Method.LORA, Method.FULL])
@pytest.mark.parametrize(
    ("kind", "spaces"),
    [("llama", "first"), ("mistral", "always"), ("llama", "prepend"), ("mistral", "never")],
)
async def test_a_base_with_sentencepiece_is_trained_and_served_by_llama_cpp(
    kind: str, spaces: str, method: Method, tmp_path: Path
) -> None:
    from training.agreement import check_agreement
    from training.gguf import write_adapter, write_base
    from training.layout import form_of, layout_of
    from training.model import load_tokenizer
    from training.package import Package, package_persona
    from training.reference import Reference
    from training.trainer import Training, train

    base = make_sentencepiece_base(tmp_path / "base", kind=kind, spaces=spaces)
    settings = TrainSettings(method=method, rank=4, alpha=8, epochs=2, learning_rate=3e-2, max_length=256)
    data = build(tmp_path / "data")
    train(Training(base, data, settings, tmp_path / "work", FORM), out := tmp_path / "trained")
    layout = layout_of(data.recipe, load_tokenizer(base), form_of(data.recipe, "Sam"))
    package = Package("sam", layout.form, layout.template)
    persona = await package_persona(base, out, tmp_path / "sam", package)
    assert persona.manifest.base.gguf is not None
    assert persona.manifest.figures["agreement"]["worst"] < 0.05
    if method is Method.FULL:
        return
    write_base(base, tmp_path / "base.gguf")
    write_adapter(base, out, tmp_path / "adapter.gguf")
    reference = Reference.load(base, out)
    both = await check_agreement(
        reference,
        tmp_path / "base.gguf",
        tmp_path / "adapter.gguf",
        form=layout.form,
        lines=odd_lines(300, seed=5),
    )
    assert both.lines > 300
    with pytest.raises(Disagreement, match="log-probabilities"):
        await check_agreement(reference, tmp_path / "base.gguf", form=layout.form)


@pytest.mark.parametrize("mistake", ["scores", "spaces"])
async def test_a_wrong_vocabulary_of_sentencepiece_is_noticed(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import gguf, gguf_tokenizer
    from training.agreement import check_agreement
    from training.reference import Reference
    from training.sentencepiece import Space, scores_of

    base = make_sentencepiece_base(tmp_path)
    if mistake == "scores":

        def turned_round(model: dict[str, Any], marks: set[str]) -> dict[str, float]:
            return {token: -score for token, score in scores_of(model, marks).items()}

        monkeypatch.setattr(gguf_tokenizer, "scores_of", turned_round)
    else:
        monkeypatch.setattr(gguf_tokenizer, "space_of", lambda _content: Space.EVEN_TWICE)
    gguf.write_base(base, tmp_path / "base.gguf")
    with pytest.raises(Disagreement, match="pre-tokenizer"):
        await check_agreement(Reference.load(base), tmp_path / "base.gguf", form=FORM)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sliding_window": 64}, "sees the last 64"),
        ({"sliding_window": 1024}, ""),
        ({"model_type": "mixtral"}, "model_type"),
    ],
)
def test_a_mistral_is_a_llama_where_it_has_no_window(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    from training.gguf import check_convertible

    base = make_sentencepiece_base(tmp_path, kind="mistral", spaces="always")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(NotConverted, match=says) if says else nullcontext():
        check_convertible(base)


@pytest.mark.parametrize("numbers", ["f16", "q8_0", "q4_0"])
@pytest.mark.parametrize("mistake", ["rows", "words"])
async def test_a_wrong_conversion_is_noticed_however_coarse_the_numbers(
    mistake: str, numbers: str, tiny_base: BaseFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import gguf, gguf_tokenizer
    from training.agreement import TOLERANCES, check_agreement
    from training.reference import Reference

    kind = gguf.NumberType(numbers)
    if mistake == "rows":
        monkeypatch.setattr(gguf._Llama, "arrange", lambda _self, _source, tensor: tensor)
    else:
        monkeypatch.setattr(gguf_tokenizer, "_cut", lambda _cutter: "llama-bpe")
    gguf.write_base(tiny_base, tmp_path / "base.gguf", kind)
    with pytest.raises(Disagreement, match={"rows": "log-probabilities", "words": "pre-tokenizer"}[mistake]):
        await check_agreement(
            Reference.load(tiny_base), tmp_path / "base.gguf", form=FORM, tolerance=TOLERANCES[kind]
        )


def test_the_same_base_gives_the_same_file(tiny_base: BaseFolder, tmp_path: Path) -> None:
    from training.gguf import write_base

    for name in ("a", "b"):
        write_base(tiny_base, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_generation_marks_leave_the_template() -> None:
    from training.gguf_tokenizer import plain_template

    assert "generation %}" not in plain_template(TEMPLATE)
    assert plain_template("a {%- generation -%} b {%endgeneration%}") == "a {#- -#} b {# #}"
    assert plain_template("{% if add_generation_prompt %}") == "{% if add_generation_prompt %}"


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("config.json", {"model_type": "qwen2"}, "model_type"),
        ("config.json", {"num_hidden_layers": 3}, "lacks"),
        ("config.json", {"vocab_size": 300}, "do not belong together"),
        ("config.json", {"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0, "factor": 2.0}}, "yarn"),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Whitespace"}}, "cuts words"),
        ("tokenizer.json", {"normalizer": {"type": "Lowercase"}}, "byte-level BPE"),
        ("tokenizer_config.json", {"eos_token": None}, "never end"),
    ],
)
def test_what_llama_cpp_would_read_otherwise_is_refused(
    tmp_path: Path, file: str, change: dict[str, object], says: str
) -> None:
    from training.base import BaseFolder
    from training.gguf import write_base

    make_base(tmp_path)
    content = json.loads((tmp_path / file).read_text())
    (tmp_path / file).write_text(json.dumps({**content, **change}))
    with pytest.raises(ConversionError, match=says):
        write_base(BaseFolder(tmp_path), tmp_path / "base.gguf")
