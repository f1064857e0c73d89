"""Friends on Discord: they also edit and delete what they wrote, and say the kill word late."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Final

from benchmarks.discord_storm.place import Place
from benchmarks.storm.people import Friends, word
from bot.kill_ear import kill_id
from chat.message import Author, ChatKey, Message
from tests.fakes.discord.world import Posted

KILL_WORD: Final = "pineapple"
_WIDE_EVERY: Final = 8
_LATELY: Final = 20


class DiscordFriends(Friends):
    """What they say in the channels of a place, and what becomes of it there."""

    def __init__(self, place: Place, chance: random.Random) -> None:
        super().__init__(place, chance)
        self._server = place
        self._posts: list[tuple[ChatKey, Posted]] = []
        self.edited: set[str] = set()
        self.kill_words: list[tuple[str, str, str]] = []
        """Chat, message and the id of its kill."""

    def next_text(self) -> str:
        """Now and then what is answered at such length that Discord takes it in parts."""
        text = super().next_text()
        return text.replace("Sam? ", "Sam? wide") if self._number % _WIDE_EVERY == 0 else text

    async def say(self, text: str) -> None:
        """One of them writes in some chat."""
        chat = self._chance.choice(self._server.chats)
        await self.say_in(chat, text)

    async def say_in(self, chat: ChatKey, text: str) -> None:
        """One of them writes in a chat."""
        posted = self._server.post(chat, self.somebody(), text)
        self.said[str(chat)].append(str(posted.id))
        if text == KILL_WORD:
            self._kills(chat, posted)
        else:
            self._posts.append((chat, posted))

    def edit(self, *, kills: bool) -> bool:
        """Somebody changes what they have just written; gives whether there was anything."""
        if (found := self._lately()) is None:
            return False
        chat, posted = found
        self.edited.add(str(posted.id))
        self._number += 1
        self._server.fake.edit(posted, KILL_WORD if kills else f"Sam? {word(self._number)}")
        if kills:
            self._kills(chat, posted)
        return True

    def delete(self) -> bool:
        """Somebody takes back what they have just written; gives whether there was anything."""
        if (found := self._lately()) is None:
            return False
        _, posted = found
        self.deleted.add(str(posted.id))
        self._server.fake.delete(posted)
        return True

    def _kills(self, chat: ChatKey, posted: Posted) -> None:
        said = Message(chat, str(posted.id), Author("", ""), posted.content, datetime.now(UTC))
        self.kill_words.append((str(chat), said.id, kill_id(said)))

    def _lately(self) -> tuple[ChatKey, Posted] | None:
        """One of the last messages that nobody has changed, deleted or killed with."""
        if not self._posts:
            return None
        return self._posts.pop(-self._chance.randint(1, min(_LATELY, len(self._posts))))
