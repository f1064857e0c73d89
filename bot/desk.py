"""The desk: everything with which people watch and steer the stand-in, with who may do what.

The command line, the dashboard and the REST API all go through here, so a role is checked in one place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from bot.answer import refusal_of
from bot.chats import Chats, ChatState
from bot.consents import Consents
from bot.drafts import Draft, Drafts
from bot.errors import ChatUnknown, DraftRefused, SettingsInvalid, StoreAway
from bot.journal import Journal
from bot.kill_switch import RedisKillSwitch
from bot.owner import OwnerPresence
from bot.owner_watch import OwnerWatch
from bot.people import Person, Role
from bot.reveal import Reveals
from bot.review import Edit, Summary, edits_of, summary_of
from chat.message import Author, Chat, ChatKey, Message
from chat.transcript import Turn
from inference.prompt import split_bubbles
from safety.consent import ChatConsent, How, Purpose
from safety.disclosure import Disclosure
from safety.kill import KillReport, KillScope
from safety.mode import Mode
from safety.policy import Rule, decide
from safety.subject import DraftText
from safety.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Look:
    """A draft as somebody has looked at it."""

    draft: str
    version: int | None = None
    candidate: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a decision on one of many drafts."""

    draft: str
    came_to: str
    """`approved`, `rejected`, or why not as one word (see DraftRefused; `store_away` where Redis was)."""
    message: str
    """One line for people."""


class Desk:
    """What people may do. All methods raise StoreAway, and NotAllowed for a role that may not."""

    def __init__(
        self,
        chats: Chats,
        drafts: Drafts,
        journal: Journal,
        kill_switch: RedisKillSwitch,
        consents: Consents,
        owner: OwnerPresence,
        draft_rules: Sequence[Rule[DraftText]],
        owner_watch: OwnerWatch,
        reveals: Reveals,
        review: Collection[ChatKey] = (),
    ) -> None:
        """Build the desk. `review` are the channels in which drafts are reviewed: the stand-in is let into none."""
        self.chats = chats
        self.drafts = drafts
        self.journal = journal
        self.kill_switch = kill_switch
        self.consents = consents
        self.owner = owner
        self.reveals = reveals
        self._draft_rules = draft_rules
        self._owner_watch = owner_watch
        self._review = review

    async def kill(
        self, person: Person, scope: KillScope, reason: str = "the switch was pressed", kill_id: str = ""
    ) -> KillReport:
        """Stop all sending in a scope. Everybody may. The same id again changes nothing."""
        report = await self.kill_switch.kill(scope, person.name, reason, kill_id)
        await self._may(person, Role.VIEWER, "kill")
        return report

    async def resume(self, person: Person, scope: KillScope) -> tuple[Draft, ...]:
        """Lift a kill; gives the drafts that were frozen or held under it. Only an owner may."""
        await self._may(person, Role.OWNER, "resume")
        await self.kill_switch.resume(scope, person.name)
        chats = {state.chat.key: state.chat for state in await self.chats.all()}
        return tuple(
            draft
            for draft in await self.drafts.waiting()
            if (chat := chats.get(draft.chat)) and scope.covers(chat.key, chat.part_of)
        )

    async def approve(
        self,
        person: Person,
        draft_id: str,
        text: str | None = None,
        *,
        candidate: int | None = None,
        version: int | None = None,
    ) -> None:
        """Let a draft leave; with `text` as edited, a bubble a line. Raises DraftRefused.

        `candidate` is which of its texts, by default the chosen one; `version` the one that was looked at.
        """
        await self._may(person, Role.MODERATOR, "approve drafts")
        draft = await self.drafts.get(draft_id)
        bubbles = None if text is None else split_bubbles(text)
        if bubbles is not None and not bubbles:
            raise DraftRefused(
                "rules", f"draft {draft_id}: an edited draft needs some text; reject it instead"
            )
        objection = ""
        # An edit passes the same rules as the model's text: a person may approve, not smuggle the kill word out.
        if draft.state in {"held", "frozen"}:
            if bubbles is None or bubbles == draft.left:
                bubbles = None
                leaving = draft.text_of(candidate)
            else:
                leaving = bubbles
            objection = await self._check(draft, leaving)
        # What was judged is what leaves, whatever is written meanwhile.
        await self.drafts.approve(
            draft_id,
            person.name,
            bubbles,
            candidate=candidate,
            version=version or draft.version,
            objection=objection,
        )

    async def reject(self, person: Person, draft_id: str, reason: str = "") -> None:
        """Throw a draft away. Raises DraftRefused."""
        await self._may(person, Role.MODERATOR, "reject drafts")
        await self.drafts.reject(draft_id, person.name, reason)

    async def claim(self, person: Person, draft_id: str, *, take_over: bool = False) -> None:
        """Take a draft, so that nobody else decides on it for a while. Raises DraftRefused.

        Only an owner may take over what somebody else has taken.
        """
        await self._may(person, Role.MODERATOR, "take drafts")
        if take_over:
            await self._may(person, Role.OWNER, "take over what somebody else has taken")
        await self.drafts.claim(draft_id, person.name, take_over=take_over)

    async def release(self, person: Person, draft_id: str) -> None:
        """Give a draft that was taken back; an owner also what somebody else has taken. Raises DraftRefused."""
        await self._may(person, Role.MODERATOR, "release drafts")
        await self.drafts.release(draft_id, person.name, take_over=person.role is Role.OWNER)

    async def regenerate(
        self, person: Person, draft_id: str, *, newest: bool = False, version: int | None = None
    ) -> None:
        """Have another text written; with `newest`, with what has been said since. Raises DraftRefused."""
        await self._may(person, Role.MODERATOR, "have drafts rewritten")
        await self.drafts.regenerate(draft_id, person.name, newest=newest, version=version)

    async def approve_many(self, person: Person, looks: Sequence[Look]) -> tuple[Result, ...]:
        """Let drafts leave, each by its own compare-and-set; gives what came of each, in order."""
        await self._may(person, Role.MODERATOR, "approve drafts")
        return await _each(
            looks,
            "approved",
            lambda look: self.approve(person, look.draft, candidate=look.candidate, version=look.version),
        )

    async def reject_many(
        self, person: Person, looks: Sequence[Look], reason: str = ""
    ) -> tuple[Result, ...]:
        """Throw drafts away, each by its own compare-and-set; gives what came of each, in order."""
        await self._may(person, Role.MODERATOR, "reject drafts")
        return await _each(looks, "rejected", lambda look: self.reject(person, look.draft, reason))

    async def edits(self, person: Person) -> tuple[Edit, ...]:
        """Give what moderators mended, both texts, for a later training. Only an owner may."""
        await self._may(person, Role.OWNER, "take the edits")
        return await edits_of(self.drafts, self.chats, self.consents)

    async def summary(self, person: Person) -> Summary:
        """Give how drafts were decided on, with the reasons of rejections. Everybody may."""
        await self._may(person, Role.VIEWER, "see the summary")
        return await summary_of(self.drafts)

    async def enable(self, person: Person, chat: Chat, part_of: ChatKey | None = None) -> None:
        """Let the stand-in into a chat; a new one starts `manual`. Only an owner may. Raises SettingsInvalid.

        `part_of` is the chat that it is a part of, where that is known: the channel of a thread.
        """
        await self._may(person, Role.OWNER, "enable chats")
        for key in (chat.key, part_of):
            if key in self._review:
                raise SettingsInvalid(f"drafts are reviewed in {key}: it is no chat of the stand-in's")
        await self.chats.enable(chat, person.name)

    async def disable(self, person: Person, key: ChatKey) -> None:
        """Take the stand-in out of a chat, and erase what was stored of it. Only an owner may. Raises ChatUnknown."""
        await self._may(person, Role.OWNER, "disable chats")
        await self.chats.disable(key, person.name)

    async def consent(self, person: Person, key: ChatKey) -> ChatConsent:
        """Give what the ledger says of a chat. Moderators and owners: it names people. Raises ChatUnknown."""
        await self._may(person, Role.MODERATOR, "read the ledger")
        found = await self.consents.of(key)
        if found.enabled is None:
            raise ChatUnknown(f"no owner has ever enabled {key}: `understudy chats enable {key}`")
        return found

    async def agree(
        self, person: Person, key: ChatKey, who: Author, purpose: Purpose, *, agreed: bool
    ) -> ChatConsent:
        """Write down what somebody in a chat agreed to or took back. Only an owner may. Raises ChatUnknown."""
        await self._may(person, Role.OWNER, "change the ledger")
        await self.chats.get(key)
        change = self.consents.grant if agreed else self.consents.withdraw
        await change(key, who, purpose, How.OWNER, person.name)
        return await self.consents.of(key)

    async def owner_here(self, person: Person, key: ChatKey, *, here: bool) -> ChatState:
        """Say that the owner is in a chat in person, or has left it. Only an owner may. Raises ChatUnknown."""
        await self._may(person, Role.OWNER, "say that the owner is here")
        await self.chats.get(key)
        await (self.owner.here if here else self.owner.gone)(key, person.name)
        return await self.chats.get(key)

    async def set_disclosure(self, person: Person, key: ChatKey, ways: frozenset[Disclosure]) -> ChatState:
        """Change how a chat is told of the stand-in. Only an owner may. Raises ChatUnknown and SettingsInvalid."""
        await self._may(person, Role.OWNER, "change how a chat is told")
        await self.chats.set_disclosure(key, ways, person.name)
        return await self.chats.get(key)

    async def reveal(self, person: Person, key: ChatKey) -> int:
        """Tell a chat what was the stand-in's; gives how many bubbles. Only an owner may. Raises DraftRefused."""
        await self._may(person, Role.OWNER, "reveal")
        await self.chats.get(key)
        return await self.reveals.reveal(key, person.name)

    async def set_mode(self, person: Person, key: ChatKey, mode: Mode) -> ChatState:
        """Change a chat's mode. Only an owner may. Raises ChatUnknown."""
        await self._may(person, Role.OWNER, "change a chat's mode")
        await self.chats.set_mode(key, mode, person.name)
        return await self.chats.get(key)

    async def set_probability(self, person: Person, key: ChatKey, probability: float) -> ChatState:
        """Change how often an ambient turn is answered. Only an owner may. Raises ChatUnknown."""
        await self._may(person, Role.OWNER, "change a chat's probability")
        await self.chats.set_probability(key, probability, person.name)
        return await self.chats.get(key)

    async def set_kill_words(self, person: Person, key: ChatKey, words: tuple[str, ...]) -> ChatState:
        """Set the chat's own kill words. Only an owner may. Raises ChatUnknown and SettingsInvalid."""
        await self._may(person, Role.OWNER, "change a chat's kill words")
        await self.chats.set_kill_words(key, words, person.name)
        return await self.chats.get(key)

    async def _may(self, person: Person, role: Role, deed: str) -> None:
        """Raise NotAllowed unless they may; what an owner does is a sign of the owner."""
        person.must_be(role, deed)
        if person.role is Role.OWNER:
            await self._owner_watch.sign(person.name)

    async def _check(self, draft: Draft, bubbles: tuple[str, ...]) -> str:
        """Give what the rules would hold the text for, often nothing. Raises DraftRefused."""
        state = await self.chats.get(draft.chat)
        said = await self.chats.transcript(draft.chat)
        answered = _answered(draft, said)
        if not answered:
            # Long out of the transcript. The text is judged all the same, as an answer to nothing in particular.
            somebody = Author("somebody", "Somebody")
            answered = (Message(draft.chat, draft.messages[0], somebody, "", draft.created_at),)
        # Without the history: that a moderator repeats what was said before is the moderator's choice.
        text = DraftText(Turn(state.chat, answered), bubbles, state.policy, draft.names)
        decision = await decide(self._draft_rules, text)
        if (refusal := refusal_of(decision)) is not None:
            raise DraftRefused("rules", f"draft {draft.id}: it may not leave ({refusal})")
        held = (verdict for verdict in decision.trail if verdict.outcome is Outcome.HOLD)
        return "; ".join(f"{verdict.rule}: {verdict.reason}" for verdict in held)


def _answered(draft: Draft, said: Sequence[Message]) -> tuple[Message, ...]:
    """The messages that a text answers; one that was written anew may answer any since."""
    places = [place for place, message in enumerate(said) if message.id in draft.messages]
    if places and draft.versions:
        return tuple(message for message in said[places[0] :] if not message.own)
    return tuple(said[place] for place in places)


async def _each(
    looks: Sequence[Look], done: str, decide: Callable[[Look], Awaitable[None]]
) -> tuple[Result, ...]:
    results = []
    for look in looks:
        try:
            await decide(look)
        except DraftRefused as error:
            results.append(Result(look.draft, error.answer, str(error)))
        except ChatUnknown as error:
            # The chat was disabled between two looks at it, and its drafts with it.
            results.append(Result(look.draft, "missing", str(error)))
        except StoreAway as error:
            # It may have been decided or not; the others are still asked about, and said.
            results.append(Result(look.draft, "store_away", str(error)))
        else:
            results.append(Result(look.draft, done, f"draft {look.draft}: {done}"))
    return tuple(results)
