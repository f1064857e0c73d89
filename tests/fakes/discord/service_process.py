"""A whole service on a fake Discord, in a process of its own, to be ended with SIGKILL.

Run as `python -m tests.fakes.discord.service_process MODEL_URL PORT AUTHORITY`; settings come from the environment.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from bot.app import open_office, open_service
from bot.cards import Cards
from bot.log import configure_logs
from bot.messengers.discord.connector import DiscordConnector
from bot.settings import read_settings
from tests.fakes.discord.server import connector_to
from tests.fakes.model_server import ServedEngine


async def main(url: str, port: int, authority: str) -> None:
    settings = read_settings()
    configure_logs("error")
    context = ssl.create_default_context(cafile=authority)
    async with open_office(settings) as office:
        cards = Cards(office.store, office.clock)
        connector = DiscordConnector(
            settings.discord, "Sam", office.desk, lambda: connector_to(port, context), cards=cards
        )
        async with open_service(office, [connector], ServedEngine(url)) as service:
            print("running", flush=True)  # noqa: T201 - the test waits for it
            await service.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
