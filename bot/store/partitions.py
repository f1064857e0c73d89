"""Which keys belong together: chats are spread over partitions, each with its own hash tag."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from chat.message import ChatKey


@dataclass(frozen=True, slots=True)
class Partitions:
    """How many partitions there are, and which one a chat is in.

    All keys of a partition carry the tag `{p}`, so that one script touches one slot of a Redis Cluster.
    """

    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 4096:
            raise ValueError("the number of partitions is from 1 to 4096")

    def of(self, chat: ChatKey) -> int:
        """Give the partition of a chat."""
        return zlib.crc32(str(chat).encode()) % self.count

    def prefix(self, partition: int) -> str:
        """Give what every key of a partition begins with."""
        return f"understudy:{{{partition}}}:"

    def all(self) -> range:
        """Give every partition."""
        return range(self.count)
