"""Who may sign in: added by an owner, never there by default; and their passwords."""

from __future__ import annotations

from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from bot.accounts import Accounts, clean_name
from bot.app import Office
from bot.errors import NotAllowed, PasswordWeak, PersonUnknown, SettingsInvalid
from bot.passwords import LONGEST, Passwords
from bot.people import Person, Role
from tests.bot.playground import MODERATOR, OWNER, VIEWER

GOOD = "four words of nonsense"
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def accounts(office: Office) -> Accounts:
    return Accounts(office.store, office.clock, Passwords(QUICK))


async def _kept(office: Office) -> list[str]:
    names = await office.store.ask("keys", "understudy:{0}:person:*")
    return [password for name in names if (password := await office.store.ask("hget", name, "password"))]


async def test_nobody_is_there_by_default(accounts: Accounts) -> None:
    assert await accounts.all() == ()
    for name in ("admin", "owner", "root", ""):
        assert await accounts.by_password(name, name) is None


async def test_people_are_added_changed_and_removed_with_a_line_in_the_journal(
    accounts: Accounts, office: Office
) -> None:
    added = await accounts.add(OWNER, "  Mia   Müller ", Role.VIEWER)
    assert (added.name, added.role, added.has_password, added.seen_at) == (
        "Mia Müller",
        Role.VIEWER,
        False,
        None,
    )
    changed = await accounts.add(OWNER, "mia mÜLLER", Role.MODERATOR)
    assert (changed.name, changed.role, changed.generation) == (
        "Mia Müller",
        Role.MODERATOR,
        added.generation,
    )
    await accounts.add(OWNER, "mia müller", Role.MODERATOR)  # changes nothing, and says nothing
    await accounts.remove(OWNER, "Mia Müller")
    assert await accounts.all() == ()
    entries = await office.desk.journal.newest()
    assert [(entry.kind, entry.facts["by"]) for entry in reversed(entries)] == [
        ("person.added", "olivia"),
        ("person.changed", "olivia"),
        ("person.removed", "olivia"),
    ]


async def test_only_an_owner_adds_removes_and_signs_others_out(accounts: Accounts) -> None:
    await accounts.add(OWNER, "max", Role.MODERATOR)
    for person in (MODERATOR, VIEWER):
        for deed in (
            accounts.add(person, "eve", Role.OWNER),
            accounts.remove(person, "max"),
            accounts.sign_out(person),
            accounts.set_password(person, "olivia", GOOD),
        ):
            with pytest.raises(NotAllowed):
                await deed
    with pytest.raises(NotAllowed):
        await accounts.sign_out(VIEWER, "max")
    await accounts.sign_out(MODERATOR, "max")
    await accounts.set_password(MODERATOR, "max", GOOD)


async def test_who_is_not_there_is_said_in_one_line(accounts: Accounts) -> None:
    for deed in (
        accounts.get("eve"),
        accounts.remove(OWNER, "eve"),
        accounts.sign_out(OWNER, "eve"),
        accounts.set_password(OWNER, "eve", GOOD),
    ):
        with pytest.raises(PersonUnknown, match="nobody called eve"):
            await deed


@pytest.mark.parametrize(
    "name", ["", "  ", "a" * 41, "a/b", "a\nb\x00", "mia\u202eaim", "zero\u200bwidth", "\x1b[31m"]
)
def test_a_name_that_could_play_tricks_is_none(name: str) -> None:
    with pytest.raises(SettingsInvalid):
        clean_name(name)


async def test_a_password_is_kept_as_argon2id_with_the_recommended_parameters(office: Office) -> None:
    accounts = Accounts(office.store, office.clock)
    await accounts.add(OWNER, "max", Role.MODERATOR)
    await accounts.set_password(OWNER, "max", GOOD)
    (kept,) = await _kept(office)
    found = extract_parameters(kept)
    assert found.type is Type.ID
    assert (found.memory_cost, found.time_cost) >= (64 * 1024, 3)
    assert await accounts.by_password("Max", GOOD) is not None
    assert await accounts.by_password("max", GOOD + " ") is None


async def test_the_same_password_of_two_people_is_kept_differently(
    accounts: Accounts, office: Office
) -> None:
    for name in ("max", "mia"):
        await accounts.add(OWNER, name, Role.VIEWER)
        await accounts.set_password(OWNER, name, GOOD)
    assert len(set(await _kept(office))) == 2


async def test_a_hash_of_older_parameters_is_made_anew_when_its_owner_comes(office: Office) -> None:
    old = Accounts(office.store, office.clock, Passwords(QUICK))
    await old.add(OWNER, "max", Role.MODERATOR)
    before = await old.set_password(OWNER, "max", GOOD)
    newer = Passwords(PasswordHasher(time_cost=2, memory_cost=128, parallelism=1))
    accounts = Accounts(office.store, office.clock, newer)
    assert await accounts.by_password("max", "wrong") is None
    assert extract_parameters((await _kept(office))[0]).time_cost == 1
    assert await accounts.by_password("max", GOOD) == before  # and no session ends by it
    assert extract_parameters((await _kept(office))[0]).time_cost == 2
    assert await accounts.by_password("max", GOOD) == before


async def test_a_password_that_is_set_ends_what_was_open(accounts: Accounts) -> None:
    before = await accounts.add(OWNER, "max", Role.MODERATOR)
    after = await accounts.set_password(OWNER, "max", GOOD)
    assert after.generation != before.generation
    gone = await accounts.set_password(OWNER, "max", None)
    assert (gone.has_password, await accounts.by_password("max", GOOD)) == (False, None)


class Counting(PasswordHasher):
    """Counts how often it works, and with which parameters."""

    worked: list[str]

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its name there
        self.worked.append(str(hash).rpartition("$")[0].rpartition("$")[0])
        return super().verify(hash, password)


async def test_a_name_that_nobody_has_takes_as_much_work_as_a_wrong_password(office: Office) -> None:
    hasher = Counting(time_cost=1, memory_cost=64, parallelism=1)
    hasher.worked = []
    accounts = Accounts(office.store, office.clock, Passwords(hasher))
    for name in ("max", "vera"):
        await accounts.add(OWNER, name, Role.VIEWER)
    await accounts.set_password(OWNER, "max", GOOD)
    work = []
    for name in ("max", "vera", "nobody"):
        hasher.worked.clear()
        assert await accounts.by_password(name, "wrong") is None
        work.append(list(hasher.worked))
    assert work == [["$argon2id$v=19$m=64,t=1,p=1"]] * 3


@pytest.mark.parametrize(
    "password", ["", "short", "a" * 40, "abababababab", "olivia" * 3, "x" + "yz!1" * LONGEST]
)
async def test_a_password_that_would_be_guessed_is_refused(accounts: Accounts, password: str) -> None:
    await accounts.add(OWNER, "olivia", Role.OWNER)
    with pytest.raises(PasswordWeak):
        await accounts.set_password(Person("olivia", Role.OWNER), "olivia", password)
    assert await accounts.by_password("olivia", password) is None
