"""Write Sam's own chat, "Weekend Plans", as WhatsApp on Android exports it.

The last part of the chat is kept back for tests: whatever Sam says there comes from
templates that neither the earlier part nor the corpus of the base was given.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from personas.sample.grammar.talk import Cast, Line, Talk
from personas.sample.grammar.template import read_acts
from personas.sample.grammar.voice import Voice

ME = "Sam"
TITLE = "Weekend Plans"
FIRST_DAY = datetime(2022, 3, 23, 13, 31, tzinfo=UTC)
NOTICE = (
    "Messages and calls are end-to-end encrypted. No one outside of this chat, "
    "not even WhatsApp, can read or listen to them. Tap to learn more."
)
MEDIA = "<Media omitted>"
MEDIA_CHANCE = 0.012
SCENE_COUNTS = (1, 1, 2, 2, 2, 3, 3, 4)
KEPT_BACK_COUNTS = (1, 1, 2)
VOICES = {
    ME: Voice(
        lower=True,
        apostrophes=False,
        question=0.55,
        exclamation=0.0,
        laugh="lol",
        laughs=0.3,
        emoji=0.01,
        burst=0.92,
        dry=1.0,
    ),
    "Mia": Voice(period=0.4, exclamation=0.8, laugh="haha", laughs=0.5, emoji=0.25, slips=0.06),
    "Leo": Voice(lower=True, question=0.7, exclamation=0.3, laugh="haha", laughs=0.6, emoji=0.05, slips=0.2),
    "Nora": Voice(exclamation=0.5, laugh="tears", laughs=0.5, emoji=0.3, burst=0.5, slips=0.12),
}


class Clock:
    """Tells when each message was sent: seconds within a talk, many hours between talks."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = FIRST_DAY

    def next_talk(self) -> None:
        """Go on to another day, at a waking hour, at least seven hours later."""
        later = self.now + timedelta(hours=7 + self.rng.expovariate(1 / 5))
        if later.hour < 8:
            later = later.replace(hour=self.rng.randint(8, 12))
        self.now = later.replace(minute=self.rng.randrange(60), second=self.rng.randrange(60))

    def next_line(self, same_speaker: bool) -> datetime:
        """Give the time of the next line; a burst takes seconds, an answer up to minutes."""
        pause = self.rng.randint(2, 7) if same_speaker else self.rng.expovariate(1 / 45) + 6
        self.now += timedelta(seconds=min(pause, 900))
        return self.now


def cast() -> Cast:
    """Return the group, with everyone's own voice; Sam seldom opens a topic."""
    return Cast(list(VOICES), ME, dict(VOICES), shy=True)


def stamped(moment: datetime, text: str) -> str:
    """Write one line of the export."""
    return f"{moment:%d/%m/%Y, %H:%M} - {text}"


def told(lines: Sequence[Line], clock: Clock) -> Iterator[str]:
    """Write one conversation, now and then with a picture that the export leaves out.

    A burst of Sam's stays within a minute.
    """
    clock.next_talk()
    last = ""
    for line in lines:
        same = line.speaker == last
        if line.speaker == ME and not same and clock.now.second > 30:
            clock.now += timedelta(seconds=60 - clock.now.second)
        moment = clock.next_line(same)
        if line.speaker == ME and not same and moment.second > 40:
            clock.now = moment = moment + timedelta(seconds=60 - moment.second)
        yield stamped(moment, f"{line.speaker}: {line.text}")
        if line.speaker != ME and clock.rng.random() < MEDIA_CHANCE:
            yield stamped(clock.next_line(True), f"{line.speaker}: {MEDIA}")
        last = line.speaker


def chat(talks: int, kept_back: int, seed: int) -> Iterator[str]:
    """Write the whole export, the part kept back for tests last."""
    group = cast()
    clock = Clock(random.Random(seed))
    yield stamped(clock.now, NOTICE)
    yield stamped(clock.now, f'Mia created group "{TITLE}"')
    yield stamped(clock.now, "Mia added you")
    own = read_acts("sam.txt")
    for part, counts, count in ((False, SCENE_COUNTS, talks), (True, KEPT_BACK_COUNTS, kept_back)):
        talk = Talk(seed + part, kept_back=part)
        for act, templates in own.items():
            talk.dry[act] = talk.dry.get(act, []) + templates
        for _ in range(count):
            yield from told(talk.converse(group, talk.rng.choice(counts)), clock)


def main() -> None:
    """Write the export, and say where the part kept back begins."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--talks", type=int, default=1300)
    parser.add_argument("--kept-back", type=int, default=160)
    parser.add_argument("--seed", type=int, default=23)
    options = parser.parse_args()
    lines = list(chat(options.talks, options.kept_back, options.seed))
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} lines, the last talk on {lines[-1][:10]}")


if __name__ == "__main__":
    main()
