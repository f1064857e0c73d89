"""What reads and writes of chats guard."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import Mutation

MUTATIONS: Final = (
    Mutation(
        "setup-token-readable",
        "chat/private_file.py",
        "0o600",
        "0o644",
        ("tests/bot/cli/test_settings_file.py",),
    ),
)
