"""The people of the storm: friends who write, and moderators who decide, often two on the same draft at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from benchmarks.storm.wire import Object
from bot.app import Office
from bot.drafts import Draft
from bot.errors import DraftRefused, StoreError
from bot.people import Person, Role
from chat.message import ChatKey

FRIENDS: Final = ("mia", "leo", "ada")
OWNER: Final = Person("olivia", Role.OWNER)
MODERATORS: Final = (Person("max", Role.MODERATOR), Person("mona", Role.MODERATOR))
_CONSONANTS: Final = "bdfgklmnrstv"
_VOWELS: Final = "aeiou"

Found = TypeVar("Found")


def word(number: int) -> str:
    """A word of its own for each number; letters alone, since rules look at what a text says beside its figures."""
    syllables = []
    for _ in range(4):
        number, rest = divmod(number, len(_CONSONANTS) * len(_VOWELS))
        consonant, vowel = divmod(rest, len(_VOWELS))
        syllables.append(_CONSONANTS[consonant] + _VOWELS[vowel])
    return "".join(syllables)


class Place(Protocol):
    """Where they meet: a town, or a server of Discord's."""

    @property
    def office(self) -> Office:
        """What moderators see and do."""

    @property
    def chats(self) -> list[ChatKey]:
        """Where friends write."""

    async def say(self, chat: ChatKey, author: str, text: str) -> Object:
        """Let a friend write in a chat; gives the message as the messenger has it."""


async def insist(question: Callable[[], Awaitable[Found]]) -> Found:
    """Ask until Redis answers."""
    while True:
        try:
            return await question()
        except StoreError:
            await asyncio.sleep(0.1)


class Friends:
    """They write so many messages in all, at random moments, each with a text of its own."""

    def __init__(self, place: Place, chance: random.Random) -> None:
        self._place = place
        self._chance = chance
        self.said: dict[str, list[str]] = {str(chat): [] for chat in place.chats}
        """The ids of what they wrote, chat by chat, in order."""
        self.deleted: set[str] = set()
        """The ids of what they took back."""
        self._number = 0

    async def write(self, count: int, seconds: float) -> None:
        """Write for that long."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        for moment in sorted(self._chance.uniform(0, seconds) for _ in range(count)):
            await asyncio.sleep(max(0.0, started + moment - loop.time()))
            await self.say(self.next_text())

    def next_text(self) -> str:
        """A text that nobody has written yet."""
        self._number += 1
        return f"Sam? {word(self._number)}"

    def somebody(self) -> str:
        """One of them."""
        return self._chance.choice(FRIENDS)

    async def say(self, text: str) -> None:
        """One of them writes in some chat."""
        chat = self._chance.choice(self._place.chats)
        message = await self._place.say(chat, self.somebody(), text)
        self.said[str(chat)].append(message["id"])


class Moderators:
    """They decide on the drafts that wait: mostly yes, two at once; also with an edit, once more, or no."""

    def __init__(self, place: Place, chance: random.Random) -> None:
        self._place = place
        self._chance = chance
        self._edits = 0
        self.approved = 0
        self.rejected = 0
        self.rewritten = 0
        self.refused = 0
        """Decisions that came too late, or under a kill."""

    async def decide(self) -> None:
        """Decide once on all that waits."""
        for draft in await insist(self._place.office.desk.drafts.waiting):
            await self._decide(draft)

    async def _decide(self, draft: Draft) -> None:
        desk, (one, other) = self._place.office.desk, MODERATORS
        choice = self._chance.random()
        if choice < 0.1:
            deeds = [self._try(lambda: desk.reject(one, draft.id, "not now"), "rejected")]
        elif choice < 0.2:
            self._edits += 1
            text = f"edited {word(self._edits)}"
            deeds = [self._try(lambda: desk.approve(one, draft.id, text), "approved")]
        elif choice < 0.3:
            deeds = [self._try(lambda: desk.regenerate(one, draft.id), "rewritten")]
        else:
            deeds = [
                self._try(lambda person=person: desk.approve(person, draft.id), "approved")  # type: ignore[misc]
                for person in (one, other)
            ]
        await asyncio.gather(*deeds)

    async def _try(self, deed: Callable[[], Awaitable[None]], what: str) -> None:
        try:
            await deed()
        except DraftRefused:
            self.refused += 1
        except StoreError:
            return
        else:
            setattr(self, what, getattr(self, what) + 1)
