"""The guards that the promises rest on, each with the line that is broken and the tests that must then fail.

`old` stands in its file exactly once (a test looks), so that a guard which moves takes its mutation along.
"""

from __future__ import annotations

from typing import Final

from tests.mutations import chat, discord, hosted, safety, scripts, service

MUTATIONS: Final = (
    *scripts.MUTATIONS,
    *service.MUTATIONS,
    *discord.MUTATIONS,
    *safety.MUTATIONS,
    *chat.MUTATIONS,
    *hosted.MUTATIONS,
)
