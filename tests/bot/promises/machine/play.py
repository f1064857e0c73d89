"""One play on the stage: services, people and trouble, with the ledger beside it. The machine's rules call this."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import pytest

import bot.app
from bot.app import Office, Service, open_office
from bot.desk import Desk
from bot.errors import ChatUnknown, DraftRefused, NotAllowed, StoreAway
from bot.people import Person, Role
from bot.settings import Settings
from chat.message import Author, Chat, ChatKey, Message
from inference.persona import Persona
from safety.kill import KillScope
from safety.mode import ChatPolicy, Mode
from tests.bot.promises.machine.books import OPEN
from tests.bot.promises.machine.ledger import Ledger
from tests.bot.promises.machine.snapshot import digest, snapshot
from tests.bot.promises.machine.stage import Call, Fate, GatedFaults, Process, Stage, StagedStore
from tests.bot.promises.machine.street import KEYED, KEYLESS, WHOLES, Street, StreetEngine

CHATS: Final = (ChatKey(KEYED, "a"), ChatKey(KEYED, "d"), ChatKey(KEYLESS, "e"))
"""Two messengers; the first chat is in one partition, the others in the other. The second is a part of the first."""
SCOPES: Final = (
    *(KillScope.everywhere(), KillScope.account(KEYED), KillScope.account(KEYLESS)),
    *(KillScope.chat(chat) for chat in CHATS),
)
OLIVIA: Final = Person("olivia", Role.OWNER)
MAX: Final = Person("max", Role.MODERATOR)
MONA: Final = Person("mona", Role.MODERATOR)
VERA: Final = Person("vera", Role.VIEWER)
MIA: Final = Author("mia", "Mia")
LEO: Final = Author("leo", "Leo")
BOT: Final = Author("robo", "Robo", is_bot=True)
_ON_THE_WAY: Final = (
    *("send", "fenced", "fence", "sent", "unsent", "unknown", "release", "settle", "model", "window_take"),
    *("kill", "resume", "approve", "reject", "set_chat", "postpone", "accept"),
    *("delete", "claim_draft", "regenerate", "rewritten", "claim_rewrite", "outbox_claim", "claim"),
)
"""From what is about to leave to what has only just come."""
_BRINKS: Final = frozenset({"model", "settle", "fence", "fenced", "send", "sent", "unsent", "unknown"})
PLAIN: Final = ("yes", "sure")
_POLLS: Final = frozenset({"claim", "outbox_claim", "claim_rewrite", "sweep"})
_DEEDS: Final = frozenset(
    {
        "kill",
        "resume",
        "approve",
        "reject",
        "set_chat",
        "enable",
        "owner_sign",
        "claim_draft",
        "release_draft",
        "regenerate",
    }
)
Option = TypeVar("Option")


def pick(options: Sequence[Option], number: int) -> Option:
    """One of several; 0 is the first, so that a shrunk story takes the plainest."""
    return options[number % len(options)]


class Play:
    """Everything of one example."""

    def __init__(self, stage: Stage, settings: Settings, persona: Persona) -> None:
        self.stage = stage
        self.settings = settings
        self.persona = persona
        self.street = Street(stage)
        stay = settings.rules.owner_present.milliseconds
        self.ledger = Ledger(self.street, settings.outbox.moved_past_messages, stay)
        self.services: list[Process] = []
        self.offices: dict[Process, Office] = {}
        self.steps = 0
        """Calls that went through and did something, and moves of the clocks."""
        self.written: list[Message] = []
        self._names = 0
        stage.watch, stage.meet = self.ledger.watch, self.ledger.meet
        stage.begin()
        shutil.rmtree(settings.state_dir, ignore_errors=True)

    # Services.

    def begin(self, modes: Sequence[Mode], services: int, deaf: Sequence[bool]) -> None:
        for number in range(services):
            self.start(deaf[number])
        for chat, mode in zip(CHATS, modes, strict=True):
            policy = ChatPolicy(mode=mode, probability=1.0)
            self.deed(0, partial(_enable, chat=Chat(chat, chat.chat_id), policy=policy))

    def start(self, deaf: bool = False) -> Process:
        self._names += 1
        process = Process(f"service {self._names}", deaf=deaf)

        async def life() -> None:
            faults = GatedFaults(self.stage)
            async with open_office(self.settings, self.stage.clock, faults) as office:
                self.offices[process] = office
                engine: Any = StreetEngine()
                client: Any = self.street
                connectors = self.street.connectors(process)
                await Service(office, self.persona, engine, client, connectors).run()

        self.services.append(process)
        self.stage.start(process, life)
        return process

    def replace_the_dead(self) -> None:
        for process in [process for process in self.services if process.dead]:
            self.services.remove(process)
            self.ledger.tell(f"{process.name} is dead; another one starts")
            self.start(process.deaf)

    # Steps.

    def able(self) -> list[Call]:
        """The calls that may go through now, what is furthest on its way first."""
        found = [call for call in self.stage.waiting if not call.process.asleep]
        order = {what: at for at, what in enumerate(_ON_THE_WAY)}
        return sorted(found, key=lambda call: (order.get(call.what, len(order)), call.number))

    def step(self, call: Call, fate: Fate = Fate.DONE) -> None:
        """One call goes through, and everybody's books are compared."""
        still = self.ledger.without_effect(call) and fate is not Fate.REFUSED
        before = self.stage.ask(digest(self.stage.redis)) if still else ""
        self.ledger.idle = False
        self.stage.let_through(call, fate)
        if still and self.stage.ask(digest(self.stage.redis)) != before:
            raise AssertionError(f"promise 3: {call.what} changed something that was not its own any more")
        if self.ledger.idle and call.what != "claim_rewrite":
            return  # somebody looked for work, and there was none: nothing is different
        self.steps += not self.ledger.idle
        self.look()
        self.replace_the_dead()

    def look(self) -> None:
        for error in self.stage.failures():
            raise error
        self.ledger.check(self.stage.ask(snapshot(self.stage.redis)))

    def pass_time(self, seconds: float) -> None:
        self.ledger.tell_time(seconds)
        self.stage.pass_time(seconds)
        self.steps += 1
        self.look()

    def jump(self, minutes: int) -> None:
        """The wall clock is put forward or back; no time passes."""
        self.ledger.clock_jumped(minutes)
        self.stage.clock.now += minutes * 60_000
        self.steps += 1
        self.look()

    def until(self, what: Iterable[str], most: int = 40) -> list[Call]:
        """Everything goes on as it should until such a call waits at the gate; gives those that do."""
        wanted, polled = frozenset(what), 0
        for _ in range(most):
            able = self.able()
            if found := [call for call in able if call.what in wanted]:
                return found
            busy = [call for call in able if call.what not in _POLLS]
            polls = [call for call in able if self._may_find(call)]
            if busy:
                self.step(min(busy, key=lambda call: call.number))
                polled = 0
            elif polls and polled < len(polls) + 8:
                self.step(min(polls, key=lambda call: call.number))
                polled = polled + 1 if self.ledger.idle else 0
            else:
                self.pass_time(1.0)
                polled = 0
        return []

    def go_on(self, process: Process, most: int, *, without: Iterable[str] = ()) -> None:
        """One process takes its next steps, whatever the others do."""
        left = frozenset(without) | _POLLS
        for _ in range(most):
            mine = [call for call in self.able() if call.process is process and call.what not in left]
            if not mine:
                return
            self.step(min(mine, key=lambda call: call.number))

    def hold(self, chat: ChatKey, number: int) -> str | None:
        """Have a draft wait for a moderator; gives its id, or None when something is in the way."""
        if not (drafts := self.open_drafts()):
            for scope in self.standing():
                self.deed(number, partial(_resume, scope=scope))
            if self.ledger.modes[chat] != "manual":
                self.deed(number, lambda desk: desk.set_mode(OLIVIA, chat, Mode.MANUAL))
            self.writes(chat, MIA, "Sam? hi", number)
            for call in self.until({"settle"}):
                self.step(call)
            drafts = self.open_drafts()
        return pick(drafts, number) if drafts else None

    def _may_find(self, call: Call) -> bool:
        """Whether a look for work may find some."""
        if call.what == "claim":
            return any(self.ledger.queue.values())
        if call.what == "claim_rewrite":
            return any(fields["state"] == "rewriting" for fields in self.ledger.last.drafts.values())
        messenger = call.arguments[1] if call.what == "outbox_claim" else ""
        return any(
            bubbles and chat.startswith(f"{messenger}/") for chat, bubbles in self.ledger.last.out.items()
        )

    def bring(self, chat: ChatKey, number: int, brink: str, answer: tuple[str, ...] | None = None) -> None:
        """Have an answer under way, up to such a call, unless one is; what stands in its way is lifted first."""
        if any(call.what in _BRINKS for call in self.able()):
            return
        for process in self.services:
            process.asleep = False
        self.stage.rest()
        for scope in self.standing():
            if scope.covers(chat, WHOLES.get(chat)):
                self.deed(number, partial(_resume, scope=scope))
        if self.ledger.modes[chat] in {"off", "shadow"}:
            self.deed(number, lambda desk: desk.set_mode(OLIVIA, chat, Mode.AUTO))
        self.writes(chat, MIA, "Sam? hi", number)
        if answer is not None:
            self.street.next_answer = answer
        found = self.until({brink} | ({"settle"} if self.ledger.modes[chat] == "manual" else set()))
        self.street.next_answer = PLAIN
        if found and found[0].what == "settle" and brink != "settle":
            self.step(found[0])

    # What people do, each at the dashboard of one service.

    def deed(
        self, number: int, do: Callable[[Desk], Coroutine[Any, Any, object]], *, at_once: bool = True
    ) -> None:
        """Somebody does something; with `at_once` nothing comes in between, if nothing else goes wrong."""
        process = pick([service for service in self.services if not service.asleep] or self.services, number)
        desk = self.offices[process].desk
        over: list[object] = []

        async def doing() -> None:
            try:
                await do(desk)
            except (DraftRefused, NotAllowed, StoreAway, ChatUnknown) as error:
                over.append(error)
            except Exception as error:
                self.ledger.objections.append(f"a person's deed failed: {error!r}")
                raise
            over.append(None)

        earlier = {call.number for call in self.stage.waiting if call.number}
        self.stage.act(process, doing)
        while at_once and not over:
            mine = [c for c in self.stage.waiting if c.number not in earlier and c.process is process]
            mine = [c for c in mine if c.what in _DEEDS]
            if not mine:
                break
            self.step(mine[0])
        self.look()

    def writes(self, chat: ChatKey, author: Author, text: str, number: int) -> Message:
        """Somebody writes, and one service hears it, in its own time."""
        message = self.street.write(chat, author, text)
        self.written.append(message)
        self.ledger.tell(f"{author.name} writes {message.id} in {chat}: {text!r}")
        self.hears(message, number)
        return message

    def deletes(self, message: Message, number: int) -> None:
        """A message is deleted in its chat, and one service hears that, at once."""
        self.ledger.tell(f"{message.id} of {message.chat} is deleted")
        self.street.delete(message, pick(self.services, number))
        self.look()
        for call in self.waits("delete"):
            self.step(call)

    def hears(self, message: Message, number: int) -> None:
        self.street.deliver(message, pick(self.services, number))
        self.look()

    @property
    def heard(self) -> list[Message]:
        """What people wrote and some service has taken in."""
        return [message for message in self.written if message.id in self.ledger.known[message.chat]]

    def waits(self, what: str) -> list[Call]:
        return [call for call in self.able() if call.what == what]

    def standing(self) -> list[KillScope]:
        return [KillScope.parse(scope) for scope in sorted({scope for _, scope in self.ledger.kills})]

    def open_drafts(self) -> list[str]:
        drafts = self.ledger.last.drafts
        return sorted(
            (id_ for id_, fields in drafts.items() if fields["state"] in OPEN), key=self.ledger.name
        )

    # The end.

    def end(self) -> None:
        """Everything that disturbs is over: one fresh service brings all to its end, and the books must balance."""
        self.ledger.tell("the end: all services die, and a last one starts")
        for bubble in list(self.street.in_the_air):
            self.street.land(bubble)
        self.street.refuses = self.street.answer_lost = False
        self.street.next_answer = ("yes",)
        for process in self.services:
            self.stage.kill(process)
        for bubble in list(self.street.in_the_air):
            self.street.land(bubble)
        self.services.clear()
        self.look()
        self.start()
        for _ in range(3):
            self._go_quiet()
            self._advance(6.0)
        for scope in sorted({scope for _, scope in self.ledger.kills}):
            self.ledger.check_whole()
            self.deed(0, partial(_resume, scope=KillScope.parse(scope)))
        for time in range(60):
            # A clock that has gone back makes each turn wait for a claim's length: where many wait, that is long.
            if time >= 6 and not any(self.ledger.queue.values()):
                break
            for message in list(self.street.undelivered):
                self.hears(message, 0)
            self._go_quiet()
            self._advance(31.0)
        self._go_quiet()
        self.ledger.check_end()

    def _advance(self, seconds: float) -> None:
        self.stage.pass_time(seconds)
        self.look()

    def _go_quiet(self) -> None:
        for _ in range(2000):
            able = self.able()
            if not able:
                return
            for call in able:
                if call in self.stage.waiting:
                    self.step(call)
        raise AssertionError("promise 2: it never comes to an end")

    def over(self) -> None:
        """Leave nothing behind for the next play."""
        for process in self.services:
            self.stage.kill(process)


async def _resume(desk: Desk, scope: KillScope) -> None:
    await desk.resume(OLIVIA, scope)


async def _enable(desk: Desk, chat: Chat, policy: ChatPolicy) -> None:
    await desk.chats.enable(chat, OLIVIA.name, policy)


def on_stage(stage: Stage) -> pytest.MonkeyPatch:
    """Let every office that is opened from here on use the stage's store; undo what this gives afterwards."""
    patch = pytest.MonkeyPatch()
    patch.setattr(bot.app, "Store", lambda *given: StagedStore(stage, *given))
    patch.setattr(secrets, "token_hex", stage.token_hex)
    # These stories are not about power cuts, and a busy disk would be most of the time.
    patch.setattr(os, "fsync", lambda _: None)
    return patch
