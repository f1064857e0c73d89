"""The composition root: builds everything once from the settings, hands it down, and closes it in order.

Two floors. `open_office` opens the store and what people steer with; that is all the command line's short verbs
need. `open_service` adds the model and what runs: worker, sender, connectors, sweeper.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from bot.acknowledger import Acknowledger
from bot.answer import Writer
from bot.cards import Cards
from bot.chat_words import ChatWords
from bot.chats import Chats
from bot.clock import Clock, SystemClock
from bot.consents import Consents
from bot.desk import Desk
from bot.drafts import Drafts
from bot.errors import SettingsInvalid, StateFolderUnusable, StoreAway
from bot.faults import FatalFaults, Faults, NoFaults
from bot.host_consent import HostConsents
from bot.hosted_settings import HostedSettings
from bot.inbox import Inbox
from bot.journal import Journal
from bot.kill_folder import KillFolder
from bot.kill_switch import RedisKillSwitch
from bot.kill_watch import KillWatch
from bot.messengers.base import Connector, Wires
from bot.messengers.local import Account, LocalConnector, LocalRooms
from bot.order_folder import OrderFolder
from bot.order_watch import OrderWatch
from bot.orders import Orders
from bot.outbox import Outbox, Words
from bot.owner import OwnerPresence
from bot.owner_watch import OwnerWatch
from bot.pacing import Pacing
from bot.persona_secrets import secrets_in
from bot.presence import Attendance, Condition
from bot.reveal import Reveals
from bot.rewriter import Rewriter
from bot.rewrites import Rewrites
from bot.rulebook import Rulebook
from bot.sender import Sender
from bot.settings import Settings
from bot.shards import muddles
from bot.store.store import Store
from bot.troubles import Troubles
from bot.turn_queue import TurnQueue
from bot.wakeup import Wakeup
from bot.windows import RedisWindows
from bot.worker import Worker
from chat.message import Author
from inference.client import Endpoint, ModelClient
from inference.dialect import Dialect
from inference.engines.engine import Engine
from inference.engines.hosted import HostedServer
from inference.engines.llama_cpp import LlamaCpp, LlamaModel, LlamaSettings
from inference.engines.openai import OpenAIServer
from inference.errors import ModelUnavailable
from inference.host import check_host
from inference.persona import Hosted, Persona, load_persona
from safety.chain import draft_rules, gate_rules
from safety.commands import Commands
from safety.kill_word import KillWords
from safety.moderation.backend import open_classifier
from safety.moderation.classifier import Classifier
from safety.pings import Pings

_log = structlog.get_logger()
_SWEEP_SECONDS: Final = 5.0
_MUDDLED_LOOKS: Final = 4
_WITHOUT_ACCOUNT: Final = {
    "discord": "discord.token is not set, so its chats are not heard: `understudy discord setup`, then run anew"
}
"""What is said of a messenger in whose chats the stand-in is, and which the settings name no account for."""


@dataclass(frozen=True, slots=True)
class Office:
    """The store, and everything with which people watch and steer; works without a model."""

    settings: Settings
    clock: Clock
    faults: Faults
    store: Store
    desk: Desk
    kill_switch: RedisKillSwitch
    kill_watch: KillWatch
    order_watch: OrderWatch
    kill_words: KillWords
    owner_watch: OwnerWatch
    classifier: Classifier
    attendance: Attendance
    rooms: LocalRooms
    rulebook: Rulebook
    consents: Consents
    owner: OwnerPresence
    host_consents: HostConsents


@asynccontextmanager
async def open_office(
    settings: Settings, clock: Clock | None = None, faults: Faults | None = None
) -> AsyncIterator[Office]:
    """Open the store and the desk. Raises StoreError, StateFolderUnusable and SettingsInvalid."""
    clock = clock or SystemClock()
    faults = faults or _faults(settings)
    _prepare(settings.state_dir)
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    kill_words = KillWords(settings.kill_words)
    async with (
        Store(settings.state_dir / "redis", url, settings.partitions) as store,
        open_classifier(settings.rules.moderation) as classifier,
    ):
        kill_folder = KillFolder(settings.state_dir)
        kill_switch = RedisKillSwitch(store, clock, kill_folder, settings.turns.retention_days)
        owner_watch = OwnerWatch(store, clock, settings.owner)
        owner = OwnerPresence(store, clock, settings.rules.owner_present)
        order_folder = OrderFolder(settings.state_dir)
        consents = Consents(store, clock, settings.rules.consent.people, order_folder)
        desk = Desk(
            Chats(store, clock),
            Drafts(store, clock, settings.outbox.moved_past_messages, settings.drafts),
            Journal(store),
            kill_switch,
            consents,
            owner,
            draft_rules(
                kill_words,
                settings.rules.draft(),
                classifier,
                settings.rules.off,
                secrets_in(settings.persona),
            ),
            owner_watch,
            Reveals(store, clock, settings.disclosure.longest_message),
            settings.discord.review,
        )
        yield Office(
            settings=settings,
            clock=clock,
            faults=faults,
            store=store,
            desk=desk,
            kill_switch=kill_switch,
            kill_watch=KillWatch(kill_switch, kill_folder),
            order_watch=OrderWatch(consents, order_folder),
            kill_words=kill_words,
            owner_watch=owner_watch,
            classifier=classifier,
            attendance=Attendance(store, clock),
            rooms=LocalRooms(store, clock),
            rulebook=Rulebook(
                *(store, clock, gate_rules(RedisWindows(store)), draft_rules(kill_words)),
                settings.rules.off,
            ),
            consents=consents,
            owner=owner,
            host_consents=HostConsents(store, clock),
        )


class Service:
    """What runs: connectors hear, the worker decides, the sender sends. `run` until cancelled."""

    def __init__(
        self,
        office: Office,
        persona: Persona,
        engine: Engine,
        client: ModelClient,
        connectors: Sequence[Connector],
    ) -> None:
        settings, store, clock = office.settings, office.store, office.clock
        names = (persona.prompt.name, *settings.persona_aliases)
        self.persona = persona
        self.engine = engine
        self._office = office
        self._name = f"{socket.gethostname()}-{secrets.token_hex(3)}"
        self._wakeup = Wakeup(store)
        people = settings.rules.consent.people
        self._chat_words = ChatWords(store, office.kill_words)
        self.inbox = Inbox(
            *(store, clock, office.kill_switch, office.kill_words, settings.turns, office.faults),
            settings.kill,
            self._chat_words,
            office.owner_watch,
            self._acknowledger(connectors).begin,
            Orders(office.consents, Commands(settings.commands.values()), names),
            office.owner,
            settings.disclosure.mark,
        )
        writer = Writer(
            persona,
            client,
            draft_rules(
                office.kill_words,
                settings.rules.draft(),
                office.classifier,
                settings.rules.off,
                secrets_in(persona.folder),
            ),
            names,
            settings.worker.rewrites,
            settings.drafts.candidates,
            Pings(settings.rules.broadcast.names),
            settings.candour,
            office.consents,
        )
        self.worker = Worker(
            self._name,
            TurnQueue(
                *(store, clock, settings.worker.lease_seconds, settings.worker.most_messages),
                settings.worker.overload_messages,
                people,
            ),
            gate_rules(RedisWindows(store), settings.rules.gate(), settings.rules.off),
            writer,
            names,
            office.kill_switch,
            clock,
            self._wakeup,
            settings.worker,
            office.faults,
        )
        self.rewriter = Rewriter(
            Rewrites(store, clock, settings.worker.lease_seconds),
            writer,
            office.kill_switch,
            clock,
            self._wakeup,
            settings.worker,
            office.faults,
        )
        announcement = settings.disclosure.announcement.replace("{name}", persona.prompt.name)
        words = Words(announcement, settings.disclosure.mark)
        outbox = Outbox(store, clock, settings.outbox, office.owner, words)
        self._connectors = connectors
        self._troubles = Troubles(connectors, self.inbox.chats, _WITHOUT_ACCOUNT)
        self._senders = [
            Sender(
                outbox,
                connector,
                office.kill_switch,
                office.consents,
                persona.typing,
                clock,
                self._wakeup,
                settings.outbox,
                office.faults,
            )
            for connector in connectors
        ]

    def _acknowledger(self, connectors: Sequence[Connector]) -> Acknowledger:
        office, settings = self._office, self._office.settings
        text = settings.kill.acknowledgement.replace("{name}", self.persona.prompt.name)
        if office.kill_words.found_in(text) is not None:
            raise SettingsInvalid("the setting kill.acknowledgement contains a kill word: choose other words")
        return Acknowledger(office.store, office.clock, connectors, self._chat_words, settings.outbox, text)

    async def run(self) -> None:
        """Run until cancelled. A part that fails ends all of them: half a service is worse than none."""
        # What was to be killed while nothing ran is killed before anything is heard or sent.
        await self._office.kill_watch.look()
        await self._office.order_watch.look()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._office.kill_watch.run())
            group.create_task(self._office.order_watch.run())
            group.create_task(self._chat_words.run())
            await self._chat_words.known()
            group.create_task(self._wakeup.run())
            group.create_task(self.worker.run())
            group.create_task(self.rewriter.run())
            for sender in self._senders:
                group.create_task(sender.run())
            for connector in self._connectors:
                group.create_task(connector.listen(self.inbox))
            group.create_task(self._sweep())
            group.create_task(self._watch_shards())
            group.create_task(
                self._office.attendance.keep(
                    self._name,
                    self.persona.name,
                    self.persona.fingerprint,
                    self._condition,
                )
            )

    async def _condition(self) -> Condition:
        generating = self.worker.generating + self.rewriter.generating
        held = tuple(one for connector in self._connectors for one in connector.held)
        troubles, deaf = await self._troubles.look()
        return Condition(self.engine.alive, self.engine.trouble, generating, troubles, held, deaf)

    async def _watch_shards(self) -> None:
        """Say what is wrong with who holds which shards, once it has been so for a while: processes come and go."""
        known: dict[str, int] = {}
        while True:
            with contextlib.suppress(StoreAway):
                found = muddles(await self._office.attendance.present())
                known = {place: known.get(place, 0) + 1 for place in found}
                for place in (place for place, looks in known.items() if looks == _MUDDLED_LOOKS):
                    _log.warning("shards.muddled", place=place, reason=found[place])
            await self._office.clock.sleep(_SWEEP_SECONDS)

    async def _sweep(self) -> None:
        while True:
            try:
                await self._office.desk.drafts.sweep()
                await self._office.kill_switch.complete()
                await self._office.owner_watch.check()
                await self._office.desk.chats.finish_erasing()
            except StoreAway:
                _log.warning("sweep.store_away")
            await self._office.clock.sleep(_SWEEP_SECONDS)


@asynccontextmanager
async def open_service(
    office: Office,
    connectors: Sequence[Connector] | None = None,
    engine: Engine | None = None,
    wires: Wires | None = None,
) -> AsyncIterator[Service]:
    """Load the persona, start or reach the model, prove that it is the persona, and build what runs.

    Raises PersonaError, EngineError, and HostNotAgreed for a host that nobody agreed to. Without
    `connectors` and `engine`, those that the settings name; `wires` is what connections to messengers run over.
    """
    settings = office.settings
    persona = await load_persona(settings.persona)
    hosted = persona.base.hosted
    permit = office.host_consents.permit(hosted) if hosted else None
    if hosted is not None:
        await office.host_consents.require(hosted)
    async with engine or engine_of(settings, persona, permit) as running:
        await running.verify(persona)
        async with ModelClient(
            lambda: running.endpoint, vouch=running.vouch, permit=permit, hear=running.hear
        ) as client:
            if connectors is None:
                connectors = connectors_of(office, persona, wires)
            yield Service(office, persona, running, client, connectors)


def connectors_of(office: Office, persona: Persona, wires: Wires | None = None) -> list[Connector]:
    """The accounts that the settings name; the local messenger's is always there. Raises PeopleInvalid."""
    account = Account(Author(f"persona:{persona.name}", persona.prompt.name))
    connectors: list[Connector] = [LocalConnector(office.rooms, office.store, account)]
    discord = office.settings.discord
    if discord.token.get_secret_value():
        # Only here: discord.py takes most of a second, and who does not use it shall not wait for it.
        from bot.messengers.discord.connector import DiscordConnector  # noqa: PLC0415

        pacing = Pacing(DiscordConnector.messenger, office.store)
        cards = Cards(office.store, office.clock)
        connectors.append(DiscordConnector(discord, persona.prompt.name, office.desk, wires, pacing, cards))
    return connectors


def engine_of(
    settings: Settings, persona: Persona, permit: Callable[[], Awaitable[None]] | None = None
) -> Engine:
    """The engine that the settings name, or the host that the persona names.

    A host is asked nothing that `permit` does not allow. Raises SettingsInvalid, and PersonaError without GGUF.
    """
    if persona.base.hosted is not None:
        return _at_host(settings.hosted, persona.base.hosted, permit)
    model = settings.model
    if model.engine == "openai":
        if not model.base_url:
            raise SettingsInvalid("the setting model.base_url is missing: the address of the model server")
        name = model.model or persona.name
        return OpenAIServer(
            Endpoint(model.base_url.removesuffix("/v1"), name, model.api_key.get_secret_value()),
            dialect=None if model.server == "auto" else Dialect(model.server),
        )
    llama = LlamaSettings(threads=model.threads, slots=model.slots)
    return LlamaCpp(LlamaModel.of(persona), settings.state_dir / "llama.log", llama)


def _at_host(
    settings: HostedSettings, hosted: Hosted, permit: Callable[[], Awaitable[None]] | None
) -> HostedServer:
    if settings.base_url and settings.base_url != hosted.base_url.rstrip("/"):
        # The key of one host is none of another's business.
        raise SettingsInvalid(
            f"the persona speaks at {hosted.base_url}, and hosted.base_url is {settings.base_url}: set address "
            "and key to the persona's host"
        )
    key = settings.api_key.get_secret_value()
    if not key:
        raise SettingsInvalid(f"there is no key for {hosted.base_url}: set UNDERSTUDY_HOSTED__API_KEY")
    try:
        check_host(hosted.base_url, plain_http=settings.plain_http)
    except ValueError as error:
        raise SettingsInvalid(str(error)) from None
    endpoint = Endpoint(hosted.base_url, hosted.model, key, top_logprobs=hosted.top_logprobs, named=True)
    return HostedServer(endpoint, permit or _nobody)


async def _nobody() -> None:
    raise ModelUnavailable("nobody agreed that anything is sent to the host")


def _faults(settings: Settings) -> Faults:
    if not settings.faults:
        return NoFaults()
    try:
        return FatalFaults(settings.faults)
    except ValueError as error:
        raise SettingsInvalid(f"the setting faults cannot be used: {error}") from None


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateFolderUnusable(
            f"the state folder {folder} cannot be made ({error.strerror}): set UNDERSTUDY_STATE_DIR to another"
        ) from error
