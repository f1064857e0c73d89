"""A classifier that remembers: the retry of a turn asks about the same text again."""

from __future__ import annotations

from collections import OrderedDict

from safety.moderation.classifier import Classifier, Sample, Scores


class RememberingClassifier:
    """Asks another classifier once for each sample, and remembers the last `size` answers.

    Errors are not remembered: the next time the classifier may be back.
    """

    def __init__(self, classifier: Classifier, size: int) -> None:
        self._classifier = classifier
        self._size = size
        self._known: OrderedDict[Sample, Scores] = OrderedDict()

    async def classify(self, sample: Sample) -> Scores:
        """See `Classifier.classify`."""
        if (scores := self._known.get(sample)) is None:
            scores = await self._classifier.classify(sample)
        self._known[sample] = scores
        self._known.move_to_end(sample)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return scores
