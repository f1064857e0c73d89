"""The whole town: a Redis, a messenger, a model server and the services, each a process, with wires between them."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.storm.clock import Dial
from benchmarks.storm.messenger import KEYED, PLAIN, Manners
from benchmarks.storm.process import Child
from benchmarks.storm.redis import RedisServer
from benchmarks.storm.service import Orders
from benchmarks.storm.wire import Object, ask
from benchmarks.storm.wires import Wire
from bot.app import Office, open_office
from bot.settings import Settings
from chat.message import Chat, ChatKey
from inference.persona import TypingProfile
from safety.disclosure import Disclosure
from safety.mode import ChatPolicy, Mode
from tests.fakes.persona import write_persona

OFFICE_SETTINGS: Final[dict[str, Any]] = {
    "turns": {"pause_seconds": 0.1, "longest_pause_seconds": 0.5},
    # Nothing is given up, refused or overtaken for being late: whatever is not answered has another reason.
    "worker": {
        "lease_seconds": 2.0,
        "retry_seconds": 0.2,
        "most_attempts": 1000,
        "concurrency": 12,
        "draft_minutes": 600.0,
    },
    "outbox": {
        "lease_seconds": 2.0,
        "retry_seconds": 0.3,
        "send_timeout_seconds": 2.0,
        "moved_past_messages": 100_000,
        "most_tries": 1000,
    },
    "rules": {
        "rate_limit": {
            f"{whose}_answers": 1_000_000 for whose in ("chat", "person", "account", "everywhere")
        },
    },
}


@dataclass(eq=False)
class Worker:
    """One service process, its wires and its clock."""

    name: str
    child: Child
    dial: Dial
    wires: dict[str, Wire]
    """By what lies at the other end: `redis`, `model`, `messenger`; empty when it is wired directly."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever is just doing something to it."""


@dataclass(eq=False)
class Town:
    """Everything that runs, and the files in which it writes down what it saw."""

    folder: Path
    redis: RedisServer
    messenger_port: int
    workers: Sequence[Worker]
    office: Office
    chats: list[ChatKey]

    @property
    def messenger_record(self) -> Path:
        """What really went out, by the messenger's own record."""
        return self.folder / "messenger.jsonl"

    @property
    def model_record(self) -> Path:
        """What was generated, by the model server's own record."""
        return self.folder / "model.jsonl"

    def worker_records(self) -> list[Path]:
        """What each process took in."""
        return sorted(self.folder.glob("worker-*.jsonl"))

    async def say(self, chat: ChatKey, author: str, text: str) -> Object:
        """Let a friend write in a chat; gives the message as the messenger has it."""
        what = {
            "do": "post",
            "messenger": chat.messenger,
            "chat": chat.chat_id,
            "author": author,
            "text": text,
        }
        return await ask(self.messenger_port, what)

    async def behave(self, manners: Manners) -> None:
        """Set how badly the messenger behaves."""
        await ask(self.messenger_port, {"do": "manners", "manners": asdict(manners)})

    async def untold(self) -> int:
        """How many messages nobody has taken in yet."""
        return int((await ask(self.messenger_port, {"do": "pending"}))["pending"])


@asynccontextmanager
async def town(
    folder: Path,
    *,
    workers: int,
    chats: Sequence[tuple[ChatKey, Mode]],
    settings: dict[str, Any],
    seed: int,
    typing: TypingProfile | None = None,
    wired: bool = True,
    token_seconds: float = 0.02,
) -> AsyncIterator[Town]:
    """Open a town whose chats are enabled and whose services run; on leaving it, every process is ended.

    `wired=False` leaves out the proxies, where nothing is to be cut and every millisecond is measured.
    """
    async with AsyncExitStack() as stack:
        redis = RedisServer(folder / "redis")
        stack.push_async_callback(redis.kill)
        await redis.start()
        persona = write_persona(folder / "persona", typing)

        async def child(name: str, module: str, *arguments: str) -> Child:
            process = Child(f"benchmarks.storm.{module}", arguments, folder / f"{name}.log")
            stack.push_async_callback(process.kill)
            # A process that stands still is not ended by anything but SIGKILL, which `kill` sends.
            return process

        model = await child("model", "model", str(folder / "model.jsonl"), str(token_seconds))
        messenger = await child("messenger", "messenger", str(folder / "messenger.jsonl"), str(seed))
        model_port, messenger_port = [
            int(line) for line in await asyncio.gather(model.start(), messenger.start())
        ]

        def settings_with(url: str) -> dict[str, Any]:
            return {"state_dir": str(folder), "persona": str(persona), "redis_url": url, **settings}

        direct = settings_with(f"unix://{redis.socket}")
        office = await stack.enter_async_context(open_office(Settings(**direct)))
        for chat, mode in chats:
            # The books count answers: what is announced has tests of its own.
            told = frozenset({Disclosure.REVEALED})
            await office.desk.chats.enable(
                Chat(chat, chat.chat_id), "olivia", ChatPolicy(mode, 1.0, disclosure=told)
            )

        opened: list[Worker] = []
        for number in range(1, workers + 1):
            name = f"worker-{number}"
            wires: dict[str, Wire] = {}
            said, model_at, messenger_at = direct, model_port, messenger_port
            if wired:
                wires = {
                    "redis": Wire(redis.socket),
                    "model": Wire(model_port),
                    "messenger": Wire(messenger_port),
                }
                for wire in wires.values():
                    await wire.open()
                    stack.push_async_callback(wire.close)
                said = settings_with(f"redis://127.0.0.1:{wires['redis'].port}/0")
                model_at, messenger_at = wires["model"].port, wires["messenger"].port
            dial = Dial(folder / f"{name}.clock")
            orders = Orders(
                said,
                f"http://127.0.0.1:{model_at}",
                messenger_at,
                str(folder / f"{name}.clock"),
                str(folder / f"{name}.jsonl"),
            )
            (folder / f"{name}.json").write_text(json.dumps(asdict(orders)))
            service = await child(name, "service", str(folder / f"{name}.json"))
            opened.append(Worker(name, service, dial, wires))
        await asyncio.gather(*(worker.child.start() for worker in opened))
        try:
            yield Town(folder, redis, messenger_port, opened, office, [chat for chat, _ in chats])
        finally:
            redis.send(signal.SIGCONT)


def chat_keys(count: int) -> list[ChatKey]:
    """That many chats, half of them on each messenger."""
    return [ChatKey((KEYED, PLAIN)[number % 2], f"chat-{number}") for number in range(count)]
