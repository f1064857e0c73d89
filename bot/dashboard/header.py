"""The top of every page: whose stand-in this is, whether model and Redis live, who is signed in, and the switch."""

from __future__ import annotations

from bot.dashboard.kill_bar import KillButton
from bot.dashboard.snapshot import Snapshot
from bot.dashboard.visitor import Visitor
from bot.dashboard.widgets import Tag, attribute, box, set_text, show_if
from chat.message import Chat

_NO_SERVICE = "No service is running: messages wait in the chats, and nothing is answered."
_MODEL_AWAY = "The model is away: messages are kept, and answered when it is back."
_REDIS_AWAY = "Redis is away: nothing is sent until it is back. What stands here may be old."


class Header:
    """Name, lamps, and the switch."""

    def __init__(self, visitor: Visitor, persona: str | None, chat: Chat | None) -> None:
        with box("header", "u-header"):
            with box("a", "u-brand").props('href="/" aria-label="Understudy, to the chats"'):
                box("img").props('src="/assets/understudy.svg" alt="" width=30 height=30')
                with box("span", "u-brand-name"):
                    Tag("b", "Understudy")
                    Tag("span", f"speaks as {persona}" if persona else "nobody speaks now")
            with box("div", "u-lamps"):
                self._model = _Lamp("Model")
                self._redis = _Lamp("Redis")
            with box("div", "u-who"):
                with box("a", "u-who-name").props('href="/account" title="Your account"'):
                    Tag("b", visitor.person.name)
                    Tag("span", visitor.person.role.value)
                with box("form").props("method=post action=/sign-out"):
                    Tag("button", "Sign out", "u-quiet").props("type=submit")
            self._kill = KillButton(visitor, chat)
        self._away = Tag("p", "", "u-away").props("role=status")

    def show(self, snapshot: Snapshot) -> None:
        """Show how things are."""
        model = any(service.model_alive for service in snapshot.services)
        self._redis.show("away" if snapshot.store_away else "alive")
        self._model.show("unknown" if snapshot.store_away else "alive" if model else "away")
        self._kill.show(snapshot)
        show_if(self._away, line := self._line(snapshot))
        set_text(self._away, line)

    def _line(self, snapshot: Snapshot) -> str:
        """What is wrong with all of it, or with a place that is no chat; what is wrong with a chat stands there."""
        if snapshot.store_away:
            return _REDIS_AWAY
        if not snapshot.services:
            return _NO_SERVICE
        lines: list[str] = []
        if not any(service.model_alive for service in snapshot.services):
            told = next((service.model_trouble for service in snapshot.services if service.model_trouble), "")
            lines.append(f"{_MODEL_AWAY} {_sentence(told)}".rstrip())
        chats = {str(state.chat.key) for state in snapshot.chats}
        lines += [
            f"{place.partition('/')[0].capitalize()}: {_sentence(trouble)}"
            for place, trouble in sorted(snapshot.troubles.items())
            if place not in chats
        ]
        return " ".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


class _Lamp:
    def __init__(self, name: str) -> None:
        self._name = name
        with box("span", "u-lamp") as self._root:
            box("i").props("aria-hidden=true")
            Tag("span", name)
            self._state = Tag("span", "", "u-hidden")

    def show(self, state: str) -> None:
        attribute(self._root, "data-state", state)
        attribute(self._root, "title", f"{self._name}: {state}")
        set_text(self._state, f" {state}")
