"""Every error of discord.py's and aiohttp's has a meaning here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
from yarl import URL

from bot.messengers.base import SendImpossible, SendRefused, SendUncertain
from bot.messengers.discord.troubles import Late, Refused, send_error, trouble

SECRET = "my secret text"


def http(kind: type[discord.HTTPException], status: int, code: int = 0) -> discord.HTTPException:
    response = SimpleNamespace(status=status, reason="")
    return kind(cast("Any", response), {"code": code, "message": SECRET})


def unreachable() -> aiohttp.ClientConnectorError:
    key = SimpleNamespace(host="discord.com", port=443, ssl=True, is_ssl=True)
    return aiohttp.ClientConnectorError(cast("Any", key), OSError(111, "refused"))


REFUSED = [
    Late(),
    Refused(429, 3.0),
    discord.RateLimited(60.0),
    http(discord.Forbidden, 403, 50013),
    http(discord.NotFound, 404, 10003),
    http(discord.HTTPException, 400, 50035),
    http(discord.HTTPException, 401),
    http(discord.HTTPException, 429),
    unreachable(),
]
LATER = [
    Late(),
    Refused(429, 3.0),
    Refused(429, 3.0, 20016),
    discord.RateLimited(60.0),
    http(discord.HTTPException, 429),
    http(discord.HTTPException, 400, 20016),
    http(discord.HTTPException, 400, 20028),
]
IMPOSSIBLE = [
    http(discord.Forbidden, 403, 50013),
    http(discord.Forbidden, 403, 50007),
    http(discord.NotFound, 404, 10003),
    http(discord.HTTPException, 400, 50083),
    http(discord.HTTPException, 400, 160005),
    http(discord.HTTPException, 400, 50035),
]
UNCERTAIN = [
    Refused(502),
    http(discord.DiscordServerError, 503),
    http(discord.NotFound, 404, 10008),
    aiohttp.ServerDisconnectedError(SECRET),
    aiohttp.ClientOSError(104, SECRET),
    aiohttp.ClientPayloadError(SECRET),
    ConnectionResetError(104, SECRET),
    TimeoutError(SECRET),
    discord.InvalidData(SECRET),
    discord.DiscordException(SECRET),
    ValueError(SECRET),
]


@pytest.mark.parametrize("error", REFUSED, ids=lambda error: type(error).__name__)
def test_what_surely_did_not_leave_is_refused(error: Exception) -> None:
    assert isinstance(send_error(error), SendRefused)


@pytest.mark.parametrize("error", LATER, ids=lambda error: type(error).__name__)
def test_who_is_asked_to_wait_waits_and_has_failed_at_nothing(error: Exception) -> None:
    found = send_error(error)
    assert isinstance(found, SendRefused)
    assert not isinstance(found, SendImpossible)
    assert found.retry_after > 0


@pytest.mark.parametrize("error", IMPOSSIBLE, ids=lambda error: str(getattr(error, "code", "")))
def test_a_no_of_discords_is_not_asked_for_again(error: Exception) -> None:
    assert isinstance(send_error(error), SendImpossible)


def test_a_token_can_be_set_anew_so_its_refusal_is_not_the_last_word() -> None:
    assert not isinstance(send_error(http(discord.HTTPException, 401)), SendImpossible)


@pytest.mark.parametrize("error", UNCERTAIN, ids=lambda error: type(error).__name__)
def test_of_all_else_nobody_can_say_whether_it_left(error: Exception) -> None:
    assert isinstance(send_error(error), SendUncertain)


LOGINS = [
    (discord.LoginFailure(SECRET), "copy it anew"),
    (
        discord.ConnectionClosed(cast("Any", SimpleNamespace(close_code=4004)), shard_id=None),
        "copy it anew",
    ),
    (discord.PrivilegedIntentsRequired(None), "switch it on"),
    (http(discord.DiscordServerError, 503), "503"),
    (http(discord.HTTPException, 429), "later"),
    (http(discord.Forbidden, 403, 40001), "40001"),
    (discord.ConnectionClosed(cast("Any", SimpleNamespace(close_code=4009)), shard_id=None), "4009"),
    (aiohttp.InvalidURL(URL("https://x")), "reached"),
    (unreachable(), "reached"),
    (OSError(SECRET), "reached"),
    (KeyError(SECRET), "KeyError"),
]


@pytest.mark.parametrize(("error", "words"), LOGINS, ids=lambda value: type(value).__name__)
def test_what_keeps_the_bot_away_is_one_line_that_quotes_nothing(error: Exception, words: str) -> None:
    line = trouble(error)
    assert words in line
    assert "\n" not in line
    assert SECRET not in line


@pytest.mark.parametrize(
    "error", [*REFUSED, *LATER, *IMPOSSIBLE, *UNCERTAIN], ids=lambda error: type(error).__name__
)
def test_no_reason_quotes_what_discord_said(error: Exception) -> None:
    assert SECRET not in str(send_error(error))
