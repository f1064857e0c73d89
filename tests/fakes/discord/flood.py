"""A flood: so many messages told at once, which the fake itself does not keep."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fakes.discord.gateway import Session
from tests.fakes.discord.server import FakeDiscord
from tests.fakes.discord.world import Channel, Posted, User


def flood(
    fake: FakeDiscord, session: Session, channels: Sequence[Channel], people: Sequence[User], count: int
) -> None:
    """Tell a session of that many messages, round the channels and the people."""
    for number in range(count):
        channel, author = channels[number % len(channels)], people[number % len(people)]
        posted = Posted(channel, author, f"message {number} of a flood, with <@{author.id}> in it")
        session.tell("MESSAGE_CREATE", posted.as_event(session.bot.user, contents=True, users=fake.users))
    # Nobody resumes in the middle of it.
    session.told.clear()
