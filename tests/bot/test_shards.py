"""What is said of processes that share an account's shards."""

from __future__ import annotations

import pytest

from bot.presence import Held, Presence
from bot.shards import muddles
from bot.troubles import troubles_of


def service(name: str, *held: tuple[int, int]) -> Presence:
    shards = tuple(Held("discord/7", number, count) for number, count in held)
    return Presence(name, 1, 0, "sam", "f", True, 0, held=shards)


@pytest.mark.parametrize(
    ("services", "lines"),
    [
        ([service("a")], {}),
        ([service("a", (0, 1))], {}),
        ([service("a", (0, 3), (2, 3)), service("b", (1, 3))], {}),
        (
            [service("a", (0, 2), (1, 2)), service("b", (1, 2))],
            {"discord shard 1 of 2": "a and b hold it: give each process shards of its own (shard_ids)"},
        ),
        (
            [service("a", (1, 3))],
            {f"discord shard {number} of 3": "nobody holds it: its chats are not heard" for number in (0, 2)},
        ),
        (
            [service("a", (0, 2)), service("b", (1, 3))],
            {
                "discord": "its account is in 2 (a) and 3 (b) shards at once: give all processes the same number"
            },
        ),
    ],
)
def test_each_shard_is_held_by_one_process_and_all_count_alike(
    services: list[Presence], lines: dict[str, str]
) -> None:
    assert muddles(services) == lines
    assert troubles_of(services) == lines
