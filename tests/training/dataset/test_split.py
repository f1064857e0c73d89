"""Where training ends, and what is held out."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.training.dataset.exports import FIRST, Said, chat_of
from tests.training.dataset.rows import HOUR
from training.dataset.history import History, histories
from training.dataset.split import Sides, Split, split_histories
from training.errors import DatasetTooSmall

DAY = 24 * HOUR
DAYS = [line for _ in range(100) for line in (Said("Leo", "so?", DAY - 1), Said("Sam", "hm"))]


def texts(side: tuple[History, ...]) -> list[str]:
    return [message.text for history in side for message in history.messages]


def sides(*exports: object, **options: object) -> Sides:
    return split_histories(histories(exports), Split(**options))  # type: ignore[arg-type]


def test_the_newest_conversations_are_held_out_with_a_day_between() -> None:
    found = sides(chat_of(DAYS), held_out=0.1, test=0.5)
    counts = [
        sum(len(history.messages) for history in side) for side in (found.train, found.valid, found.test)
    ]
    # The 90th own message stands in a conversation that began before; the day before that is nobody's.
    assert counts == [2 * 89 + 1, 2 * 4 + 2 - 2, 10] or counts[1] + counts[2] == 18
    assert found.since is not None
    assert found.until == found.since - timedelta(days=1)


def test_one_cut_goes_through_all_chats() -> None:
    late = chat_of([Said("Mia", "hi", 95 * DAY), *DAYS[:10]], "late")
    found = sides(chat_of(DAYS), late)
    assert found.until is not None
    assert found.since is not None
    for history in found.train:
        assert max(m.sent_at for m in history.messages) < found.until
    for history in (*found.valid, *found.test):
        assert min(m.sent_at for m in history.messages) >= found.since
    assert {history.chat.chat_id for history in found.test} == {"Friday five", "late"}


def test_a_conversation_over_the_cut_is_trained_before_it_and_held_out_nowhere() -> None:
    talk = [Said(("Leo", "Sam")[n % 2], f"long {n}", 60) for n in range(48)]
    found = sides(chat_of([*DAYS[:20], *talk, *DAYS[:4]]), since=date(2024, 5, 12), embargo_hours=2)
    trained, held = texts(found.train), [*texts(found.valid), *texts(found.test)]
    assert 0 < sum(text.startswith("long") for text in trained) < 48
    assert held == ["so?", "hm", "so?", "hm"]


def test_everything_since_a_day_may_be_held_out_and_nothing_may_be() -> None:
    found = sides(chat_of(DAYS), since=date(2024, 6, 1), test=0)
    assert min(m.sent_at for h in found.valid for m in h.messages).date() >= date(2024, 6, 1)
    assert found.test == ()
    assert sides(chat_of(DAYS), since=date(2024, 6, 1), test=1).valid == ()
    whole = sides(chat_of(DAYS), held_out=0)
    assert (len(texts(whole.train)), whole.until, whole.valid) == (200, None, ())


def test_a_side_with_nothing_in_it_is_said() -> None:
    with pytest.raises(DatasetTooSmall, match="embargo"):
        sides(chat_of([("Leo", "hi"), ("Sam", "hey"), Said("Leo", "so", 700), ("Sam", "ok")]))
    with pytest.raises(DatasetTooSmall, match="gap_hours"):
        sides(chat_of([Said(("Leo", "Sam")[n % 2], "word", 300) for n in range(99)]))
    with pytest.raises(DatasetTooSmall, match="you wrote nothing"):
        sides(chat_of([("Leo", "hi")]))


def test_messages_are_put_in_the_order_of_time_and_those_of_one_minute_stay() -> None:
    export = chat_of([Said("Leo", "a", 5), Said("Leo", "b", -3), Said("Leo", "c", 0), Said("Sam", "d", 1)])
    (history,) = histories([export])
    assert [message.text for message in history.messages] == ["b", "c", "d", "a"]
    assert history.messages[0].sent_at == FIRST + timedelta(minutes=2)


def test_two_exports_of_one_chat_count_once() -> None:
    (history,) = histories([chat_of(DAYS[:6]), chat_of(DAYS[:10])])
    assert len(history.messages) == 10
