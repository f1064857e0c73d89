"""Where the dashboard is, for other processes: `understudy link` must know, also when the port was a free one."""

from __future__ import annotations

from typing import Final

from bot.accounts import Account
from bot.clock import Clock
from bot.dashboard.sign_in import SignIn
from bot.settings import DashboardSettings
from bot.store.store import Store

_ADDRESS: Final = "understudy:dashboard"


def url_of(settings: DashboardSettings, port: int) -> str:
    """Give the address under which a browser on this machine finds a dashboard."""
    host = "127.0.0.1" if is_wildcard(settings.host) else settings.host
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http{'s' if settings.tls_certificate else ''}://{host}:{port}"


def is_wildcard(host: str) -> bool:
    """Whether a host to listen on means all addresses of the machine."""
    return host.strip("[]") in {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on


async def announce(store: Store, url: str) -> None:
    """Write down where the dashboard is. Raises StoreAway."""
    await store.ask("set", _ADDRESS, url)


async def announced(store: Store) -> str | None:
    """Give where the dashboard last was. Raises StoreAway."""
    url: str | None = await store.ask("get", _ADDRESS)
    return url


def link_to(url: str, secret: str) -> str:
    """Give the address that a link's secret stands in."""
    return f"{url}/sign-in?token={secret}"


async def sign_in_link(store: Store, clock: Clock, settings: DashboardSettings, account: Account) -> str:
    """Give an address that signs somebody in, once, whichever process serves the dashboard. Raises StoreAway."""
    url = await announced(store) or url_of(settings, settings.port)
    return link_to(url, await SignIn(store, clock).mint(account))
