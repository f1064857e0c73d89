"""Faces: what a draft's card shows, given the draft and its chat.

It quotes texts only as long as somebody needs them to decide, or until the answer has left; after that it says what
became of the draft and by whom, and no more. So no card can keep what the store has erased.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import discord

from bot.drafts import OPEN_STATES, Draft
from bot.messengers.discord.buttons import CardButton, Press
from bot.messengers.discord.markdown import plain
from bot.messengers.discord.modals import MOST_EDITED
from bot.messengers.discord.reading import MESSENGER
from bot.review import REASONS
from chat.message import ChatKey, Message

MOST_QUOTED: Final = 6
"""Messages before the draft, those that it answers included."""
_MESSAGE: Final = 300
_QUOTES: Final = 1500
_TEXT: Final = 3000
_TITLE: Final = 200
_LINE: Final = 400
_NAME: Final = 80
"""Characters, after escaping; all of them together stay under Discord's 6,000 for a message's embeds."""
_CUT: Final = "…"
_FOOTER: Final = re.compile(r"draft (\S+)")
_WAITS, _BUSY, _STOPPED, _DONE = 0x4F8CC9, 0xC9A24F, 0xC94F4F, 0x808080
_ENDS: Final = {
    "sent": "Sent, approved by {by}",
    "rejected": "Rejected by {by}",
    "expired": "Expired: {reason}",
    "stale": "Stale: {reason}",
    "void": "Void: {reason}",
    "failed": "Not sent: {reason}",
    "unknown": "Nobody knows whether it left: {reason}",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What stands around a draft."""

    title: str
    """What its chat is called."""
    said: Sequence[Message]
    """What was said there lately, oldest first."""
    blocked: str | None
    """Why nothing may leave now, if so."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a card shows."""

    embeds: tuple[discord.Embed, ...]
    buttons: tuple[CardButton, ...] = ()
    quotes: bool = True
    """Whether it shows anything of the chat's, so that somebody has to look after it."""

    @property
    def digest(self) -> str:
        """Equal for two faces that show the same."""
        shown = [embed.to_dict() for embed in self.embeds], [one.to_component_dict() for one in self.buttons]
        return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:16]

    def view(self) -> discord.ui.View | None:
        """The buttons, as discord.py posts them."""
        if not self.buttons:
            return None
        view = discord.ui.View(timeout=None)
        for button in self.buttons:
            view.add_item(button)
        return view


def face_of(draft: Draft, setting: Setting, persona: str) -> Face:
    """The face of a draft that waits, or is on its way; else what became of it."""
    if draft.state not in OPEN_STATES and draft.state != "approved":
        return ended(draft.id, draft.chat, _end(draft))
    text = "\n\n".join("> " + plain(bubble).replace("\n", "\n> ") for bubble in draft.left)
    whole = len(text) <= _TEXT
    quotes = discord.Embed(
        title=cut(plain(setting.title), _TITLE),
        description=_quotes(draft, setting.said),
        colour=_colour(draft),
    )
    offer = discord.Embed(
        title=f"{cut(plain(persona), _TITLE)} would say",
        description=f"{cut(text, _TEXT)}\n\n{_notes(draft, setting.blocked, whole=whole)}",
        colour=_colour(draft),
    )
    offer.set_footer(text=_footer(draft.id))
    return Face((quotes, offer), _buttons(draft, setting.blocked, whole=whole))


def ended(draft: str, chat: ChatKey, line: str) -> Face:
    """A face without any text of the chat's, and without its title, which may be somebody's name."""
    where = f"<#{chat.chat_id}>" if chat.messenger == MESSENGER else chat.messenger
    embed = discord.Embed(description=f"{line}\n{where}", colour=_DONE)
    embed.set_footer(text=_footer(draft))
    return Face((embed,), quotes=False)


def erased(draft: str, chat: ChatKey) -> Face:
    """The face of a draft that is not on record any more."""
    return ended(draft, chat, "Erased: the chat was disabled, or who is in it was forgotten")


def draft_on(message: discord.Message) -> str | None:
    """Which draft a message is the card of, if it is one."""
    for embed in message.embeds:
        if (found := _FOOTER.fullmatch(embed.footer.text or "")) is not None:
            return found[1]
    return None


def cut(text: str, longest: int) -> str:
    """At most so many characters; a sign and what escapes it stay together."""
    if len(text) <= longest:
        return text
    head = text[: longest - len(_CUT)]
    return head[: len(head) - (len(head) - len(head.rstrip("\\"))) % 2] + _CUT


def _footer(draft: str) -> str:
    return f"draft {draft}"


def _quotes(draft: Draft, said: Sequence[Message]) -> str:
    """What was said up to what the draft answers; one that was written anew may answer what was said until then."""
    answered = [at for at, message in enumerate(said) if message.id in draft.messages]
    last = answered[-1] + 1 if answered else 0
    if draft.versions:
        until = draft.versions[-1].replaced_at
        last = max(last, sum(message.sent_at <= until for message in said))
    lines: list[str] = []
    room = _QUOTES
    # The newest count most: what has no room is further up.
    for message in reversed(said[max(0, last - MOST_QUOTED) : last]):
        words = message.text or f"({message.attachment})"
        mark = "→ " if message.id in draft.messages else ""
        line = f"{mark}**{cut(plain(message.author.name), _NAME)}** {cut(plain(words), _MESSAGE)}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return "\n".join(reversed(lines)) or "(what it answers is not in the transcript any more)"


def _notes(draft: Draft, blocked: str | None, *, whole: bool) -> str:
    notes = [f"**{cut(plain(_standing(draft)), _LINE)}**"]
    if draft.open and blocked:
        notes.append(blocked)
    if draft.open and not whole:
        notes.append("too long for a card: the dashboard shows it whole")
    if draft.sent:
        notes.append(f"{draft.sent} of {len(draft.bubbles)} bubbles have left")
    if draft.version > 1:
        notes.append(f"text number {draft.version}")
    if len(draft.candidates) > 1:
        notes.append(f"one of {len(draft.candidates)} texts; the dashboard shows the others")
    if draft.taken_by and draft.taken_until:
        notes.append(
            f"{cut(plain(draft.taken_by), _NAME)} has it until <t:{int(draft.taken_until.timestamp())}:t>"
        )
    if draft.open and not blocked:
        notes.append(f"expires <t:{int(draft.expires_at.timestamp())}:R>")
    return "\n".join(notes)


def _standing(draft: Draft) -> str:
    if draft.state == "frozen":
        return f"frozen: {draft.reason}"
    if draft.state == "rewriting":
        return f"another text is being written ({draft.reason})"
    return draft.reason if draft.open else f"approved by {draft.decided_by}, on its way"


def _colour(draft: Draft) -> int:
    return {"held": _WAITS, "frozen": _STOPPED}.get(draft.state, _BUSY)


def _buttons(draft: Draft, blocked: str | None, *, whole: bool) -> tuple[CardButton, ...]:
    if not draft.open:
        return ()
    reject = CardButton(Press.REJECT, draft.id, draft.version)
    if draft.state == "rewriting":
        return (reject,)
    stopped = blocked is not None
    again = CardButton(Press.AGAIN, draft.id, draft.version, disabled=stopped or draft.sent > 0)
    if not whole:
        # Nothing leaves from here that nobody has seen whole.
        return (reject, again)
    short = len("\n".join(draft.left)) <= MOST_EDITED
    return (
        CardButton(Press.APPROVE, draft.id, draft.version, disabled=stopped),
        CardButton(Press.EDIT, draft.id, draft.version, disabled=stopped or not short),
        reject,
        again,
    )


def _end(draft: Draft) -> str:
    by = draft.decided_by or "somebody"
    line = _ENDS.get(draft.state, "{reason}").format(
        by=cut(plain(by), _NAME), reason=cut(plain(draft.reason), _LINE)
    )
    # In a person's own words may stand what is to be forgotten later.
    if draft.state == "rejected" and draft.reason in REASONS:
        line += f": {draft.reason}"
    return line
