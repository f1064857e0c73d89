"""Draft rule `leak`: neither the persona's instructions nor what it was trained on is recited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from safety.shingles import Shingles, shared_run
from safety.subject import DraftText
from safety.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class LeakSettings:
    """`prompt_words`: so many words in a row out of the instructions are a leak. ValueError below 3."""

    prompt_words: int = 8

    def __post_init__(self) -> None:
        if self.prompt_words < 3:
            raise ValueError("prompt_words is at least 3: fewer words in a row are anybody's")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not be recited: `system`, with {name} and {others} in it, and the training text's shingles."""

    system: str = field(default="", repr=False)
    name: str = ""
    training: Shingles | None = None


@dataclass(frozen=True, slots=True)
class LeakRule:
    """Asks for another draft where one recites; where each does, none leaves.

    The shingles lie in the persona's folder since its packaging. A persona without them is judged by its instructions
    alone, and the facts say so. `secrets` reads files; it is called in a thread, when the first draft is judged.
    """

    secrets: Callable[[], Secrets] = Secrets
    settings: LeakSettings = LeakSettings()
    name: str = "leak"

    async def judge(self, subject: DraftText) -> Verdict:
        """REWRITE or ALLOW, with the number of runs that stand in the training text."""
        secrets = await asyncio.to_thread(self.secrets)
        facts: dict[str, int | bool] = {"training_text": secrets.training is not None}
        if shared_run(subject.text, _prompt(secrets, subject), self.settings.prompt_words):
            return Verdict(Outcome.REWRITE, self.name, "the draft recites the persona's instructions", facts)
        runs = secrets.training.shared_with(subject.text) if secrets.training else 0
        if secrets.training and runs:
            reason = f"the draft recites {runs + secrets.training.words - 1} words of the training text"
            return Verdict(Outcome.REWRITE, self.name, reason, facts | {"runs": runs})
        return Verdict(Outcome.ALLOW, self.name, "the draft recites nothing", facts)


def _prompt(secrets: Secrets, subject: DraftText) -> str:
    """The instructions as the model was given them: with the names of those who are in the chat."""
    others = sorted({message.author.name for message in subject.turn.transcript if not message.own})
    names = f"{', '.join(others[:-1])} and {others[-1]}" if len(others) > 1 else "".join(others)
    return secrets.system.replace("{name}", secrets.name).replace("{others}", names)
