"""`people`, and what `run` prints at its first start and at later ones."""

from __future__ import annotations

import httpx
import pytest

from bot.accounts import Accounts
from bot.app import open_office
from bot.people import Role
from bot.settings import Settings
from tests.bot.cli.command import CommandLine, said, staying
from tests.bot.dashboard.conftest import enter


async def test_people_are_added_listed_and_removed(understudy: CommandLine) -> None:
    assert (await understudy("people", "--json")).json() == []
    added = await understudy("people", "add", "Mia", "--role", "moderator")
    assert (added.code, added.err) == (0, "")
    assert "Mia is moderator." in added.out
    (listed,) = (await understudy("people", "list", "--json")).json()
    assert (listed["name"], listed["role"], listed["has_password"], listed["seen_at"]) == (
        "Mia",
        "moderator",
        False,
        None,
    )
    assert "Mia" in (await understudy("people")).out
    assert "person added" in (await understudy("journal")).out
    assert (await understudy("people", "remove", "mia")).code == 0
    assert "nobody called mia" in await understudy.line(2, "people", "remove", "mia")


async def test_a_token_is_shown_once_listed_by_id_and_revoked(understudy: CommandLine) -> None:
    await understudy("people", "add", "Mia")
    made = await understudy("people", "token", "mia", "--role", "viewer", "--days", "1")
    assert made.out.startswith("understudy_")
    listed = await understudy("people", "tokens", "--json")
    (token,) = listed.json()
    assert (token["name"], token["role"]) == ("Mia", "viewer")
    assert made.out.strip() not in listed.out
    assert (await understudy("people", "revoke", token["id"])).code == 0
    assert (await understudy("people", "tokens", "--json")).json() == []
    assert "no token" in await understudy.line(2, "people", "revoke", token["id"])


@pytest.mark.parametrize("wrong", [(), ("mia", "--all"), ("mia", "--tokens")], ids=" ".join)
async def test_whom_to_sign_out_must_be_said(understudy: CommandLine, wrong: tuple[str, ...]) -> None:
    assert "say who" in await understudy.line(2, "people", "sign-out", *wrong)


async def test_everybody_is_signed_out_and_tokens_go_when_asked(understudy: CommandLine) -> None:
    async with open_office(Settings(state_dir=understudy.state_dir)) as office:
        accounts = Accounts(office.store, office.clock)
        await understudy("people", "add", "Mia")
        before = await accounts.get("Mia")
        await understudy("people", "token", "Mia")
        assert (await understudy("people", "sign-out", "--all")).code == 0
        assert (await accounts.get("Mia")).generation != before.generation
        assert len((await understudy("people", "tokens", "--json")).json()) == 1
        assert (await understudy("people", "sign-out", "--all", "--tokens")).code == 0
        assert (await understudy("people", "tokens", "--json")).json() == []


async def test_the_first_start_prints_one_link_for_an_owner_and_later_ones_none(served: CommandLine) -> None:
    for round_ in range(2):  # a link that nobody used is followed by another
        process = await served.start("run")
        async with staying(process):
            link = (await said(process, "/sign-in?token=")).strip()
            if round_ == 1:
                async with httpx.AsyncClient(timeout=20) as http:
                    assert (await enter(http, link)).status_code == 303
    (owner,) = (await served("people", "--json")).json()
    assert (owner["role"], owner["has_password"]) == (Role.OWNER.value, False)
    process = await served.start("run")
    async with staying(process):
        line = await said(process, "http://")
        assert "token" not in line
        shown = await served("link")
        assert shown.out.startswith(line.strip() + "/sign-in?token=")
        async with httpx.AsyncClient(timeout=20) as http:
            assert (await enter(http, shown.out.strip())).status_code == 303
        assert len((await served("people", "--json")).json()) == 1
