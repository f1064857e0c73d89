"""Who wrote the generated answers? A classifier that knows several people by their real messages is asked.

Characters in runs of one to four, weighted by how telling they are, and a logistic regression: the usual way to tell
authors apart, and quick to train. One message is too short to tell anybody by, so it judges bundles of several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from training.errors import TooFewTexts
from training.evaluation.estimate import Estimate

BUNDLE: Final = 8
"""Texts that are judged together."""
FEWEST_BUNDLES: Final = 15
"""Of a person, to be learned at all."""
MOST_BUNDLES: Final = 300
"""Of a person; more make it slower and hardly better."""
_FOLDS: Final = 5
_INNER_FOLDS: Final = 3
_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Authorship:
    """A trained judge, and what it is worth on messages that it was not trained on.

    `people` are those whom it knows, with how many bundles of each. `accuracy` is how often it names the right one;
    `chance` is what guessing would. `recognised` is how often it knows the persona's person by real messages: the most
    that generated ones can be expected to reach. `mistaken` is how often it takes somebody else's for theirs.
    `calibration_error` is by how much its sureness differs from how often it is right, 0 to 1.
    """

    persona: str
    people: Mapping[str, int]
    accuracy: Estimate
    chance: float
    recognised: Estimate
    mistaken: Estimate
    calibration_error: float
    bundle: int
    left_out: tuple[str, ...]
    """Who wrote too little to be learned."""
    _judge: Any = field(repr=False, compare=False)

    def judge(self, texts: Sequence[str]) -> Estimate:
        """The share of bundles that it takes for the persona's person. Raises TooFewTexts below one bundle."""
        bundles = bundles_of(texts, self.bundle)
        if not bundles:
            raise TooFewTexts(f"to judge who wrote them takes {self.bundle} texts: generate more")
        return Estimate.share(int((self._judge.predict(bundles) == self.persona).sum()), len(bundles))

    def sureness(self, texts: Sequence[str]) -> float:
        """How sure it is on average, 0 to 1, that they are the persona's person's. Raises TooFewTexts."""
        bundles = bundles_of(texts, self.bundle)
        if not bundles:
            raise TooFewTexts(f"to judge who wrote them takes {self.bundle} texts: generate more")
        known = list(self._judge.classes_)
        return float(self._judge.predict_proba(bundles)[:, known.index(self.persona)].mean())


def authorship(
    authors: Mapping[str, Sequence[str]], persona: str, *, seed: int, bundle: int = BUNDLE
) -> Authorship:
    """Learn who wrote what, and try that on what was left out, fold by fold.

    `authors` are real texts of each person, oldest first: neighbours stay in one bundle and one fold, so that
    nobody is known by the topic of a conversation that stands on both sides. Everybody counts alike.
    Raises TooFewTexts where the persona's person or everybody else wrote too little, and KeyError where
    `persona` is none of the authors.
    """
    bundled = {name: bundles_of(texts, bundle)[-MOST_BUNDLES:] for name, texts in authors.items()}
    left_out = tuple(sorted(name for name, found in bundled.items() if len(found) < FEWEST_BUNDLES))
    needed = FEWEST_BUNDLES * bundle
    if persona not in bundled:
        raise KeyError(persona)
    if persona in left_out:
        raise TooFewTexts(f"to know the person by their messages takes {needed} of them: import more chats")
    people = {name: found for name, found in bundled.items() if name not in left_out}
    if len(people) < 2:
        raise TooFewTexts(f"somebody else with {needed} messages is needed to tell the person from")
    texts = [text for found in people.values() for text in found]
    names = np.array([name for name, found in people.items() for _ in found])
    chances, known = _left_out_chances(texts, names, seed)
    taken = known[chances.argmax(axis=1)]
    own = names == persona
    return Authorship(
        persona,
        MappingProxyType({name: len(found) for name, found in people.items()}),
        Estimate.share(int((taken == names).sum()), len(names)),
        1 / len(people),
        Estimate.share(int((taken[own] == persona).sum()), int(own.sum())),
        Estimate.share(int((taken[~own] == persona).sum()), int((~own).sum())),
        calibration_error(chances.max(axis=1), taken == names),
        bundle,
        left_out,
        _untrained(seed).fit(texts, names),
    )


def bundles_of(texts: Sequence[str], size: int) -> list[str]:
    """Put neighbours together, so many a bundle; what is left over, and blank texts, are not judged."""
    spoken = [text for text in texts if text.strip()]
    return ["\n".join(spoken[at : at + size]) for at in range(0, len(spoken) - size + 1, size)]


def calibration_error(sureness: Any, right: Any) -> float:  # noqa: ANN401
    """The expected calibration error: how far, in each tenth of sureness, that lies from how often it was right."""
    step = np.minimum((np.asarray(sureness) * _BINS).astype(int), _BINS - 1)
    parts = [step == number for number in range(_BINS)]
    return float(
        sum(abs(np.mean(sureness[part]) - np.mean(right[part])) * part.mean() for part in parts if part.any())
    )


def _left_out_chances(texts: Sequence[str], names: Any, seed: int) -> tuple[Any, Any]:  # noqa: ANN401
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415 - slow to load

    # Not shuffled: neighbours are of one conversation, and stay on one side.
    folds = StratifiedKFold(_FOLDS)
    return cross_val_predict(_untrained(seed), texts, names, cv=folds, method="predict_proba"), np.unique(
        names
    )


def _untrained(seed: int) -> Any:  # noqa: ANN401
    from sklearn.calibration import CalibratedClassifierCV  # noqa: PLC0415 - slow to load
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    # Case and line breaks are part of how somebody writes.
    runs = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, sublinear_tf=True, min_df=2)
    regression = LogisticRegression(C=10, class_weight="balanced", max_iter=1000, random_state=seed)
    folds = StratifiedKFold(_INNER_FOLDS)
    # One temperature for all: it makes the sureness right, and changes nobody's mind.
    return CalibratedClassifierCV(
        make_pipeline(runs, regression), method="temperature", cv=folds, ensemble=False
    )
