"""What `understudy dataset build` does, and what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bot.cli.asking import ask_ledger
from bot.cli.imitating import seen_by
from bot.cli.preparing import Preparing, read_preparing
from bot.cli.screen import say, say_error
from bot.errors import SettingsInvalid
from bot.settings import Settings
from chat.exports.export import Export
from chat.exports.formats import read_bundles
from chat.exports.imports import Imports
from chat.exports.merge import merge
from chat.exports.people import People
from chat.message import ChatKey
from training.dataset.build import make_rows, write_dataset
from training.dataset.cookbook import read_recipe
from training.dataset.facts import facts_of
from training.dataset.filters import Agreed, Consent, Filtered, Taken
from training.dataset.ledger import ConsentSummary, Ledger, counted
from training.dataset.outputs import Format
from training.dataset.pace import pace_of
from training.dataset.preparation import PreparationSettings
from training.errors import DatasetTooSmall
from training.forgetting import register


@dataclass(frozen=True, slots=True)
class Building:
    """Where the chats come from: the imported ones of the state folder, or exports read at once."""

    settings: Settings
    exports: tuple[Path, ...] = ()
    me: str = ""
    learned: str = ""
    """Whom the dataset is about, where that is not the owner."""

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
        preparing = read_preparing(prepare) if prepare else Preparing(PreparationSettings(pseudonyms=False))
        people, kept = self._chats()
        asked = not as_it_is and preparing.settings.filters.consent is Consent.LEDGER
        ledger = ask_ledger(self.settings) if asked or self.learned else Ledger()
        agreed: dict[ChatKey | None, Collection[str]] = {}
        agreed.update(ledger.agreed(people, kept, preparing.agreed))
        chats = tuple(people.resolve(chat) for chat in kept)
        if self.learned:
            # Who builds it agrees to stand in it, beside the one whom it is about.
            for chat in chats:
                agreed[chat.chat.key] = {*agreed.get(chat.chat.key, ()), *chat.owner}
            chats = seen_by(self.learned, people, kept, ledger, preparing.imitated)
        if as_it_is:
            found, consent = Filtered(chats), _answered_for("as_it_is", chats)
        else:
            found, consent = self._prepared(
                preparing, ledger if asked else None, agreed, chats, out, said=prepare is not None
            )
        consent = replace(consent, imitated=bool(self.learned))
        rows = make_rows(found.exports, meant)
        # Before anything lies there, so that people can be taken out of it again, and out of what a kill leaves.
        register(self.settings.state_dir, out)
        counts = write_dataset(rows, meant, out, chosen, consent, pace_of(found.exports))
        # Beside the dataset, for its report.
        facts_of(found).write(out)
        silences = sum(row.silence for found in rows.sides.values() for row in found)
        sides = ", ".join(f"{count:,} {side}" for side, count in counts.items())
        say(f"{sides}{f'; {silences:,} of them silences' if silences else ''}")
        if rows.until is not None and rows.since is not None:
            say(f"trained until {rows.until:%Y-%m-%d %H:%M}, held out from {rows.since:%Y-%m-%d %H:%M}")
        if rows.leaked:
            say(f"left out of the held-out rows, because training holds their answer: {rows.leaked:,}")
        if not preparing.settings.pseudonyms:
            say(
                "! Names, numbers and addresses stand in it as they were typed: `--prepare FILE`, "
                "with `pseudonyms = true` in the file, replaces them",
                "yellow",
            )
        say(f"The dataset stands in {out}, with its recipe.")

    def _prepared(
        self,
        preparing: Preparing,
        ledger: Ledger | None,
        agreed: Agreed,
        chats: Sequence[Export],
        out: Path,
        *,
        said: bool,
    ) -> tuple[Filtered, ConsentSummary]:
        consent = _answered_for("elsewhere", chats)
        if ledger is not None:
            everybody, those = counted(chats, agreed)
            if not said and everybody and not those:
                # Nobody is put into a dataset unasked, and what is left of a talk without them is no talk.
                raise SettingsInvalid(
                    "others' words are in these chats, and nobody is on record as having agreed: write down who did "
                    "(understudy consent grant everywhere NAME --for trained --told HOW), name them in a file "
                    "(--prepare), or say that all did (--as-it-is)"
                )
            consent = replace(consent, by="ledger", agreed=those, live=ledger.reached, **ledger.version)
            say(f"agreed to be trained on: {those:,} of {everybody:,} people")
        found = asyncio.run(
            preparing.prepare(chats, agreed, self.settings.rules.moderation, self.settings.state_dir, out)
        )
        taken = ", ".join(f"{kind}: {count:,}" for kind, count in found.taken.items())
        say(f"left out or changed: {taken}" if taken else "the filters took nothing")
        return found, replace(consent, left_out=found.taken.get(Taken.CONSENT, 0))

    def _chats(self) -> tuple[People, Sequence[Export]]:
        """Who is who, and the chats as their exports wrote them."""
        shelf = Imports(self.settings.state_dir / "imports")
        if not self.exports:
            chats = shelf.exports()
            if not chats:
                raise DatasetTooSmall("no chats are imported: `understudy import` takes exports")
            return shelf.people(), chats
        reading = read_bundles(self.exports)
        for failure in reading.failures:
            say_error(str(failure))
        found = merge(reading.exports)
        if not found:
            raise DatasetTooSmall(
                "no chat export is in there; `understudy import --help` says what can be read"
            )
        return shelf.people().propose(found, self.me), found


def _answered_for(by: str, chats: Sequence[Export]) -> ConsentSummary:
    """What is on record where the owner says that everybody was asked."""
    everybody, _ = counted(chats, {})
    return ConsentSummary(by, everybody, everybody, 0, datetime.now(UTC))


def _format(name: str) -> Format:
    try:
        return Format(name)
    except ValueError:
        raise SettingsInvalid(f"there is no format {name!r}: choose one of {', '.join(Format)}") from None
