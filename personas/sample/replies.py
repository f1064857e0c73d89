"""Have the persona answer a list of lines, by the path that the service uses, and print a page of it.

    python -m personas.sample.replies --seed 7 personas/sample/strangers.txt

Each line of the file is one short chat, its messages parted by ` | `, each `Name: text`. Nothing is picked: what the
rules drop is printed as dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.answer import Writer
from chat.message import Author, Chat, ChatKey, Message
from chat.transcript import Turn
from inference.client import ModelClient
from inference.engines.llama_cpp import LlamaCpp, LlamaModel
from inference.persona import load_persona
from safety.chain import draft_rules
from safety.kill_word import KillWords
from safety.mode import ChatPolicy, Mode
from safety.verdict import Outcome

FOLDER = Path(__file__).parent
FIRST = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def turn_of(line: str, number: int, seed: int) -> Turn:
    """Make the turn of one line; the seed goes into the ids, and so into the sampling."""
    key = ChatKey("local", "replies")
    messages = []
    for at, said in enumerate(line.split(" | ")):
        name, _, text = said.partition(": ")
        sent_at = FIRST + timedelta(minutes=number, seconds=at)
        messages.append(Message(key, f"{seed}-{number}-{at}", Author(name.lower(), name), text, sent_at))
    return Turn(Chat(key, "Weekend Plans"), tuple(messages))


async def answer_all(lines: list[str], seed: int, folder: Path) -> list[tuple[str, str]]:
    """Give each line with what came of it."""
    persona = await load_persona(folder)
    answered = []
    with tempfile.TemporaryDirectory() as logs:
        async with (
            LlamaCpp(LlamaModel.of(persona), Path(logs) / "llama.log") as engine,
            ModelClient(lambda: engine.endpoint) as client,
        ):
            await engine.verify(persona)
            rules = draft_rules(KillWords())
            writer = Writer(persona, client, rules, (persona.prompt.name,), rewrites=2)
            policy = ChatPolicy(Mode.AUTO, 1.0)
            for number, line in enumerate(lines):
                attempt = (await writer.write(turn_of(line, number, seed), policy)).chosen
                said = " / ".join(attempt.bubbles)
                if attempt.decision.outcome is not Outcome.ALLOW:
                    said = f"(nothing: {attempt.decision.verdict.reason})"
                answered.append((line, said))
    return answered


def known_lines(lines: list[str], corpus: Path) -> set[str]:
    """Give the messages among the lines that stand in the base's corpus or in an export, case and marks aside."""
    wanted = {plain(said.partition(": ")[2]) for line in lines for said in line.split(" | ")}
    found: set[str] = set()
    with corpus.open(encoding="utf-8") as file:
        for row in file:
            for message in json.loads(row):
                for said in message["content"].split("\n"):
                    found |= {plain(said), plain(said.partition(": ")[2])} & wanted
    return found


def plain(text: str) -> str:
    """Give a text without what does not make it another."""
    return text.lower().strip(" .!?")


def main() -> None:
    """Print the page as a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("lines", type=Path, nargs="?", default=FOLDER / "strangers.txt")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--persona", type=Path, default=FOLDER)
    parser.add_argument("--corpus", type=Path, help="refuse lines that stand in this corpus")
    options = parser.parse_args()
    lines = [line for line in options.lines.read_text(encoding="utf-8").splitlines() if line.strip()]
    if options.corpus and (known := known_lines(lines, options.corpus)):
        parser.error(f"these stand in the corpus: {sorted(known)}")
    print("| said | Sam |\n|---|---|")
    for line, said in asyncio.run(answer_all(lines, options.seed, options.persona)):
        print(f"| {line.replace(' | ', '<br>')} | {said.replace('|', '/')} |")


if __name__ == "__main__":
    main()
