"""Discord's errors as ours: one line each for a person, which never quotes a message or a token.

SendRefused where the bubble surely did not leave, SendImpossible where it never will, SendUncertain where nobody
can say.
"""

from __future__ import annotations

from typing import Final

import aiohttp
import discord

from bot.messengers.base import SendError, SendImpossible, SendRefused, SendUncertain

_REASONS: Final = {
    10003: "Discord has no such channel any more",
    40001: "the bot's account may not do this",
    50001: "the bot may not see this channel: give its role View Channel",
    50007: "this person takes no direct messages from the bot",
    50008: "this is no channel for texts",
    50013: "the bot may not write in this channel: give its role Send Messages (in threads: Send Messages in Threads)",
    50083: "the thread is archived and locked",
    160005: "the thread is locked",
    200000: "the server's AutoMod blocked it",
}
_ASKS: Final = "Discord asks to wait (rate limit)"
_SLOW: Final = {
    20016: "slow mode: the channel asks to wait",
    20028: "Discord asks to wait with this channel (rate limit)",
}
_UNKNOWN_MESSAGE: Final = 10008
_BAD_TOKEN: Final = 401
_TOO_MANY: Final = 429
_SLOW_SECONDS: Final = 5.0
_LATE_SECONDS: Final = 1.0
"""How long is waited where a limit holds that nobody has told the length of."""


class Late(Exception):
    """A request would have begun too long after the fence's yes. It was not made."""


class Refused(Exception):
    """Discord's answer to the one request that the fence's yes was good for: 429, or a fault of its own (5xx)."""

    def __init__(self, status: int, retry_after: float = 0.0, code: int = 0) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after = retry_after
        self.code = code


def send_error(error: BaseException) -> SendError:  # noqa: PLR0911 - a line each
    """What an error means for the bubble that was handed over."""
    match error:
        case Late():
            return SendRefused("Discord asks to wait: it was not handed over", _LATE_SECONDS)
        case Refused() if error.status == _TOO_MANY:
            return SendRefused(_SLOW.get(error.code, _ASKS), error.retry_after)
        case discord.RateLimited():
            return SendRefused(_ASKS, error.retry_after)
        case Refused():
            return SendUncertain(f"Discord had a fault of its own (status {error.status})")
        case discord.DiscordServerError():
            return SendUncertain(f"Discord had a fault of its own (status {error.status})")
        case discord.NotFound(code=code) if code == _UNKNOWN_MESSAGE:
            # The answer to a nonce whose message is gone.
            return SendUncertain("it was handed over before, and what came of it was deleted in the channel")
        case discord.HTTPException() if error.status == _TOO_MANY or error.code in _SLOW:
            return SendRefused(_SLOW.get(error.code, _ASKS), _SLOW_SECONDS)
        case discord.HTTPException():
            reason = _REASONS.get(error.code, "Discord refused it")
            # Asked again, Discord would say the same; but a token can be set anew.
            kind = SendRefused if error.status == _BAD_TOKEN else SendImpossible
            return kind(f"{reason} (status {error.status}, code {error.code})")
        case aiohttp.ClientConnectorError():
            return SendRefused("Discord cannot be reached")
        case _:
            # A connection that broke, or what no documentation knows.
            return SendUncertain(f"Discord's answer was lost ({type(error).__name__})")


def is_final(error: Exception) -> bool:
    """Whether what was asked of Discord was refused, and would be again: nothing else must wait for it."""
    if isinstance(error, discord.HTTPException):
        return 400 <= error.status < 500 and error.status != _TOO_MANY
    # A kind of channel that discord.py does not know.
    return isinstance(error, discord.InvalidData)


def trouble(error: BaseException) -> str:  # noqa: PLR0911 - a line each
    """Why the bot is not on Discord, and what to do."""
    match error:
        case discord.LoginFailure() | discord.ConnectionClosed(code=4004):
            return "Discord does not know this token: copy it anew (developer portal, Bot, Reset Token)"
        case discord.PrivilegedIntentsRequired():
            return "the message content intent is off: switch it on (developer portal, Bot, Message Content Intent)"
        case Refused(status=429) | discord.HTTPException(status=429):
            return "Discord asks this address to wait (rate limit): try it again later"
        case Refused() | discord.DiscordServerError():
            return f"Discord has a fault of its own (status {error.status}): try it again later"
        case discord.HTTPException():
            return f"Discord refused the login (status {error.status}, code {error.code})"
        case discord.ConnectionClosed(code=4010):
            return "Discord knows no such shard: the settings discord.shards and discord.shard_ids do not go together"
        case discord.ConnectionClosed(code=4011):
            return "the bot is in too many servers for its connections: raise the setting discord.shards"
        case discord.ConnectionClosed():
            return f"Discord closed the connection (code {error.code})"
        case aiohttp.ClientError() | OSError():
            return f"Discord cannot be reached ({type(error).__name__}): is there a network?"
        case _:
            # Its own words may quote what could not be read.
            return f"Discord said what discord.py cannot read ({type(error).__name__})"
