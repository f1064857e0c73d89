from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safety.moderation.classifier import Category
from safety.moderation.endpoint import NAMES, NEEDED, ModerationEndpoint
from safety.moderation.errors import AnswerInvalid
from safety.moderation.server import ModerationServer
from safety.rules.moderation import ModerationRule
from safety.verdict import Outcome
from tests.fakes.moderation_server import OPENAI_NAMES, Failure, FakeModerationServer
from tests.safety.builders import draft
from tests.safety.moderation.samples import sample

FINE: dict[str, Any] = dict.fromkeys(OPENAI_NAMES, 0.01)


def body(scores: object, **more: object) -> bytes:
    return json.dumps({"results": [{"flagged": False, "category_scores": scores}], **more}).encode()


async def test_one_bubble_is_sent_as_a_text_with_the_model(
    server: FakeModerationServer, asking: ModerationServer
) -> None:
    scores = await ModerationEndpoint(asking, "omni-moderation-latest").classify(sample("hey"))
    assert server.requests[0].body == {"input": "hey", "model": "omni-moderation-latest"}
    assert (scores.backend, scores.model) == ("endpoint", "omni-moderation-latest")
    assert max(scores.values.values()) == 0.001


async def test_bubbles_are_judged_together_and_one_by_one(
    server: FakeModerationServer, asking: ModerationServer
) -> None:
    scores = await ModerationEndpoint(asking).classify(sample("hey", "horrid", "you"))
    assert server.requests[0].body == {"input": ["hey\nhorrid\nyou", "hey", "horrid", "you"]}
    assert scores.of(Category.HATE) == 0.97


async def test_a_server_that_takes_no_list_gets_one_text(
    server: FakeModerationServer, asking: ModerationServer
) -> None:
    await ModerationEndpoint(asking, one_text=True).classify(sample("hey", "you"))
    assert server.requests[0].body == {"input": "hey\nyou"}


async def test_one_bad_bubble_among_good_ones_is_enough(
    server: FakeModerationServer, asking: ModerationServer
) -> None:
    results = [
        {"category_scores": FINE},
        {"category_scores": FINE},
        {"category_scores": FINE | {"violence": 0.9}},
    ]
    server.failure = Failure(body=json.dumps({"results": results}).encode())
    scores = await ModerationEndpoint(asking).classify(sample("a", "b"))
    assert scores.of(Category.VIOLENCE) == 0.9


@pytest.mark.parametrize("name", OPENAI_NAMES)
async def test_each_of_openais_names_has_its_category(
    server: FakeModerationServer, asking: ModerationServer, name: str
) -> None:
    server.failure = Failure(body=body(FINE | {name: 0.9}))
    scores = await ModerationEndpoint(asking).classify(sample("hey"))
    assert [category for category, score in scores.values.items() if score == 0.9] == [NAMES[name]]


async def test_a_name_that_nobody_knows_counts_as_other(
    server: FakeModerationServer, asking: ModerationServer
) -> None:
    server.failure = Failure(body=body(FINE | {"witchcraft": 0.9}))
    assert (await ModerationEndpoint(asking).classify(sample("hey"))).of(Category.OTHER) == 0.9


async def test_mistrals_names_are_understood(server: FakeModerationServer, asking: ModerationServer) -> None:
    names = ("sexual", "hate_and_discrimination", "violence_and_threats", "selfharm", "pii", "law")
    server.failure = Failure(body=body(dict.fromkeys(names, 0.2) | {"pii": 0.9}))
    assert (await ModerationEndpoint(asking).classify(sample("hey"))).of(Category.PRIVACY) == 0.9


async def test_an_older_model_that_knows_no_illicit_is_understood(
    server: FakeModerationServer, asking: ModerationServer
) -> None:
    server.failure = Failure(body=body(FINE | {"illicit": None, "illicit/violent": None}))
    scores = await ModerationEndpoint(asking).classify(sample("hey"))
    assert Category.ILLICIT not in scores.values


@pytest.mark.parametrize(
    "answer",
    [
        b"null",
        b"[]",
        b"{}",
        b'{"results": {}}',
        b'{"results": []}',
        b'{"results": [null]}',
        b'{"results": [{"flagged": false, "categories": {}}]}',
        body(None),
        body({}),
        body({name: score for name, score in FINE.items() if name != "self-harm"}),
        body(FINE | {"hate": None}),
        body(FINE | {"hate": "0.1"}),
        body(FINE | {"hate": True}),
        body(FINE | {"hate": -0.1}),
        body(FINE | {"hate": 1.1}),
        body(FINE | {"hate": math.nan}),
        body(FINE | {"hate": math.inf}),
        body(FINE | {"unheard of": "x"}),
        json.dumps({"results": [{"category_scores": FINE}] * 2}).encode(),
    ],
)
async def test_what_is_not_as_documented_is_no_answer(
    server: FakeModerationServer, asking: ModerationServer, answer: bytes
) -> None:
    server.failure = Failure(body=answer)
    endpoint = ModerationEndpoint(asking)
    with pytest.raises(AnswerInvalid):
        await endpoint.classify(sample("hey"))
    assert (await ModerationRule(endpoint).judge(draft("hey"))).outcome is Outcome.HOLD


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["results", "category_scores", "hate", "flagged"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
SCORE: st.SearchStrategy[Any] = st.floats(-0.1, 1.1) | st.sampled_from(
    [0, 1, 0.0, 1.0, None, True, "0.1", math.nan, [], {}]
)
SCORES = st.fixed_dictionaries(
    {name: st.just(0.01) | SCORE for name in sorted(NEEDED[0])},
    optional=dict.fromkeys(("illicit", "x", "pii"), SCORE),
)
NEARLY = st.lists(st.fixed_dictionaries({"category_scores": SCORES | JSON}) | JSON, max_size=2).map(
    lambda results: {"results": results}
)


def well_formed(answer: Any) -> bool:  # noqa: ANN401
    """Said again from the documentation, apart from the code under test."""
    try:
        (result,) = answer["results"]
        scores = {name: score for name, score in result["category_scores"].items() if score is not None}
    except (TypeError, KeyError, ValueError, AttributeError):
        return False
    numbers = all(
        isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1
        for score in scores.values()
    )
    openai = {"harassment", "hate", "sexual", "sexual/minors", "violence", "self-harm"} <= set(scores)
    mistral = {"sexual", "hate_and_discrimination", "violence_and_threats", "selfharm"} <= set(scores)
    return isinstance(answer["results"], list) and numbers and (openai or mistral)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NEARLY | JSON)
async def test_no_answer_allows_a_draft_unless_it_is_well_formed(
    server: FakeModerationServer, asking: ModerationServer, answer: object
) -> None:
    server.failure = Failure(body=json.dumps(answer).encode())
    verdict = await ModerationRule(ModerationEndpoint(asking)).judge(draft("hey"))
    if verdict.outcome is Outcome.ALLOW:
        assert well_formed(answer)
        assert isinstance(answer, dict)
        scores = answer["results"][0]["category_scores"]
        assert all((scores[name] or 0) < 0.8 for name in scores)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
async def test_no_bytes_allow_a_draft(
    server: FakeModerationServer, asking: ModerationServer, answer: bytes
) -> None:
    server.failure = Failure(body=answer)
    assert (await ModerationRule(ModerationEndpoint(asking)).judge(draft("hey"))).outcome is Outcome.HOLD
