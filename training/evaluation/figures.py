"""The figures of an evaluation for programs: numbers and names of features, and no text of anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.evaluation.bench import Measures
from training.evaluation.contacts import Contact
from training.evaluation.estimate import Estimate
from training.evaluation.faults import Faults
from training.evaluation.memory import Repeats
from training.evaluation.style import StyleDistance, Yardsticks

_DIGITS = 4


def figures_of(measures: Measures) -> dict[str, Any]:
    """Give everything that was measured, as JSON has it. An estimate is its value, and its 95 % interval."""
    found = measures.score
    return {
        "answers": len(measures.said),
        "score": {
            **told(found.value),
            "parts": {part.value: told(value) for part, value in found.parts.items()},
            "weights": {part.value: round(weight, _DIGITS) for part, weight in found.weights.items()},
            "missing": [part.value for part in found.missing],
            "broken": told(found.broken),
            "recited": told(found.recited),
        },
        "style": _style(measures.yardsticks),
        "authorship": _authorship(measures),
        "perplexity": _perplexity(measures),
        "memory": {
            "persona": _repeats(measures.memory.persona),
            "person": _repeats(measures.memory.himself),
            "hits": len(measures.memory.hits),
            "elsewhere": len(measures.memory.elsewhere),
        },
        "faults": _faults(measures.faults),
        "base_faults": _faults(measures.base_faults),
        "silences": measures.silences
        and {
            "kept": told(measures.silences.kept),
            "spoken": told(measures.silences.spoken),
            "balanced": round(measures.silences.balanced, _DIGITS),
        },
        "delay": measures.delay
        and {
            "person": list(measures.delay.person),
            "persona": list(measures.delay.persona),
            "distance": told(measures.delay.distance),
        },
        # Chats are named by number: their names are people's.
        "contacts": measures.contacts
        and {
            "measured": [_contact(contact) for contact in measures.contacts.measured.values()],
            "too_few": len(measures.contacts.too_few),
        },
    }


def summary_of(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Give what stands in persona.toml: the score with its interval, and the figure behind each part."""
    style, judged, nats = figures["style"], figures["authorship"], figures["perplexity"]
    summary: dict[str, Any] = {
        "date": figures["date"],
        "dataset": figures["dataset"],
        "side": figures["side"],
        "generations": figures["generations"],
        "seed": figures["seed"],
        "score": [round(figures["score"][key], 1) for key in ("value", "low", "high")],
        "faults": figures["faults"]["any"]["value"],
        "long_runs": figures["memory"]["persona"]["long"]["value"],
        "own_long_runs": figures["memory"]["person"]["long"]["value"],
    }
    for side in ("persona", "floor", "base"):
        if style and style[side]:
            summary[f"style_{side}"] = style[side]["mean"]["value"]
    if judged:
        summary |= {key: judged[key]["value"] for key in ("taken", "recognised")}
    if nats:
        summary |= {f"perplexity_{key}": nats[key]["perplexity"]["value"] for key in ("persona", "base")}
    if figures["silences"]:
        summary["silences"] = figures["silences"]["balanced"]
    if figures["score"]["missing"]:
        summary["not_measured"] = figures["score"]["missing"]
    return summary


def told(estimate: Estimate) -> dict[str, float]:
    """An estimate for JSON."""
    return {
        "value": round(estimate.value, _DIGITS),
        "low": round(estimate.low, _DIGITS),
        "high": round(estimate.high, _DIGITS),
    }


def _style(found: Yardsticks | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "texts": found.texts,
        "persona": _distance(found.persona),
        "floor": _distance(found.floor),
        "base": found.base and _distance(found.base),
        "normalised": found.normalised and told(found.normalised),
        "split_half": found.split_half,
    }


def _distance(found: StyleDistance) -> dict[str, Any]:
    return {
        "mean": told(found.mean),
        "features": {feature.value: told(value) for feature, value in found.features.items()},
    }


def _authorship(measures: Measures) -> dict[str, Any] | None:
    judge, judged = measures.judge, measures.judged
    if judge is None or judged is None:
        return None
    return {
        "taken": told(judged.taken),
        "recognised": told(judged.recognised),
        "mistaken": told(judged.mistaken),
        "base": measures.base_taken and told(measures.base_taken),
        "people": len(judge.people),
        "accuracy": told(judge.accuracy),
        "chance": round(judge.chance, _DIGITS),
        "calibration_error": round(judge.calibration_error, _DIGITS),
    }


def _perplexity(measures: Measures) -> dict[str, Any] | None:
    found = measures.perplexity
    if found is None:
        return None
    return {
        "tokens": sum(found.persona.tokens),
        "persona": {
            "perplexity": told(found.persona.perplexity()),
            "accuracy": told(found.persona.accuracy()),
        },
        "base": {"perplexity": told(found.base.perplexity()), "accuracy": told(found.base.accuracy())},
        "bits_gained": told(found.gain()),
    }


def _repeats(found: Repeats) -> dict[str, Any]:
    return {
        "texts": found.texts,
        "runs": {str(words): told(share) for words, share in found.runs.items()},
        "whole": told(found.whole),
        "long": told(found.long),
        "longest": found.longest,
    }


def _faults(found: Faults | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "answers": found.answers,
        "any": told(found.any),
        "silences": found.silences,
        **{
            fault.value: {"answers": one.answers, "judged": one.judged, "share": told(one.share)}
            for fault, one in found.counts.items()
        },
    }


def _contact(found: Contact) -> dict[str, Any]:
    return {
        "answers": found.answers,
        "style": _style(found.style),
        "faults": told(found.faults.any),
        "taken": found.taken and told(found.taken),
        "repeating": told(found.repeating),
    }
