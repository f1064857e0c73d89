"""Messages are judged by any classifier, each text once, and none that nobody judged is left in."""

from __future__ import annotations

import pytest

from safety.moderation.classifier import Category, Classifier, Sample, Scores
from safety.moderation.endpoint import ModerationEndpoint
from safety.moderation.lexicon import Lexicon
from safety.moderation.server import ModerationServer, Patience
from safety.moderation.settings import Thresholds
from tests.fakes.moderation_server import FakeModerationServer
from tests.training.dataset.exports import chat_of, texts
from training.dataset.filters import Cut, Taken
from training.dataset.moderation import MILD, STRICT, moderated, thresholds
from training.errors import ModerationAway

GROUP = chat_of([("Mia", "lovely"), ("Leo", "rude"), ("Sam", "ruder"), ("Mia", "rude"), ("Sam", "")])


class Judge:
    """A classifier with scores by heart."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def classify(self, sample: Sample) -> Scores:
        assert sample.incoming
        self.asked.append(sample.text)
        score = {"rude": 0.7, "ruder": 0.8}.get(sample.text, 0.0)
        return Scores({Category.HARASSMENT: score}, "judge", "by heart")


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (thresholds(MILD), ["lovely", "rude", "rude", ""]),
        (thresholds(STRICT), ["lovely", ""]),
        (thresholds(STRICT, harassment=0.9), texts([GROUP])),
    ],
)
async def test_a_score_at_the_threshold_takes_a_message(limits: Thresholds, left: list[str]) -> None:
    judge = Judge()
    found = await moderated([GROUP], judge, limits)
    assert texts(found.exports) == left
    assert sorted(judge.asked) == ["lovely", "rude", "ruder"]
    taken = len(texts([GROUP])) - len(left)
    assert found.cuts == ((Cut(GROUP.chat.key, Taken.MODERATED, taken),) if taken else ())


async def test_the_built_in_lexicon_judges_without_any_server() -> None:
    group = chat_of([("Mia", "kill yourself"), ("Sam", "no thanks")])
    lexicon: Classifier = Lexicon()
    assert texts((await moderated([group], lexicon, thresholds(MILD))).exports) == ["no thanks"]


async def test_what_nobody_could_judge_is_in_no_dataset() -> None:
    async with FakeModerationServer() as fake:
        address = fake.base_url
    async with ModerationServer(address, "", Patience(1.0, 2.0, 1)) as server:
        with pytest.raises(ModerationAway, match="could not be judged") as caught:
            await moderated([GROUP], ModerationEndpoint(server, ""), thresholds(MILD))
    assert "rude" not in str(caught.value)
