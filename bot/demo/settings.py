"""The demo's settings: the sample persona, a state folder of its own, a chat that answers quickly."""

from __future__ import annotations

from pathlib import Path

from bot.app import Office
from bot.demo.script import CHAT
from bot.inbox import InboxSettings
from bot.settings import Settings
from safety.mode import ChatPolicy, Mode
from safety.rules.rate_limit import RateLimitSettings


def demo_settings(settings: Settings, state_dir: Path | None = None) -> Settings:
    """Change what a visitor would otherwise wait for; all else is what a real service has."""
    return settings.model_copy(
        update={
            "state_dir": state_dir or demo_state(settings),
            "redis_url": None,
            "turns": InboxSettings(pause_seconds=1.0, longest_pause_seconds=4.0),
            # A visitor who tries things out is no flood.
            "rules": settings.rules.model_copy(
                update={"rate_limit": RateLimitSettings(chat_answers=200, person_answers=100)}
            ),
        }
    )


def demo_state(settings: Settings) -> Path:
    """Where the demo keeps its data, beside and never in the real service's."""
    return settings.state_dir / "demo"


async def prepare_room(office: Office, mode: Mode = Mode.AUTO) -> None:
    """Open the demo's room and let Sam in; one that exists keeps its mode."""
    await office.rooms.open(CHAT)
    await office.desk.chats.enable(CHAT, "demo", ChatPolicy(mode=mode, probability=0.35))
