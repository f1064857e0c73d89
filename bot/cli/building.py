"""What `understudy dataset build` does, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.cli.preparing import prepare_chats
from bot.cli.screen import say, say_error
from bot.errors import SettingsInvalid
from chat.exports.export import Export
from chat.exports.formats import read_bundles
from chat.exports.imports import Imports
from chat.exports.merge import merge
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import read_recipe
from training.dataset.facts import facts_of
from training.dataset.filters import Filtered
from training.dataset.outputs import Format
from training.errors import DatasetTooSmall
from training.forgetting import register


@dataclass(frozen=True, slots=True)
class Building:
    """Where the chats come from: the imported ones of the state folder, or exports read at once."""

    state: Path
    exports: tuple[Path, ...] = ()
    me: str = ""

    def run(
        self,
        recipe: str,
        changes: Sequence[str],
        out: Path,
        formats: Sequence[str],
        prepare: Path | None = None,
        *,
        as_it_is: bool = False,
    ) -> None:
        """Make the dataset, and tell what is in it. Raises ChatError, TrainingError and SettingsInvalid."""
        chosen = tuple(map(_format, formats))
        meant = read_recipe(recipe, changes)
        found = Filtered(tuple(self._chats()))
        if prepare is None and not as_it_is and any(chat.members for chat in found.exports):
            # Nobody is put into a dataset unasked: that they agreed is said, in a file or by the option.
            raise SettingsInvalid(
                "others' words are in these chats: name who agreed in a file (--prepare), "
                "or say that all did (--as-it-is)"
            )
        if prepare is not None:
            found = prepare_chats(found.exports, prepare, self.state, out)
            say(
                ", ".join(f"{kind}: {count:,}" for kind, count in found.taken.items())
                or "the filters took nothing"
            )
        rows = make_rows(found.exports, meant)
        counts = write_dataset(rows, meant, out, chosen)
        # Beside the dataset, for its report; and where it lies, so that people can be taken out of it again.
        facts_of(found).write(out)
        register(self.state, out)
        silences = sum(row.silence for found in rows.sides.values() for row in found)
        sides = ", ".join(f"{count:,} {side}" for side, count in counts.items())
        say(f"{sides}{f'; {silences:,} of them silences' if silences else ''}")
        if rows.until is not None and rows.since is not None:
            say(f"trained until {rows.until:%Y-%m-%d %H:%M}, held out from {rows.since:%Y-%m-%d %H:%M}")
        if rows.leaked:
            say(f"left out of the held-out rows, because training holds their answer: {rows.leaked:,}")
        say(f"The dataset stands in {out}, with its recipe.")

    def _chats(self) -> Sequence[Export]:
        shelf = Imports(self.state / "imports")
        if not self.exports:
            chats = shelf.resolved()
            if not chats:
                raise DatasetTooSmall("no chats are imported: `understudy import` takes exports")
            return chats
        reading = read_bundles(self.exports)
        for failure in reading.failures:
            say_error(str(failure))
        found = merge(reading.exports)
        if not found:
            raise DatasetTooSmall(
                "no chat export is in there; `understudy import --help` says what can be read"
            )
        people = shelf.people().propose(found, self.me)
        return tuple(people.resolve(chat) for chat in found)


def _format(name: str) -> Format:
    try:
        return Format(name)
    except ValueError:
        raise SettingsInvalid(f"there is no format {name!r}: choose one of {', '.join(Format)}") from None
