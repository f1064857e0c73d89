"""Slash commands: `/understudy status | mode | kill | resume | why | enable | disable | optout`.

Everybody in a chat sees all of them, for Discord has permissions for a group as a whole alone, and status, kill and
optout are everybody's. Who may what is checked where it is done: by the desk.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

import discord
from discord import app_commands

from bot.chats import ChatState
from bot.desk import Desk
from bot.errors import ChatUnknown, StoreAway
from bot.journal_text import in_words
from bot.messengers.base import Ears
from bot.messengers.discord.answers import NOT_HERE, Answers
from bot.messengers.discord.channels import place_of
from bot.messengers.discord.markdown import plain
from bot.messengers.discord.names import Names
from bot.messengers.discord.permissions import NEEDED, named
from bot.messengers.discord.reading import MESSENGER, key_of
from bot.messengers.discord.roles import Roles
from bot.people import Person, Role
from bot.places import Place
from bot.why import Account, account_of
from chat.message import Author, Chat, ChatKey
from safety.commands import Order
from safety.kill import Kill, KillReach, KillScope, scopes_of
from safety.mode import Mode

_MODES: Final = {
    Mode.OFF: "nothing is written",
    Mode.SHADOW: "drafts are written, and never sent",
    Mode.MANUAL: "a moderator approves each draft",
    Mode.AUTO: "it answers alone where every rule allows it",
}
_REACHES: Final = {
    KillReach.EVERYWHERE: "everywhere",
    KillReach.ACCOUNT: "on all of Discord",
    KillReach.CHAT: "in this chat and its threads",
}
_MODE_CHOICES: Final = [
    app_commands.Choice(name=f"{mode}: {what}", value=mode.value) for mode, what in _MODES.items()
]
_REACH_CHOICES: Final = [
    app_commands.Choice(name=where, value=reach.value) for reach, where in _REACHES.items()
]
_MESSAGE: Final = re.compile(
    r"(?:https?://(?:\w+\.)?discord(?:app)?\.com/channels/(?:\d+|@me)/(?P<there>\d+)/|(?P<channel>\d+)-)?(?P<message>\d{1,20})"
)
_LONGEST_DESCRIPTION: Final = 100
_RETRY_SECONDS: Final = 0.3
_JOINS: Final = "It is not in this thread yet: it joins with the next message, as it is in the channel."
_WHOLE: Final = "It is not in this thread yet, so that holds for its channel, and here once it joins."
_STOPPING: Final = (
    "It fell silent here at once. The store does not answer, so this is not on record yet: that is tried until it is, "
    "and told here."
)
_OPTING: Final = (
    "It sends nothing in this chat until your wish is written down. The store does not answer right now: that is "
    "tried until it does, and told here."
)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who used a command, and where."""

    chat: ChatKey
    author: Author
    person: Person
    once: str
    """The command's id: the same one, given twice, counts once."""
    place: Place | None = None
    """Where that is, as far as Discord tells."""
    direct: bool = False
    """Whether it is a direct conversation: those have no threads."""

    @property
    def part_of(self) -> ChatKey | None:
        """The channel of which the chat is a thread or a post."""
        return self.place.parent if self.place else None

    @property
    def followed(self) -> ChatKey | None:
        """The channel with which the chat is enabled."""
        return self.place.parent if self.place and self.place.follows else None

    def where(self, scope: KillScope) -> str:
        """Say where a kill holds that silences the chat."""
        if scope.reach is not KillReach.CHAT:
            return _REACHES[scope.reach]
        if scope != KillScope.chat(self.chat):
            return "in the channel that this thread is in, with all its threads"
        if self.part_of is not None:
            return "in this thread"
        return "in this chat" if self.direct else _REACHES[scope.reach]


class Commands(app_commands.Group):
    """What people on Discord may do by a command. With `follow`, threads are parts of their channel."""

    def __init__(
        self, ears: Ears, desk: Desk, roles: Roles, names: Names, answers: Answers, *, follow: bool = True
    ) -> None:
        super().__init__(
            name="understudy",
            description=f"{names.persona}'s stand-in: how it is, and how to stop it"[:_LONGEST_DESCRIPTION],
            # In servers and in direct messages with the bot; not in other people's conversations.
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        self._ears = ears
        self._desk = desk
        self._roles = roles
        self._names = names
        self._stand_in = f"{plain(names.persona)}'s stand-in"
        self._answers = answers
        self._follow = follow

    @app_commands.command(description="How the stand-in is here")
    async def status(self, interaction: discord.Interaction) -> None:
        """Say how the stand-in is in this chat. For everybody."""
        asker = self._asker(interaction)
        await self._answers.give(interaction, lambda: self._status(asker))

    @app_commands.command(description="Owners: what happens with its answers in this chat")
    @app_commands.describe(mode="What happens with its answers here")
    @app_commands.choices(mode=_MODE_CHOICES)
    async def mode(self, interaction: discord.Interaction, mode: str) -> None:
        """Change the chat's mode."""
        asker = self._asker(interaction)

        async def change() -> str:
            state = await self._desk.set_mode(asker.person, asker.chat, Mode(mode))
            return f"{_mode(state.policy.mode)} here from now on."

        await self._answers.give(interaction, change)

    @app_commands.command(description="Stop it: nothing more is sent until an owner resumes. Anybody may")
    @app_commands.describe(reach="Where; what the kill word does if you leave it out")
    @app_commands.choices(reach=_REACH_CHOICES)
    async def kill(self, interaction: discord.Interaction, reach: str | None = None) -> None:
        """Stop all sending, also in a chat that nobody enabled."""
        asker = self._asker(interaction)
        await self._answers.give_surely(
            interaction, lambda: self._kill(asker, KillReach(reach) if reach else None), _STOPPING
        )

    @app_commands.command(description="Owners: let it speak again")
    @app_commands.describe(reach="Which kill is lifted; all that silence this chat if you leave it out")
    @app_commands.choices(reach=_REACH_CHOICES)
    async def resume(self, interaction: discord.Interaction, reach: str | None = None) -> None:
        """Lift kills."""
        asker = self._asker(interaction)
        await self._answers.give(
            interaction, lambda: self._resume(asker, KillReach(reach) if reach else None)
        )

    @app_commands.command(description="Moderators: why a message was, or was not, answered")
    @app_commands.describe(message="A message's link or id; the last message here if you leave it out")
    async def why(self, interaction: discord.Interaction, message: str = "") -> None:
        """Explain from the journal what became of a message."""
        asker = self._asker(interaction)
        await self._answers.give(interaction, lambda: self._why(asker, message.strip()))

    @app_commands.command(description="Owners: let it into this channel, thread or conversation")
    async def enable(self, interaction: discord.Interaction) -> None:
        """Let the stand-in into the chat where this is typed."""
        asker = self._asker(interaction)
        await self._answers.give(interaction, lambda: self._enable(asker, interaction))

    @app_commands.command(description="Owners: take it out of this chat, and erase what it stored of it")
    @app_commands.describe(erase="Yes, erase all that is stored of this chat, save for who said no")
    async def disable(self, interaction: discord.Interaction, erase: bool) -> None:
        """Take the stand-in out of the chat where this is typed."""
        asker = self._asker(interaction)

        async def leave() -> str:
            asker.person.must_be(Role.OWNER, "disable chats")
            if not erase:
                return (
                    "Nothing was changed. To have it silent and keep what is stored: `/understudy mode off`."
                )
            await self._desk.disable(asker.person, asker.chat)
            return "It is out of this chat, and what was stored of it is erased."

        await self._answers.give(interaction, leave)

    @app_commands.command(description="It must not talk to you, nor keep what you write here. For anybody")
    @app_commands.describe(undo="It may talk to you again")
    async def optout(self, interaction: discord.Interaction, undo: bool = False) -> None:
        """Write into the ledger what "stop talking to me" does, or the way back."""
        asker = self._asker(interaction)
        order = Order.START if undo else Order.STOP
        await self._answers.give_surely(interaction, lambda: self._obey(asker, order), _OPTING)

    def _asker(self, interaction: discord.Interaction) -> _Asker:
        user, channel, me = interaction.user, interaction.channel, interaction.application_id
        if channel is None:
            raise app_commands.CheckFailure("there is no channel")
        return _Asker(
            key_of(channel.id),
            Author(str(user.id), self._names.of(user, me), user.bot),
            self._roles.person(user),
            str(interaction.id),
            place_of(channel, self._names, me, follow=self._follow, person=user),
            interaction.guild_id is None,
        )

    async def _status(self, asker: _Asker) -> str:
        desk, knows = self._desk, asker.person.role is not Role.VIEWER
        parent = asker.followed
        if (state := await self._state(asker.chat)) is not None:
            lines = [f"{self._stand_in} is in this chat. {_mode(state.policy.mode)}."]
        elif parent and (state := await self._joining(asker.chat, parent)) is not None:
            lines = [_JOINS, f"{_mode(state.policy.mode)}."]
        else:
            lines = [NOT_HERE, "What is written here is neither kept nor answered."]
        if state and not (await desk.consents.of(state.chat.key)).may_answer(asker.author.id):
            lines.append("You are not answered here; `/understudy optout undo:True` lets it talk to you.")
        lines += [_killed(kill, asker, told=knows) for kill in await self._kills(asker)]
        if knows:
            waiting = [draft for draft in await desk.drafts.waiting() if draft.chat == asker.chat]
            lines += _waiting(len(waiting))
        return "\n".join(lines)

    async def _kill(self, asker: _Asker, reach: KillReach | None) -> str:
        may = asker.person.role is not Role.VIEWER
        report = await self._ears.kill(asker.chat, asker.author, reach, asker.once, own=may)
        lines = [f"Stopped {asker.where(report.scope)}: nothing more is sent. Only an owner can resume."]
        if report.in_flight:
            handed_over = _count(report.in_flight, "message was", "messages were")
            lines.append(f"{handed_over} already handed over, and may still arrive.")
        return "\n".join(lines)

    async def _resume(self, asker: _Asker, reach: KillReach | None) -> str:
        asker.person.must_be(Role.OWNER, "resume")
        standing = {kill.scope for kill in await self._kills(asker)}
        # Whoever says "in this chat" in a thread means that thread, and not its whole channel.
        may = scopes_of(asker.chat, asker.part_of if reach is None else None)
        lifted = [scope for scope in may if scope in standing and (reach is None or scope.reach is reach)]
        waiting = {draft.id for scope in lifted for draft in await self._desk.resume(asker.person, scope)}
        where = " and ".join(asker.where(scope) for scope in lifted)
        lines = [f"Resumed {where}." if lifted else "There was nothing to resume: no such kill stands here."]
        lines += [_killed(kill, asker, told=True) for kill in await self._kills(asker)]
        return "\n".join(lines + _waiting(len(waiting)))

    async def _why(self, asker: _Asker, message: str) -> str:
        asker.person.must_be(Role.MODERATOR, "ask why")
        named = _MESSAGE.fullmatch(message)
        if message and named is None:
            return "That is neither a message's link nor its id: right-click the message, Copy Message Link."
        there = (named["there"] or named["channel"]) if named else None
        chat = key_of(int(there)) if there else asker.chat
        await self._desk.chats.get(chat)
        account = await account_of(
            self._desk.chats, self._desk.journal, chat, named["message"] if named else ""
        )
        return "Nobody has written here since it was let in." if account is None else _told(account)

    async def _enable(self, asker: _Asker, interaction: discord.Interaction) -> str:
        title = asker.place.title if asker.place else asker.chat.chat_id
        parent = getattr(interaction.channel, "parent_id", None)
        await self._desk.enable(
            asker.person, Chat(asker.chat, title), key_of(parent) if parent is not None else None
        )
        state = await self._desk.chats.get(asker.chat)
        lines = [f"{self._stand_in} is in {plain(title)} now. {_mode(state.policy.mode)}."]
        lines += [_killed(kill, asker, told=True) for kill in await self._kills(asker)]
        missing = _missing(interaction)
        if missing:
            lines.append(f"Discord does not let it write here yet: give its role {missing}.")
        return "\n".join(lines)

    async def _obey(self, asker: _Asker, order: Order) -> str:
        while True:
            try:
                written = await self._desk.consents.obey_command(
                    order, asker.chat, asker.author, asker.once, asker.followed
                )
                break
            except StoreAway:
                # The chat is latched until it is written.
                await asyncio.sleep(_RETRY_SECONDS)
        if written is None:
            return "It is not in this chat: nothing that you write here is kept or answered."
        whole = "" if written == asker.chat else f" {_WHOLE}"
        if order is Order.START:
            return f"Done: it may talk to you here again.{whole}"
        return (
            f"Done: it does not talk to you here any more, and what you wrote is out of what it reads.{whole} "
            "`/understudy optout undo:True` is the way back."
        )

    async def _state(self, chat: ChatKey) -> ChatState | None:
        try:
            return await self._desk.chats.get(chat)
        except ChatUnknown:
            return None

    async def _joining(self, thread: ChatKey, parent: ChatKey) -> ChatState | None:
        """The channel as a thread will follow it; None where it will not."""
        if (await self._desk.consents.of(thread)).stays_out:
            return None
        state = await self._state(parent)
        return state if state and state.policy.mode is not Mode.OFF else None

    async def _kills(self, asker: _Asker) -> tuple[Kill, ...]:
        kills = await self._desk.kill_switch.kills()
        return tuple(kill for kill in kills if kill.scope.covers(asker.chat, asker.part_of))


def _mode(mode: Mode) -> str:
    return f"Mode **{mode}**: {_MODES[mode]}"


def _killed(kill: Kill, asker: _Asker, *, told: bool) -> str:
    """Say a kill; by whom and why is for those who are `told`: it may be from another chat."""
    by = f" by {_killer(kill.by)} ({plain(kill.reason)})" if told else ""
    where, since = asker.where(kill.scope), discord.utils.format_dt(kill.at)
    return f"It is silent {where}, stopped{by} at {since}. Only an owner can resume."


def _killer(by: str) -> str:
    """Who killed; where they did so in a chat of Discord's, it is shown as Discord shows a channel."""
    name, _, number = by.rpartition(f" in {MESSENGER}/")
    return f"{plain(name)} in <#{number}>" if name and number.isdecimal() else plain(by)


def _waiting(drafts: int) -> list[str]:
    return [f"{_count(drafts, 'draft waits', 'drafts wait')} for a moderator."] if drafts else []


def _told(account: Account) -> str:
    outcome = account.outcome
    if outcome is None:
        lines = ["Nothing is on record of what became of it: it was not kept, or it is long ago."]
    else:
        lines = [f"**{outcome.outcome.replace('_', ' ').capitalize()}**: {plain(outcome.reason)}"]
    lines += [f"{discord.utils.format_dt(one.at, 'T')} {plain(in_words(one))}" for one in account.entries]
    return "\n".join(lines)


def _missing(interaction: discord.Interaction) -> str:
    """The permissions that the bot lacks where a command was used."""
    missing = discord.Permissions(NEEDED.value & ~interaction.app_permissions.value)
    if isinstance(interaction.channel, discord.Thread):
        missing.send_messages = False
    return named(missing) if interaction.guild else ""


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
