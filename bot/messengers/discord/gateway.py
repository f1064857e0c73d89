"""The connection to the gateway, and an end to it that leaves nothing behind."""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import discord
from discord.gateway import KeepAliveHandler

_PATIENCE_SECONDS: Final = 0.5


async def connected(client: discord.Client) -> None:
    """Be connected to the gateway, anew after each break, until cancelled; then the client is closed.

    Raises what ends discord.py's own loop.
    """
    connecting = asyncio.create_task(client.connect(reconnect=True))
    try:
        await asyncio.wait({connecting})
    finally:
        # In this order: of a session that is just being begun, discord.py forgets the socket when it is cancelled,
        # and Python 3.11 may lose the cancelling itself there (cpython issue 86296).
        await client.close()
        while not connecting.done():
            await asyncio.wait({connecting}, timeout=_PATIENCE_SECONDS)
            connecting.cancel()
    await connecting


async def end_sessions(client: discord.Client) -> None:
    """End what is left of the sessions of a client that was closed.

    Their heartbeats are threads of discord.py's, which stops one when its socket is closed from here, or is read to its
    end. A client that ends between the gateway's hello and its answer, or as the socket breaks, would leave both.
    """
    # Private, but nothing public tells whose session a heartbeat is.
    state = client._connection
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler) and thread.ws._connection is state:
            thread.stop()
            await thread.ws.socket.close()
