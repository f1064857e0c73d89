"""Heartbeats are threads of discord.py's: none outlives the client that it was begun for."""

from __future__ import annotations

import asyncio
import threading

from discord.gateway import KeepAliveHandler

from tests.bot.messengers.discord.server import Heard, Place, listening
from tests.fakes.discord.client import soon


def _heartbeats() -> list[KeepAliveHandler]:
    loop = asyncio.get_running_loop()
    return [
        thread
        for thread in threading.enumerate()
        if isinstance(thread, KeepAliveHandler) and thread.ws.loop is loop
    ]


async def test_a_client_that_ends_between_the_hello_and_its_answer_leaves_no_heartbeat(place: Place) -> None:
    # The second shard waits 5 s after the gateway's hello before it identifies.
    listens = asyncio.create_task(place.connector(shards=2).listen(Heard()))
    await soon(lambda: len(_heartbeats()) == 2)
    listens.cancel()
    await asyncio.gather(listens, return_exceptions=True)
    await soon(lambda: not _heartbeats())


async def test_a_client_whose_connection_breaks_as_it_ends_leaves_no_heartbeat(place: Place) -> None:
    async with listening(place.connector(), Heard()):
        await soon(lambda: len(_heartbeats()) == 1)
        place.fake.cut()
    await soon(lambda: not _heartbeats())
