"""Discord's own record, in the accountant's words: what was asked of it, and what stands in its channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benchmarks.discord_storm.place import Place
from benchmarks.storm.accountant import Violation
from benchmarks.storm.books import Books
from benchmarks.storm.record import Line
from bot.messengers.discord.connector import nonce_of
from tests.fakes.discord.world import instant

UNKNOWN = "nobody.0.0"
"""The bubble that a message with a strange nonce is."""


def discord_lines(place: Place, books: Books) -> list[Line]:
    """Each post that was asked for (`arrived`) and each message of the bot's that stands in a channel (`out`)."""
    bubbles = {
        nonce_of(entry.facts["bubble"], 0): entry.facts["bubble"]
        for journal in books.journals.values()
        for entry in journal
        if entry.kind == "bubble.sending"
    }
    lines = []
    for asked in place.fake.asked:
        if asked.method == "POST" and asked.path.endswith("/messages"):
            facts = {"messenger": "discord", "chat": asked.path.split("/")[2]}
            bubble = bubbles.get(asked.body["nonce"], UNKNOWN)
            lines.append(Line("arrived", asked.at, asked.at, facts | {"bubble": bubble}))
    for channel in place.channels.values():
        for posted in place.fake.posted(channel, place.bot.user):
            at = instant(posted.id).timestamp()
            facts = {"messenger": "discord", "chat": str(channel.id), "id": str(posted.id)}
            bubble = bubbles.get(str(posted.nonce), UNKNOWN)
            lines.append(Line("out", at, at, facts | {"bubble": bubble, "text": posted.content}))
    return lines


def doubles(place: Place) -> Iterator[Violation]:
    """What stands in a channel twice, as Discord alone sees it: by its nonce, and by its text, for all differ."""
    for chat, channel in place.channels.items():
        posted = place.fake.posted(channel, place.bot.user)
        for what, values in (
            ("text", [one.content for one in posted]),
            ("nonce", [one.nonce for one in posted]),
        ):
            for value, times in Counter(values).items():
                if times > 1:
                    yield Violation("twice", str(chat), f"{what} {value!r} stands there {times} times")
