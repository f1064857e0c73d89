"""A chat's settings on the page: its mode, and how often it is answered unasked. Owners change them."""

from __future__ import annotations

from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Tag, box, set_text
from bot.desk import Desk
from bot.people import Person
from chat.message import ChatKey
from safety.mode import ChatPolicy, Mode

MODES: Final = {Mode.OFF: "Off", Mode.SHADOW: "Shadow", Mode.MANUAL: "Manual", Mode.AUTO: "Auto"}
_HELP: Final = {
    Mode.OFF: "Nothing is read or written.",
    Mode.SHADOW: "Drafts are written, never sent.",
    Mode.MANUAL: "A moderator approves each draft.",
    Mode.AUTO: "What every rule allows is sent.",
}


class _Slider(ui.slider):
    # Else each value comes back from the server, and it jumps under a hand that is faster.
    LOOPBACK = False


class ChatSettings:
    """Mode and probability of one chat."""

    def __init__(self, visitor: Visitor, desk: Desk, key: ChatKey, name: str) -> None:
        self._visitor = visitor
        self._desk = desk
        self._key = key
        self._name = name
        self._policy: ChatPolicy | None = None
        with box(classes="u-settings"):
            self._make_probability()
            self._modes = (
                ui.toggle(dict(MODES), on_change=self._on_mode)
                .props("no-caps unelevated color=none text-color=none")
                .props('toggle-color=none toggle-text-color=none role=group aria-label="Mode"')
                .classes("u-modes")
            )
        if not visitor.owns:
            self._modes.disable()

    def show(self, policy: ChatPolicy) -> str:
        """Show the settings; gives the mode in a sentence."""
        if policy != self._policy:
            self._policy = policy
            self._modes.set_value(policy.mode)
            if not self._menu.value:  # else it would jump back under the hand that moves it
                self._slider.set_value(round(policy.probability * 100))
                self._words.set_value(", ".join(policy.kill_words))
            set_text(self._probability, f"{policy.probability:.0%}")
        return _HELP[policy.mode]

    def _make_probability(self) -> None:
        title = f"How often {self._name} answers unasked"
        with (
            ui.button(color=None)
            .props(f'no-caps flat dense aria-label="{title}" title="{title}"')
            .classes("u-probability")
        ):
            ui.icon("casino")
            self._probability = Tag("span")
            with ui.menu().classes("u-options") as self._menu, box(classes="u-probability-menu"):
                Tag("p", f"{title}. Asked by name, always.")
                self._slider = _Slider(min=0, max=100, step=5, value=0)
                self._slider.props(f'label label-always aria-label="{title}, in percent"')
                self._slider.on("change", self._on_probability)
                self._words = ui.input("Kill words of this chat, with commas").props("dense outlined")
                self._words.on("change", self._on_words)
                if not self._visitor.owns:
                    self._slider.disable()
                    self._words.disable()

    async def _on_mode(self, event: ValueChangeEventArguments[Mode]) -> None:
        wanted, before = event.value, self._policy
        if before is None or wanted is before.mode:
            return

        async def change(person: Person) -> ChatPolicy:
            return (await self._desk.set_mode(person, self._key, wanted)).policy

        self._change(await self._visitor.do(change))

    async def _on_probability(self, event: GenericEventArguments) -> None:
        wanted = float(event.args) / 100

        async def change(person: Person) -> ChatPolicy:
            return (await self._desk.set_probability(person, self._key, wanted)).policy

        changed = await self._visitor.do(change)
        if changed is None:
            self._menu.close()
        self._change(changed)

    async def _on_words(self) -> None:
        wanted = tuple(word.strip() for word in str(self._words.value).split(",") if word.strip())

        async def change(person: Person) -> ChatPolicy:
            return (await self._desk.set_kill_words(person, self._key, wanted)).policy

        changed = await self._visitor.do(change)
        if changed is None:
            self._menu.close()
        self._change(changed)

    def _change(self, changed: ChatPolicy | None) -> None:
        """Show what holds now; what was refused jumps back."""
        holds, self._policy = changed or self._policy, None
        if holds is not None:
            self.show(holds)
