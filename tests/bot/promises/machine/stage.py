"""The stage: where real processes' parts run, one call at a time, as somebody outside says.

Each call to the store, to the model and to a messenger stops at a gate. Who drives the stage sees all that wait there,
and lets one of them through: as it is, with its answer lost, refused, or with the process dying before or after it.
Nothing else moves, and time passes only when it is told to: so any order of steps can be had, and had again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

from bot.errors import StoreAway
from bot.kill_switch import KILL_CHANNEL
from bot.store.partitions import Partitions
from bot.store.store import WAKE_CHANNEL, Store
from chat.message import ChatKey
from tests.fakes.clock import FakeClock

Result = TypeVar("Result")
PARTITIONS = 2
_ROUNDS = 10_000


class Fate(StrEnum):
    """What becomes of a call, as a story tells it."""

    DONE = ""
    ANSWER_LOST = "but the answer is lost"
    REFUSED = "but nobody is there to hear it"
    DEATH_BEFORE = "but the process dies before that"
    DEATH_AFTER = "and the process dies right after"
    GIVEN_UP = "but the process does not wait for it any more"


@dataclass(eq=False)
class Process:
    """One process: a context that its tasks share, and what ends them all at once."""

    name: str
    asleep: bool = False
    """Stopped as by SIGSTOP: none of its calls goes through."""
    deaf: bool = False
    """Hears nothing that is published."""
    dead: bool = False
    life: asyncio.Task[None] | None = None
    tasks: dict[asyncio.Task[Any], None] = field(default_factory=dict)
    """In the order in which they were made: nothing here may depend on where an object lies in memory."""
    ears: list[tuple[tuple[str, ...], asyncio.Queue[tuple[str, str]]]] = field(default_factory=list)


_HERE: ContextVar[Process] = ContextVar("process")


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still until it is moved."""

    def __init__(self) -> None:
        self._still = 1000.0
        super().__init__()
        self.set_task_factory(lambda _, coro, context=None: self._started(coro, context))

    def time(self) -> float:
        return self._still

    def pass_time(self, seconds: float) -> None:
        self._still += seconds

    def turn_back(self) -> None:
        """Begin anew at the same time, so that even what is rounded is the same again."""
        self._still = 1000.0

    def _started(self, coro: Coroutine[Any, Any, Any], context: Context | None = None) -> asyncio.Task[Any]:
        """Make a task that its process knows of, so that it ends with it."""
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, context=context)
        process = (context or copy_context()).get(_HERE)
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(lambda done: process.tasks.pop(done, None))
        return task

    def run_in_executor(
        self, executor: object, func: Callable[..., Result], *args: object
    ) -> asyncio.Future[Result]:
        """What threads do is done at once: when a thread ends must not be anybody's luck."""
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is given to whoever waits
            future.set_exception(error)
        return future

    @property
    def busy(self) -> bool:
        """Whether anything but whoever asks is about to run."""
        return bool(self._ready)  # type: ignore[attr-defined]


@dataclass(eq=False)
class Call:
    """Something that a process is about to do."""

    process: Process
    what: str
    """The script's name, or `model`, `fenced`, `send`."""
    arguments: tuple[Any, ...]
    permit: asyncio.Future[Fate]
    prefix: str = ""
    number: int = 0
    """Grows with each rest: who came to the gate earlier has a lower one."""
    answer: Any = None
    """What came of it, once it has gone through."""
    over: bool = False


class Stage:
    """Processes, the gate that they wait at, and the clocks."""

    def __init__(self, loop: StillLoop, redis: Any) -> None:  # noqa: ANN401 - redis-py's types do not help
        self.loop = loop
        self.redis = redis
        self.clock = FakeClock()
        self.waiting: list[Call] = []
        self.meet: Callable[[Call], None] = lambda _: None
        """Told of each call as it comes to the gate."""
        self.watch: Callable[[Call, Fate], None] = lambda _, __: None
        """Told of each call that went through, with its answer, or was given up."""
        self.partitions = Partitions(PARTITIONS)
        self._processes: list[Process] = []
        self._numbers = self._names = 0
        self._last: WeakKeyDictionary[Any, tuple[Any, ...]] = WeakKeyDictionary()

    def ask(self, question: Coroutine[Any, Any, Result]) -> Result:
        """Do something from outside, beside all processes."""
        return self.loop.run_until_complete(question)

    def begin(self) -> None:
        """Clear the stage for the next play."""
        self.loop.turn_back()
        self.clock.now = FakeClock().now
        self.waiting, self._processes, self._numbers, self._names = [], [], 0, 0
        self.ask(self.redis.flushall())
        for partition in self.partitions.all():
            # As the store does when it is laid out: what lacks this has lost its record of kills.
            self.ask(self.redis.hset(self.partitions.prefix(partition) + "kill", "since", "0"))

    def token_hex(self, length: int) -> str:
        """In the place of `secrets.token_hex`: never the same twice in a play, and the same in each repetition."""
        self._names += 1
        return f"{self._names:0{2 * length}x}"

    # Processes.

    def start(self, process: Process, life: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let a process live, until everything in it waits at the gate or for time to pass."""

        async def begin() -> None:
            context = copy_context()
            context.run(_HERE.set, process)
            process.life = asyncio.create_task(life(), context=context)
            self._processes.append(process)
            await self._rest()

        self.ask(begin())

    def kill(self, process: Process) -> None:
        """SIGKILL: what waited at the gate never goes through, and no task goes on."""
        self.ask(self._end(process))

    async def _end(self, process: Process) -> None:
        process.dead = True
        for task in list(process.tasks):
            task.cancel()
        await self._rest()
        self._processes = [other for other in self._processes if other is not process]

    def act(self, process: Process, deed: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let somebody do something in a process, as far as the gate."""

        async def begin() -> None:
            context = copy_context()
            context.run(_HERE.set, process)
            asyncio.create_task(deed(), context=context)  # noqa: RUF006 - the process holds its tasks
            await self._rest()

        self.ask(begin())

    def failures(self) -> list[BaseException]:
        """What ended processes that nobody ended."""
        ended = [process.life for process in self._processes if process.life and process.life.done()]
        return [error for task in ended if not task.cancelled() and (error := task.exception())]

    def prefix_of(self, chat: ChatKey) -> str:
        return self.partitions.prefix(self.partitions.of(chat))

    # The gate.

    async def gate(
        self, what: str, arguments: tuple[Any, ...], act: Callable[[], Awaitable[Result]], prefix: str = ""
    ) -> Result:
        """Wait here until somebody says how it goes."""
        process, task = _HERE.get(), asyncio.current_task()
        if process.dead:
            raise asyncio.CancelledError
        if what == "fenced":
            # Whoever waits there has just asked the fence.
            arguments = self._last[task]
        self._last[task] = arguments
        call = Call(process, what, arguments, self.loop.create_future(), prefix)
        self.waiting.append(call)
        self.meet(call)
        try:
            fate = await call.permit
        except asyncio.CancelledError:
            self.waiting = [other for other in self.waiting if other is not call]
            self.watch(call, Fate.GIVEN_UP)
            raise
        try:
            if fate is Fate.REFUSED:
                self.watch(call, fate)
                raise StoreAway("refused")
            call.answer = await act()
            self.watch(call, fate)
            if fate is Fate.ANSWER_LOST:
                raise StoreAway("the answer was lost")
            if fate is Fate.DEATH_AFTER:
                process.dead = True
                raise asyncio.CancelledError
            return call.answer  # type: ignore[no-any-return]
        finally:
            call.over = True

    def let_through(self, call: Call, fate: Fate = Fate.DONE) -> None:
        """Let one call through, and everything come to rest after it."""
        self.ask(self._let_through(call, fate))

    async def _let_through(self, call: Call, fate: Fate) -> None:
        if fate is Fate.DEATH_BEFORE:
            await self._end(call.process)
            return
        self.waiting.remove(call)
        call.permit.set_result(fate)
        while not call.over:
            await asyncio.sleep(0)
        if fate is Fate.DEATH_AFTER:
            await self._end(call.process)
        else:
            await self._rest()

    async def _rest(self) -> None:
        """Wait until nothing moves. What only reads goes through by itself, one after the other."""
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
            if self.loop.busy:
                continue
            self._number_the_fresh()
            reads = [call for call in self.waiting if call.what == "read" and not call.process.asleep]
            if not reads:
                return
            read = min(reads, key=lambda call: call.number)
            self.waiting.remove(read)
            read.permit.set_result(Fate.DONE)
            while not read.over:
                await asyncio.sleep(0)
        raise AssertionError("it never comes to rest")

    def _number_the_fresh(self) -> None:
        """Number those that have just come, in an order that is the same whenever the same happens."""
        fresh = [call for call in self.waiting if not call.number]
        for call in sorted(fresh, key=lambda c: (c.process.name, c.what, c.prefix, str(c.arguments))):
            self._numbers += 1
            call.number = self._numbers

    # What is published, and time.

    def ears(self, channels: tuple[str, ...]) -> asyncio.Queue[tuple[str, str]]:
        heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        _HERE.get().ears.append((channels, heard))
        heard.put_nowait(("", ""))
        return heard

    def publish(self, channel: str, text: str) -> None:
        for process in self._processes:
            for channels, heard in process.ears:
                if channel in channels and not process.deaf:
                    heard.put_nowait((channel, text))

    def pass_time(self, seconds: float) -> None:
        self.clock.now += int(seconds * 1000)
        self.loop.pass_time(seconds)
        self.ask(self._rest())

    def rest(self) -> None:
        self.ask(self._rest())


class StagedStore(Store):
    """The real store, on the one connection of the stage: every call stops at the gate."""

    def __init__(self, stage: Stage, *arguments: Any, **options: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **options)
        self._stage = stage

    async def __aenter__(self) -> Self:
        self._redis = self._stage.redis
        return self

    async def run_at(self, name: str, prefix: str, *arguments: str | float) -> Any:  # noqa: ANN401
        act = super().run_at

        async def step() -> Any:  # noqa: ANN401
            answer = await act(name, prefix, *arguments)
            if name == "kill" and answer[0]:
                self._stage.publish(KILL_CHANNEL, str(arguments[1]))
            if answer is not None:
                self._stage.publish(WAKE_CHANNEL, "changed")
            return answer

        return await self._stage.gate(name, arguments, step, prefix)

    async def ask(self, command: str, *arguments: object, **options: object) -> Any:  # noqa: ANN401
        act = super().ask
        return await self._stage.gate(
            "read", (command, *arguments), lambda: act(command, *arguments, **options)
        )

    @asynccontextmanager
    async def listening(self, *channels: str) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        heard = self._stage.ears(channels)

        async def messages() -> AsyncIterator[tuple[str, str]]:
            while True:
                yield await heard.get()

        yield messages()


class GatedFaults:
    """Implements `bot.faults.Faults`: between the fence's yes and the messenger every process waits at the gate.

    The other points lie right before or after a call that waits there anyway.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def reach(self, point: str) -> None:
        if point == "sender.fenced":
            await self._stage.gate("fenced", (), _nothing)


async def _nothing() -> None:
    return None
