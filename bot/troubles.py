"""What keeps the messengers' accounts from their work: asked of the connectors, and said to whoever looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from bot.messengers.base import Connector
from bot.presence import Presence
from bot.shards import muddles
from chat.message import ChatKey

_log = structlog.get_logger()


class Looked(NamedTuple):
    """What was found, as `Presence` says it."""

    troubles: Mapping[str, str]
    deaf: Mapping[str, str]


class Troubles:
    """Asks the connectors of one service. `chats` gives the chats of a messenger that the stand-in was let into.

    `without` is the line for a messenger, by its name, in whose chats the stand-in is and that has no connector here.
    """

    def __init__(
        self,
        connectors: Sequence[Connector],
        chats: Callable[[str], Awaitable[Sequence[ChatKey]]],
        without: Mapping[str, str] = {},
    ) -> None:
        self._connectors = connectors
        self._chats = chats
        here = {connector.messenger for connector in connectors}
        self._without = {messenger: line for messenger, line in without.items() if messenger not in here}
        self._known: Mapping[str, str] = {}

    async def look(self) -> Looked:
        """Give a line for each messenger, and each chat, that does not work as it should. Raises StoreAway."""
        found: dict[str, str] = {}
        for connector in self._connectors:
            found |= connector.troubles(await self._chats(connector.messenger))
        deaf = {messenger: line for messenger, line in self._without.items() if await self._chats(messenger)}
        self._say(deaf | found)
        return Looked(found, deaf)

    def _say(self, found: Mapping[str, str]) -> None:
        for place in sorted(found):
            if self._known.get(place) != found[place]:
                _log.warning("messenger.trouble", place=place, reason=found[place])
        for place in sorted(self._known.keys() - found.keys()):
            _log.info("messenger.mended", place=place)
        self._known = found


def troubles_of(services: Iterable[Presence]) -> dict[str, str]:
    """What the running services say, by messenger or chat; of several lines on one place, one. And their shards."""
    services = tuple(services)
    said = {place: line for service in services for place, line in sorted(service.troubles.items())}
    # A service may be there for its model alone: of an account of another's it has nothing to say.
    deaf = {
        messenger: line
        for service in services
        for messenger, line in service.deaf.items()
        if all(messenger in other.deaf for other in services)
    }
    return deaf | said | muddles(services)
