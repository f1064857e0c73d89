"""What the demo's three friends say: short scenes, played in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chat.message import Author, Chat, ChatKey

CHAT: Final = Chat(ChatKey("local", "weekend-plans"), "Weekend Plans")
MIA: Final = Author("mia", "Mia")
LEO: Final = Author("leo", "Leo")
NORA: Final = Author("nora", "Nora")
FRIENDS: Final = (MIA, LEO, NORA)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a scene; `after` is the pause before it, in seconds."""

    author: Author
    text: str
    after: float = 4.0


Scene = tuple[Line, ...]

SCENES: Final[tuple[Scene, ...]] = (
    (
        Line(MIA, "anyone up for a barbecue on saturday?", 2),
        Line(LEO, "yes! i'm in"),
        Line(NORA, "sounds great, what time?"),
        Line(MIA, "let's say 7pm at the lake"),
        Line(LEO, "Sam, are you coming?", 5),
    ),
    (
        Line(NORA, "what should we eat tonight?"),
        Line(LEO, "pizza or sushi?"),
        Line(MIA, "Sam, what do you think?", 5),
    ),
    (
        Line(LEO, "did you watch the match last night?"),
        Line(NORA, "no, i was asleep at 9"),
        Line(LEO, "we lost 3-1 again"),
    ),
    (
        Line(NORA, "my cat ate my sandwich"),
        Line(MIA, "haha classic"),
        Line(NORA, "it was the last one"),
    ),
    (
        Line(MIA, "i have so much work today"),
        Line(LEO, "same, my boss is a nightmare"),
        Line(MIA, "Sam, what are you doing?", 5),
    ),
    (
        Line(LEO, "it's raining again"),
        Line(NORA, "perfect weather for a movie"),
        Line(LEO, "Sam, movie night at my place on friday?", 5),
    ),
    (
        Line(MIA, "wait, what time was the barbecue again?"),
        Line(LEO, "Sam, do you remember?", 5),
        Line(NORA, "and who brings the drinks?"),
    ),
    (
        Line(NORA, "i finally passed my driving test!"),
        Line(MIA, "congratulations!!"),
        Line(LEO, "now you can pick us all up"),
    ),
)
