"""Components as people use them: buttons of a message, fields of a modal; what Discord would not let them do fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tests.fakes.discord.faults import invalid_form
from tests.fakes.discord.forms import keys_of
from tests.fakes.discord.world import Posted, User

if TYPE_CHECKING:
    from tests.fakes.discord.interactions import Interaction
    from tests.fakes.discord.server import Bot, FakeDiscord

ROW, BUTTON, SELECT, TEXT_INPUT, LABEL = 1, 2, 3, 4, 18
MOST_TYPED = 4000
_TEXT_KEYS: dict[str, tuple[type, ...]] = {
    "type": (int,),
    "id": (int,),
    "custom_id": (str,),
    "style": (int,),
    "label": (str, type(None)),
    "min_length": (int,),
    "max_length": (int,),
    "required": (bool,),
    "value": (str,),
    "placeholder": (str,),
}
_SELECT_KEYS: dict[str, tuple[type, ...]] = {
    "type": (int,),
    "id": (int,),
    "custom_id": (str,),
    "options": (list,),
    "placeholder": (str,),
    "min_values": (int,),
    "max_values": (int,),
    "disabled": (bool,),
    "required": (bool,),
}


def buttons(posted: Posted) -> dict[str, bool]:
    """The labels of a message's buttons, and whether each can be pressed."""
    return {part["label"]: not part.get("disabled", False) for part in _parts(posted)}


def press(fake: FakeDiscord, bot: Bot, posted: Posted, user: User, label: str) -> Interaction:
    """Somebody presses a button of a message."""
    (button,) = (part for part in _parts(posted) if part["label"] == label)
    assert not button.get("disabled", False), f"{label} cannot be pressed"
    data = {"custom_id": button["custom_id"], "component_type": BUTTON, "id": 1}
    return fake.invoke(bot, posted.channel, user, 3, data, posted)


def submit(fake: FakeDiscord, opened: Interaction, values: Mapping[str, str]) -> Interaction:
    """Somebody fills the fields of a modal, by their `custom_id`, and sends it in; the others stay as they were."""
    modal = opened.modal
    assert modal is not None, "no modal was shown"
    assert set(values) <= {label["component"]["custom_id"] for label in modal["components"]}
    sent = [
        {"type": LABEL, "id": 2 * at + 1, "component": _filled(label["component"], values, 2 * at + 2)}
        for at, label in enumerate(modal["components"])
    ]
    data = {"custom_id": modal["custom_id"], "components": sent}
    return fake.invoke(opened.bot, opened.channel, opened.user, 5, data, opened.message)


def check_modal(data: Mapping[str, Any]) -> None:
    """Raises Fault."""
    form = keys_of(dict(data), {"title": (str,), "custom_id": (str,), "components": (list,)})
    if set(form) != {"title", "custom_id", "components"}:
        raise invalid_form("data", "BASE_TYPE_REQUIRED", "This field is required")
    _length("title", form["title"], 1, 45)
    _length("custom_id", form["custom_id"], 1, 100)
    if not 1 <= len(form["components"]) <= 5:
        raise invalid_form("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    ids: set[str] = set()
    for part in form["components"]:
        if part.get("type") == ROW:
            (inner,) = part["components"]
        elif part.get("type") == LABEL:
            known: dict[str, tuple[type, ...]] = {
                "type": (int,),
                "id": (int,),
                "label": (str,),
                "description": (str,),
                "component": (dict,),
            }
            keys_of(part, known)
            _length("label", part["label"], 1, 45)
            inner = part["component"]
        else:
            raise invalid_form("components", "UNION_TYPE_CHOICES", "A modal has labels.")
        _check_field(inner)
        if inner["custom_id"] in ids:
            raise invalid_form("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "custom_id")
        ids.add(inner["custom_id"])


def _check_field(field: dict[str, Any]) -> None:
    if field.get("type") == TEXT_INPUT:
        keys_of(field, _TEXT_KEYS)
        most = field.get("max_length", MOST_TYPED)
        if not 1 <= most <= MOST_TYPED:
            raise invalid_form("max_length", "NUMBER_TYPE_MAX", "int value should be between 1 and 4000.")
        _length("value", field.get("value", ""), 0, most)
    elif field.get("type") == SELECT:
        keys_of(field, _SELECT_KEYS)
        if field.get("disabled"):
            raise invalid_form("disabled", "BASE_TYPE_CHOICES", "Nothing is disabled in a modal.")
        if field.get("min_values", 1) == 0 and field.get("required", True):
            raise invalid_form("required", "BASE_TYPE_CHOICES", "What is required has at least one value.")
        if not 1 <= len(field["options"]) <= 25:
            raise invalid_form("options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
        for option in field["options"]:
            _length("label", option["label"], 1, 100)
            _length("value", option["value"], 1, 100)
    else:
        raise invalid_form("components", "UNION_TYPE_CHOICES", "No such field.")
    _length("custom_id", field["custom_id"], 1, 100)


def _length(name: str, text: str, least: int, most: int) -> None:
    if not least <= len(text) <= most:
        raise invalid_form(name, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")


def _parts(posted: Posted) -> list[dict[str, Any]]:
    return [part for row in posted.components for part in row["components"]]


def _filled(field: Mapping[str, Any], values: Mapping[str, str], id_: int) -> dict[str, Any]:
    head = {"type": field["type"], "id": id_, "custom_id": field["custom_id"]}
    value = values.get(field["custom_id"], field.get("value", ""))
    if field["type"] == SELECT:
        chosen = [value] if value else []
        assert set(chosen) <= {option["value"] for option in field["options"]}
        assert chosen or not field.get("required", True)
        return head | {"values": chosen}
    assert len(value) <= field.get("max_length", MOST_TYPED)
    assert value or not field.get("required", True)
    return head | {"value": value}
