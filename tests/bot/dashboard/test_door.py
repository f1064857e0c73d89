"""Signing in by password, what is refused at the door, and one's own account."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.dashboard.server import Dashboard
from bot.settings import DashboardSettings, Settings
from bot.tries import TrySettings
from tests.bot.dashboard.conftest import Client, enter
from tests.bot.playground import MODERATOR, OWNER, VIEWER

GOOD = "four words of nonsense"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    few = TrySettings(per_address=4, per_name=4, in_all=20)
    return settings.model_copy(update={"dashboard": DashboardSettings(port=0, sign_in=few)})


async def _say(http: httpx.AsyncClient, name: str, password: str) -> httpx.Response:
    return await http.post("/sign-in", data={"name": name, "password": password})


async def test_a_password_is_set_after_a_link_and_signs_in_from_then_on(client: Client) -> None:
    first, other = await client(MODERATOR), await client(MODERATOR)
    assert "Password" not in (await (await client(None)).get("/sign-in")).text
    page = await first.get("/account")
    assert "so that you can come back" in page.text
    before = dict(first.cookies)
    answer = await first.post("/account/password", data={"password": GOOD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert dict(first.cookies) != before
    assert (await first.get("/api/v1/me")).status_code == 200
    assert (await other.get("/api/v1/me")).status_code == 401  # it ends what was open elsewhere
    third = await client(None)
    assert "Password" in (await third.get("/sign-in")).text
    assert (await _say(third, "Max", GOOD)).status_code == 303
    assert (await third.get("/api/v1/me")).json() == {"name": "max", "role": "moderator"}


async def test_a_password_is_changed_only_by_who_knows_it(client: Client, dashboard: Dashboard) -> None:
    http = await client(MODERATOR)
    await http.post("/account/password", data={"password": GOOD})
    for current in ("", "wrong"):
        answer = await http.post("/account/password", data={"password": GOOD + "!", "current": current})
        assert answer.status_code == 403
    weak = await http.post("/account/password", data={"password": "<b>weak", "current": GOOD})
    assert (weak.status_code, "<b>weak" in weak.text) == (422, False)
    assert await dashboard.accounts.by_password("max", GOOD) is not None
    answer = await http.post("/account/password", data={"password": GOOD + "!", "current": GOOD})
    assert answer.status_code == 303
    assert await dashboard.accounts.by_password("max", GOOD) is None


async def test_a_wrong_name_and_a_wrong_password_are_told_the_same(
    client: Client, dashboard: Dashboard
) -> None:
    await dashboard.accounts.add(OWNER, "max", MODERATOR.role)
    await dashboard.accounts.set_password(OWNER, "max", GOOD)
    http = await client(None)
    answers = [await _say(http, name, "wrong") for name in ("max", "nobody", "")]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert not any("set-cookie" in answer.headers for answer in answers)


async def test_who_fails_too_often_is_told_when_to_come_back(client: Client, dashboard: Dashboard) -> None:
    link = await dashboard.link(OWNER)
    http = await client(None)
    for _ in range(4):
        assert (await _say(http, "olivia", "wrong")).status_code == 401
    refused = await _say(http, "olivia", "wrong")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300
    # Also with the right words; and who is kept out by others' tries still has the link.
    await dashboard.accounts.set_password(OWNER, "olivia", GOOD)
    assert (await _say(http, "olivia", GOOD)).status_code == 429
    assert (await enter(http, await dashboard.link(OWNER))).status_code == 303
    assert (await enter(http, link)).status_code == 401  # setting the password ended it


async def test_guessing_links_is_limited_too(client: Client, dashboard: Dashboard) -> None:
    http = await client(None)
    for _ in range(4):
        assert (await enter(http, dashboard.url + "/sign-in?token=guess")).status_code == 401
    assert (await enter(http, await dashboard.link(OWNER))).status_code == 429


async def test_who_says_to_come_from_elsewhere_is_not_believed(client: Client) -> None:
    http = await client(None)
    codes = []
    for number in range(5):
        http.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        http.headers["X-Forwarded-Proto"] = "https"
        codes.append((await _say(http, f"name{number}", "wrong")).status_code)
    assert codes == [401] * 4 + [429]


async def test_another_site_cannot_sign_a_visitor_in_as_somebody_else(dashboard: Dashboard) -> None:
    token = (await dashboard.link(OWNER)).partition("token=")[2]
    async with httpx.AsyncClient(base_url=dashboard.url, timeout=20) as http:
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {},
        ):
            answer = await http.post("/sign-in", data={"token": token}, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (403, "cross_site")
        assert (await enter(http, f"{dashboard.url}/sign-in?token={token}")).status_code == 303


async def test_a_session_is_never_the_one_that_a_visitor_came_with(
    dashboard: Dashboard, client: Client
) -> None:
    http = await client(VIEWER)
    (name, planted), *_ = http.cookies.items()
    assert (await enter(http, await dashboard.link(OWNER))).status_code == 303
    assert http.cookies[name] != planted
    other = await client(None)
    other.cookies.set(name, planted)
    assert (await other.get("/api/v1/me")).status_code == 401
    # Nor is one that somebody made up taken over.
    other.cookies.set(name, "chosen-by-the-attacker")
    await enter(other, await dashboard.link(OWNER))
    third = await client(None)
    third.cookies.set(name, "chosen-by-the-attacker")
    assert (await third.get("/api/v1/me")).status_code == 401


async def test_a_cookie_that_was_tampered_with_opens_nothing(client: Client) -> None:
    http = await client(OWNER)
    (name, session), *_ = http.cookies.items()
    http.cookies.clear()
    spoilt = [session[:-1], session + "A", session.swapcase(), session[::-1], '"', "\\", "x" * 5000, ""]
    for value in spoilt:
        answer = await http.get("/api/v1/me", headers={"Cookie": f"{name}={value}"})
        assert answer.status_code == 401, value[:50]
    # Over plain HTTP, the name that is for TLS alone says nothing.
    answer = await http.get("/api/v1/me", headers={"Cookie": f"__Host-{name}={session}"})
    assert answer.status_code == 401
    assert (await http.get("/api/v1/me", headers={"Cookie": f"{name}={session}"})).status_code == 200


async def test_an_owner_signs_everybody_out(client: Client) -> None:
    viewer, moderator, owner = await client(VIEWER), await client(MODERATOR), await client(OWNER)
    assert "Sign everybody out" not in (await moderator.get("/account")).text
    assert (await moderator.post("/account/sign-everybody-out")).status_code == 403
    assert (await moderator.get("/api/v1/me")).status_code == 200
    assert "<b>vera</b>" in (await owner.get("/account")).text
    assert (await owner.post("/account/sign-everybody-out")).status_code == 303
    for http in (viewer, moderator, owner):
        assert (await http.get("/api/v1/me")).status_code == 401


async def test_people_are_let_in_and_sent_away_through_the_api(client: Client) -> None:
    owner = await client(OWNER)
    added = (await owner.post("/api/v1/people", json={"name": "Mia", "role": "moderator"})).json()
    assert (added["account"]["name"], added["account"]["role"]) == ("Mia", "moderator")
    mia = await client(None)
    assert (await enter(mia, added["link"])).status_code == 303
    assert (await mia.get("/api/v1/me")).json() == {"name": "Mia", "role": "moderator"}
    people = {account["name"]: account for account in (await owner.get("/api/v1/people")).json()}
    assert people["Mia"]["seen_at"] is not None
    assert (await owner.post("/api/v1/people/mia/sign-out")).status_code == 200
    assert (await mia.get("/api/v1/me")).status_code == 401
    assert (await owner.delete("/api/v1/people/Mia")).status_code == 200
    again = await owner.delete("/api/v1/people/Mia")
    assert (again.status_code, again.json()["error"]) == (404, "person_unknown")
    assert (await owner.post("/api/v1/people", json={"name": "a/b"})).status_code == 422


async def test_tokens_are_listed_without_their_secret_and_revoked(client: Client, program: Client) -> None:
    http, owner = await program(MODERATOR), await client(OWNER)
    answer = await owner.get("/api/v1/tokens")
    (token,) = answer.json()
    assert (token["name"], token["role"]) == ("max", "moderator")
    assert http.headers["Authorization"].partition(" ")[2] not in answer.text
    assert (await http.get("/api/v1/me")).json()["name"] == f"max (token {token['id']})"
    assert (await owner.delete(f"/api/v1/tokens/{token['id']}")).status_code == 200
    assert (await http.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize("path", ["/sign-in", "/account/password"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"name=%ff&password=%00&current=\xff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded"),
        (b'{"token": "x"}', "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
)
async def test_what_is_no_form_signs_nobody_in(client: Client, path: str, body: bytes, kind: str) -> None:
    http = await client(VIEWER)
    answer = await http.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code in {401, 422}


async def test_a_body_that_never_ends_is_not_read_to_its_end(client: Client) -> None:
    http = await client(OWNER)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    long = await http.post("/api/v1/kills", content=b"x" * 1_000_001)
    assert (long.status_code, long.json()["error"]) == (413, "too_long")
    for path in ("/sign-in", "/api/v1/kills"):
        answer = await http.post(
            path, content=endless(), headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code in {400, 413, 422}
    assert (await http.get("/api/v1/kills")).json() == []
