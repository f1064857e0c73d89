"""What keeps the messengers' accounts from their work: asked of the connectors, and said to whoever looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import structlog

from bot.messengers.base import Connector
from bot.presence import Presence
from bot.shards import muddles
from chat.message import ChatKey

_log = structlog.get_logger()


class Troubles:
    """Asks the connectors of one service. `chats` gives the chats of a messenger that the stand-in was let into."""

    def __init__(
        self, connectors: Sequence[Connector], chats: Callable[[str], Awaitable[Sequence[ChatKey]]]
    ) -> None:
        self._connectors = connectors
        self._chats = chats
        self._known: Mapping[str, str] = {}

    async def look(self) -> Mapping[str, str]:
        """Give a line for each messenger, and each chat, that does not work as it should. Raises StoreAway."""
        found: dict[str, str] = {}
        for connector in self._connectors:
            found |= connector.troubles(await self._chats(connector.messenger))
        for place in sorted(found):
            if self._known.get(place) != found[place]:
                _log.warning("messenger.trouble", place=place, reason=found[place])
        for place in sorted(self._known.keys() - found.keys()):
            _log.info("messenger.mended", place=place)
        self._known = found
        return found


def troubles_of(services: Iterable[Presence]) -> dict[str, str]:
    """What the running services say, by messenger or chat; of several lines on one place, one. And their shards."""
    services = tuple(services)
    said = {place: line for service in services for place, line in sorted(service.troubles.items())}
    return said | muddles(services)
