"""What can go wrong in the service, each with one line that says what to do.

BotError                 base; `exit_code` is what the command line leaves with
├── SettingsInvalid      a setting cannot be used                            (exit 2)
├── StateFolderUnusable  the state folder cannot be written, or its path is too long for a socket (exit 3)
├── StoreError
│   ├── StoreAway        Redis cannot be reached right now; nothing is sent  (exit 4)
│   └── StoreUnfit       Redis is too old, or holds another layout           (exit 4)
├── PortTaken            the dashboard's port is in use                      (exit 5)
├── ChatUnknown          no such chat                                        (exit 2)
├── PersonUnknown        nobody of that name may sign in                     (exit 2)
├── TokenUnknown         no such token                                       (exit 2)
├── PasswordWeak         the password would be guessed                       (exit 2)
├── TooManyTries         too many failed tries to sign in                    (exit 7)
├── DraftRefused         the draft cannot be approved, edited or rejected now (exit 6)
├── NotAllowed           the role may not do this                            (exit 7)
├── DemoFailed           a step of the headless demo did not happen as it should (exit 8)
├── MessengerAway        a messenger cannot be reached, or does not answer as it should (exit 12)
└── HostNotAgreed        the model is at a host, and nobody agreed that chats are sent there (exit 13)
"""

from __future__ import annotations


class BotError(Exception):
    """Base of all errors of the service. Its text is one line for a person."""

    exit_code = 1


class SettingsInvalid(BotError):
    """A setting cannot be used."""

    exit_code = 2


class StateFolderUnusable(BotError):
    """The state folder cannot be written, or its path is too long for a socket."""

    exit_code = 3


class StoreError(BotError):
    """Base of what can be wrong with Redis."""

    exit_code = 4


class StoreAway(StoreError):
    """Redis cannot be reached right now. Nothing is sent meanwhile."""


class StoreUnfit(StoreError):
    """Redis is too old, or what it holds was laid out otherwise."""


class PortTaken(BotError):
    """The dashboard's port is in use."""

    exit_code = 5


class ChatUnknown(BotError):
    """There is no such chat."""

    exit_code = 2


class PersonUnknown(BotError):
    """Nobody of that name may sign in."""

    exit_code = 2


class TokenUnknown(BotError):
    """There is no such token."""

    exit_code = 2


class PasswordWeak(BotError):
    """The password would be guessed."""

    exit_code = 2


class TooManyTries(BotError):
    """Too many tries to sign in have failed; `wait_seconds` until another may be made."""

    exit_code = 7

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"too many tries: wait {wait_seconds} s, or use a link (`understudy link`)")
        self.wait_seconds = wait_seconds


class DraftRefused(BotError):
    """The draft cannot be approved, edited or rejected now; `answer` is the reason as one word.

    `missing`, `decided`, `claimed`, `rewriting`, `changed`, `candidate`, `refused`, `partly_sent`, `limit`, `killed`,
    `off`, `shadow`, `expired`, `moved`, `stale` or `rules`.
    """

    exit_code = 6

    def __init__(self, answer: str, text: str) -> None:
        super().__init__(text)
        self.answer = answer


class NotAllowed(BotError):
    """The role may not do this."""

    exit_code = 7


class DemoFailed(BotError):
    """A step of the headless demo did not happen as it should."""

    exit_code = 8


class MessengerAway(BotError):
    """A messenger cannot be reached, or does not answer as it should."""

    exit_code = 12


class HostNotAgreed(BotError):
    """The model is at a host, and nobody agreed that chats are sent there. Nothing was."""

    exit_code = 13
