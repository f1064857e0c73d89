"""A process that uses the embedded Redis of a folder: `python -m tests.bot.promises.server_user FOLDER`.

It says `open` once it has it, and leaves when its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.store.server import EmbeddedServer


async def main(folder: Path) -> None:
    async with EmbeddedServer(folder):
        print("open", flush=True)  # noqa: T201 - the test waits for it
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
