from __future__ import annotations

import pytest

from safety.moderation.classifier import Category
from safety.moderation.errors import ClassifierAway
from safety.moderation.memory import RememberingClassifier
from tests.safety.moderation.samples import Away, Says, sample


async def test_the_same_sample_is_asked_about_once() -> None:
    says = Says({Category.HATE: 0.9})
    remembering = RememberingClassifier(says, 8)
    first = await remembering.classify(sample("hey", context=("Mia: hi",)))
    assert await remembering.classify(sample("hey", context=("Mia: hi",))) is first
    assert len(says.asked) == 1


async def test_another_context_is_another_question() -> None:
    says = Says()
    remembering = RememberingClassifier(says, 8)
    await remembering.classify(sample("yes", context=("Mia: pizza?",)))
    await remembering.classify(sample("yes", context=("Mia: shall I hurt him?",)))
    await remembering.classify(sample("yes", incoming=True))
    assert len(says.asked) == 3


async def test_what_was_asked_longest_ago_is_forgotten_first() -> None:
    says = Says()
    remembering = RememberingClassifier(says, 2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await remembering.classify(sample(text))
    assert [asked.text for asked in says.asked] == ["a", "b", "c", "b"]


async def test_an_error_is_not_remembered() -> None:
    away = Away(ClassifierAway("out"))
    remembering = RememberingClassifier(away, 8)
    for _ in range(2):
        with pytest.raises(ClassifierAway):
            await remembering.classify(sample("hey"))
    assert away.asked == 2


async def test_with_no_room_it_asks_each_time() -> None:
    says = Says()
    remembering = RememberingClassifier(says, 0)
    for _ in range(2):
        await remembering.classify(sample("hey"))
    assert len(says.asked) == 2
