"""What lies around the service: messengers that keep their own record of what was said, and a model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bot.errors import StoreAway
from bot.messengers.base import Bubble, Ears, Pause, SendRefused, SendUncertain
from bot.places import Place
from chat.message import Author, ChatKey, Message
from inference.client import Completion
from inference.errors import ModelError, ModelUnavailable
from inference.persona import Persona, Sampling
from inference.prompt import PromptMessage
from tests.bot.promises.machine.stage import Process, Stage

KEYED, KEYLESS = "keyed", "keyless"
"""A messenger that knows idempotency keys, and one that does not."""
WHOLES: Final = {ChatKey(KEYED, "d"): ChatKey(KEYED, "a")}
"""Chats that are parts of others, as threads are of their channel, and of which."""
SAM: Final = Author("persona:sam", "Sam")
_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_KEYS_KNOWN_SECONDS: Final = 7200.0
"""How long the keyed messenger remembers an idempotency key, by its own clock."""
_LONGEST_WAY_SECONDS: Final = 600.0
"""What has been under way for longer never arrives."""


@dataclass(frozen=True, slots=True)
class Said:
    """A bubble as it stands in its chat."""

    bubble: Bubble
    message: Message


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message that stands in its chat no more."""

    chat: ChatKey
    id: str


class Street:
    """The chats as they really are, whatever the service believes."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.said: list[Said] = []
        """What stands in the chats in the persona's name, in order."""
        self.in_the_air: list[Bubble] = []
        """Handed over by somebody who waits no more: it may still arrive, or not."""
        self.undelivered: list[Message] = []
        """What people wrote and no process has taken yet."""
        self.refuses = False
        """Whether the messengers say no to the next bubble."""
        self.answer_lost = False
        """Whether the next bubble arrives with nobody being told."""
        self.next_answer: tuple[str, ...] | None = ("yes", "sure")
        """What the model writes; None when it is away."""
        self._keys: dict[str, tuple[float, Message]] = {}
        self._handed_over: dict[str, float] = {}
        self._queues: dict[tuple[Process, str], asyncio.Queue[Message | Deleted | Place]] = {}
        self._numbers = 0

    # Messengers.

    def connectors(self, process: Process) -> list[StreetConnector]:
        return [StreetConnector(self, process, messenger) for messenger in (KEYED, KEYLESS)]

    def write(self, chat: ChatKey, author: Author, text: str, *, own: bool = False) -> Message:
        """Somebody writes; a connector will hear it."""
        self._numbers += 1
        message = Message(chat, f"m{self._numbers}", author, text, _DAY, own=own)
        self.undelivered.append(message)
        return message

    def deliver(self, message: Message, process: Process) -> None:
        """A connector hears a message, perhaps not for the first time."""
        self._queues[process, message.chat.messenger].put_nowait(message)
        self.stage.rest()

    def delete(self, message: Message, process: Process) -> None:
        """A connector hears that a message was deleted, perhaps before it hears the message."""
        self._queues[process, message.chat.messenger].put_nowait(Deleted(message.chat, message.id))
        self.stage.rest()

    def arrive(self, bubble: Bubble) -> Message:
        """The messenger takes a bubble; one with a key that it knows is the message it has made of it before."""
        now = self.stage.loop.time()
        known = self._keys.get(bubble.id)
        if bubble.chat.messenger == KEYED and known is not None and now - known[0] < _KEYS_KNOWN_SECONDS:
            return known[1]
        self._numbers += 1
        message = Message(bubble.chat, f"r{self._numbers}", SAM, bubble.text, _DAY, own=True, stand_in=True)
        self._keys[bubble.id] = now, message
        self.said.append(Said(bubble, message))
        return message

    def land(self, bubble: Bubble) -> None:
        """A bubble that was long under way arrives."""
        self.in_the_air.remove(bubble)
        if self.stage.loop.time() - self._handed_over[bubble.id] < _LONGEST_WAY_SECONDS:
            self.arrive(bubble)

    # The model.

    async def complete(
        self, prompt: Sequence[PromptMessage], sampling: Sampling, *, seed: int | None = None
    ) -> Completion:
        async def write() -> tuple[str, ...] | None:
            return self.next_answer

        lines = await self.stage.gate("model", (prompt[-1].content,), write)
        if lines is None:
            raise ModelUnavailable("the model is away")
        # Never twice the same, and the same for the same turn.
        text = "\n".join(f"{line} {seed:x}{number}" for number, line in enumerate(lines))
        return Completion(text, "stop", 1, 1, 0.0, 0.0)


class StreetConnector:
    """Implements `bot.messengers.base.Connector` for one process."""

    serves = None
    held = ()

    def __init__(self, street: Street, process: Process, messenger: str) -> None:
        self.messenger = messenger
        self.idempotent = messenger == KEYED
        self._street = street
        self._heard: asyncio.Queue[Message | Deleted | Place] = asyncio.Queue()
        street._queues[process, messenger] = self._heard

    async def listen(self, ears: Ears) -> None:
        for part, whole in WHOLES.items():
            if part.messenger == self.messenger:
                self._heard.put_nowait(Place(part, part.chat_id, whole, follows=False))
        while True:
            message = await self._heard.get()
            while True:
                try:
                    if isinstance(message, Place):
                        await ears.place(message)
                    elif isinstance(message, Deleted):
                        await ears.deleted(message.chat, (message.id,))
                    else:
                        await ears.receive(message)
                except StoreAway:
                    await asyncio.sleep(0.05)
                else:
                    break
            if message in self._street.undelivered:
                self._street.undelivered.remove(message)

    def sign(self, chat: ChatKey, message_id: str) -> None:
        return None

    async def typing(self, chat: ChatKey, seconds: float) -> None:
        return None

    def troubles(self, chats: Sequence[ChatKey]) -> Mapping[str, str]:
        return {}

    async def pause(self, chat: ChatKey) -> Pause | None:
        return None

    async def send(self, bubble: Bubble) -> Message:
        street, arrived = self._street, False
        street._handed_over.setdefault(bubble.id, street.stage.loop.time())

        async def hand_over() -> Message | SendRefused | SendUncertain:
            nonlocal arrived
            arrived = True
            if street.refuses:
                return SendRefused("no")
            message = street.arrive(bubble)
            return SendUncertain("no answer") if street.answer_lost else message

        try:
            answer = await street.stage.gate("send", (bubble,), hand_over)
        except StoreAway:
            # Nobody can say: not even the network.
            raise SendUncertain("the connection broke") from None
        except asyncio.CancelledError:
            if not arrived:
                street.in_the_air.append(bubble)
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass(frozen=True, slots=True)
class StreetEngine:
    """Implements as much of `inference.engines.engine.Engine` as a running service asks of it."""

    alive: bool = True
    trouble: str = ""

    def hear(self, error: ModelError) -> None:
        """Nothing is made of it."""

    async def verify(self, persona: Persona) -> None:
        return None


def as_edited(message: Message, text: str) -> Message:
    """The same message as its author has changed it."""
    return replace(message, text=text, edited=True)
