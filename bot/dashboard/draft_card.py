"""One draft on the page: its texts, who has it, and what may be done with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from nicegui import ui

from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Moment, Tag, attribute, box, set_text, show_if
from bot.desk import Desk, Look
from bot.drafts import Candidate, Draft
from bot.people import Person
from bot.review import REASONS


@dataclass(frozen=True, slots=True)
class Card:
    """A draft, what it answers, and why it may not leave now, if so."""

    draft: Draft
    answers: tuple[tuple[str, str], ...]
    blocked: str | None


def quotes(card: Card) -> None:
    """Show what a draft answers."""
    if not card.answers:
        return
    with box("blockquote"):
        for author, text in card.answers:
            with box("p"):
                Tag("b", author)
                Tag("span", f" {text}")


def button(text: str, press: Callable[[], Awaitable[None] | None], classes: str = "") -> Tag:
    """Make a button."""
    made = Tag("button", text, f"u-button {classes}".strip()).props("type=button")
    made.on("click", press)
    return made


class DraftCard:
    """It stays where it is while somebody edits it, also when it is decided elsewhere meanwhile."""

    def __init__(self, card: Card, visitor: Visitor, desk: Desk, on_pick: Callable[[], None]) -> None:
        self._visitor = visitor
        self._desk = desk
        self._draft = card.draft
        self._blocked = card.blocked
        self._number = card.draft.chosen
        self._shown: object = None
        self._gone = False
        self.root: ui.element = box("li", "u-card")
        with self.root:
            with box(classes="u-card-top"):
                quotes(card)
                if visitor.moderates:
                    self._pick = ui.checkbox(on_change=on_pick).props('dense aria-label="Select this draft"')
            self._pager = self._make_pager()
            self._bubbles = box(classes="u-card-bubbles")
            self._refused = Tag("p", "", "u-soft u-refused")
            self._earlier = box("details", "u-earlier")
            if visitor.moderates:
                self._editor = self._make_editor()
            with box("p", "u-soft u-card-meta"):
                self._why = Tag("span")
                with box("span"):
                    Tag("span", "expires in ")
                    self._expires = Moment(card.draft.expires_at, "until")
                if visitor.moderates:
                    self._take = Tag("button", "Take", "u-quiet").props("type=button")
                    self._take.props["title"] = "Nobody else decides on it for a while"
                    self._take.on("click", self._on_take)
            self._claim = self._make_claim()
            if visitor.moderates:
                self._buttons = self._make_buttons()
                self._rejecting = self._make_rejection()
            else:
                Tag("p", "A moderator decides.", "u-soft")

    @property
    def picked(self) -> bool:
        """Whether it was selected."""
        return bool(self._pick.value)

    def unpick(self) -> None:
        """Select it no more."""
        self._pick.set_value(False)

    @property
    def look(self) -> Look:
        """The draft, with the text of it that is shown."""
        candidate = self._candidate
        return Look(self._draft.id, self._draft.version, candidate.number if candidate else None)

    def show(self, card: Card) -> None:
        """Show the draft as it is now."""
        if card.draft.version != self._draft.version:
            self._number = card.draft.chosen
        self._draft, self._blocked = card.draft, card.blocked
        draft = card.draft
        why = draft.reason
        if draft.sent:
            why += f"; {draft.sent} of {len(draft.bubbles)} bubbles have left"
        set_text(self._why, why + " · ")
        self._expires.set(draft.expires_at)
        attribute(self.root, "data-state", draft.state)
        self._show_text()
        self._show_claim()
        if self._visitor.moderates:
            self._show_buttons()

    def leave(self) -> bool:
        """Told that it waits no more: it stays while somebody edits it."""
        if not self._visitor.moderates or not self._editor.visible:
            return True
        if not self._gone:
            self._gone = True
            set_text(self._why, "it has been decided on meanwhile; your text is still here · ")
            attribute(self._approve_edited, "disabled", value=True)
            show_if(self._claim, None)
        return False

    # What is shown.

    @property
    def _candidate(self) -> Candidate | None:
        """The candidate that is shown, where there are several to choose from."""
        several = len(self._draft.candidates) > 1 and not self._draft.sent and self._draft.original is None
        return self._draft.candidates[self._number - 1] if several else None

    @property
    def _text(self) -> tuple[str, ...]:
        return self._draft.left if self._candidate is None else self._candidate.bubbles

    def _show_text(self) -> None:
        candidate, draft = self._candidate, self._draft
        shown = (self._text, self._number, draft.versions, candidate)
        if shown == self._shown:
            return
        self._shown = shown
        show_if(self._pager, candidate)
        set_text(self._page, f"Text {self._number} of {len(draft.candidates)}")
        refusal = candidate.refusal if candidate else None
        attribute(self._bubbles, "data-refused", "" if refusal else None)
        show_if(self._refused, refusal)
        set_text(self._refused, f"The rules refused it ({refusal}): edit it, or choose another.")
        self._bubbles.clear()
        with self._bubbles:
            for bubble in self._text:
                Tag("div", bubble, "u-mini-bubble")
        show_if(self._earlier, draft.versions)
        self._earlier.clear()
        with self._earlier:
            count = len(draft.versions)
            Tag("summary", f"{count} earlier text{'s' * (count != 1)}", "u-soft")
            for version in reversed(draft.versions):
                for bubble in version.bubbles:
                    Tag("div", bubble, "u-mini-bubble")

    def _show_claim(self) -> None:
        draft, me = self._draft, self._visitor.person.name
        show_if(self._claim, draft.taken_by and not self._gone)
        if draft.taken_by is None or draft.taken_until is None:
            return
        mine = draft.taken_by == me
        set_text(self._holder, "You have it for " if mine else f"{draft.taken_by} has it for ")
        self._until.set(draft.taken_until)
        if self._visitor.moderates:
            show_if(self._give_back, mine)
            show_if(self._take_over, not mine and self._visitor.owns)

    def _show_buttons(self) -> None:
        draft = self._draft
        taken = draft.taken_by not in {None, self._visitor.person.name}
        writing = draft.state == "rewriting"
        others = f"{draft.taken_by} has it" if taken else None
        busy = others or ("Another text is being written" if writing else None)
        refused = "The rules refused this text" if self._candidate and self._candidate.refusal else None
        _enable(self._approve, self._blocked or busy or refused)
        _enable(self._approve_edited, self._blocked or busy)
        partly = "Some of it has left already" if draft.sent else None
        _enable(self._another, self._blocked or busy or partly)
        _enable(self._edit, busy)
        _enable(self._reject, others)
        show_if(self._take, draft.taken_by is None)

    # What it is made of.

    def _make_pager(self) -> ui.element:
        with box(classes="u-pager") as pager:
            back = button("‹", lambda: self._turn(-1)).props('aria-label="The text before"')
            self._page = Tag("span", "", "u-soft").props("role=status")
            on = button("›", lambda: self._turn(1)).props('aria-label="The next text"')
            for turner in (back, on):
                turner.classes("u-turner")
        show_if(pager, None)
        return pager

    def _make_claim(self) -> ui.element:
        with box("p", "u-soft u-claim") as claim:
            with box("span"):
                self._holder = Tag("span")
                self._until = Moment(self._draft.expires_at, "until")
            if self._visitor.moderates:
                self._give_back = Tag("button", "Give back", "u-quiet").props("type=button")
                self._give_back.on("click", self._on_release)
                self._take_over = Tag("button", "Take over", "u-quiet").props("type=button")
                self._take_over.on("click", self._on_take_over)
        show_if(claim, None)
        return claim

    def _make_editor(self) -> ui.element:
        with box(classes="u-editor") as editor:
            self._field = (
                ui.textarea(value="\n".join(self._draft.left))
                .props('outlined dense aria-label="Text of the draft, a bubble a line"')
                .classes("u-field")
            )
            Tag("p", "A bubble a line.", "u-soft")
            with box(classes="u-buttons"):
                self._approve_edited = button("Approve edited", self._on_approve_edited, "u-primary")
                button("Cancel", self._on_cancel_edit)
        show_if(editor, None)
        return editor

    def _make_buttons(self) -> ui.element:
        with box(classes="u-buttons") as buttons:
            self._approve = button("Approve", self._on_approve, "u-primary")
            self._edit = button("Edit", self._on_edit)
            self._another = button("Rewrite", self._on_another)
            self._reject = button("Reject", self._on_reject, "u-danger")
        return buttons

    def _make_rejection(self) -> ui.element:
        with box(classes="u-editor") as rejecting:
            with box(classes="u-presets"):
                for reason in REASONS:
                    button(reason, partial(self._say_why, reason))
            self._reason = (
                ui.input(placeholder="Why not? (may stay empty)")
                .props('outlined dense autofocus maxlength=500 aria-label="Reason for the rejection"')
                .classes("u-field")
                .on("keydown.enter", self._on_reject_sure)
            )
            with box(classes="u-buttons"):
                button("Reject draft", self._on_reject_sure, "u-danger u-primary")
                button("Cancel", self._close)
        show_if(rejecting, None)
        return rejecting

    # What is done.

    def _turn(self, by: int) -> None:
        self._number = (self._number - 1 + by) % len(self._draft.candidates) + 1
        self._show_text()
        if self._visitor.moderates:
            self._show_buttons()

    async def _on_approve(self) -> None:
        look = self.look

        async def approve(person: Person) -> None:
            await self._desk.approve(person, look.draft, candidate=look.candidate, version=look.version)

        await self._visitor.do(approve)

    async def _on_approve_edited(self) -> None:
        look, text = self.look, str(self._field.value or "")

        async def approve(person: Person) -> bool:
            await self._desk.approve(person, look.draft, text, candidate=look.candidate, version=look.version)
            return True

        if await self._visitor.do(approve):
            self._close()

    async def _on_reject_sure(self) -> None:
        draft_id, reason = self._draft.id, str(self._reason.value or "").strip()

        async def reject(person: Person) -> None:
            await self._desk.reject(person, draft_id, reason)

        await self._visitor.do(reject)

    async def _on_another(self) -> None:
        look = self.look

        async def order(person: Person) -> None:
            # Who asks for another text wants one that fits to what stands in the chat by now.
            await self._desk.regenerate(person, look.draft, newest=True, version=look.version)

        await self._visitor.do(order)

    async def _on_take(self) -> None:
        await self._visitor.do(lambda person: self._desk.claim(person, self._draft.id))

    async def _on_take_over(self) -> None:
        await self._visitor.do(lambda person: self._desk.claim(person, self._draft.id, take_over=True))

    async def _on_release(self) -> None:
        await self._visitor.do(lambda person: self._desk.release(person, self._draft.id))

    async def _on_edit(self) -> None:
        async def take(person: Person) -> bool:
            # Nobody else decides on it while somebody writes.
            await self._desk.claim(person, self._draft.id)
            return True

        if not await self._visitor.do(take):
            return
        self._field.set_value("\n".join(self._text))
        attribute(self._field, "rows", str(len(self._text) + 1))
        self._open(self._editor)
        show_if(self._bubbles, None)
        self._field.run_method("focus")

    async def _on_cancel_edit(self) -> None:
        if self._gone:
            self.root.delete()
            return
        self._close()
        await self._on_release()

    def _on_reject(self) -> None:
        self._open(self._rejecting)

    def _say_why(self, reason: str) -> None:
        self._reason.set_value(reason)

    def _open(self, part: ui.element) -> None:
        show_if(self._buttons, None)
        show_if(part, part)

    def _close(self) -> None:
        show_if(self._editor, None)
        show_if(self._rejecting, None)
        show_if(self._bubbles, self._bubbles)
        show_if(self._buttons, self._buttons)


def _enable(element: Tag, why_not: str | None) -> None:
    attribute(element, "disabled", why_not is not None)
    attribute(element, "title", why_not)
