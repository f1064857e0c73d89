"""The REST API's part about consent and presence: who agreed to what, and whether the owner is there in person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StringConstraints

from bot.dashboard.access import Moderator, Owner
from bot.dashboard.api_models import ChatBody
from bot.desk import Desk
from bot.errors import ChatUnknown
from chat.message import Author, ChatKey
from safety.consent import ChatConsent, How, People, Purpose


class OwnerOrder(BaseModel):
    """Whether the owner is there in person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    here: bool = True


class ConsentEntryBody(BaseModel):
    """What one person agreed to, or took back."""

    model_config = ConfigDict(frozen=True)

    person: str
    """Their id on the messenger."""
    name: str
    purpose: Purpose
    agreed: bool
    how: How
    by: str
    at: datetime


class ConsentBody(BaseModel):
    """The ledger of a chat."""

    model_config = ConfigDict(frozen=True)

    chat: str
    enabled: bool
    by: str
    at: datetime
    people: People
    """How silence is read."""
    entries: tuple[ConsentEntryBody, ...]

    @classmethod
    def of(cls, chat: ChatKey, ledger: ChatConsent) -> Self:
        """Show a ledger."""
        if ledger.enabled is None:
            raise ChatUnknown(f"no owner has ever enabled {chat}")
        return cls(
            chat=str(chat),
            enabled=ledger.is_enabled,
            by=ledger.enabled.by,
            at=ledger.enabled.at,
            people=ledger.people,
            entries=tuple(
                ConsentEntryBody(
                    person=person,
                    name=entry.name,
                    purpose=purpose,
                    agreed=entry.agreed,
                    how=entry.how,
                    by=entry.by,
                    at=entry.at,
                )
                for (purpose, person), entry in sorted(ledger.entries.items())
            ),
        )


class ConsentChange(BaseModel):
    """What somebody agreed to or took back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    name: Annotated[str, StringConstraints(max_length=200)] = ""
    purpose: Purpose = Purpose.ANSWERED
    agreed: bool


def add_consent(router: APIRouter, desk: Desk, key_of: Callable[[str, str], ChatKey]) -> None:
    """Add the routes; `key_of` reads a chat's key from a path."""

    @router.get("/chats/{messenger}/{chat_id:path}/consent", tags=["consent"])
    async def consent(messenger: str, chat_id: str, person: Moderator) -> ConsentBody:
        """The ledger of a chat: who agreed to what. Moderators and owners."""
        key = key_of(messenger, chat_id)
        return ConsentBody.of(key, await desk.consent(person, key))

    @router.post("/chats/{messenger}/{chat_id:path}/consent", tags=["consent"])
    async def change_consent(
        messenger: str, chat_id: str, change: ConsentChange, person: Owner
    ) -> ConsentBody:
        """Write down what somebody agreed to or took back. Owners only."""
        key, who = key_of(messenger, chat_id), Author(change.person, change.name or change.person)
        return ConsentBody.of(key, await desk.agree(person, key, who, change.purpose, agreed=change.agreed))

    @router.post("/chats/{messenger}/{chat_id:path}/owner", tags=["chats"])
    async def owner(messenger: str, chat_id: str, order: OwnerOrder, person: Owner) -> ChatBody:
        """Say that the owner is in a chat in person, or has left it. Owners only."""
        return ChatBody.of(await desk.owner_here(person, key_of(messenger, chat_id), here=order.here))

    @router.delete("/chats/{messenger}/{chat_id:path}", tags=["chats"], status_code=204)
    async def disable_chat(messenger: str, chat_id: str, person: Owner) -> None:
        """Take the stand-in out of a chat, and erase what was stored of it. Owners only."""
        await desk.disable(person, key_of(messenger, chat_id))
