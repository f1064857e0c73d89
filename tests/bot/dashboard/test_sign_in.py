"""Links that work once, and sessions."""

from __future__ import annotations

import asyncio

from bot.app import Office
from bot.dashboard.sign_in import SignIn
from tests.bot.playground import MODERATOR, OWNER


async def test_a_link_turns_into_a_session_once(office: Office) -> None:
    sign_in = SignIn(office.store)
    token = await sign_in.mint(OWNER)
    session = await sign_in.redeem(token)
    assert session is not None
    assert await sign_in.person_of(session) == OWNER
    assert await sign_in.redeem(token) is None


async def test_of_many_with_one_link_one_gets_in(office: Office) -> None:
    sign_in = SignIn(office.store)
    token = await sign_in.mint(OWNER)
    sessions = await asyncio.gather(*(sign_in.redeem(token) for _ in range(20)))
    assert sum(session is not None for session in sessions) == 1


async def test_a_link_is_no_session_and_a_session_no_link(office: Office) -> None:
    sign_in = SignIn(office.store)
    assert await sign_in.person_of(await sign_in.mint(OWNER)) is None
    assert await sign_in.redeem(await sign_in.mint_session(OWNER)) is None
    assert await sign_in.redeem("") is None
    assert await sign_in.person_of("") is None


async def test_links_and_sessions_expire(office: Office) -> None:
    sign_in = SignIn(office.store)
    token = await sign_in.mint(OWNER, 0.03)
    session = await sign_in.mint_session(OWNER, 0.03)
    await asyncio.sleep(0.06)
    assert await sign_in.redeem(token) is None
    assert await sign_in.person_of(session) is None


async def test_signing_out_ends_a_session_at_once(office: Office) -> None:
    sign_in = SignIn(office.store)
    session = await sign_in.mint_session(MODERATOR)
    assert await sign_in.person_of(session) == MODERATOR
    await sign_in.sign_out(session)
    assert await sign_in.person_of(session) is None
    assert await sign_in.person_in_haste(session) is None


async def test_redis_never_sees_a_token(office: Office) -> None:
    sign_in = SignIn(office.store)
    tokens = [await sign_in.mint(OWNER), await sign_in.mint_session(OWNER)]
    names = await office.store.ask("keys", "*")
    values = [await office.store.ask("get", name) for name in names if "session" in name or "sign-in" in name]
    assert len(values) == 2
    everything = " ".join([*names, *values])
    assert not any(token in everything for token in tokens)
