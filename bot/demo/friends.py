"""The three friends: they play their scenes in the room, and give way to a visitor who types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.clock import Clock
from bot.demo.script import CHAT, SCENES, Scene
from bot.errors import StoreAway
from bot.messengers.local import LocalRooms

_BETWEEN_SCENES_SECONDS: Final = 25.0
_GIVE_WAY_SECONDS: Final = 20.0


class Friends:
    """Plays scenes in the demo's room until cancelled."""

    def __init__(self, rooms: LocalRooms, clock: Clock, scenes: Sequence[Scene] = SCENES) -> None:
        self._rooms = rooms
        self._clock = clock
        self._scenes = scenes
        self._own: set[str] = set()

    async def run(self) -> None:
        """Play all scenes, over and over, for as long as the demo is open."""
        # A demo that is opened again goes on where it was, with the next scene.
        number = len(await self._rooms.said(CHAT.key))
        while True:
            await self.play(self._scenes[number % len(self._scenes)])
            number += 1
            await self._clock.sleep(_BETWEEN_SCENES_SECONDS)

    async def play(self, scene: Scene) -> None:
        """Say a scene's lines with their pauses; a visitor who has just typed has the word."""
        for line in scene:
            await self._clock.sleep(line.after)
            while await self._visitor_talks():
                await self._clock.sleep(_GIVE_WAY_SECONDS / 4)
            try:
                message = await self._rooms.post(CHAT.key, line.author, line.text)
            except StoreAway:
                continue
            self._own.add(message.id)

    async def _visitor_talks(self) -> bool:
        try:
            said = await self._rooms.said(CHAT.key, 10)
        except StoreAway:
            return True
        now = self._clock.now_ms() / 1000
        return any(
            not message.own
            and message.id not in self._own
            and now - message.sent_at.timestamp() < _GIVE_WAY_SECONDS
            for message in said
        )
