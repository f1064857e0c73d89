"""One service process of the storm over Discord.

python -m benchmarks.discord_storm.service ORDERS, a JSON file; see `Orders`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.storm.service import serve
from bot.app import Office, open_office
from bot.log import configure_logs
from bot.messengers.discord.connector import DiscordConnector
from bot.pacing import Pacing
from bot.settings import Settings
from tests.fakes.discord.server import connector_to


@dataclass(frozen=True)
class Orders:
    """What one process is told: its settings, where the model and Discord are, and whom it is to trust."""

    settings: dict[str, Any]
    model_url: str
    discord_port: int
    authority: str
    keyed: float
    """For how many seconds a nonce is relied on."""


async def main(orders: Orders) -> None:
    """Serve Discord."""
    configure_logs("info")
    # It says each reconnection with a traceback; the storm has hundreds.
    logging.getLogger("discord").setLevel(logging.CRITICAL)
    settings = Settings(**orders.settings)
    context = ssl.create_default_context(cafile=orders.authority)

    def connectors(office: Office) -> list[DiscordConnector]:
        return [
            DiscordConnector(
                *(settings.discord, "Sam", office.desk, lambda: connector_to(orders.discord_port, context)),
                pacing=Pacing(DiscordConnector.messenger, office.store),
                keyed=timedelta(seconds=orders.keyed),
            )
        ]

    await serve(lambda: open_office(settings), connectors, orders.model_url)


if __name__ == "__main__":
    asyncio.run(main(Orders(**json.loads(Path(sys.argv[1]).read_text()))))
