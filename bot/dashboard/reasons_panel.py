"""The panel that says why each turn was or was not answered."""

from __future__ import annotations

from nicegui import ui

from bot.dashboard.reasons import Reason, Step, Trail, reasons
from bot.dashboard.snapshot import ChatView
from bot.dashboard.widgets import Moment, Rows, Tag, attribute, box, set_text, show_if

_NEWEST = 40


class ReasonsPanel:
    """Newest first, each to be opened for the whole trail."""

    def __init__(self, name: str) -> None:
        with box("section", "u-panel u-reasons").props('aria-label="Why"'):
            Tag("h2", f"Why {name} did or did not answer")
            self._empty = Tag("p", "Nothing has been decided here yet.", "u-soft")
            self._rows: Rows[Reason] = Rows(box("ol", "u-lines"), lambda reason: reason.id, _Row)

    def show(self, view: ChatView) -> None:
        """Show a chat's decisions."""
        found = reasons(view.journal, view.outcomes)[:_NEWEST]
        show_if(self._empty, not found)
        self._rows.show(found)


class _Row:
    """The entry of a journal does not change, only what became of it since: so a trail that is open stays open."""

    def __init__(self, reason: Reason) -> None:
        self.root: ui.element = box("li", "u-line")
        with self.root:
            opens = bool(reason.said or reason.trails)
            with box("details" if opens else "div", "u-reason"):
                with box("summary" if opens else "div", "u-summary"):
                    with box(classes="u-summary-head"):
                        self._verb = Tag("span", classes="u-verb")
                        if reason.said:
                            author, text = reason.said[-1]
                            Tag("span", f"{author}: {text}", "u-quote-line")
                        Moment(reason.at, classes="u-at")
                    self._why = Tag("span", classes="u-why")
                if opens:
                    _details(reason)

    def show(self, reason: Reason) -> None:
        set_text(self._verb, reason.verb)
        attribute(self.root, "data-tone", reason.tone)
        set_text(self._why, f"because {reason.why}" if reason.said else reason.why)

    def leave(self) -> bool:
        return True


def _details(reason: Reason) -> None:
    with box(classes="u-trail"):
        if len(reason.said) > 1:
            with box("blockquote"):
                for author, text in reason.said:
                    with box("p"):
                        Tag("b", author)
                        Tag("span", f" {text}")
        for trail in reason.trails:
            _trail(trail)
        if reason.footnotes:
            with box("dl", "u-footnotes"):
                for name, value in reason.footnotes:
                    with box():
                        Tag("dt", name)
                        Tag("dd", value)


def _trail(trail: Trail) -> None:
    Tag("h3", trail.title)
    for bubble in trail.bubbles:
        Tag("div", bubble, "u-mini-bubble")
    with box("ol", "u-steps"):
        for step in trail.steps:
            _step(step)
    if trail.note:
        Tag("p", trail.note, "u-soft")


def _step(step: Step) -> None:
    with box("li").props(f"data-outcome={step.outcome}"):
        Tag("span", step.outcome, "u-outcome")
        Tag("code", step.rule)
        Tag("span", step.reason, "u-step-why")
        if step.facts:
            Tag("span", step.facts, "u-facts")
