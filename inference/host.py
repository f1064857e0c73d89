"""The address of somebody else's API: https, or plain http to this machine alone."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_host(base_url: str, *, plain_http: bool = False) -> None:
    """See that nobody on the way can read what is sent there. Raises ValueError for what cannot be used."""
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise ValueError("the host's address must be one such as https://api.openai.com/v1")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not plain_http:
        # Chats and the key would cross the network for everybody to read.
        raise ValueError("the host's address must begin with https://, or hosted.plain_http must say so")


def host_name(base_url: str) -> str:
    """Host and port, as consent names them."""
    return urlsplit(base_url).netloc.lower()
