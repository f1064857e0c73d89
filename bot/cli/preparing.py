"""What `understudy dataset build --prepare` does before the recipe: a TOML file says it.

agreed = ["Mia", "Leo"]             # who agreed to be trained on, by name or id; the owner answers for it
situational = "keep"                # or mask, drop
pseudonyms = true

[filters]                           # FilterSettings
fewest_with_contact = 50

[moderation]                        # thresholds a category; without the table nothing is judged
harassment = 0.6
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bot.errors import SettingsInvalid
from chat.exports.export import Export
from safety.moderation.lexicon import Lexicon
from training.dataset.filters import Filtered
from training.dataset.preparation import PreparationSettings, Seal, prepared
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_table import PseudonymTable
from training.forgetting import KEY, TABLE


def prepare_chats(chats: Sequence[Export], file: Path, state: Path, out: Path) -> Filtered:
    """Prepare chats as a file says. Raises SettingsInvalid and TrainingError."""
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
        agreed = TypeAdapter(tuple[str, ...]).validate_python(said.pop("agreed", ()))
        settings = TypeAdapter(PreparationSettings).validate_python(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsInvalid(f"{file}: {place}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise SettingsInvalid(f"{file} cannot be read as TOML ({type(error).__name__})") from None
    seal = None
    if settings.pseudonyms:
        key = PseudonymKey.at(state / KEY, out)
        seal = Seal(key, PseudonymTable.read(state / TABLE, key))
    found = asyncio.run(prepared(chats, settings, agreed={None: agreed}, classifier=Lexicon(), seal=seal))
    if seal is not None:
        seal.table.write(state / TABLE, seal.key)
    return found
