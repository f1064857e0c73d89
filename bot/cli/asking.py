"""Asking who agreed to be trained on: what people told the owner, and what the live chats' ledger says."""

from __future__ import annotations

import asyncio

from bot.cli.screen import say_error
from bot.clock import SystemClock
from bot.consents import Consents
from bot.errors import BotError
from bot.settings import Settings
from bot.store.store import Store
from training.dataset.ledger import Ledger, Word, live_words, read_words


def ask_ledger(settings: Settings) -> Ledger:
    """Read both. One that cannot be reached is said in a line, and marked in what is given. Raises LedgerDamaged."""
    told = read_words(settings.state_dir / "imports")
    try:
        return Ledger(told + asyncio.run(_live(settings)))
    except BotError as error:
        say_error(
            f"asked who agreed to be trained on; the live chats' ledger could not be reached ({error}): only what "
            "`understudy consent` wrote down for `everywhere` counts, and nobody who also has an account in a live chat"
        )
        return Ledger(told, reached=False)


async def _live(settings: Settings) -> tuple[Word, ...]:
    folder = settings.state_dir / "redis"
    if settings.redis_url is None and not folder.exists():
        return ()  # nothing ever ran here, so that nobody said anything in a live chat
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    async with Store(folder, url, settings.partitions) as store:
        return live_words(await Consents(store, SystemClock()).everywhere())
