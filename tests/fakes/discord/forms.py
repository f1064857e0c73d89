"""What bodies may hold: every key that is sent must be known, and of its type."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord.faults import Fault, empty_message, invalid_form

MOST_CHARACTERS = 2000
MOST_NONCE = 25
MOST_EMBEDS, MOST_EMBEDDED = 10, 6000
EMBED_LIMITS = {"title": 256, "description": 4096, "footer.text": 2048, "author.name": 256}
EMBED_LIMITS |= {"fields.name": 256, "fields.value": 1024}
EMBED_KEYS: dict[str, tuple[type, ...]] = {
    "type": (str,),
    "title": (str,),
    "description": (str,),
    "color": (int,),
    "fields": (list,),
    "footer": (dict,),
    "author": (dict,),
    "url": (str,),
    "timestamp": (str,),
    "flags": (int,),
}
MESSAGE_KEYS: dict[str, tuple[type, ...]] = {
    "content": (str, type(None)),
    "nonce": (str, int),
    "enforce_nonce": (bool,),
    "tts": (bool,),
    "embeds": (list,),
    "allowed_mentions": (dict, type(None)),
    "message_reference": (dict,),
    "components": (list,),
    "sticker_ids": (list,),
    "flags": (int,),
    "attachments": (list,),
}
EDIT_KEYS = {
    name: (*MESSAGE_KEYS[name], type(None))
    for name in ("content", "embeds", "allowed_mentions", "components", "flags", "attachments", "tts")
}


def keys_of(body: object, known: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """The body, if it is an object with known keys of their types. Raises Fault."""
    if not isinstance(body, dict):
        raise Fault(400, 50109, "The request body contains invalid JSON.", violation=True)
    for name, value in body.items():
        if name not in known:
            raise invalid_form(name, "UNKNOWN_FIELD", f"{name} is no field of this route")
        # True is an int to Python alone.
        if not isinstance(value, known[name]) or (isinstance(value, bool) and bool not in known[name]):
            raise invalid_form(name, "BASE_TYPE_BAD", f"{name} is of the wrong type")
    return body


def message_form(body: object, *, edit: bool = False, prefix: str = "") -> dict[str, Any]:
    """Check what is to be a message. Raises Fault."""
    form = keys_of(body, EDIT_KEYS if edit else MESSAGE_KEYS)
    content = form.get("content") or ""
    if len(content) > MOST_CHARACTERS:
        raise invalid_form(f"{prefix}content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
    said = any(form.get(key) for key in ("embeds", "components", "sticker_ids", "attachments"))
    if not edit and not content.strip() and not said:
        raise empty_message()
    if len(str(form.get("nonce", ""))) > MOST_NONCE:
        raise invalid_form("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")
    _check_mentions(form.get("allowed_mentions"))
    check_embeds(form.get("embeds") or [])
    _check_components(form.get("components") or [])
    return form


def check_embeds(embeds: list[Any]) -> None:
    """Their documented limits. Raises Fault."""
    if len(embeds) > MOST_EMBEDS:
        raise invalid_form("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = 0
    for number, embed in enumerate(embeds):
        keys_of(embed, EMBED_KEYS)
        parts = [("title", embed.get("title") or ""), ("description", embed.get("description") or "")]
        parts.append(("footer.text", (embed.get("footer") or {}).get("text", "")))
        parts.append(("author.name", (embed.get("author") or {}).get("name", "")))
        for field in embed.get("fields") or []:
            keys_of(field, {"name": (str,), "value": (str,), "inline": (bool,)})
            parts += [("fields.name", field.get("name", "")), ("fields.value", field.get("value", ""))]
            if not field.get("name") or not field.get("value"):
                raise invalid_form(f"embeds.{number}.fields", "BASE_TYPE_REQUIRED", "This field is required")
        for name, text in parts:
            if len(text) > EMBED_LIMITS[name]:
                most = f"Must be {EMBED_LIMITS[name]} or fewer in length."
                raise invalid_form(f"embeds.{number}.{name}", "BASE_TYPE_MAX_LENGTH", most)
            total += len(text)
    if total > MOST_EMBEDDED:
        raise invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _check_mentions(allowed: dict[str, Any] | None) -> None:
    if allowed is None:
        return
    keys_of(allowed, {"parse": (list,), "users": (list,), "roles": (list,), "replied_user": (bool,)})
    parse = allowed.get("parse", [])
    if set(parse) - {"roles", "users", "everyone"}:
        raise invalid_form("allowed_mentions.parse", "BASE_TYPE_CHOICES", "Value must be one of ...")
    for name in ("users", "roles"):
        if name in parse and allowed.get(name):
            raise invalid_form(
                "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", f"parse: and {name}: exclude"
            )


def _check_components(components: list[Any]) -> None:
    if len(components) > 5:
        raise invalid_form("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for row in components:
        if not isinstance(row, dict) or row.get("type") != 1 or not 1 <= len(row.get("components", [])) <= 5:
            raise invalid_form("components", "UNION_TYPE_CHOICES", "A row has 1 to 5 components.")
        for part in row["components"]:
            id_ = part.get("custom_id")
            if id_ is not None and (not 1 <= len(id_) <= 100 or id_ in seen):
                raise invalid_form("components", "COMPONENT_CUSTOM_ID_DUPLICATED", "custom_id")
            seen.add(id_)
