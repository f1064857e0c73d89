"""The evaluation as one HTML page: it loads nothing, shows every text as text, and says that it is private."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from inference.persona import Persona
from inference.prompt import split_bubbles
from training.dataset.facts import DELAYS
from training.evaluation.bench import Measures
from training.evaluation.estimate import Estimate
from training.evaluation.faults import Fault
from training.evaluation.memory import Hit
from training.evaluation.plots import Line, bars, intervals, legend, scale
from training.evaluation.said import is_silence
from training.evaluation.score import Part

EXAMPLES: Final = 24
_FAULTY: Final = 5
_HITS: Final = 60
_SHOWN_LINES: Final = 8

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8886;--soft:#8881;--persona:#2f73d8;--person:#3d8b40;--base:#c25b12;
--others:#8a63b5}
@media(prefers-color-scheme:dark){:root{--persona:#6fa8f5;--person:#7cc47f;--base:#f0985a;--others:#c0a0e4}}
body{font:16px/1.5 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem}
h1,h2{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}
tbody tr{border-top:1px solid var(--line)}tbody th{font-weight:500}
.private{border:2px solid #c33;border-radius:.4rem;padding:.5rem .9rem;font-weight:600}
.warning{border-left:4px solid #c60;padding:.2rem .8rem}.soft{opacity:.75}small{font-weight:400}
.score{font-size:3.2rem;font-weight:700;line-height:1;margin:.5rem 0}.score small{font-size:1.1rem}
.wide{overflow-x:auto}figure{margin:1rem 0;overflow-x:auto}figcaption{font-weight:600}svg{max-width:100%}
figure svg{height:auto;min-width:32rem}
svg text{fill:currentColor;font-size:12px}svg text.value{opacity:.7;font-size:11px}
.persona{fill:var(--persona);stroke:var(--persona)}.person{fill:var(--person);stroke:var(--person)}
.base{fill:var(--base);stroke:var(--base)}.others{fill:var(--others);stroke:var(--others)}.track{fill:var(--line)}
svg g line{stroke-width:2;opacity:.65}svg line.rule{stroke:var(--line);stroke-width:1}
.legend span{margin-right:1.4rem;white-space:nowrap}.legend svg{vertical-align:-1px}
.talk{display:grid;grid-template-columns:repeat(3,1fr);gap:.6rem;border-top:1px solid var(--line);padding:.8rem 0}
.talk>*{min-width:0}.talk .asked{grid-column:1/-1}.bubble{border-radius:.8rem;padding:.25rem .7rem;margin:.2rem 0;
background:var(--soft);width:fit-content;max-width:100%;overflow-wrap:anywhere;white-space:pre-wrap}
.talk h3{font-size:.85rem;margin:0;opacity:.75}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2rem 0;
border-left:3px solid var(--line);padding-left:.8rem;font:14px/1.45 ui-monospace,monospace}
@media(max-width:44rem){.talk{grid-template-columns:1fr}}
"""

_WHO: Final = (("persona", "the persona"), ("person", "the person"), ("base", "the bare base"))
_MEANS: Final[Mapping[Fault, str]] = {
    Fault.EMPTY: "nothing in it",
    Fault.LOOP: "the same again and again",
    Fault.STUCK: "the same to prompt after prompt",
    Fault.MARKS: "pieces of the template",
    Fault.LANGUAGE: "none of the person's languages",
    Fault.CUT_OFF: "did not end by itself",
}


def page(persona: Persona, measures: Measures, figures: Mapping[str, Any]) -> str:
    """Write the page."""
    return "\n".join(_lines(persona, measures, figures))


def _lines(persona: Persona, measures: Measures, figures: Mapping[str, Any]) -> Iterator[str]:
    title = escape(f"How good is {persona.name}?")
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    # Were something to get past the escaping, a browser would neither run nor load it.
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style></head>'
    yield f"<body><h1>{title}</h1>"
    yield '<p class="private">Private: this page quotes messages of your chats. Do not pass it on.</p>'
    yield from _score(measures)
    yield from (f'<p class="warning">{escape(note)}</p>' for note in figures["notes"])
    yield from _how(persona, measures, figures)
    yield from _style(measures)
    yield from _authorship(measures)
    yield from _perplexity(measures)
    yield from _memory(measures)
    yield from _faults(measures)
    yield from _moments(measures)
    yield from _contacts(measures)
    yield from _examples(measures, int(figures["seed"]), persona.prompt.control_tokens)
    yield "</body></html>"


def _score(measures: Measures) -> Iterator[str]:
    found = measures.score
    value = found.value
    yield (
        f'<p class="score">{value.value:.0f} <small>of 100, between {value.low:.0f} and {value.high:.0f} '
        "with 95 % sureness</small></p>"
    )
    yield scale(value)
    yield (
        '<p class="soft">0 is the bare base, 100 the person. What it is made of, and what it does not say, stands in '
        "docs/evaluation.md.</p>"
    )
    words = {
        Part.STYLE: "how much of the way from the base's style to the person's",
        Part.AUTHORSHIP: "taken for the person's, between an impostor and the person",
        Part.PERPLEXITY: "how much better the person's words are foreseen",
    }
    rows = [
        (part.value, words[part], _share(found.parts[part]), f"{found.weights[part]:.0%}")
        for part in Part
        if part in found.parts
    ]
    rows += [(part.value, words[part], "not measured", "–") for part in found.missing]
    rows += [
        ("broken", "answers with a fault, which count for nothing", _share(found.broken), "taken off"),
        ("recited", "more long runs from training than the person's own", _share(found.recited), "taken off"),
    ]
    yield _table(("part", "what it is", "", "weight"), rows)


def _how(persona: Persona, measures: Measures, figures: Mapping[str, Any]) -> Iterator[str]:
    sampling = figures["sampling"]
    yield "<h2>What was measured</h2>"
    yield _table(
        (),
        [
            ("persona", f"{persona.name}, fingerprint {persona.fingerprint[:12]}, on {persona.base.name}"),
            ("dataset", f"{figures['dataset'][:12]}, its {figures['side']} rows"),
            ("answers", f"{len(measures.said):,}, drawn with seed {figures['seed']}, by {figures['engine']}"),
            (
                "sampling",
                f"temperature {sampling['temperature']:g}, top_p {sampling['top_p']:g}, min_p {sampling['min_p']:g}, "
                f"repetition penalty {sampling['repeat_penalty']:g}",
            ),
            ("on", str(figures["date"])),
        ],
    )


def _style(measures: Measures) -> Iterator[str]:
    yield "<h2>Style</h2>"
    found = measures.yardsticks
    if found is None:
        yield "<p>It never said anything when the person did: there is no style to measure.</p>"
        return
    sides = [("persona", found.persona), ("person", found.floor)]
    if found.base is not None:
        sides.append(("base", found.base))
    yield (
        f"<p>The distance from what the person really wrote, of {found.texts:,} answers each: 0 is the same, 1 nothing "
        "in common. Two samples of one person are never at 0: how far the person is from their own earlier words is "
        "the floor.</p>"
    )
    yield legend(_WHO if found.base is not None else _WHO[:2])
    lines = [Line("all", [(who, side.mean) for who, side in sides])]
    lines += [
        Line(feature.value, [(who, side.features[feature]) for who, side in sides])
        for feature in found.persona.features
    ]
    highest = max(estimate.high for line in lines for _, estimate in line.estimates)
    yield intervals("Distance by feature", lines, _round_up(highest))
    if found.split_half:
        yield "<p>The floor is between halves of what was held out: there is not enough training text.</p>"


def _authorship(measures: Measures) -> Iterator[str]:
    yield "<h2>Who wrote this?</h2>"
    judge, judged = measures.judge, measures.judged
    if judge is None or judged is None:
        yield "<p>Nobody can tell: too few messages of others, or of the person.</p>"
        return
    people = len(judge.people)
    yield (
        f"<p>A judge who knows {people} people of these chats by their messages looks at {judge.bundle} bubbles at a "
        f"time. On messages that it had not seen it is right in {judge.accuracy.value:.0%} (guessing: "
        f"{judge.chance:.0%}).</p>"
    )
    shown: list[tuple[str, str, Estimate]] = [
        ("persona", "the persona", judged.taken),
        ("person", "the person's own", judged.recognised),
        ("others", "other people's", judged.mistaken),
    ]
    if measures.base_taken is not None:
        shown.insert(2, ("base", "the bare base", measures.base_taken))
    yield intervals(
        "Share that it takes for the person's",
        [Line(name, [(who, estimate)]) for who, name, estimate in shown],
    )


def _perplexity(measures: Measures) -> Iterator[str]:
    found = measures.perplexity
    if found is None:
        return
    yield "<h2>Does it foresee the person's words?</h2>"
    rows = [
        (name, _range(side.perplexity()), _share(side.accuracy()))
        for name, side in (("the persona", found.persona), ("the bare base", found.base))
    ]
    yield _table(("", "perplexity", "tokens foreseen"), rows)
    yield (
        f"<p>Over {sum(found.persona.tokens):,} tokens of the person's own held-out words. The base's perplexity was "
        f"halved {_range(found.gain())} times.</p>"
    )


def _memory(measures: Measures) -> Iterator[str]:
    found = measures.memory
    yield "<h2>Does it recite?</h2>"
    yield (
        f"<p>{found.persona.long.value:.1%} of its answers have a long run of words from training, against "
        f"{found.himself.long.value:.1%} of what the person really wrote there. The longest is {found.persona.longest} "
        f"words.</p>"
    )
    yield legend(_WHO[:2])
    steps = list(found.persona.runs)
    yield bars(
        "Answers that share a run with training",
        [f"{step} words or more" for step in steps],
        [
            ("persona", [found.persona.runs[step].value for step in steps]),
            ("person", [found.himself.runs[step].value for step in steps]),
        ],
    )
    if not found.hits:
        yield "<p>No long run was found.</p>"
        return
    # The same run in several answers is one line.
    grouped: dict[tuple[str, bool], list[Hit]] = {}
    for hit in sorted(found.hits, key=lambda hit: (not hit.elsewhere, hit.habit, -hit.words)):
        grouped.setdefault((hit.text, hit.elsewhere), []).append(hit)
    yield _table(
        ("what", "answers", "words", "where in training", "on", ""),
        [(text, f"{len(hits)}", *_told(hits[0])) for (text, _), hits in list(grouped.items())[:_HITS]],
    )
    if len(grouped) > _HITS:
        yield f"<p>{len(grouped) - _HITS} more are not shown.</p>"


def _told(hit: Hit) -> tuple[str, ...]:
    said = {"from another chat": hit.elsewhere, "the person says it, too": hit.habit}
    return (
        f"{hit.words}{f' ({hit.likeness:.0%} alike)' if hit.near else ''}",
        hit.places[0].chat if hit.places else "",
        # Hyphens at which no line is broken.
        f"{hit.places[0].day:%Y\u2011%m\u2011%d}" if hit.places else "",
        ", ".join(word for word, holds in said.items() if holds),
    )


def _faults(measures: Measures) -> Iterator[str]:
    yield "<h2>What is wrong with its answers</h2>"
    base = measures.base_faults
    rows = [
        (
            fault.value,
            _MEANS[fault],
            f"{count.answers} of {count.judged}",
            _share(count.share),
            "–" if count.own is None else f"{count.own.value:.1%}",
            "–" if base is None else f"{base.counts[fault].share.value:.1%}",
        )
        for fault, count in measures.faults.counts.items()
    ]
    rows.append(
        ("any", "", "", _share(measures.faults.any), "", "–" if base is None else f"{base.any.value:.1%}")
    )
    yield _table(("fault", "", "answers", "share", "the person", "the bare base"), rows)
    for fault, which in measures.faults.which.items():
        if which:
            yield f"<details><summary>{escape(fault.value)}: {min(len(which), _FAULTY)} of {len(which)}</summary>"
            yield from (
                f"<pre>{escape(measures.said[number].answer.text)}</pre>" for number in which[:_FAULTY]
            )
            yield "</details>"


def _moments(measures: Measures) -> Iterator[str]:
    quiet, late = measures.silences, measures.delay
    if quiet is not None:
        yield "<h2>When to say nothing</h2>"
        yield intervals(
            f"Balanced: {quiet.balanced:.0%}, where tossing a coin has 50 %",
            [
                Line("silences kept", [("persona", quiet.kept)]),
                Line("answers given", [("persona", quiet.spoken)]),
            ],
        )
    if late is not None:
        yield "<h2>How soon it answers</h2>"
        yield legend(_WHO[:2])
        names = [f"from {_seconds(begin)}" for begin in DELAYS]
        yield bars(
            f"Until an answer begins; distance {_range(late.distance)}",
            names,
            [("persona", _shares(late.persona)), ("person", _shares(late.person))],
        )
        yield '<p class="soft">The persona never waits for hours, on purpose.</p>'


def _contacts(measures: Measures) -> Iterator[str]:
    found = measures.contacts
    if found is None or not (found.measured or found.too_few):
        return
    yield "<h2>By chat</h2>"
    rows = [
        (
            chat,
            f"{one.answers:,}",
            _range(one.style.persona.mean),
            f"{one.style.floor.mean.value:.2f}",
            "–" if one.style.base is None else f"{one.style.base.mean.value:.2f}",
            "–" if one.taken is None else f"{one.taken.value:.0%}",
            f"{one.repeating.value:.1%}",
            f"{one.faults.any.value:.1%}",
        )
        for chat, one in found.measured.items()
    ]
    head = (
        "chat",
        "answers",
        "style distance",
        "floor",
        "base",
        "taken for the person's",
        "long runs",
        "faults",
    )
    if rows:
        yield _table(head, rows)
    if found.too_few:
        few = ", ".join(f"{chat} ({count})" for chat, count in found.too_few.items())
        yield f'<p class="soft">Too few answers to say anything: {escape(few)}.</p>'


def _examples(measures: Measures, seed: int, marks: Sequence[str]) -> Iterator[str]:
    yield "<h2>Side by side, drawn at random</h2>"
    drawn = random.Random(seed).sample(measures.said, min(EXAMPLES, len(measures.said)))
    base = {id(one.case): one for one in measures.base_said}
    for one in drawn:
        other, asked = base.get(id(one.case)), _prompt(one.case.prompt, marks)
        yield f'<div class="talk"><div class="asked"><h3>{escape(one.case.chat)}</h3>{asked}</div>'
        yield f"<div><h3>the person wrote</h3>{_bubbles(one.case.real)}</div>"
        yield f"<div><h3>the persona wrote</h3>{_bubbles(one.answer.text)}</div>"
        yield f"<div><h3>the base wrote</h3>{_bubbles(other.answer.text) if other else '–'}</div></div>"


def _prompt(prompt: str, marks: Sequence[str]) -> str:
    """The end of what the model was shown, for people: the template's marks are line breaks here."""
    for mark in marks:
        prompt = prompt.replace(mark, "\n")
    lines = [line for line in prompt.splitlines() if line.strip()]
    shown = f"<pre>{escape(chr(10).join(lines[-_SHOWN_LINES:]))}</pre>"
    if len(lines) <= _SHOWN_LINES:
        return shown
    whole = escape(chr(10).join(lines))
    return (
        f'{shown}<details class="soft"><summary>all that it was shown</summary><pre>{whole}</pre></details>'
    )


def _bubbles(text: str) -> str:
    if not text.strip() or is_silence(text):
        return '<p class="soft">(nothing)</p>'
    return "".join(f'<div class="bubble">{escape(bubble)}</div>' for bubble in split_bubbles(text))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = f"<thead><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr></thead>" if head else ""
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f'<div class="wide"><table>{top}<tbody>{body}</tbody></table></div>'


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _range(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _seconds(seconds: int) -> str:
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _round_up(value: float) -> float:
    """The next tenth, at most 1."""
    return min(1.0, (int(value * 10) + 1) / 10)
