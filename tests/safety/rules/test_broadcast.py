from __future__ import annotations

import pytest

from safety.rules.broadcast import BroadcastRule, BroadcastSettings
from safety.verdict import Outcome
from tests.safety.builders import SECRET, draft


@pytest.mark.parametrize(
    "text",
    ["@everyone", "hey @here!", "@EVERYONE look", "foo@everyone", "@everyones", "@\u200beveryone", "＠ｅｖｅｒｙｏｎｅ",
     "@évéryone", "@channel", "@room party", "@all", "<@&123456>", "<!channel>", "<!here|here>", "<!subteam^S1>"],
)  # fmt: skip
async def test_a_draft_that_pings_everybody_is_dropped(text: str) -> None:
    verdict = await BroadcastRule().judge(draft("ok", f"{SECRET} {text}"))
    assert verdict.outcome is Outcome.DROP
    assert SECRET not in repr(verdict)


@pytest.mark.parametrize(
    "text",
    [
        "everyone is here",
        "@mia",
        "@allison",
        "@roomie",
        "all @ home",
        "<@123>",
        "@channelling",
        "not here @ work",
    ],
)
async def test_other_mentions_pass(text: str) -> None:
    assert (await BroadcastRule().judge(draft(text))).outcome is Outcome.ALLOW


async def test_more_names_can_be_set_and_none_need_be() -> None:
    named = BroadcastRule(BroadcastSettings(names=("Crew",)))
    assert (await named.judge(draft("@crew up"))).outcome is Outcome.DROP
    bare = BroadcastRule(BroadcastSettings(names=()))
    assert (await bare.judge(draft("@crew @all"))).outcome is Outcome.ALLOW
    assert (await bare.judge(draft("@everyone"))).outcome is Outcome.DROP


async def test_many_people_at_once_are_too_many() -> None:
    rule = BroadcastRule(BroadcastSettings(mentions=2))
    assert (await rule.judge(draft("@mia @tom", "@mia again, mail me@x.example"))).outcome is Outcome.ALLOW
    verdict = await rule.judge(draft("@mia <@123> @tom"))
    assert (verdict.outcome, verdict.facts) == (Outcome.DROP, {"mentions": 3})
    with pytest.raises(ValueError, match="0 or more"):
        BroadcastSettings(mentions=-1)
