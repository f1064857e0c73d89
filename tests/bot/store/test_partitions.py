"""Partitions: each chat has one, for good, and its keys share a hash tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from bot.store.partitions import Partitions
from chat.message import ChatKey

keys = st.builds(ChatKey, st.sampled_from(["local", "discord", "whatsapp"]), st.text(min_size=1))


@given(keys, st.integers(1, 4096))
def test_every_chat_has_one_partition_that_never_changes(key: ChatKey, count: int) -> None:
    partitions = Partitions(count)
    assert partitions.of(key) in partitions.all()
    assert partitions.of(key) == Partitions(count).of(ChatKey.parse(str(key)))


def test_the_partition_of_a_chat_is_the_same_in_every_version() -> None:
    # What is stored is found by it: another hash would lose every chat.
    assert [Partitions(16).of(ChatKey("local", name)) for name in ("a", "b", "weekend-plans")] == [12, 6, 0]


@given(keys, st.integers(1, 4096), st.text())
def test_all_keys_of_a_partition_lie_in_one_slot_of_a_cluster(key: ChatKey, count: int, rest: str) -> None:
    partitions = Partitions(count)
    prefix = partitions.prefix(partitions.of(key))
    assert key_slot(f"{prefix}chat:{key}".encode()) == key_slot(f"{prefix}{rest}".encode())


def test_partitions_spread_chats() -> None:
    used = {Partitions(8).of(ChatKey("local", str(number))) for number in range(200)}
    assert used == set(range(8))


@pytest.mark.parametrize("count", [0, -1, 4097])
def test_a_number_of_partitions_that_makes_no_sense_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 4096"):
        Partitions(count)
