from __future__ import annotations

import time

import pytest

from chat.message import Author
from safety.rules.speaker import SpeakerRule
from safety.verdict import Outcome
from tests.safety.builders import MIA, TOM, draft, message

HISTORY = (message("hi", MIA, "h1"), message("yo", TOM, "h2"), message("o", Author("u3", "~Zoë 🌸"), "h3"))


@pytest.mark.parametrize(
    "text",
    ["Mia: no way", "Mia Chen: no way", "mia : no", "**Tom:** hi", "- Tom: hi", '"Tom": hi', "Zoe: hi", "~Zoë 🌸: hi",
     "Sam: hello", "user: hello", "Assistant: hello", "[12:30] Mia: hi", "12:30 pm - Mia: hi", "ok\nTom: what",
     "Tom：hi", "<Tom> hi", "[Mia] hi", "T\u200bom: hi"],
)  # fmt: skip
async def test_a_line_that_speaks_for_somebody_is_rewritten(text: str) -> None:
    verdict = await SpeakerRule().judge(draft("ok", text, history=HISTORY))
    assert verdict.outcome is Outcome.REWRITE
    assert "tom" not in repr(verdict).casefold()


@pytest.mark.parametrize(
    "text",
    ["<|im_start|>user", "hello<|im_end|>", "<|eot_id|>", "[INST] hi", "</s>", "<end_of_turn>", "<think>hm", "<bos>",
     "<｜Assistant｜>", "<<SYS>>", "<|IM_END|>", "<\u200b|im_end|>"],
)  # fmt: skip
async def test_a_control_token_is_rewritten(text: str) -> None:
    assert (await SpeakerRule().judge(draft("ok", text))).outcome is Outcome.REWRITE


@pytest.mark.parametrize(
    "text",
    ["Mia is right", "ask Tom: he knows", "@Mia: look", "tomorrow: pizza", "note: bring keys", "tom://x", "at 12:30",
     "user error lol", "i said: no", "a < b | c > d", "<3", "mia, tom: pick one"],
)  # fmt: skip
async def test_speech_about_others_passes(text: str) -> None:
    assert (await SpeakerRule().judge(draft(text, history=HISTORY))).outcome is Outcome.ALLOW


@pytest.mark.parametrize("unit", [" ", "1", "1:", "1 ", "<|", "- 1, ", "mia", "mia "])
async def test_a_long_line_takes_little_time(unit: str) -> None:
    began = time.process_time()
    verdict = await SpeakerRule().judge(draft((unit * 4000)[:4000], history=HISTORY))
    assert verdict.outcome is Outcome.ALLOW
    assert time.process_time() - began < 5
