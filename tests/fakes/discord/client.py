"""The unmodified client, and what it heard."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import discord

from tests.fakes.discord.server import Bot, FakeDiscord


def intents() -> discord.Intents:
    """What a connector needs: no members, no presences."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.messages = wanted.typing = wanted.message_content = True
    return wanted


class Listener(discord.Client):
    """Keeps what it heard."""

    def __init__(self, fake: FakeDiscord, wanted: discord.Intents | None = None, **options: Any) -> None:  # noqa: ANN401
        # A server is there at once; the client would wait for more of them for 2 s.
        super().__init__(
            intents=wanted or intents(), connector=fake.connector(), guild_ready_timeout=0.05, **options
        )
        self.heard: list[discord.Message] = []
        self.edits: list[discord.RawMessageUpdateEvent] = []
        self.deletes: list[int] = []
        self.typed: list[tuple[int, int]] = []
        self.pressed: list[discord.Interaction] = []
        self.counts: Counter[str] = Counter()
        self.ended: BaseException | None = None

    async def on_connect(self) -> None:
        self.counts["connect"] += 1

    async def on_resumed(self) -> None:
        self.counts["resumed"] += 1

    async def on_message(self, message: discord.Message) -> None:
        self.heard.append(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        self.edits.append(payload)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        self.deletes.append(payload.message_id)

    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        self.typed.append((payload.channel_id, payload.user_id))

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        self.pressed.append(interaction)

    @property
    def texts(self) -> list[str]:
        return [message.content for message in self.heard]


@asynccontextmanager
async def connected(
    fake: FakeDiscord,
    bot: Bot,
    wanted: discord.Intents | None = None,
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Listener]:
    """Run a client until it is ready, and to the end of the block."""
    client = Listener(fake, wanted, **options)
    running = asyncio.create_task(client.start(bot.token))
    ready = asyncio.create_task(client.wait_until_ready())
    try:
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        yield client
    finally:
        await client.close()
        running.cancel()
        ready.cancel()
        await asyncio.gather(running, ready, return_exceptions=True)


async def soon(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something holds; fails with TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
