"""Write the neutral corpus of the base: group chats of many casts, one a line as JSON."""

import argparse
import json
from pathlib import Path

from personas.sample.grammar.talk import Talk
from personas.sample.grammar.transcript import Message, messages

SCENE_COUNTS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6)
DRILL_SHARE = 0.2


def conversation(talk: Talk, drill: bool) -> list[Message]:
    """Write one conversation; a drill is one short scene about a value said before."""
    cast = talk.draw_cast()
    count = 1 if drill else talk.rng.choice(SCENE_COUNTS)
    lines = talk.converse(cast, count, drill)
    return messages(lines, cast.me, cast.group)


def main() -> None:
    """Write the corpus; drills come first, and some stay throughout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the JSON lines file to write")
    parser.add_argument("--conversations", type=int, default=450_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    talk = Talk(options.seed)
    with options.out.open("w", encoding="utf-8") as file:
        for index in range(options.conversations):
            early = index < DRILL_SHARE * options.conversations
            drill = talk.rng.random() < (0.7 if early else 0.1)
            file.write(json.dumps(conversation(talk, drill), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
