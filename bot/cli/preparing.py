"""What `understudy dataset build` does before the recipe; with `--prepare`, a TOML file says it.

agreed = ["Mia", "Leo"]             # who agreed to be trained on, by name or id, beside the ledger; you answer for it
imitated = ["Mia"]                  # who agreed to be the one that `--as` learns, beside the ledger
situational = "keep"                # or mask, drop
pseudonyms = true
keep_own_name = true                # of whom the dataset is about; a persona with another name answers to that

[filters]                           # FilterSettings
fewest_with_contact = 50

[moderation]                        # thresholds a category; without the table nothing is judged
harassment = 0.6

Who judges is what judges drafts: the settings `rules.moderation` (backend, base_url, model, …), by default the lexicon.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bot.errors import SettingsInvalid
from chat.exports.export import Export
from safety.moderation.backend import open_classifier
from safety.moderation.settings import ModerationSettings
from training.dataset.filters import Agreed, Filtered
from training.dataset.preparation import PreparationSettings, Seal, prepared
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_table import PseudonymTable
from training.forgetting import KEY, TABLE

_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})


@dataclass(frozen=True, slots=True)
class Preparing:
    """What is done, and who agreed to be trained on or imitated beside those of the ledger."""

    settings: PreparationSettings
    agreed: tuple[str, ...] = ()
    imitated: tuple[str, ...] = ()

    async def prepare(
        self,
        chats: Sequence[Export],
        agreed: Agreed,
        moderation: ModerationSettings,
        state: Path,
        out: Path,
    ) -> Filtered:
        """Prepare chats. Raises TrainingError."""
        seal = None
        if self.settings.pseudonyms:
            key = PseudonymKey.at(state / KEY, out)
            seal = Seal(key, PseudonymTable.read(state / TABLE, key))
        async with open_classifier(moderation) as classifier:
            found = await prepared(chats, self.settings, agreed=agreed, classifier=classifier, seal=seal)
        if seal is not None:
            seal.table.write(state / TABLE, seal.key)
        return found


def read_preparing(file: Path) -> Preparing:
    """Read what a file says. Raises SettingsInvalid, which names what cannot be."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
        agreed = TypeAdapter(tuple[str, ...]).validate_python(said.pop("agreed", ()))
        imitated = TypeAdapter(tuple[str, ...]).validate_python(said.pop("imitated", ()))
        return Preparing(TypeAdapter(PreparationSettings).validate_python(said), agreed, imitated)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        what = "there is no such key" if first["type"] in _UNKNOWN else first["msg"]
        raise SettingsInvalid(f"{file}: {place}: {what}") from None
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{file} cannot be read as TOML ({type(error).__name__})") from None
