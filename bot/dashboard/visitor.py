"""Whoever looks at a page, and what they do there: each deed asks anew who they are, and says what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nicegui import Client, ui

from bot.dashboard.access import Visit
from bot.dashboard.sign_in import SignIn
from bot.dashboard.switch import Switch
from bot.errors import BotError
from bot.people import Person, Role
from safety.kill import KillScope

Answer = TypeVar("Answer")


class Visitor:
    """A signed-in person with a page open."""

    def __init__(self, visit: Visit, sign_in: SignIn, switch: Switch, client: Client) -> None:
        self.person = visit.person
        self._key = visit.key
        self._sign_in = sign_in
        self._switch = switch
        self._client = client
        self._turn = asyncio.Lock()

    @property
    def moderates(self) -> bool:
        """Whether they may approve and reject."""
        return self.person.role in {Role.MODERATOR, Role.OWNER}

    @property
    def owns(self) -> bool:
        """Whether they may resume and change settings."""
        return self.person.role is Role.OWNER

    async def may_look(self) -> bool:
        """Whether they are still signed in; if not, the page is taken away. Raises StoreAway."""
        if await self._sign_in.person_of(self._key) is not None:
            return True
        if not self._client.is_deleted:
            self._client.open("/sign-in")
        return False

    async def do(self, deed: Callable[[Person], Awaitable[Answer]]) -> Answer | None:
        """Do something in their name, in the order in which they did it.

        What goes wrong is said on the page, and None given.
        """
        try:
            async with self._turn:
                person = await self._sign_in.person_of(self._key)
                if person is None:
                    self.say(
                        "Signed out: `understudy link` (of the demo: `understudy --demo link`) lets you in again.",
                        bad=True,
                    )
                    return None
                return await deed(person)
        except BotError as error:
            self.say(_sentence(str(error)), bad=True)
            return None

    async def kill(self, scope: KillScope) -> None:
        """Press the switch. Not even Redis being away is in the way of that."""
        try:
            person = await self._sign_in.person_in_haste(self._key)
            if person is None:
                self.say(
                    "Signed out: `understudy link` (of the demo: `understudy --demo link`) lets you in again.",
                    bad=True,
                )
                return
            report = await self._switch.kill(person, scope)
        except BotError as error:
            self.say(_sentence(str(error)), bad=True)
            return
        if report.in_flight:
            count = report.in_flight
            self.say(
                f"{count} bubble{'s' * (count != 1)} had already been handed over and may still arrive.",
                bad=True,
            )

    def say(self, text: str, *, bad: bool = False) -> None:
        """Show a line for a while."""
        if self._client.is_deleted:
            return
        with self._client:
            ui.notify(
                text,
                position="bottom",
                timeout=8000 if bad else 4000,
                classes="u-note u-note-bad" if bad else "u-note",
                close_button="Close" if bad else False,
            )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
