"""What `understudy consent … everywhere` does: what people told the owner about being trained on."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.cli.asking import ask_ledger
from bot.cli.screen import say
from bot.errors import SettingsInvalid
from bot.settings import Settings
from chat.errors import shown
from chat.exports.imports import Imports
from chat.exports.people import People, Person
from safety.consent import Purpose
from training.dataset.ledger import Word, add_word, read_words
from training.forgetting import registered

_DONE = {Purpose.TRAINED: "trained on", Purpose.IMITATED: "imitated"}


def list_told(settings: Settings) -> None:
    """Say for everybody in people.toml what counts, as `dataset build` reads it. Raises ChatError and LedgerDamaged."""
    ledger = ask_ledger(settings)
    for person in _people(settings).persons:
        if not person.owner:
            word = ledger.of(person)
            said = "nothing on record, which is a no" if word is None else _said(word)
            say(f"{person.name}: {said}")
            if imitated := ledger.of(person, Purpose.IMITATED):
                say(f"{person.name}: {_said(imitated)}")


def write_told(
    settings: Settings, person: str, purpose: Purpose, *, agreed: bool, told: str, by: str, at: datetime
) -> None:
    """Write down what somebody told the owner. Raises SettingsInvalid, ChatError and LedgerDamaged."""
    who = one_of(_people(settings), person)
    if at > datetime.now(UTC):
        raise SettingsInvalid("--when is a day to come: give the day on which they said so")
    folder = settings.state_dir / "imports"
    read_words(folder)  # a damaged record is mended first, not added to
    add_word(folder, Word(who.name, who.ids, agreed, told, by, at, purpose))
    say(f"{who.name} {'may' if agreed else 'may not'} be {_DONE[purpose]}, in every chat of theirs.")
    if not agreed and registered(settings.state_dir):
        say(
            "Datasets that stand here are as they were: build them again, or `understudy forget` takes somebody out "
            "and says which adapters must be trained again."
        )


def _people(settings: Settings) -> People:
    people = Imports(settings.state_dir / "imports").people()
    if not people.persons:
        raise SettingsInvalid(
            "nobody is known yet: `understudy import` reads exports, and says in people.toml who is who"
        )
    return people


def one_of(people: People, wanted: str) -> Person:
    """Find somebody but the owner by name or id. Raises SettingsInvalid."""
    found = [one for one in people.persons if wanted in one.ids] or [
        one for one in people.persons if one.name.casefold() == wanted.casefold()
    ]
    if len(found) > 1:
        ids = ", ".join(one.ids[0] for one in found if one.ids)
        raise SettingsInvalid(f"{len(found)} people are called {shown(wanted)}: give an id, one of {ids}")
    if not found:
        names = ", ".join(shown(one.name) for one in people.persons if not one.owner)
        raise SettingsInvalid(f"nobody in people.toml is called {shown(wanted)}: there are {names}")
    if found[0].owner:
        raise SettingsInvalid("that is you: your own words need nobody's leave")
    return found[0]


def _said(word: Word) -> str:
    return (
        f"{'yes' if word.agreed else 'no'} to being {_DONE[word.purpose]}, {word.told}, "
        f"{word.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, written down by {word.by}"
    )
