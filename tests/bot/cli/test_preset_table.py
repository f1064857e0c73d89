"""`understudy train --presets`: which bases there are, and what card each wants."""

from __future__ import annotations

import re

from tests.bot.cli.command import CommandLine
from training.memory import GB, preset_need, smallest_card
from training.preset import presets


async def test_every_preset_is_listed_with_the_memory_it_needs(understudy: CommandLine) -> None:
    ended = await understudy("train", "--presets")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    for preset in presets().values():
        needed = preset_need(preset).total
        row = next(line for line in lines if line.startswith(f" {preset.name} "))
        cells = re.split(r"\s{2,}", row.strip())
        assert cells[3:] == [f"{needed / GB:.1f} GB", f"{smallest_card(needed)} GB", preset.license]
        assert f"{preset.name}: {preset.instruct} or {preset.base}. {preset.about}" in lines
