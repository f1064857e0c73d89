"""Where the dashboard listens: on this machine alone unless told otherwise, and beyond it not without TLS."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl

from bot.errors import BotError, PortTaken, SettingsInvalid
from bot.settings import DashboardSettings


def listen(settings: DashboardSettings) -> socket.socket:
    """Take the port. Raises PortTaken, and SettingsInvalid for a host that cannot or should not be listened on."""
    host, port = settings.host, settings.port
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise SettingsInvalid(
            f"the setting dashboard.host cannot be used: {host} ({error.strerror})"
        ) from None
    check_privacy(settings, str(address[0]))
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise _not_bound(host, port, error) from None
    listener.setblocking(False)
    return listener


def _not_bound(host: str, port: int, error: OSError) -> BotError:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} on {host} is in use: stop what uses it, or set UNDERSTUDY_DASHBOARD__PORT (0: any free one)"
        )
    if error.errno == errno.EACCES:
        return PortTaken(
            f"this user may not use port {port}: set UNDERSTUDY_DASHBOARD__PORT to one above 1023"
        )
    return SettingsInvalid(f"the setting dashboard.host cannot be used: {host} ({error.strerror})")


def check_privacy(settings: DashboardSettings, address: str) -> None:
    """Refuse to have sessions and texts travel over a network for all to read. Raises SettingsInvalid.

    A proxy that is named is taken to have TLS; one who says `plain_http` knows what they do.
    """
    private = ipaddress.ip_address(address.partition("%")[0]).is_loopback
    if private or settings.tls_certificate or settings.trusted_proxies or settings.plain_http:
        return
    raise SettingsInvalid(
        f"the setting dashboard.host cannot be used: {settings.host} is beyond this machine, and nothing is encrypted; "
        "set dashboard.tls_certificate and dashboard.tls_key, or dashboard.trusted_proxies, or dashboard.plain_http"
    )


def tls_of(settings: DashboardSettings) -> ssl.SSLContext | None:
    """Give what to speak https with, if the settings say so. Raises SettingsInvalid for files that do not fit."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # With a passphrase of our own, for OpenSSL would ask for one on the terminal.
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    except OSError as error:  # ssl.SSLError is one
        why = error.strerror if isinstance(error, FileNotFoundError | PermissionError) else "they do not fit"
        raise SettingsInvalid(
            f"the setting dashboard.tls_certificate or dashboard.tls_key cannot be used ({why}): both are PEM files, "
            "the key without a passphrase"
        ) from None
    return context
