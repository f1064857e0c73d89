"""What was said before the verb, and the settings that follow from it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from bot.cli.screen import say_error
from bot.demo.settings import demo_settings
from bot.errors import SettingsInvalid
from bot.log import configure_logs
from bot.messengers.base import Wires
from bot.people import Person, Role
from bot.settings import Settings, read_settings, read_store_settings


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the program itself."""

    state_dir: Path | None
    demo: bool
    debug: bool
    log_level: str | None
    run: Callable[[Coroutine[Any, Any, None]], None]
    wires: Wires | None = None
    """What connections to messengers run over; None: their libraries' own."""

    def settings(self, quiet: str | None = None) -> Settings:
        """Read the settings and set the logs up, at the level `quiet` unless another was asked for.

        Raises SettingsInvalid.
        """
        settings = read_settings(state_dir=self.state_dir, log_level=self.log_level)
        configure_logs(quiet if quiet and self.log_level is None else settings.log_level)
        return demo_settings(settings) if self.demo else settings

    def store_settings(self) -> Settings:
        """Read the settings for the kill, which no mistake in another setting may keep from working.

        Raises SettingsInvalid when it cannot even be read where the store is.
        """
        try:
            return self.settings(quiet="error")
        except SettingsInvalid as error:
            settings = read_store_settings(state_dir=self.state_dir)
            say_error(f"{error}; killing all the same")
        configure_logs("error")
        return demo_settings(settings) if self.demo else settings


def wishes(context: typer.Context) -> Wishes:
    """Give what was said before the verb."""
    found = context.obj
    if not isinstance(found, Wishes):
        raise TypeError("the program's options were not read")
    return found


def login_name() -> str:
    """Give what the system calls whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user, as in some containers
        return "owner"


def owner() -> Person:
    """Whoever can read the state folder is the owner; the journal names the account."""
    return Person(f"{login_name()} (command line)", Role.OWNER)
