from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.message import Author, Message
from safety.rules.echo import EchoRule, EchoSettings
from safety.verdict import Outcome
from tests.safety.builders import BOT, MIA, SAM, gate, message

kinds = st.lists(st.sampled_from(["own", "echo", "bot", "person"]), min_size=1, max_size=8)


@given(kinds)
async def test_a_turn_is_answered_only_when_a_person_other_than_the_owner_wrote_in_it(
    kinds: list[str],
) -> None:
    messages: list[Message] = []
    for at, kind in enumerate(kinds):
        author = {"own": SAM, "echo": SAM, "bot": BOT, "person": MIA}[kind]
        messages.append(message("hi", author, f"{kind}-{at}", own=kind == "own"))
    # A connector that lost the mark `own` still hands the same id back.
    own_ids = frozenset(each.id for each in messages if each.id.startswith("echo"))
    verdict = await EchoRule().judge(gate(*messages, own_ids=own_ids))
    assert verdict.outcome is (Outcome.ALLOW if "person" in kinds else Outcome.DROP)
    assert verdict.facts == {
        "messages": len(kinds),
        "own": kinds.count("own") + kinds.count("echo"),
        "by_bots": kinds.count("bot"),
    }


async def test_the_reason_tells_bots_from_own_messages() -> None:
    by_bot = await EchoRule().judge(gate(message("beep", BOT)))
    by_self = await EchoRule().judge(gate(message("me", SAM, own=True)))
    assert by_bot.reason == "only bots wrote"
    assert by_self.reason == "the turn is made of own messages alone"


PARTNER = Author("b2", "Kim", is_bot=True)
WITH_PARTNER = EchoRule(EchoSettings(("local/b2",), turns=3))


@pytest.mark.parametrize(
    ("alone", "outcome"), [(0, Outcome.ALLOW), (2, Outcome.ALLOW), (3, Outcome.DROP), (9, Outcome.DROP)]
)
async def test_a_partner_is_answered_so_many_turns_since_a_person_wrote(alone: int, outcome: Outcome) -> None:
    verdict = await WITH_PARTNER.judge(gate(message("hi", PARTNER), turns_alone=alone))
    assert verdict.outcome is outcome
    assert verdict.facts["turns_alone"] == alone


async def test_a_person_is_answered_however_long_bots_talked() -> None:
    verdict = await WITH_PARTNER.judge(gate(message("hi", PARTNER), message("oh", MIA, "m2"), turns_alone=9))
    assert verdict.outcome is Outcome.ALLOW


@pytest.mark.parametrize("author", [BOT, Author("b2", "Kim", is_bot=True)])
async def test_other_bots_are_no_partners_and_without_the_setting_none_is(author: Author) -> None:
    rule = WITH_PARTNER if author is BOT else EchoRule()
    assert (await rule.judge(gate(message("hi", author)))).reason == "only bots wrote"


@pytest.mark.parametrize("fields", [{"partners": ("b2",)}, {"partners": ("local/",)}, {"turns": 0}])
def test_what_cannot_be_meant_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="partner"):
        EchoSettings(**fields)  # type: ignore[arg-type]
