"""How many messages a second one connector takes in, from Discord's gateway to what Redis has accepted.

    python -m benchmarks.discord_gateway [--messages 2000] [--channels 20] [--runs 5]

Each run tells a flood of messages twice, over TLS and zlib as Discord tells them: to a bare discord.py client that only
counts them, and to the connector, whose inbox hears the kill word in each, sees to orders, and has Redis write it down
(`appendfsync always`). Both are processes of their own, and say how long it took from the first message to the last.
The figure is the ratio of the two, pair by pair; machines differ, ratios hardly do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import discord

from benchmarks.storm.process import Child, ready
from bot.app import open_office, open_service
from bot.inbox import Received
from bot.log import configure_logs
from bot.messengers.discord.client import intents
from bot.messengers.discord.connector import DiscordConnector
from bot.settings import Settings
from chat.message import Chat, ChatKey, Message
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.fakes.discord.flood import flood
from tests.fakes.discord.server import connector_to, fake_discord
from tests.fakes.model_server import ServedEngine
from tests.fakes.persona import write_persona
from tests.servers import end_servers


class Stopwatch:
    """Runs from the first message to the last."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._began = 0.0
        self.seconds: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def heard(self) -> None:
        """A message came."""
        self._began = self._began or time.perf_counter()

    def taken(self) -> None:
        """And was taken in."""
        self._left -= 1
        if not self._left:
            self.seconds.set_result(time.perf_counter() - self._began)


class Bare(discord.Client):
    """A client that only counts."""

    def __init__(self, watch: Stopwatch, connector: Any) -> None:  # noqa: ANN401 - as discord.py types it
        super().__init__(intents=intents(), connector=connector, max_messages=None)
        self._watch = watch

    async def on_connect(self) -> None:
        """It hears."""
        ready("hears")

    async def on_message(self, message: discord.Message) -> None:
        """One more."""
        self._watch.heard()
        self._watch.taken()


class Counting:
    """The inbox, and a stopwatch beside it."""

    def __init__(self, inbox: Any, watch: Stopwatch) -> None:  # noqa: ANN401 - all else is the inbox's own
        self._inbox = inbox
        self._watch = watch

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._inbox, name)

    async def receive(self, message: Message) -> Received:
        """Take it in."""
        self._watch.heard()
        received: Received = await self._inbox.receive(message)
        self._watch.taken()
        return received


async def listen(orders: dict[str, Any]) -> None:
    """In a process of its own: hear the flood as a bare client or as the connector, and say the seconds."""
    configure_logs("error")
    watch = Stopwatch(orders["messages"])
    context = ssl.create_default_context(cafile=orders["authority"])

    def wires() -> Any:  # noqa: ANN401
        return connector_to(orders["port"], context)

    if orders["bare"]:
        client = Bare(watch, wires())
        running = asyncio.create_task(client.start(orders["token"]))
        print(await watch.seconds, flush=True)
        await client.close()
        await asyncio.gather(running, return_exceptions=True)
        return
    settings = Settings(
        state_dir=Path(orders["folder"]),
        persona=Path(orders["persona"]),
        discord={"token": orders["token"]},
    )
    async with open_office(settings) as office:
        policy = ChatPolicy(Mode.MANUAL, 1.0, disclosure=frozenset({Disclosure.REVEALED}))
        for channel in orders["channels"]:
            await office.desk.chats.enable(Chat(ChatKey("discord", channel), channel), "olivia", policy)
        connector = DiscordConnector(settings.discord, "Sam", wires=wires)
        # Nobody listens there: no answer is written here.
        async with open_service(office, [connector], ServedEngine("http://127.0.0.1:9")) as service:
            listening = asyncio.create_task(connector.listen(Counting(service.inbox, watch)))
            while not connector.hears:  # noqa: ASYNC110 - it is not told
                await asyncio.sleep(0.02)
            ready("hears")
            print(await watch.seconds, flush=True)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def once(folder: Path, messages: int, channels: int, *, bare: bool) -> float:
    """Tell one flood; gives messages a second."""
    folder.mkdir()  # noqa: ASYNC240 - one folder
    async with fake_discord() as fake:
        people = [fake.person(f"p{number}") for number in range(10)]
        bot = fake.bot("stand-in")
        guild = fake.guild("Friends", *people, bot.user)
        places = [fake.text(guild, f"c{number}") for number in range(channels)]
        fake.write_authority(folder / "authority.pem")
        orders = {
            "bare": bare,
            "messages": messages,
            "port": fake.port,
            "authority": str(folder / "authority.pem"),
            "token": bot.token,
            "channels": [str(channel.id) for channel in places],
            "folder": str(folder / "state"),
            "persona": str(write_persona(folder / "persona")),
        }
        child = Child("benchmarks.discord_gateway", ["--listen", json.dumps(orders)], folder / "log")
        try:
            await child.start()
            (session,) = [one for one in fake.sessions.values() if one.connection is not None]
            flood(fake, session, places, people, messages)
            return messages / float(await child.line())
        finally:
            await child.kill()
            # The database outlives whoever was killed as its last user.
            await asyncio.to_thread(end_servers, folder)


async def measure(messages: int, channels: int, runs: int) -> None:
    """Print a line a run, and the medians."""
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="u-") as name:
        for run in range(runs):
            bare = await once(Path(name) / f"b{run}", messages, channels, bare=True)
            ours = await once(Path(name) / f"c{run}", messages, channels, bare=False)
            found.append((bare, ours))
            print(f"bare {bare:8,.0f}/s   connector {ours:8,.0f}/s   ratio {bare / ours:5.1f}")
    ratio = statistics.median(bare / ours for bare, ours in found)
    bare, ours = (statistics.median(side) for side in zip(*found, strict=True))
    print(f"median bare {bare:,.0f}/s, median connector {ours:,.0f}/s, median ratio {ratio:.1f}")


def main() -> None:
    """Read the options, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--listen", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.listen:
        asyncio.run(listen(json.loads(options.listen)))
        return
    configure_logs("error")
    asyncio.run(measure(options.messages, options.channels, options.runs))


if __name__ == "__main__":
    main()
