"""The drafts of a chat that wait for a moderator: approve, edit, reject."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from bot.dashboard.snapshot import ChatView, Snapshot
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Moment, Rows, Tag, attribute, box, set_text, show_if
from bot.desk import Desk
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


@dataclass(frozen=True, slots=True)
class _Card:
    """A draft, what it answers, and why it may not leave now, if so."""

    draft: Draft
    answers: tuple[tuple[str, str], ...]
    blocked: str | None


class DraftsPanel:
    """The drafts, oldest first; in shadow mode also what would have been said."""

    def __init__(self, visitor: Visitor, desk: Desk, name: str) -> None:
        self._name = name
        with box("section", "u-panel u-drafts").props('aria-label="Drafts"'):
            with box("h2"):
                Tag("span", "Drafts")
                self._count = Tag("span", "", "u-count")
                writing = f"{name[:1].upper()}{name[1:]} is writing…"
                self._writing = Tag("span", writing, "u-writing").props("role=status")
            self._empty = Tag("p", "", "u-soft")
            self._rows: Rows[_Card] = Rows(
                box("ol", "u-cards"), lambda card: card.draft.id, lambda card: _CardRow(card, visitor, desk)
            )
            self._shadow_title = Tag("h3", "What would have been said")
            self._shadow: Rows[_Card] = Rows(box("ol", "u-cards"), lambda card: card.draft.id, _ShadowRow)

    def show(self, snapshot: Snapshot, view: ChatView) -> None:
        """Show a chat's drafts."""
        said = {message.id: (message.author.name, message.text) for message in view.said}
        blocked = _BLOCKED.get(view.state.policy.mode)
        if any(kill.scope.covers(view.state.chat.key) for kill in snapshot.kills):
            blocked = "A kill is in force: the owner resumes first"

        def card(draft: Draft) -> _Card:
            found = [said[id_] for id_ in draft.messages if id_ in said]
            return _Card(draft, tuple(found[-_QUOTED:]), blocked)

        count = len(view.drafts)
        set_text(self._count, str(count))
        show_if(self._count, count)
        show_if(self._writing, view.state.answering)
        show_if(self._empty, not count)
        set_text(self._empty, _EMPTY[view.state.policy.mode])
        show_if(self._shadow_title, view.shadow)
        self._rows.show([card(draft) for draft in view.drafts])
        self._shadow.show([card(draft) for draft in view.shadow])


def _quotes(card: _Card) -> None:
    if not card.answers:
        return
    with box("blockquote"):
        for author, text in card.answers:
            with box("p"):
                Tag("b", author)
                Tag("span", f" {text}")


class _ShadowRow:
    def __init__(self, card: _Card) -> None:
        self.root: ui.element = box("li", "u-card u-card-shadow")
        with self.root:
            _quotes(card)
            for bubble in card.draft.bubbles:
                Tag("div", bubble, "u-mini-bubble")

    def show(self, card: _Card) -> None:
        """A shadow draft does not change."""

    def leave(self) -> bool:
        return True


class _CardRow:
    """One draft. It stays where it is while somebody edits it, also when it is decided elsewhere meanwhile."""

    def __init__(self, card: _Card, visitor: Visitor, desk: Desk) -> None:
        self._visitor = visitor
        self._desk = desk
        self._draft = card.draft
        self._gone = False
        self.root: ui.element = box("li", "u-card")
        with self.root:
            _quotes(card)
            self._bubbles = box(classes="u-card-bubbles")
            with self._bubbles:
                for bubble in self._left:
                    Tag("div", bubble, "u-mini-bubble")
            self._editor = self._make_editor()
            with box("p", "u-soft u-card-meta"):
                self._why = Tag("span")
                with box("span"):
                    Tag("span", "expires in ")
                    Moment(card.draft.expires_at, "until")
            if visitor.moderates:
                self._buttons = self._make_buttons()
                self._rejecting = self._make_rejection()
            else:
                Tag("p", "A moderator decides.", "u-soft")

    @property
    def _left(self) -> tuple[str, ...]:
        return self._draft.bubbles[self._draft.sent :]

    def show(self, card: _Card) -> None:
        self._draft = card.draft
        frozen = card.draft.state == "frozen"
        why = "a kill stopped it" if frozen else card.draft.reason.removeprefix("written, and ")
        if sent := card.draft.sent:
            why += f"; {sent} of {len(card.draft.bubbles)} bubbles have left"
        set_text(self._why, why + " · ")
        attribute(self.root, "data-state", card.draft.state)
        if self._visitor.moderates:
            for button in (self._approve, self._approve_edited):
                attribute(button, "disabled", card.blocked is not None)
                attribute(button, "title", card.blocked)

    def leave(self) -> bool:
        if not self._editor.visible:
            return True
        if not self._gone:
            self._gone = True
            set_text(self._why, "it has been decided on meanwhile; your text is still here · ")
            attribute(self._approve_edited, "disabled", value=True)
        return False

    def _make_editor(self) -> ui.element:
        with box(classes="u-editor") as editor:
            self._text = (
                ui.textarea(value="\n".join(self._left))
                .props('outlined dense aria-label="Text of the draft, a bubble a line"')
                .classes("u-field")
            )
            Tag("p", "A bubble a line.", "u-soft")
            with box(classes="u-buttons"):
                self._approve_edited = Tag("button", "Approve edited", "u-button u-primary").props(
                    "type=button"
                )
                self._approve_edited.on("click", self._on_approve_edited)
                Tag("button", "Cancel", "u-button").props("type=button").on("click", self._on_cancel)
        show_if(editor, None)
        return editor

    def _make_buttons(self) -> ui.element:
        with box(classes="u-buttons") as buttons:
            self._approve = Tag("button", "Approve", "u-button u-primary").props("type=button")
            self._approve.on("click", self._on_approve)
            Tag("button", "Edit", "u-button").props("type=button").on("click", self._on_edit)
            Tag("button", "Reject", "u-button u-danger").props("type=button").on("click", self._on_reject)
        return buttons

    def _make_rejection(self) -> ui.element:
        with box(classes="u-editor") as rejecting:
            self._reason = (
                ui.input(placeholder="Why not? (may stay empty)")
                .props('outlined dense autofocus maxlength=500 aria-label="Reason for the rejection"')
                .classes("u-field")
                .on("keydown.enter", self._on_reject_sure)
            )
            with box(classes="u-buttons"):
                sure = Tag("button", "Reject draft", "u-button u-danger u-primary").props("type=button")
                sure.on("click", self._on_reject_sure)
                Tag("button", "Cancel", "u-button").props("type=button").on("click", self._on_cancel)
        show_if(rejecting, None)
        return rejecting

    async def _on_approve(self) -> None:
        draft_id = self._draft.id

        async def approve(person: Person) -> None:
            await self._desk.approve(person, draft_id)

        await self._visitor.do(approve)

    async def _on_approve_edited(self) -> None:
        draft_id, text = self._draft.id, str(self._text.value or "")

        async def approve(person: Person) -> bool:
            await self._desk.approve(person, draft_id, text)
            return True

        if await self._visitor.do(approve):
            self._close()

    async def _on_reject_sure(self) -> None:
        draft_id, reason = self._draft.id, str(self._reason.value or "").strip()

        async def reject(person: Person) -> None:
            await self._desk.reject(person, draft_id, reason)

        await self._visitor.do(reject)

    def _on_edit(self) -> None:
        self._text.set_value("\n".join(self._left))
        attribute(self._text, "rows", str(len(self._left) + 1))
        self._open(self._editor)
        show_if(self._bubbles, None)
        self._text.run_method("focus")

    def _on_reject(self) -> None:
        self._open(self._rejecting)

    def _on_cancel(self) -> None:
        if self._gone:
            self.root.delete()
            return
        self._close()

    def _open(self, part: ui.element) -> None:
        show_if(self._buttons, None)
        show_if(part, part)

    def _close(self) -> None:
        show_if(self._editor, None)
        show_if(self._rejecting, None)
        show_if(self._bubbles, self._bubbles)
        show_if(self._buttons, self._buttons)
