"""Links that work once, sessions, and tokens for programs."""

from __future__ import annotations

import asyncio

import pytest

from bot.accounts import Account, Accounts
from bot.app import Office
from bot.dashboard.sign_in import Key, KeyKind, SignIn
from bot.errors import NotAllowed, TokenUnknown
from bot.people import Person, Role
from tests.bot.playground import MODERATOR, OWNER, VIEWER


@pytest.fixture
def sign_in(office: Office) -> SignIn:
    return SignIn(office.store, office.clock)


@pytest.fixture
def accounts(office: Office) -> Accounts:
    return Accounts(office.store, office.clock)


@pytest.fixture
async def max_(accounts: Accounts) -> Account:
    return await accounts.add(OWNER, MODERATOR.name, MODERATOR.role)


def _session(secret: str | None) -> Key:
    assert secret is not None
    return Key(KeyKind.SESSION, secret)


def _token(secret: str) -> Key:
    return Key(KeyKind.TOKEN, secret)


async def test_a_link_turns_into_a_session_once(sign_in: SignIn, max_: Account) -> None:
    link = await sign_in.mint(max_)
    session = await sign_in.redeem(link)
    assert await sign_in.person_of(_session(session)) == MODERATOR
    assert await sign_in.redeem(link) is None


async def test_of_many_with_one_link_one_gets_in(sign_in: SignIn, max_: Account) -> None:
    link = await sign_in.mint(max_)
    sessions = await asyncio.gather(*(sign_in.redeem(link) for _ in range(20)))
    assert sum(session is not None for session in sessions) == 1


async def test_no_key_is_good_for_anothers_lock(sign_in: SignIn, max_: Account) -> None:
    link, token = await sign_in.mint(max_), await sign_in.mint_token(OWNER, max_, Role.VIEWER)
    session = await sign_in.open(max_)
    assert session is not None
    keys = [Key(kind, secret) for kind in KeyKind for secret in (link, token, session, "", "\udc80")]
    found = {key for key in keys if await sign_in.person_of(key) is not None}
    assert found == {_session(session), _token(token)}
    assert [await sign_in.redeem(secret) for secret in (session, token, "")] == [None] * 3


async def test_links_sessions_and_tokens_expire(sign_in: SignIn, max_: Account) -> None:
    link = await sign_in.mint(max_, 0.03)
    session = await sign_in.open(max_, seconds=0.03)
    token = await sign_in.mint_token(OWNER, max_, Role.VIEWER, 0.03)
    await asyncio.sleep(0.06)
    assert await sign_in.redeem(link) is None
    assert await sign_in.person_of(_session(session)) is None
    assert await sign_in.person_of(_token(token)) is None
    assert await sign_in.tokens() == ()


async def test_signing_out_ends_a_session_at_once(sign_in: SignIn, max_: Account) -> None:
    session = _session(await sign_in.open(max_))
    assert await sign_in.person_of(session) == MODERATOR
    await sign_in.sign_out(session.secret)
    assert await sign_in.person_of(session) is None
    assert await sign_in.person_in_haste(session) is None


async def test_whoever_is_removed_is_out_at_once_and_stays_out_when_added_again(
    sign_in: SignIn, accounts: Accounts, max_: Account
) -> None:
    session, link = _session(await sign_in.open(max_)), await sign_in.mint(max_)
    token = _token(await sign_in.mint_token(OWNER, max_, Role.MODERATOR))
    await accounts.remove(OWNER, "max")
    for _ in range(2):
        assert [await sign_in.person_of(key) for key in (session, token)] == [None, None]
        await accounts.add(OWNER, "max", Role.OWNER)
    assert await sign_in.redeem(link) is None
    assert await sign_in.open(max_) is None
    assert await sign_in.tokens() == ()


async def test_signing_somebody_out_ends_sessions_and_links_but_not_the_tokens(
    sign_in: SignIn, accounts: Accounts, max_: Account
) -> None:
    vera = await accounts.add(OWNER, VIEWER.name, VIEWER.role)
    hers = _session(await sign_in.open(vera))
    session, link = _session(await sign_in.open(max_)), await sign_in.mint(max_)
    token = _token(await sign_in.mint_token(OWNER, max_, Role.MODERATOR))
    await accounts.sign_out(OWNER, "MAX")
    assert await sign_in.person_of(session) is None
    assert await sign_in.redeem(link) is None
    assert await sign_in.person_of(token) is not None
    assert await sign_in.person_of(hers) == VIEWER
    await accounts.sign_out(OWNER)
    assert await sign_in.person_of(hers) is None


async def test_a_role_that_is_taken_away_is_gone_at_the_next_request(
    sign_in: SignIn, accounts: Accounts, max_: Account
) -> None:
    session = _session(await sign_in.open(max_))
    token = _token(await sign_in.mint_token(OWNER, max_, Role.MODERATOR))
    await accounts.add(OWNER, "max", Role.VIEWER)
    assert await sign_in.person_of(session) == Person("max", Role.VIEWER)
    found = await sign_in.person_of(token)
    assert found is not None
    assert found.role is Role.VIEWER


async def test_a_token_does_no_more_than_it_was_made_for_and_says_that_it_is_one(
    sign_in: SignIn, max_: Account
) -> None:
    secret = await sign_in.mint_token(OWNER, max_, Role.VIEWER)
    (token,) = await sign_in.tokens()
    assert await sign_in.person_of(_token(secret)) == Person(f"max (token {token.id})", Role.VIEWER)
    more = await sign_in.mint_token(OWNER, max_, Role.OWNER)
    found = await sign_in.person_of(_token(more))
    assert found is not None
    assert found.role is Role.MODERATOR


async def test_a_token_is_revoked_by_its_id(sign_in: SignIn, max_: Account) -> None:
    secret = await sign_in.mint_token(OWNER, max_, Role.VIEWER)
    (token,) = await sign_in.tokens()
    with pytest.raises(NotAllowed):
        await sign_in.revoke(MODERATOR, token.id)
    await sign_in.revoke(OWNER, token.id)
    assert await sign_in.person_of(_token(secret)) is None
    with pytest.raises(TokenUnknown):
        await sign_in.revoke(OWNER, token.id)
    with pytest.raises(NotAllowed):
        await sign_in.mint_token(MODERATOR, max_, Role.VIEWER)


async def test_redis_never_sees_a_secret(
    office: Office, sign_in: SignIn, accounts: Accounts, max_: Account
) -> None:
    await accounts.set_password(OWNER, "max", "correct horse battery")
    max_ = await accounts.get("max")
    session = await sign_in.open(max_)
    token = await sign_in.mint_token(OWNER, max_, Role.VIEWER)
    secrets = [await sign_in.mint(max_), str(session), token, "correct horse"]
    stored: list[str] = []
    for name in await office.store.ask("keys", "*"):
        kind = await office.store.ask("type", name)
        read = {"string": ("get", name), "hash": ("hgetall", name), "stream": ("xrange", name)}
        stored += [name, str(await office.store.ask(*read[kind]) if kind in read else "")]
    everything = " ".join(stored)
    assert everything.count("$argon2id$") == 1
    for kind in ("link:", "session:", "token:"):
        assert sum(f"{{0}}:{kind}" in text for text in stored) == 1
    assert not any(secret in everything for secret in secrets)
