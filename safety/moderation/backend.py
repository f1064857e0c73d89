"""Opens the classifier that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from safety.moderation.classifier import Classifier
from safety.moderation.endpoint import ModerationEndpoint
from safety.moderation.guard_model import FAMILIES, GuardModel
from safety.moderation.lexicon import Lexicon
from safety.moderation.memory import RememberingClassifier
from safety.moderation.server import ModerationServer, Patience
from safety.moderation.settings import ModerationSettings


@asynccontextmanager
async def open_classifier(settings: ModerationSettings) -> AsyncIterator[Classifier]:
    """Open the classifier; nobody is asked yet, so that a server which is away keeps nothing from starting."""
    if settings.backend == "lexicon":
        yield Lexicon()
        return
    patience = Patience(settings.try_seconds, settings.seconds, settings.attempts)
    async with ModerationServer(settings.base_url, settings.api_key.get_secret_value(), patience) as server:
        classifier: Classifier
        if settings.backend == "endpoint":
            classifier = ModerationEndpoint(server, settings.model, one_text=settings.one_text)
        else:
            classifier = GuardModel(server, settings.model, FAMILIES[settings.guard])
        yield RememberingClassifier(classifier, settings.remembered)
