from __future__ import annotations

from datetime import datetime

import pytest

from safety.mode import ChatPolicy
from safety.subject import Gate
from tests.safety.builders import BOT, draft, gate, message, own, turn


def test_the_others_are_neither_own_nor_echo() -> None:
    echo = message("hi", id="sent-1")
    asked, by_bot = message("hey", id="a"), message("ping", BOT, "b")
    judged = gate(own("mine"), echo, asked, by_bot, own_ids=frozenset({"sent-1"}))
    assert judged.others == (asked, by_bot)


def test_a_gate_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Gate(turn(), ChatPolicy(), datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_text_of_a_draft_is_its_bubbles_in_lines() -> None:
    assert draft("one", "two").text == "one\ntwo"
