"""The table of training presets: bases that are known to fit, and the memory that each needs."""

from __future__ import annotations

from bot.cli.screen import say, show_table
from training.memory import GB, preset_need, smallest_card
from training.preset import presets


def show_presets() -> None:
    """Show them, the smallest first; the memory is that of rows of full length on a card."""
    rows = []
    for preset in presets().values():
        needed = preset_need(preset).total
        card = smallest_card(needed)
        weights = f"{preset.architecture.parameters / 10**9:.2g} B"
        memory = f"{needed / GB:.1f} GB"
        fits = f"{card} GB" if card else "several"
        rows.append((preset.name, weights, str(preset.settings["method"]), memory, fits, preset.license))
    show_table(("preset", "weights", "method", "needs", "card", "license"), rows)
    # Not in the table: names of the hub are to be copied whole.
    for preset in presets().values():
        say(f"{preset.name}: {preset.instruct} or {preset.base}. {preset.about}")
