"""The command line, led to a fake Discord: `python -m tests.fakes.discord.command VERB …`.

FAKE_DISCORD says where it is: its port, a colon, and a file with the certificate to trust.
"""

from __future__ import annotations

import os
import ssl

from bot.cli.main import main
from tests.fakes.discord.server import connector_to

if __name__ == "__main__":
    port, _, certificate = os.environ["FAKE_DISCORD"].partition(":")
    main(lambda: connector_to(int(port), ssl.create_default_context(cafile=certificate)))
