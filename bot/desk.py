"""The desk: everything with which people watch and steer the stand-in, with who may do what.

The command line, the dashboard and the REST API all go through here, so a role is checked in one place.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.chats import Chats, ChatState
from bot.drafts import Draft, Drafts
from bot.errors import DraftRefused
from bot.journal import Journal
from bot.kill_switch import RedisKillSwitch
from bot.people import Person, Role
from bot.worker import refusal_of
from chat.message import Author, Chat, ChatKey, Message
from chat.transcript import Turn
from inference.prompt import split_bubbles
from safety.kill import KillReport, KillScope
from safety.mode import Mode
from safety.policy import Rule, decide
from safety.subject import DraftText


class Desk:
    """What people may do. All methods raise StoreAway, and NotAllowed for a role that may not."""

    def __init__(
        self,
        chats: Chats,
        drafts: Drafts,
        journal: Journal,
        kill_switch: RedisKillSwitch,
        draft_rules: Sequence[Rule[DraftText]],
    ) -> None:
        self.chats = chats
        self.drafts = drafts
        self.journal = journal
        self.kill_switch = kill_switch
        self._draft_rules = draft_rules

    async def kill(
        self, person: Person, scope: KillScope, reason: str = "the switch was pressed", kill_id: str = ""
    ) -> KillReport:
        """Stop all sending in a scope. Everybody may. The same id again changes nothing."""
        return await self.kill_switch.kill(scope, person.name, reason, kill_id)

    async def resume(self, person: Person, scope: KillScope) -> tuple[Draft, ...]:
        """Lift a kill; gives the drafts that were frozen or held under it. Only an owner may."""
        person.must_be(Role.OWNER, "resume")
        await self.kill_switch.resume(scope, person.name)
        return tuple(draft for draft in await self.drafts.waiting() if scope.covers(draft.chat))

    async def approve(self, person: Person, draft_id: str, text: str | None = None) -> None:
        """Let a draft leave; with `text` as edited, a bubble a line. Raises DraftRefused."""
        person.must_be(Role.MODERATOR, "approve drafts")
        draft = await self.drafts.get(draft_id)
        left = draft.bubbles[draft.sent :]
        bubbles = None if text is None else split_bubbles(text)
        if bubbles is not None and not bubbles:
            raise DraftRefused(
                "rules", f"draft {draft_id}: an edited draft needs some text; reject it instead"
            )
        if bubbles == left:
            bubbles = None
        # An edit passes the same rules as the model's text: a person may approve, not smuggle the kill word out.
        if draft.open:
            await self._check(draft, bubbles or left)
        await self.drafts.approve(draft_id, person.name, bubbles)

    async def reject(self, person: Person, draft_id: str, reason: str = "") -> None:
        """Throw a draft away. Raises DraftRefused."""
        person.must_be(Role.MODERATOR, "reject drafts")
        await self.drafts.reject(draft_id, person.name, reason)

    async def enable(self, person: Person, chat: Chat) -> None:
        """Let the stand-in into a chat; a new one starts `manual`. Only an owner may."""
        person.must_be(Role.OWNER, "enable chats")
        await self.chats.enable(chat, person.name)

    async def set_mode(self, person: Person, key: ChatKey, mode: Mode) -> ChatState:
        """Change a chat's mode. Only an owner may. Raises ChatUnknown."""
        person.must_be(Role.OWNER, "change a chat's mode")
        await self.chats.set_mode(key, mode, person.name)
        return await self.chats.get(key)

    async def set_probability(self, person: Person, key: ChatKey, probability: float) -> ChatState:
        """Change how often an ambient turn is answered. Only an owner may. Raises ChatUnknown."""
        person.must_be(Role.OWNER, "change a chat's probability")
        await self.chats.set_probability(key, probability, person.name)
        return await self.chats.get(key)

    async def set_kill_words(self, person: Person, key: ChatKey, words: tuple[str, ...]) -> ChatState:
        """Set the chat's own kill words. Only an owner may. Raises ChatUnknown and SettingsInvalid."""
        person.must_be(Role.OWNER, "change a chat's kill words")
        await self.chats.set_kill_words(key, words, person.name)
        return await self.chats.get(key)

    async def _check(self, draft: Draft, bubbles: tuple[str, ...]) -> None:
        state = await self.chats.get(draft.chat)
        said = await self.chats.transcript(draft.chat)
        answered = tuple(message for message in said if message.id in draft.messages)
        if not answered:
            # Long out of the transcript. The text is judged all the same, as an answer to nothing in particular.
            somebody = Author("somebody", "Somebody")
            answered = (Message(draft.chat, draft.messages[0], somebody, "", draft.created_at),)
        # Without the history: that a moderator repeats what was said before is the moderator's choice.
        text = DraftText(Turn(state.chat, answered), bubbles, state.policy)
        if (refusal := refusal_of(await decide(self._draft_rules, text))) is not None:
            raise DraftRefused("rules", f"draft {draft.id}: it may not leave ({refusal})")
