"""One service process of the storm: connectors to both messengers, a worker, and a sender for each.

python -m benchmarks.storm.service ORDERS, a JSON file; see `Orders`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.storm.clock import DialledClock
from benchmarks.storm.connector import StormConnector
from benchmarks.storm.messenger import KEYED, PLAIN
from benchmarks.storm.process import ready
from benchmarks.storm.record import Record
from bot.app import Office, open_office, open_service
from bot.errors import StoreAway
from bot.log import configure_logs
from bot.messengers.base import Connector
from bot.settings import Settings
from tests.fakes.model_server import ServedEngine


@dataclass(frozen=True)
class Orders:
    """What one process is told: its settings, where the model and the messenger are, its clock and its record."""

    settings: dict[str, Any]
    model_url: str
    messenger_port: int
    clock: str
    record: str


async def serve(
    opened: Callable[[], AbstractAsyncContextManager[Office]],
    connectors: Callable[[Office], Sequence[Connector]],
    model_url: str,
) -> None:
    """Serve until killed, with whichever connectors an office has; whoever supervises services starts them again."""
    while True:
        try:
            async with (
                opened() as office,
                open_service(office, connectors(office), ServedEngine(model_url)) as service,
            ):
                ready("running")
                await service.run()
        except StoreAway:
            # Redis is away just as this starts.
            await asyncio.sleep(0.2)


async def main(orders: Orders) -> None:
    """Serve both messengers, by a clock that is dialled."""
    configure_logs("error")
    clock, record = DialledClock(Path(orders.clock)), Record(Path(orders.record))
    connectors = [StormConnector(name, orders.messenger_port, record) for name in (KEYED, PLAIN)]
    settings = Settings(**orders.settings)
    await serve(lambda: open_office(settings, clock), lambda _: connectors, orders.model_url)


if __name__ == "__main__":
    asyncio.run(main(Orders(**json.loads(Path(sys.argv[1]).read_text()))))
