"""What the storm over Discord finds in the channels: parts of bubbles, and kill words that killed nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.discord_storm.books import discord_lines, unheard_kill_words, wrong_parts
from benchmarks.storm.books import Books, Entry
from bot.messengers.discord.connector import nonce_of
from chat.message import ChatKey
from tests.fakes.discord.world import Channel, Posted, User

CHAT = ChatKey("discord", "7")
TEXT = "one two three four"
ONE, TWO = (0, "one two"), (1, "three four")


def books(state: str, *more: Entry) -> Books:
    sending = Entry(0, 0.0, 0, "bubble.sending", str(CHAT), {"bubble": "d.1.1", "draft": "d"})
    drafts: Any = {"d": SimpleNamespace(state=state, bubbles=(TEXT,))}
    return Books({str(CHAT): []}, {0: [sending, *more]}, {str(CHAT): 0}, {}, drafts, [], [], {})


def place(*parts: tuple[int, str]) -> Any:  # noqa: ANN401
    bot = User("bot")
    channel = Channel(0, "c")
    posted = [Posted(channel, bot, text, nonce=nonce_of("d.1.1", part)) for part, text in parts]
    fake = SimpleNamespace(posted=lambda *_: posted, asked=[])
    return SimpleNamespace(channels={CHAT: channel}, fake=fake, bot=SimpleNamespace(user=bot))


def test_a_bubble_of_which_all_parts_stand_in_order_is_one_that_went_out() -> None:
    there, known = place(ONE, TWO), books("sent")
    assert list(wrong_parts(there, known)) == []
    assert [line.facts["text"] for line in discord_lines(there, known)] == [TEXT]


@pytest.mark.parametrize(
    ("state", "parts", "kinds"),
    [
        ("unknown", (ONE,), []),
        ("sent", (ONE,), ["books"]),
        ("frozen", (ONE,), ["books"]),
        ("sent", (TWO, ONE), ["order"]),
        ("unknown", (TWO,), ["order"]),
        ("sent", (ONE, TWO, ONE), ["order"]),
    ],
)
def test_parts_that_should_not_stand_so_are_found(
    state: str, parts: tuple[tuple[int, str], ...], kinds: list[str]
) -> None:
    assert [violation.kind for violation in wrong_parts(place(*parts), books(state))] == kinds


def test_half_a_bubble_has_not_gone_out() -> None:
    assert discord_lines(place(ONE), books("unknown")) == []


def test_a_kill_word_that_killed_nobody_is_found_unless_a_person_had_lifted_it() -> None:
    friends: Any = SimpleNamespace(kill_words=[(str(CHAT), "m1", "k1")])
    assert list(unheard_kill_words(friends, {"everywhere|k1"}, books("sent"))) == []
    assert [found.kind for found in unheard_kill_words(friends, {"everywhere|k2"}, books("sent"))] == ["kill"]
    lifted = Entry(1, 0.0, 0, "kill_word.lifted", str(CHAT), {"message": "m1"})
    assert list(unheard_kill_words(friends, set(), books("sent", lifted))) == []
