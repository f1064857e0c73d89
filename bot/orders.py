"""Orders given in a chat: found at the connector, before the inbox, and written into the ledger at once."""

from __future__ import annotations

from datetime import datetime

from bot.consents import Consents
from chat.message import Message
from safety.commands import Commands, Order
from safety.consent import People, Purpose


class Orders:
    """Hears the orders of people in the chats; `names` are the persona's."""

    def __init__(self, consents: Consents, commands: Commands, names: tuple[str, ...] = ()) -> None:
        self._consents = consents
        self._commands = commands
        self._names = names

    @property
    def people(self) -> People:
        """How the silence of the ledger is read."""
        return self._consents.people

    async def obeyed(self, message: Message, said_at: datetime | None = None) -> bool:
        """Do what a message orders; gives whether it ordered anything. Raises StoreAway: the chat is then latched.

        `said_at` is given for an order that was missed: the way back does not count where the ledger has a newer word.
        """
        order = self._commands.given_in(message, self._names)
        # Only where a phrase stands in it is it worth asking whom it replies to.
        if order is None and message.reply_to and self._commands.hinted_in(message):
            order = await self._in_reply(message)
        if order is Order.START and said_at is not None and await self._is_outdated(message, said_at):
            return False
        if order is not None:
            await self._consents.obey(order, message)
        return order is not None

    async def _is_outdated(self, message: Message, said_at: datetime) -> bool:
        consent = await self._consents.of(message.chat)
        entry = consent.entries.get((Purpose.ANSWERED, message.author.id))
        return entry is not None and entry.at >= said_at

    async def _in_reply(self, message: Message) -> Order | None:
        to_persona = await self._consents.spoke_for_us(message)
        return self._commands.given_in(message, self._names, to_persona=to_persona)
