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
DRILL_CHANCE = 0.12
SMALL_TALK_WEIGHT = 70
VOICES = {
    ME: Voice(
        lower=True,
        apostrophes=False,
        question=0.1,
        exclamation=0.0,
        laugh="lol",
        laughs=0.3,
        emoji=0.01,
        burst=0.92,
        dry=1.0,
        short=0.9,
        trails=0.25,
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

    def next_day(self) -> datetime:
        """Go on to the start of the day after tomorrow, and give it."""
        self.now = self.now.replace(hour=0, minute=0) + timedelta(days=2)
        return self.now

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


def opening(clock: Clock) -> list[str]:
    """Write the first lines of the export."""
    return [
        stamped(clock.now, NOTICE),
        stamped(clock.now, f'Mia created group "{TITLE}"'),
        stamped(clock.now, "Mia added you"),
    ]


def part(count: int, kept_back: bool, seed: int, clock: Clock) -> list[str]:
    """Write a part of the chat: some conversations, of Sam's usual lines or of those kept back."""
    talk = Talk(seed + kept_back, kept_back=kept_back)
    for act, templates in read_acts("sam.txt").items():
        talk.dry[act] = talk.dry.get(act, []) + templates
    for scene in talk.scenes:
        if scene.name == "small_talk" and not kept_back:
            scene.weight = SMALL_TALK_WEIGHT
    counts = KEPT_BACK_COUNTS if kept_back else SCENE_COUNTS
    found: list[str] = []
    for _ in range(count):
        drill = not kept_back and talk.rng.random() < DRILL_CHANCE
        found += told(talk.converse(cast(), talk.rng.choice(counts), drill), clock)
    return found


def main() -> None:
    """Write the export, and say on which day the part kept back begins."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--talks", type=int, default=1300)
    parser.add_argument("--kept-back", type=int, default=160, help="more talks, for tests alone")
    parser.add_argument("--seed", type=int, default=23)
    options = parser.parse_args()
    clock = Clock(random.Random(options.seed))
    lines = opening(clock) + part(options.talks, False, options.seed, clock)
    since = clock.next_day()
    lines += part(options.kept_back, True, options.seed, clock)
    options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} lines, kept back for tests since {since:%Y-%m-%d}")


if __name__ == "__main__":
    main()
