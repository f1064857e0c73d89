"""Discord's own record, in the accountant's words: what was asked of it, and what stands in its channels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.discord_storm.friends import DiscordFriends
from benchmarks.discord_storm.place import Place
from benchmarks.storm.accountant import Violation
from benchmarks.storm.books import Books
from benchmarks.storm.record import Line
from bot.messengers.discord.connector import nonce_of
from tests.fakes.discord.world import Posted, instant

UNKNOWN = "nobody.0.0"
"""The bubble that a message with a strange nonce is."""
_MOST_PARTS: Final = 8


@dataclass(frozen=True, slots=True)
class Left:
    """What stands of a bubble in its channel: its parts by their numbers, in the order in which they stand there."""

    chat: str
    bubble: str
    parts: tuple[tuple[int, Posted], ...]

    @property
    def text(self) -> str:
        """What it reads as; where it was split, there was a blank."""
        return " ".join(posted.content for _, posted in self.parts)


def left_of(place: Place, books: Books) -> list[Left]:
    """Each bubble of which something stands in a channel."""
    known = _parts_by_nonce(books)
    found: dict[tuple[str, str], list[tuple[int, Posted]]] = defaultdict(list)
    for chat, channel in place.channels.items():
        for number, posted in enumerate(place.fake.posted(channel, place.bot.user)):
            # Two that nobody knows are not one.
            bubble, part = known.get(str(posted.nonce), (f"{UNKNOWN}#{number}", 0))
            found[str(chat), bubble].append((part, posted))
    return [Left(chat, bubble.partition("#")[0], tuple(parts)) for (chat, bubble), parts in found.items()]


def discord_lines(place: Place, books: Books) -> list[Line]:
    """Each post that was asked for (`arrived`) and each bubble that stands whole in a channel (`out`)."""
    known = _parts_by_nonce(books)
    lines = []
    for asked in place.fake.asked:
        if asked.method == "POST" and asked.path.endswith("/messages"):
            facts = {"messenger": "discord", "chat": asked.path.split("/")[2]}
            bubble, _ = known.get(asked.body["nonce"], (UNKNOWN, 0))
            lines.append(Line("arrived", asked.at, asked.at, facts | {"bubble": bubble}))
    for left in left_of(place, books):
        text = _whole_text(left, books)
        if text is None and len(left.parts) == 1:
            text = left.text if left.parts[0][0] == 0 and not _is_cut(left, books) else None
        if text is not None:
            last = left.parts[-1][1]
            at = instant(last.id).timestamp()
            facts = {"messenger": "discord", "chat": left.chat.partition("/")[2], "id": str(last.id)}
            lines.append(Line("out", at, at, facts | {"bubble": left.bubble, "text": text}))
    return lines


def wrong_parts(place: Place, books: Books) -> Iterator[Violation]:
    """Parts out of order, in pieces without their beginning, or less than a whole that is not called unknown."""
    for left in left_of(place, books):
        numbers = [part for part, _ in left.parts]
        if numbers != list(range(len(numbers))):
            yield Violation("order", left.chat, f"of bubble {left.bubble} stand the parts {numbers}")
        draft = books.drafts.get(left.bubble.partition(".")[0])
        if draft is not None and _is_cut(left, books) and draft.state != "unknown":
            what = f"of bubble {left.bubble} stand {len(numbers)} parts, and its draft is {draft.state}"
            yield Violation("books", left.chat, what)


def parts_of(place: Place, books: Books) -> Mapping[str, int]:
    """How many bubbles stand in several messages, and how many stand there in part."""
    found = left_of(place, books)
    return {
        "bubbles in several messages": sum(len(left.parts) > 1 for left in found),
        "bubbles of which a part stands": sum(_is_cut(left, books) for left in found),
    }


def unheard_kill_words(friends: DiscordFriends, heard: set[str], books: Books) -> Iterator[Violation]:
    """Each kill word, said or edited in, has killed, or is on record as lifted by a person before it was heard."""
    for chat, message, kill in friends.kill_words:
        lifted = any(
            entry.kind == "kill_word.lifted" and entry.facts["message"] == message
            for entry in books.journal_of(chat)
        )
        if f"everywhere|{kill}" not in heard and not lifted:
            yield Violation("kill", chat, f"the kill word in message {message} killed nobody")


async def kept_after_all(place: Place, deleted: set[str]) -> list[Violation]:
    """What was deleted and stands in a context."""
    found = []
    for chat in place.chats:
        said = {message.id for message in await place.office.desk.chats.transcript(chat)}
        found += [
            Violation("deleted", str(chat), f"message {id_} is in the context") for id_ in said & deleted
        ]
    return found


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


def _parts_by_nonce(books: Books) -> dict[str, tuple[str, int]]:
    bubbles = {
        entry.facts["bubble"]
        for journal in books.journals.values()
        for entry in journal
        if entry.kind == "bubble.sending"
    }
    return {nonce_of(bubble, part): (bubble, part) for bubble in bubbles for part in range(_MOST_PARTS)}


def _written(left: Left, books: Books) -> str | None:
    """The text of a bubble, as its draft has it."""
    draft, index = books.drafts.get(left.bubble.partition(".")[0]), int(left.bubble.rpartition(".")[2])
    return draft.bubbles[index - 1] if draft is not None and 0 < index <= len(draft.bubbles) else None


def _whole_text(left: Left, books: Books) -> str | None:
    """The text of a bubble that stands there whole."""
    text = _written(left, books)
    return text if text is not None and text.split() == left.text.split() else None


def _is_cut(left: Left, books: Books) -> bool:
    """Whether what stands there is the beginning of a longer text."""
    text = _written(left, books)
    if text is None:
        return False
    whole, there = text.split(), left.text.split()
    return len(there) < len(whole) and whole[: len(there)] == there
