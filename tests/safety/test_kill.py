from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.message import ChatKey
from safety.kill import Kill, KillScope, scopes_of

messengers = st.text(min_size=1).filter(lambda name: "/" not in name)
chats = st.builds(ChatKey, messengers, st.text(min_size=1))
wholes = st.none() | chats
scopes = st.one_of(
    st.just(KillScope.everywhere()),
    st.builds(KillScope.account, messengers),
    st.builds(KillScope.chat, chats),
)


@pytest.mark.parametrize(
    "text", ["everywhere", "account:discord", "chat:local/weekend-plans", "chat:local/a:b/c"]
)
def test_a_scope_is_written_as_it_was_read(text: str) -> None:
    assert str(KillScope.parse(text)) == text


@given(scopes)
def test_every_scope_survives_being_written_and_read(scope: KillScope) -> None:
    assert KillScope.parse(str(scope)) == scope


@pytest.mark.parametrize(
    "text",
    ["", "nowhere", "Everywhere", "everywhere:", "everywhere:discord", "account", "account:", "account:a/b",
     "chat", "chat:", "chat:local", "chat:local/", "chat:/id"],
)  # fmt: skip
def test_what_names_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        KillScope.parse(text)


@given(chats, wholes, chats, wholes)
def test_a_scope_covers_the_chats_whose_scopes_name_it(
    chat: ChatKey, whole: ChatKey | None, other: ChatKey, its_whole: ChatKey | None
) -> None:
    assert all(scope.covers(chat, whole) for scope in scopes_of(chat, whole))
    for scope in scopes_of(other, its_whole):
        assert scope.covers(chat, whole) == (scope in scopes_of(chat, whole))


def test_the_kill_of_a_chat_covers_its_parts_and_the_kill_of_a_part_nothing_else() -> None:
    channel, thread = ChatKey("discord", "1"), ChatKey("discord", "2")
    assert KillScope.chat(channel).covers(thread, channel)
    assert KillScope.chat(thread).covers(thread, channel)
    assert not KillScope.chat(thread).covers(channel, None)
    assert not KillScope.chat(thread).covers(ChatKey("discord", "3"), channel)


def test_an_account_is_not_taken_for_one_whose_name_it_begins() -> None:
    assert not KillScope.account("discord").covers(ChatKey("discord-2", "a"), None)
    assert not KillScope.chat(ChatKey("local", "a")).covers(ChatKey("local", "ab"), None)


def test_the_scopes_of_a_chat_come_widest_first() -> None:
    channel, thread = ChatKey("discord", "1"), ChatKey("discord", "2")
    scopes = scopes_of(thread, channel)
    assert [str(scope) for scope in scopes] == [
        "everywhere",
        "account:discord",
        "chat:discord/1",
        "chat:discord/2",
    ]


def test_a_kill_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        Kill(KillScope.everywhere(), "mia", datetime(2026, 1, 1), "enough")  # noqa: DTZ001
    assert Kill(KillScope.everywhere(), "mia", datetime(2026, 1, 1, tzinfo=UTC), "enough").by == "mia"
