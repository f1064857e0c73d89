"""What `understudy dataset build --as NAME` asks first: whether that person agreed that a persona writes as they do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.cli.told import one_of
from bot.errors import SettingsInvalid
from chat.errors import shown
from chat.exports.export import Export
from chat.exports.people import People
from training.dataset.ledger import Ledger
from training.errors import DatasetTooSmall


def seen_by(
    wanted: str, people: People, kept: Sequence[Export], ledger: Ledger, agreed: Collection[str]
) -> tuple[Export, ...]:
    """Give the chats as the wanted person sees them: what they wrote is own, and chats without them are left out.

    `kept` are the chats as exported, and `agreed` names or ids of whom the owner says that they may be imitated.
    That they may be trained on is not enough. Raises SettingsInvalid, and DatasetTooSmall where they wrote nothing.
    """
    person = one_of(people, wanted)
    named = {person.name, *person.ids, *(key.partition(":")[2] for key in person.ids)}
    if named.isdisjoint(agreed) and not ledger.may_imitate(person, kept):
        raise SettingsInvalid(
            f"{shown(person.name)} is not on record as having agreed to be imitated: ask, and write it down "
            "(understudy consent grant everywhere NAME --for imitated --told HOW)"
        )
    theirs = people.as_owner(person)
    # Whom the export itself calls its owner is somebody else here.
    chats = [theirs.resolve(chat.owned_by(())) for chat in kept]
    found = tuple(chat for chat in chats if chat.rows.get_column("author").is_in(sorted(chat.owner)).any())
    if not found:
        raise DatasetTooSmall(
            f"{shown(person.name)} wrote nothing in these chats: import some in which they do"
        )
    return found
