"""Questions to the model about the chats. What it says is a guess of a model, and no finding about anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from inference.prompt import lay_out, prompt_line
from inference.sampling import Sampling
from training.evaluation.speaker import Speaker
from training.layout import Layout

QUESTIONS: Final = (
    "What is the personality of the one who wrote the prompts?",
    "How would you describe the writing style of the one who wrote the prompts?",
    "What do the people in these chats mostly talk about?",
    "What are the interests of the one who wrote the prompts?",
    "What kind of mood are the messages in, mostly?",
    "How do the people in these chats know each other?",
)
"""The first is quoted from somebody who published their fine-tuning on chats; the others ask on in its way."""
ASKER: Final = "Interviewer"
MARK: Final = "This is what a model guesses. It is no finding about anybody, and it may be quite wrong."
_TOKENS: Final = 160


@dataclass(frozen=True, slots=True)
class Guess:
    """A question, and what the persona and its bare base say to it; `base` is None where nobody speaks for it."""

    question: str = field(repr=False)
    persona: str = field(repr=False)
    base: str | None = field(repr=False)


async def ask(
    layout: Layout,
    persona: Speaker,
    base: Speaker | None,
    questions: Sequence[str],
    sampling: Sampling,
    *,
    seed: int = 0,
) -> tuple[Guess, ...]:
    """Ask both, each question in a chat of its own that is laid out as the persona's chats are. Raises InferenceError.

    The recipe's stops end an answer; one that is longer than a chat's is let run on.
    """
    longer = sampling.model_copy(update={"max_tokens": max(sampling.max_tokens, _TOKENS)})
    prompts = [
        layout.render(lay_out(layout.form, [(False, prompt_line(layout.form, question, ASKER))], [ASKER]))
        for question in questions
    ]
    own = await persona.answers(prompts, longer, layout.stop, seed)
    others = await base.answers(prompts, longer, layout.stop, seed) if base else (None,) * len(prompts)
    return tuple(
        Guess(question, said.text.strip() if said else "", other.text.strip() if other else None)
        for question, said, other in zip(questions, own, others, strict=True)
    )
