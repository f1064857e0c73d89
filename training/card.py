"""A persona's model card in Markdown: what it was made of, in counts alone, what it is for, and what it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from inference.host import host_name
from inference.persona import PersonaManifest
from inference.sampling import Sampling

_CONSENT: Final[Mapping[str, str]] = {
    "ledger": "each person whose words were learned from, or shown, stands in the ledger of consent",
    "elsewhere": "the owner answers for having asked everybody",
    "as_it_is": "the owner answers for having asked everybody; nothing was filtered",
}


def card_of(manifest: PersonaManifest) -> str:
    """Write the card. It holds no text of a message, and nobody's name but the persona's own."""
    return "\n".join(_lines(manifest)) + "\n"


def score_words(manifest: PersonaManifest) -> str:
    """The persona score with its interval, as far as it was measured; see docs/evaluation.md."""
    score = (manifest.evaluation or {}).get("score")
    if isinstance(score, list | tuple) and len(score) == 3:
        value, low, high = score
        return f"{value:g} ({low:g} to {high:g})"
    return f"{score:g}" if isinstance(score, int | float) else "not evaluated"


def _lines(manifest: PersonaManifest) -> Iterator[str]:
    base, adapter = manifest.base, manifest.adapter
    yield f"# {manifest.name}"
    yield ""
    yield f"A stand-in that writes as {manifest.prompt.name} in group chats, made with Understudy."
    yield ""
    rows = {
        "base": base.name + (f" at revision {base.revision}" if base.revision else ""),
        "licence of the base": base.license or "unknown: look it up before you pass this on",
        "trained": _trained(manifest),
        **({} if base.hosted is None else {"model at the host": base.hosted.model, "job": base.hosted.job}),
        "made": _day(manifest.made),
        "fingerprint": f"`{manifest.fingerprint}`",
        "score": score_words(manifest),
    }
    if adapter is not None and adapter.modules:
        rows["layers with LoRA"] = ", ".join(
            f"{count} {name}" for name, count in sorted(adapter.modules.items())
        )
    yield from _table(rows)
    yield from _section("What it was trained on", _data(manifest))
    yield from _section("Consent", _consent(manifest.consent))
    yield from _section("How good it is", _evaluation(manifest.evaluation))
    yield from _section("Sampling", _sampling(manifest.sampling))
    yield from _section("Use", _use(manifest))
    yield from _section("Limits", _limits())
    yield from _section("How a person is taken out again", _forgetting(manifest))


def _trained(manifest: PersonaManifest) -> str:
    if manifest.base.hosted is not None:
        return (
            f"at {host_name(manifest.base.hosted.base_url)}, where the weights stay: no hash of them is known"
        )
    if manifest.adapter is None:
        return "all weights"
    method = str(manifest.figures.get("training", {}).get("method", "lora"))
    return f"an adapter of rank {manifest.adapter.rank} ({method})"


def _data(manifest: PersonaManifest) -> Iterator[str]:
    origin, training = manifest.dataset, manifest.figures.get("training", {})
    rows: dict[str, str] = {}
    if origin is not None:
        rows["dataset"] = f"`{origin.fingerprint}`"
        rows["recipe"] = str(origin.recipe.get("preset", "unknown"))
        rows |= {f"rows, {side}": f"{count:,}" for side, count in origin.rows.items()}
    names = {
        "train_examples": "examples learned",
        "held_out_examples": "examples held out",
        "learned_tokens": "tokens learned",
        "held_out_loss_before": "held-out loss before, nats a token",
        "held_out_loss_after": "held-out loss after",
    }
    rows |= {title: _number(training[key]) for key, title in names.items() if key in training}
    if rows:
        yield from _table(rows)
        yield ""
    held = "weights" if manifest.base.hosted is None else "names of a model"
    yield f"Private chats. Neither texts nor names of theirs are in this folder: {held}, counts, hashes of words."


def _consent(consent: Mapping[str, Any] | None) -> Iterator[str]:
    if not consent:
        yield "Nothing is on record: the dataset was built by an older version. Do not pass this persona on."
        return
    yield f"By {consent.get('by', 'unknown')}: {_CONSENT.get(str(consent.get('by')), 'see the dataset')}."
    yield ""
    yield from _table(
        {key: _number(value) for key, value in consent.items() if key != "by" and value is not None}
    )


def _evaluation(evaluation: Mapping[str, Any] | None) -> Iterator[str]:
    if not evaluation:
        yield "Not evaluated as it is now: `understudy evaluate` measures it on what was held out."
        return
    yield "Each figure is explained in Understudy's docs/evaluation.md."
    yield ""
    yield from _table({key.replace("_", " "): _number(value) for key, value in evaluation.items()})


def _sampling(sampling: Sampling) -> Iterator[str]:
    values = sampling.model_dump(mode="json", exclude={"banned_words", "banned_tokens"})
    rows = {key.replace("_", " "): _number(value) for key, value in values.items() if value != []}
    for banned in ("banned_words", "banned_tokens"):
        rows |= {banned.replace("_", " "): str(count)} if (count := len(getattr(sampling, banned))) else {}
    yield from _table(rows)


def _use(manifest: PersonaManifest) -> Iterator[str]:
    name = manifest.prompt.name
    yield f"- To stand in for {name}, with their consent, in chats whose people were told so, run by Understudy:"
    yield "  its kill word, moderation and consent are no part of these weights."
    yield f"- Not to pass for {name} before people who were not told, and not for decisions, promises or advice."
    yield "- Not without a person who watches; `manual` mode is where one begins."


def _limits() -> Iterator[str]:
    yield "- It knows nothing and makes things up: dates, plans and facts in its answers are guesses in a style."
    yield "- It may recite what it was trained on. Runs of words are refused by the service, not by the weights."
    yield "- It has the base's biases and languages, and those of the chats."
    yield "- The figures hold for the sampling and the numbers above; others make another persona."


def _forgetting(manifest: PersonaManifest) -> Iterator[str]:
    if manifest.base.hosted is not None:
        yield "`understudy hosted forget` deletes the model at the host, and what it was trained on. Until then each"
        yield "answer sends the newest messages of the chat there, of those people alone who agreed to that."
        yield ""
    yield "Weights cannot forget one person. `understudy forget` takes somebody out of exports, datasets and records,"
    yield "and names what was trained on them by the dataset's fingerprint: that is trained again, or deleted."


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield from ("", f"## {title}", "")
    yield from lines


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    for key, value in rows.items():
        # A name or a licence comes from somebody else's files: it stays in its cell.
        yield f"| {_cell(key)} | {_cell(value)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _number(value: Any) -> str:  # noqa: ANN401 - any TOML value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_number(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_number(inner) for inner in value)
    return f"`{value}`" if str(value) != str(value).strip() or "\n" in str(value) else str(value)


def _day(made: date | None) -> str:
    return made.isoformat() if made else "unknown"
