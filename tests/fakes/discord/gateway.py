"""The gateway: sessions that can be resumed, heartbeats, and zlib-stream as Discord compresses it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.fakes.discord.permissions import PRIVILEGED, Intent
from tests.fakes.discord.world import Guild

if TYPE_CHECKING:
    from tests.fakes.discord.server import Bot, FakeDiscord

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, MEMBERS, INVALID, HELLO, ACK = (
    *(0, 1, 2, 3, 6),
    *(7, 8, 9, 10, 11),
)
UNKNOWN_OPCODE, DECODE_ERROR, NOT_AUTHENTICATED, BAD_TOKEN, TWICE = 4001, 4002, 4003, 4004, 4005
BAD_SEQUENCE, INVALID_SHARD, SHARDS_REQUIRED, BAD_INTENTS, DISALLOWED_INTENTS = 4007, 4010, 4011, 4013, 4014


@dataclass(eq=False)
class Session:
    """What a bot's identify opened; it outlives its connection."""

    bot: Bot
    intents: Intent
    shard: tuple[int, int]
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    connection: Connection | None = None

    def has(self, guild: Guild | None) -> bool:
        """Whether this shard hears of a server; direct messages go to shard 0."""
        return ((guild.id >> 22) if guild else 0) % self.shard[1] == self.shard[0]

    def tell(self, event: str, data: object) -> None:
        self.sequence += 1
        frame = {"op": DISPATCH, "t": event, "s": self.sequence, "d": data}
        self.told.append(frame)
        if self.connection is not None:
            self.connection.put(frame)

    def repeat(self, back: int = 1) -> None:
        """Tell the last event again, or one so far back, as a new one."""
        last = self.told[-back]
        self.tell(last["t"], last["d"])


class Connection:
    """One websocket."""

    def __init__(self, fake: FakeDiscord, request: web.Request) -> None:
        self._fake = fake
        self._request = request
        self._socket = web.WebSocketResponse(heartbeat=None, compress=False)
        self._queue: asyncio.Queue[dict[str, Any] | int | float] = asyncio.Queue()
        # One compression context a connection; each frame ends with a flush.
        self._compress = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._session: Session | None = None
        self.deaf = False
        """Answers no heartbeat any more, as a connection that is dead without saying so."""

    async def run(self) -> web.WebSocketResponse:
        if self._request.query.get("v") != "10" or self._request.query.get("encoding") != "json":
            self._fake.violate(f"the gateway was called with {self._request.query_string}")
        await self._socket.prepare(self._request)
        writing = asyncio.create_task(self._write())
        self.put({"op": HELLO, "d": {"heartbeat_interval": self._fake.heartbeat_ms}, "s": None, "t": None})
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    self.close(DECODE_ERROR)
                    continue
                self._hear(message.data)
        finally:
            writing.cancel()
            if self._session is not None and self._session.connection is self:
                self._session.connection = None
        return self._socket

    def put(self, frame: dict[str, Any] | int) -> None:
        """Send a frame, or close with a number, after all that was put before."""
        self._queue.put_nowait(frame)

    def close(self, code: int) -> None:
        self.put(code)

    def reconnect(self) -> None:
        """Ask to reconnect and resume."""
        self.put({"op": RECONNECT, "d": None, "s": None, "t": None})

    def invalidate(self, *, resumable: bool) -> None:
        """Say that the session is void, or only this connection of it."""
        self.put({"op": INVALID, "d": resumable, "s": None, "t": None})
        if not resumable and self._session is not None:
            self._fake.sessions.pop(self._session.id, None)

    def stall(self, seconds: float) -> None:
        """Let what is put from here on come so much later."""
        self._queue.put_nowait(float(seconds))

    def cut(self) -> None:
        """The network is gone: no closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def _write(self) -> None:
        while True:
            frame = await self._queue.get()
            if isinstance(frame, float):
                await asyncio.sleep(frame)
                continue
            if isinstance(frame, int):
                await self._socket.close(code=frame)
                return
            text = json.dumps(frame)
            if self._compress is None:
                await self._socket.send_str(text)
            else:
                data = self._compress.compress(text.encode()) + self._compress.flush(zlib.Z_SYNC_FLUSH)
                await self._socket.send_bytes(data)

    def _hear(self, text: str) -> None:
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame["d"]
        except (ValueError, KeyError, TypeError):
            self._violate("sent the gateway what is no frame", DECODE_ERROR)
            return
        if op == HEARTBEAT:
            if not self.deaf:
                self.put({"op": ACK, "d": None, "s": None, "t": None})
        elif op == IDENTIFY:
            self._identify(data)
        elif op == RESUME:
            self._resume(data)
        elif self._session is None:
            self._violate(f"sent op {op} before it identified", NOT_AUTHENTICATED)
        elif op not in {PRESENCE, MEMBERS}:
            self._violate(f"sent the unknown op {op}", UNKNOWN_OPCODE)

    def _identify(self, data: dict[str, Any]) -> None:  # noqa: PLR0911 - a refusal each
        fake = self._fake
        if self._session is not None:
            self._violate("identified twice", TWICE)
            return
        bot = fake.bots.get(str(data.get("token")))
        if bot is None:
            self.close(BAD_TOKEN)
            return
        if not isinstance(data.get("intents"), int) or not {"os", "browser", "device"} <= set(
            data.get("properties", {})
        ):
            self._violate("identified without intents or properties", BAD_INTENTS)
            return
        intents = Intent(data["intents"])
        if intents & PRIVILEGED & ~bot.allowed:
            self.close(DISALLOWED_INTENTS)
            return
        number, count = data.get("shard") or (0, 1)
        if not 0 <= number < count:
            self._violate(f"is shard {number} of {count}", INVALID_SHARD)
            return
        session = Session(bot, intents, (number, count), connection=self)
        guilds = [guild for guild in fake.guilds.values() if bot.user.id in guild.members]
        guilds = [guild for guild in guilds if session.has(guild)]
        if len(guilds) > fake.most_guilds:
            self.close(SHARDS_REQUIRED)
            return
        now = time.monotonic()
        if now - bot.identified_at < fake.identify_seconds:
            bot.hasty += 1
            self.put({"op": INVALID, "d": False, "s": None, "t": None})
            return
        bot.identified_at = now
        bot.identified += 1
        self._session = session
        fake.sessions[session.id] = session
        ready: dict[str, Any] = {
            "v": 10,
            "user": bot.user.shown() | {"verified": True, "mfa_enabled": False, "email": None, "flags": 0},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": "wss://gateway-resume.discord.gg",
            "application": {"id": str(bot.application), "flags": bot.flags},
            "shard": [number, count],
        }
        session.tell("READY", ready)
        for guild in guilds:
            session.tell("GUILD_CREATE", guild.shown(bot.user))

    def _resume(self, data: dict[str, Any]) -> None:
        session = self._fake.sessions.get(str(data.get("session_id")))
        if session is None or session.bot.token != data.get("token"):
            self.put({"op": INVALID, "d": False, "s": None, "t": None})
            return
        if not isinstance(data.get("seq"), int) or data["seq"] > session.sequence:
            self.close(BAD_SEQUENCE)
            return
        session.bot.resumed += 1
        missed = [frame for frame in session.told if frame["s"] > data["seq"]]
        session.connection = self._session_of(session)
        for frame in missed:
            self.put(frame)
        session.tell("RESUMED", {"_trace": []})

    def _session_of(self, session: Session) -> Connection:
        if session.connection is not None:
            session.connection.close(4000)
        self._session = session
        return self

    def _violate(self, what: str, code: int) -> None:
        self._fake.violate(what)
        self.close(code)


def tell_each(fake: FakeDiscord, wants: Callable[[Session], tuple[str, object] | None]) -> None:
    """Tell every session what it is to hear of something."""
    for session in list(fake.sessions.values()):
        found = wants(session)
        if found is not None:
            session.tell(*found)
