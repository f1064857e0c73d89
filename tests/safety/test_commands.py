"""Orders given in a chat: seven languages, any punctuation, and what is no order."""

from __future__ import annotations

import pytest

from chat.message import Author, ChatKey, Message
from safety.commands import START_PHRASES, STOP_PHRASES, Commands, CommandSettings, Order
from tests.safety.builders import BOT, NOON, message, own

COMMANDS = Commands(CommandSettings())
NAMES = ("Sam", "Sammy")


@pytest.mark.parametrize("phrase", STOP_PHRASES)
def test_every_phrase_stops_as_a_whole_message_and_beside_the_personas_name(phrase: str) -> None:
    for text in (
        phrase,
        phrase.upper() + "!!",
        f"  {phrase} ",
        f"Sam, {phrase}.",
        f"@sam {phrase} please, ok?",
    ):
        assert COMMANDS.given_in(message(text), NAMES) is Order.STOP, text


@pytest.mark.parametrize("phrase", START_PHRASES)
def test_every_phrase_of_the_way_back_works_the_same(phrase: str) -> None:
    for text in (phrase, phrase.title() + " :)", f"ok Sam {phrase}"):
        assert COMMANDS.given_in(message(text), NAMES) is Order.START, text


@pytest.mark.parametrize(
    "text",
    [
        "stop talking to me about football, Leo",
        "he said stop talking to me and left",
        "Sam never stop talking to me",
        "Sam, you don't ever not stop, talking to Mia",
        "unstop talking to me",
        "",
        "🍍",
    ],
)
def test_what_is_no_order(text: str) -> None:
    assert COMMANDS.given_in(message(text), NAMES) is None


@pytest.mark.parametrize(
    "text", ["ＳＴＯＰ talking to me", "Stop\u200b talking  to me…", "don’t talk to me", "dont talk to me"]
)
def test_disguises_and_typing_do_not_matter(text: str) -> None:
    assert COMMANDS.given_in(message(text), NAMES) is Order.STOP


def test_a_phrase_within_a_reply_to_the_persona_counts() -> None:
    said = message("could you please stop talking to me thanks")
    assert COMMANDS.given_in(said, NAMES) is None
    assert COMMANDS.hinted_in(said)
    assert COMMANDS.given_in(said, NAMES, to_persona=True) is Order.STOP


def test_the_owner_bots_and_forwarded_messages_order_nothing() -> None:
    forwarded = Message(
        ChatKey("local", "x"), "m1", Author("u", "U"), "stop talking to me", NOON, forwarded=True
    )
    for said in (own("stop talking to me"), message("stop talking to me", BOT), forwarded):
        assert COMMANDS.given_in(said, NAMES) is None


def test_the_phrases_are_settable_and_need_a_letter() -> None:
    own_words = Commands(CommandSettings(stop=("basta",), start=("avanti",)))
    assert own_words.given_in(message("BASTA!"), NAMES) is Order.STOP
    assert own_words.given_in(message("avanti"), NAMES) is Order.START
    assert own_words.given_in(message("stop talking to me"), NAMES) is None
    with pytest.raises(ValueError, match="needs a letter"):
        Commands(CommandSettings(stop=("!?",)))
