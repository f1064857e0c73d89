"""The drafts of a chat that wait for a moderator, one by one or several at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nicegui import ui

from bot.dashboard.draft_card import Card, DraftCard, button, quotes
from bot.dashboard.snapshot import ChatView, Snapshot
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Rows, Tag, attribute, box, set_text, show_if
from bot.desk import Desk, Result
from bot.drafts import Draft
from bot.people import Person
from safety.mode import Mode

_EMPTY = {
    Mode.OFF: "The chat is off: nothing is written.",
    Mode.SHADOW: "In shadow mode drafts are written and never sent.",
    Mode.MANUAL: "No draft waits. The next one appears here.",
    Mode.AUTO: "No draft waits. What every rule allows is sent by itself.",
}
_BLOCKED = {
    Mode.OFF: "The chat is off: an owner switches it on first",
    Mode.SHADOW: "In shadow mode nothing is sent: an owner changes the mode first",
}
_QUOTED = 3


class DraftsPanel:
    """The drafts, oldest first; in shadow mode also what would have been said."""

    def __init__(self, visitor: Visitor, desk: Desk, name: str) -> None:
        self._cards: dict[str, DraftCard] = {}
        with box("section", "u-panel u-drafts").props('aria-label="Drafts"'):
            with box("h2"):
                Tag("span", "Drafts")
                self._count = Tag("span", "", "u-count")
                writing = f"{name[:1].upper()}{name[1:]} is writing…"
                self._writing = Tag("span", writing, "u-writing").props("role=status")
            self._empty = Tag("p", "", "u-soft")
            self._many = _Many(visitor, desk) if visitor.moderates else None

            def make(card: Card) -> DraftCard:
                made = self._cards[card.draft.id] = DraftCard(card, visitor, desk, self._show_many)
                return made

            self._rows: Rows[Card] = Rows(box("ol", "u-cards"), lambda card: card.draft.id, make)
            self._shadow_title = Tag("h3", "What would have been said")
            self._shadow: Rows[Card] = Rows(box("ol", "u-cards"), lambda card: card.draft.id, _ShadowRow)

    def show(self, snapshot: Snapshot, view: ChatView) -> None:
        """Show a chat's drafts."""
        said = {message.id: (message.author.name, message.text) for message in view.said}
        blocked = _BLOCKED.get(view.state.policy.mode)
        chat = view.state.chat
        if any(kill.scope.covers(chat.key, chat.part_of) for kill in snapshot.kills):
            blocked = "A kill is in force: the owner resumes first"

        def card(draft: Draft) -> Card:
            found = [said[id_] for id_ in draft.messages if id_ in said]
            return Card(draft, tuple(found[-_QUOTED:]), blocked)

        count = len(view.drafts)
        set_text(self._count, str(count))
        show_if(self._count, count)
        show_if(self._writing, view.state.answering)
        show_if(self._empty, not count)
        set_text(self._empty, _EMPTY[view.state.policy.mode])
        show_if(self._shadow_title, view.shadow)
        self._rows.show([card(draft) for draft in view.drafts])
        self._shadow.show([card(draft) for draft in view.shadow])
        waiting = {draft.id for draft in view.drafts}
        self._cards = {id_: made for id_, made in self._cards.items() if id_ in waiting}
        if self._many is not None:
            self._many.block(blocked)
        self._show_many()

    def _show_many(self) -> None:
        if self._many is not None:
            self._many.show(list(self._cards.values()))


class _Many:
    """Decide on several drafts in one go: on those that are selected, or on all that are shown."""

    def __init__(self, visitor: Visitor, desk: Desk) -> None:
        self._visitor = visitor
        self._desk = desk
        self._cards: Sequence[DraftCard] = ()
        with box(classes="u-many") as self._root:
            with box(classes="u-buttons") as self._offer:
                self._approve = button("", self._on_approve)
                self._reject = button("", self._on_reject, "u-danger")
            with box(classes="u-editor") as self._confirm:
                self._question = Tag("p")
                self._reason = (
                    ui.input(placeholder="Why not? (may stay empty)")
                    .props('outlined dense maxlength=500 aria-label="Reason for the rejections"')
                    .classes("u-field")
                )
                with box(classes="u-buttons"):
                    self._yes = button("Yes, let them leave", self._on_approve_sure, "u-primary")
                    self._away = button("Yes, reject them", self._on_reject_sure, "u-danger u-primary")
                    button("Cancel", self._close)
        self._close()

    def block(self, why_not: str | None) -> None:
        """Say why nothing may leave now, if so."""
        attribute(self._approve, "disabled", why_not is not None)
        attribute(self._approve, "title", why_not)

    def show(self, cards: Sequence[DraftCard]) -> None:
        """Offer what may be done with these cards; nothing where there is but one."""
        self._cards = cards
        show_if(self._root, len(cards) > 1)
        which = f"{len(self._chosen)} selected" if any(card.picked for card in cards) else "all shown"
        set_text(self._approve, f"Approve {which}")
        set_text(self._reject, f"Reject {which}")

    @property
    def _chosen(self) -> list[DraftCard]:
        return [card for card in self._cards if card.picked] or list(self._cards)

    def _on_approve(self) -> None:
        self._ask("leave as they are shown", approving=True)

    def _on_reject(self) -> None:
        self._ask("be rejected", approving=False)

    def _ask(self, what: str, *, approving: bool) -> None:
        # What is asked about is what is done, also when another draft comes meanwhile.
        self._asked = [(card, card.look) for card in self._chosen]
        set_text(self._question, f"{len(self._asked)} drafts will {what}.")
        show_if(self._reason, not approving)
        show_if(self._yes, approving)
        show_if(self._away, not approving)
        show_if(self._offer, None)
        show_if(self._confirm, self._confirm)

    def _close(self) -> None:
        self._asked = []
        show_if(self._confirm, None)
        show_if(self._offer, self._offer)

    async def _on_approve_sure(self) -> None:
        looks = [look for _, look in self._asked]

        async def approve(person: Person) -> tuple[Result, ...]:
            return await self._desk.approve_many(person, looks)

        self._tell(await self._visitor.do(approve))

    async def _on_reject_sure(self) -> None:
        looks, reason = [look for _, look in self._asked], str(self._reason.value or "").strip()

        async def reject(person: Person) -> tuple[Result, ...]:
            return await self._desk.reject_many(person, looks, reason)

        self._tell(await self._visitor.do(reject))

    def _tell(self, results: Sequence[Result] | None) -> None:
        if results is None:
            return
        for card, _ in self._asked:
            card.unpick()
        self._close()
        done = Counter(result.came_to for result in results if result.came_to in {"approved", "rejected"})
        for what, count in done.items():
            self._visitor.say(f"{count} {what}.")
        if refused := [result for result in results if result.came_to not in done]:
            why = "; ".join(sorted({result.message.partition(": ")[2] for result in refused}))
            self._visitor.say(f"{len(refused)} not: {why}.", bad=True)


class _ShadowRow:
    def __init__(self, card: Card) -> None:
        self.root: ui.element = box("li", "u-card u-card-shadow")
        with self.root:
            quotes(card)
            for bubble in card.draft.bubbles:
                Tag("div", bubble, "u-mini-bubble")

    def show(self, card: Card) -> None:
        """A shadow draft does not change."""

    def leave(self) -> bool:
        return True
