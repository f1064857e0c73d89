"""What is trained and what is measured on: by conversation, with one cut in time through all chats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from chat.message import Message
from training.dataset.history import History, conversations
from training.errors import DatasetTooSmall


class OnLeak(StrEnum):
    """What becomes of held-out rows whose answer stands in the training part."""

    FAIL = "fail"
    DROP = "drop"


class Split(BaseModel):
    """How the sides are parted, and what counts as a leak (see `training.dataset.leaks`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    held_out: float = Field(0.1, ge=0, lt=1, description="share of own messages that is held out, the newest")
    test: float = Field(0.5, ge=0, le=1, description="share of those that makes test; the rest is valid")
    since: date | None = Field(None, description="hold out everything from this day on, instead of a share")
    gap_hours: float = Field(6, gt=0, description="a silence that ends a conversation, for the split alone")
    embargo_hours: float = Field(
        24, ge=0, description="what lies so long before the held-out part is not used"
    )
    leaks: OnLeak = Field(
        OnLeak.FAIL,
        description="fail: copies end the build; drop: their held-out rows are left out, as those of other leaks",
    )
    leak_chars: int = Field(
        20, ge=1, description="shorter answers, folded, may stand on both sides: ok, see you there"
    )
    copy_chars: int = Field(
        40, ge=1, description="a leak of this length that is there letter for letter is a copy"
    )
    copy_share: float = Field(
        0.5, ge=0, le=1, description="with more leaks among the answers that could be, the chats hold copies"
    )
    near_chars: int = Field(
        40, ge=1, description="from this length on, answers that nearly agree are leaks too"
    )
    near: float = Field(
        90, ge=50, le=100, description="likeness in percent from which two answers nearly agree"
    )
    phrase_count: int = Field(
        3, ge=1, description="what stands in training as often is a phrase of theirs, no leak"
    )


@dataclass(frozen=True, slots=True)
class Sides:
    """The histories of each side. Training ends before `until`; what is held out begins at `since` or later.

    Both are naive, by the exports' clocks; None when nothing is held out.
    """

    train: tuple[History, ...]
    valid: tuple[History, ...]
    test: tuple[History, ...]
    until: datetime | None
    since: datetime | None


def split_histories(histories: Sequence[History], options: Split) -> Sides:
    """Part histories at one time.

    A conversation is on one side only: of one that reaches over the cut, the part before the embargo is
    trained and the rest used nowhere. Clocks of exports differ by some hours (wall clock, UTC); the embargo
    covers that. Raises DatasetTooSmall when a side would be empty.
    """
    if not options.held_out and options.since is None:
        return Sides(tuple(histories), (), (), None, None)
    times = sorted(_at(m) for history in histories for m in history.spoken if m.own)
    if not times:
        raise DatasetTooSmall("you wrote nothing in these chats: import chats in which you talk")
    if options.since is not None:
        since = datetime.combine(options.since, time())
    else:
        since = times[int(len(times) * (1 - options.held_out))]
    until = since - timedelta(hours=options.embargo_hours)
    later = [moment for moment in times if moment >= since]
    begins = later[int(len(later) * (1 - options.test))] if later and 0 < options.test < 1 else None
    if options.test == 1:
        begins = since
    gap = timedelta(hours=options.gap_hours)
    train, valid, test = [], [], []
    for history in histories:
        train.append(history.part([m for m in history.messages if _at(m) < until]))
        # Out-of-order clocks cannot occur here: a history is in the order of time.
        held = [talk for talk in conversations(history.messages, gap) if _at(talk[0]) >= since]
        valid.append(history.part(_flat(talk for talk in held if begins is None or _at(talk[0]) < begins)))
        test.append(history.part(_flat(talk for talk in held if begins and _at(talk[0]) >= begins)))
    sides = Sides(_filled(train), _filled(valid), _filled(test), until, since)
    if not _own(sides.train):
        raise DatasetTooSmall(
            "nothing would be left to train on before the embargo: shorten split.embargo_hours or split.held_out, "
            "or import a longer stretch of chat"
        )
    if not _own(sides.valid) and not _own(sides.test):
        raise DatasetTooSmall(
            "no conversation begins in the held-out part: raise split.held_out, or shorten split.gap_hours"
        )
    return sides


def _at(message: Message) -> datetime:
    return message.sent_at.replace(tzinfo=None)


def _flat(talks: Iterable[Sequence[Message]]) -> list[Message]:
    return [message for talk in talks for message in talk]


def _filled(histories: Iterable[History]) -> tuple[History, ...]:
    return tuple(history for history in histories if history.messages)


def _own(histories: Iterable[History]) -> bool:
    return any(message.own for history in histories for message in history.spoken)
