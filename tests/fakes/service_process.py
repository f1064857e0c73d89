"""A whole service in a process of its own, to be ended with SIGKILL; its model is a `ModelServer` of the test's.

Run as `python -m tests.fakes.service_process MODEL_URL [non-idempotent]`; settings come from the environment.
"""

from __future__ import annotations

import asyncio
import sys

from bot.app import open_office, open_service
from bot.kill_watch import heeding_signals
from bot.log import configure_logs
from bot.messengers.local import Account, LocalConnector
from bot.settings import read_settings
from chat.message import Author
from tests.fakes.model_server import ServedEngine


async def main(url: str, *, idempotent: bool) -> None:
    settings = read_settings()
    configure_logs("error")
    async with open_office(settings) as office, heeding_signals(office.kill_switch):
        account = Account(Author("persona:sam", "Sam"))
        connector = LocalConnector(office.rooms, office.store, account, idempotent=idempotent)
        async with open_service(office, [connector], ServedEngine(url)) as service:
            print("running", flush=True)  # noqa: T201 - the test waits for it
            await service.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], idempotent="non-idempotent" not in sys.argv))
