"""Shards, over all processes: whether each of an account's is held, and by one process only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bot.presence import Presence


def muddles(services: Iterable[Presence]) -> dict[str, str]:
    """What is wrong with who holds which shards, a line for each account or shard; none where there are no shards."""
    holders: dict[str, dict[int, dict[int, list[str]]]] = defaultdict(dict)
    for service in services:
        for held in service.held:
            of_account = holders[held.account].setdefault(held.shards, {})
            of_account.setdefault(held.shard, []).append(service.name)
    lines: dict[str, str] = {}
    for account, by_count in sorted(holders.items()):
        messenger = account.partition("/")[0]
        if len(by_count) > 1:
            said = " and ".join(
                f"{count} ({', '.join(sorted({name for names in shards.values() for name in names}))})"
                for count, shards in sorted(by_count.items())
            )
            lines[messenger] = f"its account is in {said} shards at once: give all processes the same number"
            continue
        for count, shards in by_count.items():
            for number in range(count):
                names = sorted(shards.get(number, []))
                place = f"{messenger} shard {number} of {count}"
                if not names:
                    lines[place] = "nobody holds it: its chats are not heard"
                elif len(names) > 1:
                    lines[place] = (
                        f"{' and '.join(names)} hold it: give each process shards of its own (shard_ids)"
                    )
    return lines
