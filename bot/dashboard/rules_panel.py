"""The panel that shows both chains of rules, with how often each said what."""

from __future__ import annotations

from typing import Final

from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Tag, box
from bot.people import Person
from bot.rulebook import Rulebook, RulebookEntry
from safety.verdict import Outcome

_DAYS: Final = 7
_QUESTIONS: Final = {"gate": "May this turn be answered?", "draft": "May this text leave?"}


class RulesPanel:
    """Closed at first; read anew each time it is opened."""

    def __init__(self, visitor: Visitor, rulebook: Rulebook) -> None:
        self._visitor = visitor
        self._rulebook = rulebook
        with box("section", "u-panel u-rules").props('aria-label="Rules"'), box("details") as details:
            with box("summary"):
                Tag("h2", "The rules that decide")
            self._body = box()
        details.on("toggle", self._read)

    async def _read(self) -> None:
        async def read(person: Person) -> tuple[RulebookEntry, ...]:
            return await self._rulebook.read(_DAYS)

        entries = await self._visitor.do(read)
        if entries is None:
            return
        self._body.clear()
        with self._body:
            for chain, question in _QUESTIONS.items():
                Tag("h3", question)
                with box("ol", "u-steps"):
                    for entry in entries:
                        if entry.chain == chain:
                            _entry(entry)
            Tag("p", f"Verdicts of the last {_DAYS} days.", "u-soft")


def _entry(entry: RulebookEntry) -> None:
    state = ("on" if entry.on else "off") if entry.optional else "always"
    with box("li").props(f"data-outcome={'allow' if entry.on else 'drop'}"):
        Tag("span", state, "u-outcome")
        Tag("code", entry.name)
        Tag("span", entry.does.replace("`", ""), "u-step-why")
        Tag("span", _counts(entry), "u-facts")


def _counts(entry: RulebookEntry) -> str:
    if not entry.on:
        return "switched off"
    said = [f"{outcome.value} {entry.verdicts[outcome]}" for outcome in Outcome if entry.verdicts[outcome]]
    return ", ".join(said) or "not asked yet"
