"""Who agreed to stand in datasets: what people told the owner, joined to the ledger of the live chats.

Exports know people by other ids than live chats do, so what counts is the person: `people.toml` puts all their ids
under one name, those of live accounts (`discord:402`, a messenger and the account's id) among them.

What people told the owner outside of any chat stands in `consent.jsonl` beside it, a line each, only ever added to:

    {"person": "Mia", "ids": ["whatsapp:Mia"], "agreed": true, "told": "by phone", "by": "sam", "at": "2026-05-03…",
     "purpose": "trained"}

Of all that is on record of a person the newest counts, wherever they said it, and at one time the no. Silence is a no.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypedDict

from chat.exports.export import Export
from chat.exports.people import People, Person
from chat.message import ChatKey
from safety.consent import ChatConsent, Purpose
from training.dataset.filters import Agreed
from training.errors import LedgerDamaged

FILE: Final = "consent.jsonl"


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said about being trained on or imitated: `told` is how, `by` who wrote it down; `at` is aware."""

    person: str
    ids: tuple[str, ...]
    agreed: bool
    told: str
    by: str
    at: datetime
    purpose: Purpose = Purpose.TRAINED

    def concerns(self, person: Person) -> bool:
        """Whether it is this person's. A yes goes by ids alone, for two may have one name; a no by the name, too."""
        same_name = self.person.casefold() == person.name.casefold()
        return not set(self.ids).isdisjoint(person.ids) or (same_name and not self.agreed)


class _Version(TypedDict):
    words: int
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All words on record. `reached` is false when the live chats' ledger could not be asked."""

    words: tuple[Word, ...] = ()
    reached: bool = True

    def of(self, person: Person, purpose: Purpose = Purpose.TRAINED) -> Word | None:
        """The word that counts for a person, if there is any."""
        return max(
            (word for word in self.words if word.purpose is purpose and word.concerns(person)),
            key=lambda word: (word.at, not word.agreed),
            default=None,
        )

    def may_imitate(self, person: Person, exports: Iterable[Export]) -> bool:
        """Whether a persona may be made of a person: they said so, and no to being trained on neither then nor since.

        Where the live chats could not be asked, that of people in these exports alone counts, as for `agreed`.
        """
        yes, trained = self.of(person, Purpose.IMITATED), self.of(person)
        return (
            yes is not None
            and yes.agreed
            and (trained is None or trained.agreed or trained.at < yes.at)
            and (self.reached or _written(exports).issuperset(person.ids))
        )

    @property
    def version(self) -> _Version:
        """How many words there are, and when the newest was said."""
        return {"words": len(self.words), "newest": max((word.at for word in self.words), default=None)}

    def agreed(self, people: People, exports: Sequence[Export], named: Collection[str] = ()) -> Agreed:
        """Give the author ids of those who agreed, by chat; `exports` are as they were kept, before `People.resolve`.

        Where the live chats could not be asked, nobody counts who has an id that is in none of these exports: they may
        have taken it back there. `named` are names and ids of more people, whom the owner answers for; a no that is on
        record stands against that as well.
        """
        written = _written(exports)
        those, others = list[Person](), set[str]()
        for person in people.persons:
            word = self.of(person)
            unsure = not self.reached and not written.issuperset(person.ids)
            if unsure or (word is not None and not word.agreed):
                others |= {person.name, *(key.partition(":")[2] for key in person.ids)}
            elif word is not None:
                those.append(person)
        found: dict[ChatKey | None, frozenset[str]] = {None: frozenset(named) - others}
        for export in exports:
            prefix = f"{export.format}:"
            ids = {key.removeprefix(prefix) for one in those for key in one.ids if key.startswith(prefix)}
            found[export.chat.key] = found.get(export.chat.key, frozenset()) | ids
        return found


@dataclass(frozen=True, slots=True)
class ConsentSummary:
    """How consent was settled for a dataset, in numbers; kept with it, and without anybody's name.

    `by` is `ledger`, `elsewhere` or `as_it_is`: for the last two the owner answers for having asked everybody.
    `people` wrote in the chats beside the owner, `agreed` of them are on record, `left_out` messages were left out.
    `words` is how many entries the ledger had, `newest` the newest one's time, `live` whether the live chats' were
    among them. `imitated`: the dataset is about somebody else than the owner, who agreed to that.
    """

    by: str
    people: int
    agreed: int
    left_out: int
    read: datetime
    words: int = 0
    newest: datetime | None = None
    live: bool = True
    imitated: bool = False

    def facts(self) -> Mapping[str, Any]:
        """Give it as JSON has it, times in ISO 8601."""
        return {
            name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


def read_words(folder: Path) -> tuple[Word, ...]:
    """Read what people told the owner; nothing where nobody wrote anything. Raises LedgerDamaged."""
    path = folder / FILE
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerDamaged(f"{path} cannot be read ({type(error).__name__}): put a copy back") from None
    return tuple(_word(path, number, line) for number, line in enumerate(lines, 1))


def add_word(folder: Path, word: Word) -> None:
    """Write down what somebody said; it is on disk when this returns. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = json.dumps({**asdict(word), "at": word.at.isoformat()}, ensure_ascii=False) + "\n"
    # Added to in one write, and never written anew: what was once on record stays there.
    file = os.open(folder / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode("utf-8", "replace"))
        os.fsync(file)
    finally:
        os.close(file)


def live_words(chats: Mapping[ChatKey, ChatConsent]) -> tuple[Word, ...]:
    """Give what the live chats' ledger says of being trained on and imitated, by the accounts' ids."""
    return tuple(
        Word(
            entry.name,
            (f"{chat.messenger}:{id_}",),
            entry.agreed,
            entry.how.value,
            entry.by,
            entry.at,
            purpose,
        )
        for chat, ledger in chats.items()
        for (purpose, id_), entry in ledger.entries.items()
        if purpose is not Purpose.ANSWERED
    )


def counted(exports: Iterable[Export], agreed: Agreed) -> tuple[int, int]:
    """How many people wrote in these chats beside the owner, and how many of them agreed for a chat they are in."""
    everybody, those = set[str](), set[str]()
    for export in exports:
        named = {*agreed.get(None, ())}
        for author, name in export.rows.select("author", "name").unique().iter_rows():
            if author not in export.owner:
                everybody.add(f"{export.format}:{author}")
                if author in agreed.get(export.chat.key, ()) or {author, name} & named:
                    those.add(f"{export.format}:{author}")
    return len(everybody), len(those)


def _written(exports: Iterable[Export]) -> set[str]:
    return {
        f"{export.format}:{author}"
        for export in exports
        for author in export.rows.get_column("author").unique()
    }


def _word(path: Path, number: int, line: str) -> Word:
    try:
        found = json.loads(line)
        at = datetime.fromisoformat(found["at"])
        if at.tzinfo is None or not isinstance(found["agreed"], bool):
            raise ValueError
        ids = tuple(str(key) for key in found["ids"])
        purpose = Purpose(found.get("purpose", Purpose.TRAINED))
        return Word(
            str(found["person"]), ids, found["agreed"], str(found["told"]), str(found["by"]), at, purpose
        )
    except (ValueError, KeyError, TypeError):
        # Whose word it was is not known, so nobody's counts.
        raise LedgerDamaged(f"{path}: line {number} cannot be read: mend it, or put a copy back") from None
