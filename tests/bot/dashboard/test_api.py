"""The REST API over a real socket: every endpoint, who may, and what goes wrong."""

from __future__ import annotations

import asyncio

import pytest

from bot.app import Office
from bot.drafts import Candidate, candidates_to_json
from bot.presence import Condition
from safety.chain import DRAFT_RULES, GATE_RULES
from tests.bot.dashboard.conftest import Client, plant
from tests.bot.playground import MODERATOR, OWNER, ROOM, VIEWER, Playground, until

pytestmark = pytest.mark.usefixtures("dashboard")
CHAT = "/api/v1/chats/local/weekend-plans"


async def test_nobody_gets_in_without_a_session(client: Client) -> None:
    http = await client(None)
    for path in ("/me", "/status", "/drafts", "/kills", "/chats", "/journal"):
        answer = await http.get("/api/v1" + path)
        assert (answer.status_code, answer.json()["error"]) == (401, "signed_out")
    http.headers["Authorization"] = "Bearer made-up"
    assert (await http.get("/api/v1/me")).status_code == 401
    assert (await http.get("/api/docs")).status_code == 303


async def test_me_says_who_i_am(client: Client) -> None:
    http = await client(MODERATOR)
    assert (await http.get("/api/v1/me")).json() == {"name": "max", "role": "moderator"}


async def test_status_says_how_things_are(client: Client, office: Office, room: Playground) -> None:
    http = await client(VIEWER)
    await plant(office, await room.say("Sam?"))
    assert (await http.get("/api/v1/status")).json() == {
        "redis": True,
        "services": [],
        "kills": [],
        "chats": 1,
        "drafts": 1,
        "owner_absent_since": None,
    }


async def test_status_says_what_keeps_a_messenger_or_a_chat_from_working(
    client: Client, office: Office, room: Playground
) -> None:
    http = await client(VIEWER)

    async def look() -> Condition:
        return Condition(True, "", 0, {str(room.key): "the bot may not see it"})

    keeping = asyncio.create_task(office.attendance.keep("one", "sam", "f", look))

    async def said() -> bool:
        services = (await http.get("/api/v1/status")).json()["services"]
        return [service["troubles"] for service in services] == [{str(room.key): "the bot may not see it"}]

    await until(said)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_draft_is_listed_and_approved_as_edited(
    client: Client, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    http = await client(MODERATOR)
    (listed,) = (await http.get("/api/v1/drafts")).json()
    assert (listed["id"], listed["state"], listed["bubbles"]) == (draft, "held", ["sure", "see you there"])
    assert (await http.get("/api/v1/drafts/newest?count=1")).json() == [listed]
    answer = await http.post(f"/api/v1/drafts/{draft}/approve", json={"text": "maybe\nlater"})
    assert answer.status_code == 200
    body = answer.json()
    assert (body["state"], body["decided_by"]) == ("approved", "max")
    assert (body["bubbles"], body["original"]) == (["maybe", "later"], ["sure", "see you there"])
    again = await http.post(f"/api/v1/drafts/{draft}/approve")
    assert (again.status_code, again.json()["error"]) == (409, "decided")


async def test_a_draft_is_rejected_with_a_reason(client: Client, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    http = await client(OWNER)
    answer = await http.post(f"/api/v1/drafts/{draft}/reject", json={"reason": "not me"})
    assert (answer.json()["state"], answer.json()["reason"]) == ("rejected", "not me")
    assert (await http.get(f"/api/v1/drafts/{draft}")).json() == answer.json()
    assert (await http.get("/api/v1/drafts")).json() == []


async def test_an_edit_cannot_carry_the_kill_word(client: Client, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    http = await client(MODERATOR)
    answer = await http.post(f"/api/v1/drafts/{draft}/approve", json={"text": "pineapple"})
    assert (answer.status_code, answer.json()["error"]) == (409, "rules")


async def test_a_draft_that_is_not_there_is_not_found(client: Client) -> None:
    http = await client(MODERATOR)
    answers = [
        await http.get("/api/v1/drafts/none"),
        await http.post("/api/v1/drafts/none/approve"),
        await http.post("/api/v1/drafts/none/reject"),
    ]
    assert [(a.status_code, a.json()["error"]) for a in answers] == [(404, "draft_unknown")] * 3


async def test_a_kill_stands_until_the_owner_resumes(
    client: Client, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    viewer, moderator, owner = await client(VIEWER), await client(MODERATOR), await client(OWNER)
    report = await viewer.post("/api/v1/kills")
    assert (report.status_code, report.json()["scope"]) == (200, "everywhere")
    (kill,) = (await moderator.get("/api/v1/kills")).json()
    assert (kill["by"], kill["reason"]) == ("vera", "the switch was pressed")
    refused = await moderator.post(f"/api/v1/drafts/{draft}/approve")
    assert (refused.status_code, refused.json()["error"]) == (409, "killed")
    for http in (viewer, moderator):
        answer = await http.post("/api/v1/kills/resume", json={"scope": "everywhere"})
        assert (answer.status_code, answer.json()["error"]) == (403, "not_allowed")
    resumed = (await owner.post("/api/v1/kills/resume")).json()
    assert [found["id"] for found in resumed["drafts"]] == [draft]
    assert (await owner.get("/api/v1/kills")).json() == []


async def test_a_kill_may_have_a_narrower_scope(client: Client) -> None:
    http = await client(VIEWER)
    order = {"scope": f"chat:{ROOM}", "reason": "too chatty"}
    assert (await http.post("/api/v1/kills", json=order)).status_code == 200
    (kill,) = (await http.get("/api/v1/kills")).json()
    assert (kill["scope"], kill["reason"]) == (f"chat:{ROOM}", "too chatty")
    wrong = await http.post("/api/v1/kills", json={"scope": "here"})
    assert (wrong.status_code, wrong.json()["error"]) == (422, "invalid")


async def test_chats_are_listed_and_changed(client: Client) -> None:
    http = await client(OWNER)
    (chat,) = (await http.get("/api/v1/chats")).json()
    assert (chat["chat"], chat["title"], chat["mode"]) == (str(ROOM), "Weekend Plans", "auto")
    changed = await http.patch(CHAT, json={"mode": "shadow", "probability": 0.25})
    assert (changed.json()["mode"], changed.json()["probability"]) == ("shadow", 0.25)
    assert (await http.get(CHAT)).json() == changed.json()
    words = await http.patch(CHAT, json={"kill_words": ["quokka", "red panda"]})
    assert words.json()["kill_words"] == ["quokka", "red panda"]
    assert (await http.patch(CHAT, json={"kill_words": []})).json()["kill_words"] == []


@pytest.mark.parametrize(
    "change", [{"mode": "loud"}, {"probability": 2}, {"volume": 1}, {"kill_words": ["..."]}, "text"]
)
async def test_a_change_that_makes_no_sense_changes_nothing(client: Client, change: object) -> None:
    http = await client(OWNER)
    before = (await http.get(CHAT)).json()
    answer = await http.patch(CHAT, json=change)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert (await http.get(CHAT)).json() == before


async def test_a_refused_text_is_not_quoted_in_the_error(client: Client) -> None:
    http = await client(OWNER)
    answer = await http.post("/api/v1/drafts/x/approve", json={"text": ["my secret words"]})
    assert answer.status_code == 422
    assert "secret" not in answer.text


async def test_transcript_outcomes_and_journal_of_a_chat(
    client: Client, office: Office, room: Playground
) -> None:
    http = await client(VIEWER)
    message = await room.say("Sam?")
    draft = await plant(office, message)
    (said,) = (await http.get(CHAT + "/transcript")).json()
    assert (said["id"], said["author"], said["text"], said["own"]) == (message.id, "Mia", "Sam?", False)
    outcomes = (await http.get(CHAT + "/outcomes")).json()
    assert (outcomes[message.id]["outcome"], outcomes[message.id]["draft"]) == ("held", draft)
    journal = (await http.get(CHAT + "/journal")).json()
    assert [entry["kind"] for entry in journal][:2] == ["draft.held", "turn.decided"]
    assert (await http.get("/api/v1/journal?count=1")).json() == journal[:1]


async def test_a_chat_that_is_not_there_is_not_found(client: Client) -> None:
    http = await client(OWNER)
    nowhere = "/api/v1/chats/local/nowhere"
    answers = [await http.get(nowhere + end) for end in ("", "/transcript", "/outcomes", "/journal")]
    answers.append(await http.patch(nowhere, json={"mode": "auto"}))
    assert [(a.status_code, a.json()["error"]) for a in answers] == [(404, "chat_unknown")] * 5


async def test_who_may_do_what(client: Client, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    viewer, moderator = await client(VIEWER), await client(MODERATOR)
    answers = [
        await viewer.post(f"/api/v1/drafts/{draft}/approve"),
        await viewer.post(f"/api/v1/drafts/{draft}/reject"),
        await viewer.patch(CHAT, json={"mode": "auto"}),
        await moderator.patch(CHAT, json={"mode": "auto"}),
        await moderator.patch(CHAT, json={"probability": 1}),
    ]
    assert [(a.status_code, a.json()["error"]) for a in answers] == [(403, "not_allowed")] * 5
    (waiting,) = await office.desk.drafts.waiting()
    assert waiting.state == "held"


async def test_an_unknown_path_or_method_is_said_in_the_same_form(client: Client) -> None:
    http = await client(OWNER)
    for answer in (await http.get("/api/v1/nothing"), await http.delete("/api/v1/drafts")):
        assert (answer.status_code, answer.json()["error"]) == (404, "unknown")


async def test_the_api_is_documented(client: Client) -> None:
    http = await client(VIEWER)
    document = (await http.get("/api/openapi.json")).json()
    page = (await http.get("/api/docs")).text
    for path, methods in document["paths"].items():
        assert path in page
        for operation in methods.values():
            assert operation["description"]
            assert {"401", "403", "404", "409", "503"} <= operation["responses"].keys()
    assert "http://" not in page
    assert "https://" not in page


async def test_the_rules_stand_in_their_order_with_what_each_said(client: Client) -> None:
    http = await client(VIEWER)
    rules = (await http.get("/api/v1/rules", params={"days": 1})).json()
    assert tuple(rule["rule"] for rule in rules if rule["chain"] == "gate") == GATE_RULES
    assert tuple(rule["rule"] for rule in rules if rule["chain"] == "draft") == DRAFT_RULES
    assert {(rule["on"], rule["optional"]) for rule in rules} == {(True, True), (True, False)}
    assert set(rules[0]["verdicts"]) == {"allow", "hold", "rewrite", "drop", "stop"}
    assert (await http.get("/api/v1/rules", params={"days": 99})).status_code == 422


async def test_a_draft_is_taken_and_given_back(client: Client, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    moderator, owner, viewer = await client(MODERATOR), await client(OWNER), await client(VIEWER)
    path = f"/api/v1/drafts/{draft}"
    assert (await viewer.post(f"{path}/claim")).status_code == 403
    taken = (await moderator.post(f"{path}/claim")).json()
    assert (taken["taken_by"], taken["state"]) == ("max", "held")
    refused = await owner.post(f"{path}/approve")
    assert (refused.status_code, refused.json()["error"]) == (409, "claimed")
    assert "max has taken it" in refused.json()["message"]
    assert (await moderator.post(f"{path}/claim", json={"take_over": True})).status_code == 403
    assert (await owner.post(f"{path}/claim", json={"take_over": True})).json()["taken_by"] == "olivia"
    assert (await moderator.post(f"{path}/release")).status_code == 409
    assert (await owner.post(f"{path}/release")).json()["taken_by"] is None
    assert (await moderator.post(f"{path}/approve")).json()["state"] == "approved"


async def test_another_text_is_ordered(client: Client, office: Office, room: Playground) -> None:
    draft = await plant(office, await room.say("Sam?"))
    http = await client(MODERATOR)
    path = f"/api/v1/drafts/{draft}"
    assert (await http.post(f"{path}/regenerate", json={"version": 7})).json()["error"] == "changed"
    ordered = await http.post(f"{path}/regenerate", json={"newest": True, "version": 1})
    assert (ordered.status_code, ordered.json()["state"]) == (200, "rewriting")
    assert (await http.post(f"{path}/regenerate")).json()["error"] == "rewriting"
    assert (await http.post(f"{path}/approve")).json()["error"] == "rewriting"
    assert [found["id"] for found in (await http.get("/api/v1/drafts")).json()] == [draft]
    assert (await http.post(f"{path}/reject")).json()["state"] == "rejected"


async def test_a_candidate_is_approved_by_its_number(
    client: Client, office: Office, room: Playground
) -> None:
    texts = [
        Candidate(1, ("yes",), 1, None),
        Candidate(2, ("no",), 2, None),
        Candidate(3, (), 3, "length: no"),
    ]
    fields = {"candidates": candidates_to_json(texts), "chosen": "1"}
    draft = await plant(office, await room.say("Sam?"), "yes", fields=fields)
    http = await client(MODERATOR)
    listed = (await http.get(f"/api/v1/drafts/{draft}")).json()
    assert [(one["number"], one["bubbles"], one["refusal"]) for one in listed["candidates"]] == [
        *((1, ["yes"], None), (2, ["no"], None), (3, [], "length: no"))
    ]
    path = f"/api/v1/drafts/{draft}/approve"
    assert (await http.post(path, json={"candidate": 3})).json()["error"] == "refused"
    assert (await http.post(path, json={"candidate": 4})).json()["error"] == "candidate"
    assert (await http.post(path, json={"candidate": 6})).status_code == 422
    body = (await http.post(path, json={"candidate": 2, "version": 1})).json()
    assert (body["bubbles"], body["chosen"]) == (["no"], 2)


async def test_many_are_decided_in_one_go(client: Client, office: Office, room: Playground) -> None:
    ids = [await plant(office, await room.say(f"Sam? {n}"), f"yes {n}") for n in range(3)]
    http = await client(MODERATOR)
    order = {
        "action": "approve",
        "drafts": [{"id": ids[0], "version": 1}, {"id": ids[1], "version": 2}, {"id": "x"}],
    }
    assert (await (await client(VIEWER)).post("/api/v1/drafts/bulk", json=order)).status_code == 403
    answer = await http.post("/api/v1/drafts/bulk", json=order)
    assert answer.status_code == 200
    assert [(one["draft"], one["came_to"]) for one in answer.json()] == [
        *((ids[0], "approved"), (ids[1], "changed"), ("x", "missing"))
    ]
    order = {"action": "reject", "drafts": [{"id": id_} for id_ in ids], "reason": "not how I talk"}
    answer = await http.post("/api/v1/drafts/bulk", json=order)
    assert [one["came_to"] for one in answer.json()] == ["decided", "rejected", "rejected"]
    summary = (await http.get("/api/v1/drafts/summary")).json()
    assert summary == {
        "states": {"rejected": 2, "approved": 1},
        "reasons": {"not how I talk": 2},
        "edited": 0,
    }
    for wrong in ({"action": "approve", "drafts": []}, {"action": "sell", "drafts": [{"id": "x"}]}):
        assert (await http.post("/api/v1/drafts/bulk", json=wrong)).status_code == 422


async def test_what_was_mended_is_the_owners_to_take(
    client: Client, office: Office, room: Playground
) -> None:
    draft = await plant(office, await room.say("Sam?"))
    await office.desk.approve(MODERATOR, draft, "maybe")
    assert (await (await client(MODERATOR)).get("/api/v1/drafts/edits")).status_code == 403
    (edit,) = (await (await client(OWNER)).get("/api/v1/drafts/edits")).json()
    assert (edit["model"], edit["approved"], edit["by"]) == (["sure", "see you there"], ["maybe"], "max")


async def test_the_ledger_is_read_by_moderators_and_changed_by_owners(
    client: Client, office: Office, room: Playground
) -> None:
    viewer, moderator, owner = await client(VIEWER), await client(MODERATOR), await client(OWNER)
    assert (await viewer.get(f"{CHAT}/consent")).status_code == 403
    no = {"person": "mia", "name": "Mia", "agreed": False}
    assert (await moderator.post(f"{CHAT}/consent", json=no)).status_code == 403
    assert (await owner.post(f"{CHAT}/consent", json=no)).status_code == 200
    ledger = (await moderator.get(f"{CHAT}/consent")).json()
    assert (ledger["enabled"], ledger["by"], ledger["people"]) == (True, "olivia", "opt_out")
    (entry,) = ledger["entries"]
    assert (entry["person"], entry["name"], entry["purpose"], entry["agreed"], entry["how"]) == (
        *("mia", "Mia", "answered", False),
        "owner",
    )
    assert (await owner.get("/api/v1/chats/local/nowhere/consent")).status_code == 404
    assert (await moderator.delete(CHAT)).status_code == 403
    assert (await owner.delete(CHAT)).status_code == 204
    assert (await owner.get(CHAT)).status_code == 404
    assert (await owner.get(f"{CHAT}/consent")).json()["enabled"] is False
