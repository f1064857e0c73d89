"""A guard model: a chat model trained to judge conversations, on vLLM or any server of OpenAI's protocol.

Three families. Llama Guard answers `safe`, or `unsafe` and the codes of its hazards. ShieldGemma and
Granite Guardian answer Yes or No to one question a request. The server's chat template writes the
question; what the template wants to know goes along in `chat_template_kwargs`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

from safety.moderation.classifier import Category, Sample, Scores, highest
from safety.moderation.completion import GuardAnswer, read_answer
from safety.moderation.errors import AnswerInvalid
from safety.moderation.server import ModerationServer

_PATH: Final = "/v1/chat/completions"
_UNREADABLE: Final = (
    "the guard model's answer cannot be read: check rules.moderation.model and that .guard is its family"
)
_CONTEXT_CHARACTERS: Final = 2000
_TOP_TOKENS: Final = 5

# The hazards of Llama Guard 3 (MLCommons' taxonomy, and S14). What has no category of ours is `other`.
HAZARDS: Final[Mapping[str, Category]] = MappingProxyType(
    {
        "S1": Category.VIOLENCE,  # violent crimes
        "S2": Category.ILLICIT,  # non-violent crimes
        "S3": Category.SEXUAL,  # sex crimes
        "S4": Category.SEXUAL_MINORS,  # child sexual exploitation
        "S5": Category.HARASSMENT,  # defamation
        "S6": Category.OTHER,  # specialized advice
        "S7": Category.PRIVACY,
        "S8": Category.OTHER,  # intellectual property
        "S9": Category.ILLICIT,  # indiscriminate weapons
        "S10": Category.HATE,
        "S11": Category.SELF_HARM,  # suicide and self-harm
        "S12": Category.SEXUAL,  # sexual content
        "S13": Category.OTHER,  # elections
        "S14": Category.OTHER,  # code interpreter abuse
    }
)


class GuardFamily(Protocol):
    """How the models of a family are asked, and what their answers mean."""

    @property
    def questions(self) -> tuple[Mapping[str, Any], ...]:
        """What each request says to the chat template."""

    def read(self, question: int, answer: GuardAnswer) -> dict[Category, float]:
        """Give the scores that the answer to a question stands for. Raises AnswerInvalid."""


@dataclass(frozen=True, slots=True)
class LlamaGuard:
    """One question, answered `safe`, or `unsafe` and then codes such as `S1,S10`."""

    questions: tuple[Mapping[str, Any], ...] = ({},)

    def read(self, question: int, answer: GuardAnswer) -> dict[Category, float]:
        """See `GuardFamily.read`."""
        del question
        text = answer.text.strip()
        if text == "safe":
            # Without codes nobody knows what the rest of the probability is afraid of.
            return {Category.OTHER: answer.score("unsafe", "safe", said=False)}
        codes = re.fullmatch(r"unsafe(?:\s+(S\d{1,2}(?:\s*,\s*S\d{1,2})*))?", text)
        if codes is None:
            raise AnswerInvalid(_UNREADABLE)
        score = answer.score("unsafe", "safe", said=True)
        named = re.findall(r"S\d+", codes.group(1) or "")
        return {HAZARDS.get(code, Category.OTHER): score for code in named} or {Category.OTHER: score}


@dataclass(frozen=True, slots=True)
class YesOrNo:
    """A question a category, each its own request, answered Yes or No.

    Newer Granite Guardians put the word in `<score>` tags and may add how confident they are.
    """

    asked: tuple[tuple[Category, Mapping[str, Any]], ...] = field(default=())

    @property
    def questions(self) -> tuple[Mapping[str, Any], ...]:
        """See `GuardFamily.questions`."""
        return tuple(question for _, question in self.asked)

    def read(self, question: int, answer: GuardAnswer) -> dict[Category, float]:
        """See `GuardFamily.read`."""
        score = r"(?:<score>)?\s*(yes|no)\s*(?:</score>)?\s*(?:<confidence>[\w\s]*</confidence>)?"
        found = re.fullmatch(r"(?:<think>\s*</think>\s*)?" + score, answer.text.strip(), re.IGNORECASE)
        if found is None:
            raise AnswerInvalid(_UNREADABLE)
        said = found.group(1).lower() == "yes"
        return {self.asked[question][0]: answer.score("yes", "no", said=said)}


def _guideline(name: str, text: str) -> Mapping[str, Any]:
    return {"guideline": f'"No {name}": The chatbot\'s answer shall not contain {text}'}


def _risk(name: str) -> Mapping[str, Any]:
    return {"guardian_config": {"risk_name": name}}


FAMILIES: Final[Mapping[str, GuardFamily]] = MappingProxyType(
    {
        "llama_guard": LlamaGuard(),
        # ShieldGemma's four subjects; self-harm is part of the first.
        "shield_gemma": YesOrNo(
            (
                (
                    Category.ILLICIT,
                    _guideline("Dangerous Content", "help or calls to harm oneself or others."),
                ),
                (
                    Category.HARASSMENT,
                    _guideline("Harassment", "malice, bullying or abuse aimed at a person."),
                ),
                (Category.HATE, _guideline("Hate Speech", "contempt for people because of what they are.")),
                (Category.SEXUAL, _guideline("Sexually Explicit Information", "sexually explicit content.")),
            )
        ),
        "granite_guardian": YesOrNo(
            (
                (Category.OTHER, _risk("harm")),
                (Category.HATE, _risk("social_bias")),
                (Category.SEXUAL, _risk("sexual_content")),
                (Category.VIOLENCE, _risk("violence")),
                (Category.ILLICIT, _risk("unethical_behavior")),
            )
        ),
    }
)


class GuardModel:
    """A `Classifier` that asks a guard model, in as many requests side by side as its family has questions."""

    def __init__(self, server: ModerationServer, model: str, family: GuardFamily) -> None:
        self._server = server
        self._model = model
        self._family = family

    async def classify(self, sample: Sample) -> Scores:
        """See `Classifier.classify`."""
        messages = _conversation(sample)
        try:
            async with asyncio.TaskGroup() as group:
                asked = [
                    group.create_task(self._ask(number, messages, question))
                    for number, question in enumerate(self._family.questions)
                ]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return Scores(highest(*(task.result() for task in asked)), "guard_model", self._model)

    async def _ask(
        self, number: int, messages: list[dict[str, str]], question: Mapping[str, Any]
    ) -> dict[Category, float]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": 64,
            "stream": False,
            "logprobs": True,
            "top_logprobs": _TOP_TOKENS,
        }
        if question:
            body["chat_template_kwargs"] = question
        return self._family.read(number, read_answer(await self._server.ask(_PATH, body)))


def _conversation(sample: Sample) -> list[dict[str, str]]:
    """What was said and the answer to it: templates want roles in turns, a user first, and judge the last."""
    judged = _harmless(sample.text)
    if sample.incoming:
        return [{"role": "user", "content": judged}]
    before = _harmless("\n".join(sample.context)[-_CONTEXT_CHARACTERS:]) or "…"
    return [{"role": "user", "content": before}, {"role": "assistant", "content": judged}]


def _harmless(text: str) -> str:
    """Take tags and control tokens apart: `<|eot_id|>safe` in a message must not end the question."""
    return re.sub(r"<(?=[|/\w])", "< ", text)
