"""Interactions: what a person does with a command, a button or a modal, and how the account answers it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.components import check_modal
from tests.fakes.discord.faults import acknowledged, invalid_form, unknown
from tests.fakes.discord.forms import keys_of, message_form
from tests.fakes.discord.permissions import permissions_in
from tests.fakes.discord.world import Channel, Posted, User, snowflake

if TYPE_CHECKING:
    from tests.fakes.discord.server import Bot, FakeDiscord

COMMAND, COMPONENT, MODAL = 2, 3, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, SHOW_MODAL = 4, 5, 6, 7, 9
EPHEMERAL = 1 << 6
_TOKEN_SECONDS = 900.0


@dataclass(eq=False)
class Interaction:
    bot: Bot
    channel: Channel
    user: User
    kind: int
    message: Posted | None
    id: int = field(default_factory=snowflake)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    at: float = field(default_factory=time.monotonic)
    told: int = 0
    """How many connections were told of it: two processes of one account are told both."""
    callback: int | None = None
    """How it was answered first."""
    answer: Posted | None = None
    modal: dict[str, Any] | None = None
    followups: list[Posted] = field(default_factory=list)


def invoked(
    fake: FakeDiscord,
    bot: Bot,
    channel: Channel,
    user: User,
    kind: int,
    data: dict[str, Any],
    message: Posted | None,
) -> Interaction:
    interaction = Interaction(bot, channel, user, kind, message)
    fake.interactions[interaction.token] = interaction
    guild = channel.guild
    shown: dict[str, Any] = {
        "id": str(interaction.id),
        "application_id": str(bot.application),
        "type": kind,
        "data": data,
        "token": interaction.token,
        "version": 1,
        "channel_id": str(channel.id),
        "channel": channel.shown(bot.user),
        "locale": "en-US",
        "app_permissions": str(int(permissions_in(channel, bot.user))),
        "entitlements": [],
        "authorizing_integration_owners": {"0": str(guild.id)} if guild else {"0": "0"},
        "context": 0 if guild else 1,
        "attachment_size_limit": 10485760,
    }
    if guild is not None:
        member = guild.members[user.id].shown() | {"permissions": str(int(permissions_in(channel, user)))}
        shown |= {"guild_id": str(guild.id), "member": member, "guild_locale": "en-US"}
        shown["guild"] = {"id": str(guild.id), "locale": "en-US", "features": []}
    else:
        shown["user"] = user.shown()
    if message is not None:
        shown["message"] = message.as_event(bot.user, contents=True, users=fake.users)
    for session in fake.sessions.values():
        if session.bot is bot and session.has(guild):
            session.tell("INTERACTION_CREATE", shown)
            interaction.told += 1
    return interaction


def answered(fake: FakeDiscord, interaction: Interaction, body: object) -> dict[str, Any]:
    """The callback. Raises Fault."""
    form = keys_of(body, {"type": (int,), "data": (dict, type(None))})
    if interaction.callback is not None:
        # One of several processes cannot know that another was first.
        raise acknowledged(violation=interaction.told < 2)
    if time.monotonic() - interaction.at > fake.interaction_seconds:
        raise unknown("Interaction")
    kind, data = form.get("type"), form.get("data") or {}
    if kind in {MESSAGE, UPDATE}:
        content = message_form(data, edit=kind == UPDATE, prefix="data.")
        if kind == MESSAGE:
            interaction.answer = put(fake, interaction, content)
        elif interaction.message is not None:
            change(fake, interaction.message, content)
    elif kind == SHOW_MODAL:
        if interaction.kind == MODAL:
            raise invalid_form("type", "BASE_TYPE_CHOICES", "A modal is not answered with a modal")
        check_modal(data)
        interaction.modal = data
    elif kind == DEFERRED:
        interaction.answer = put(fake, interaction, {"flags": data.get("flags", 0)})
    elif kind != DEFERRED_UPDATE:
        raise invalid_form("type", "BASE_TYPE_CHOICES", f"{kind} is no type of callback here")
    interaction.callback = kind
    answer = interaction.answer
    callback = {
        "id": str(interaction.id),
        "type": interaction.kind,
        "activity_instance_id": None,
        "response_message_id": str(answer.id) if answer else None,
        "response_message_loading": kind == DEFERRED,
        "response_message_ephemeral": bool(answer and answer.only_for),
    }
    resource: dict[str, Any] = {"type": kind}
    if answer is not None:
        resource["message"] = answer.shown(interaction.bot.user, contents=True, users=fake.users)
    return {"interaction": callback, "resource": resource}


def followed(fake: FakeDiscord, interaction: Interaction, body: object) -> Posted:
    """A further message. Raises Fault."""
    if interaction.callback is None:
        raise unknown("Webhook")
    posted = put(fake, interaction, message_form(body))
    interaction.followups.append(posted)
    return posted


def by_token(fake: FakeDiscord, token: str, application: str) -> Interaction:
    """Raises Fault."""
    interaction = fake.interactions.get(token)
    if interaction is None or str(interaction.bot.application) != application:
        raise unknown("Webhook")
    if time.monotonic() - interaction.at > _TOKEN_SECONDS:
        raise unknown("Webhook")
    return interaction


def put(fake: FakeDiscord, interaction: Interaction, form: dict[str, Any]) -> Posted:
    flags = form.get("flags", 0)
    return fake.post(
        Posted(
            interaction.channel,
            interaction.bot.user,
            form.get("content") or "",
            kind=20 if interaction.kind == COMMAND else 0,
            components=form.get("components") or [],
            embeds=form.get("embeds") or [],
            flags=flags,
            webhook=interaction.bot.application,
            only_for=interaction.user if flags & EPHEMERAL else None,
        )
    )


def change(fake: FakeDiscord, posted: Posted, form: dict[str, Any]) -> None:
    for name in ("content", "components", "embeds"):
        if name in form:
            setattr(posted, name, form[name] or ("" if name == "content" else []))
    if "content" in form:
        fake.edit(posted, posted.content)
    else:
        fake.changed(posted)
