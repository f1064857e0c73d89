"""What every model server looks like from here."""

from __future__ import annotations

from typing import Protocol, Self

from inference.client import Endpoint
from inference.errors import ModelError
from inference.persona import Persona


class Engine(Protocol):
    """A model server that is started, or reached, by `async with`; entering raises EngineError.

    Leaving it stops what entering started.
    """

    @property
    def endpoint(self) -> Endpoint:
        """Where to ask now; it may change while the engine is open.

        Raises ModelUnavailable while nothing answers there: hand `lambda: engine.endpoint` to the client.
        """
        ...

    @property
    def alive(self) -> bool:
        """Whether the server answers, and, once `verify` has passed, answers as the persona."""
        ...

    @property
    def trouble(self) -> str:
        """Why it is not alive, in a line for people; empty while it is."""
        ...

    async def vouch(self) -> None:
        """Say that what has answered until now is still the persona that was verified.

        Asked after each answer, before anybody gets it: a server may have come back as somebody else since the last
        look. Raises ModelUnavailable when nobody can say so.
        """
        ...

    def hear(self, error: ModelError) -> None:
        """Be told why a question came to no answer: it may say more of the server than the last look did."""
        ...

    async def verify(self, persona: Persona) -> None:
        """Prove that this persona answers here, now and after each restart of the server.

        Raises EngineError when somebody else answers.
        """
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
