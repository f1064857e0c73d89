from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chat.message import Message
from safety.rules.echo import EchoRule
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
