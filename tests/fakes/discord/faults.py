"""What Discord says when it refuses: its status, its numeric code, its words."""

from __future__ import annotations

from typing import Any


class Fault(Exception):
    """A refusal. `violation` is true where no client that keeps to the documentation gets it."""

    def __init__(
        self, status: int, code: int, message: str, *, violation: bool = False, **more: object
    ) -> None:
        super().__init__(message)
        self.status = status
        self.violation = violation
        self.body: dict[str, Any] = {"message": message, "code": code, **more}


def unauthorized() -> Fault:
    return Fault(401, 0, "401: Unauthorized")


def unknown(what: str) -> Fault:
    codes = {"Channel": 10003, "Guild": 10004, "Member": 10007, "Message": 10008, "User": 10013}
    codes |= {"Webhook": 10015, "Interaction": 10062, "Application": 10002}
    return Fault(404, codes[what], f"Unknown {what}")


def missing_access() -> Fault:
    return Fault(403, 50001, "Missing Access")


def missing_permissions() -> Fault:
    return Fault(403, 50013, "Missing Permissions")


def empty_message() -> Fault:
    return Fault(400, 50006, "Cannot send an empty message", violation=True)


def archived() -> Fault:
    return Fault(400, 50083, "Thread is archived")


def locked() -> Fault:
    return Fault(400, 160005, "This thread is locked")


def unread_reply() -> Fault:
    return Fault(400, 160002, "Cannot reply without permission to read message history")


def another_author() -> Fault:
    return Fault(403, 50005, "Cannot edit a message authored by another user", violation=True)


def no_direct_messages() -> Fault:
    return Fault(403, 50007, "Cannot send messages to this user")


def acknowledged(*, violation: bool) -> Fault:
    return Fault(400, 40060, "Interaction has already been acknowledged.", violation=violation)


def invalid_form(field: str, code: str, message: str, *, violation: bool = True) -> Fault:
    """50035, with the error under the field's own name."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(field.split(".")):
        errors = {name: errors}
    return Fault(400, 50035, "Invalid Form Body", violation=violation, errors=errors)


def limited(seconds: float, *, everywhere: bool = False, code: int = 0) -> Fault:
    message = "You are being rate limited."
    if code:
        message = "This action cannot be performed due to slowmode rate limit"
    fault = Fault(429, code, message, retry_after=round(seconds, 3), **{"global": everywhere})
    if not code:
        del fault.body["code"]
    return fault
