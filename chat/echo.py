"""Echoes: messengers show an account its own messages again, sometimes before the call that sent them returns."""

from __future__ import annotations


def plain(text: str, mark: str = "") -> str:
    """What is compared of a text to know an echo: without the mark before it, and all whitespace as one space."""
    folded, mark = " ".join(text.split()), " ".join(mark.split())
    return folded[len(mark) :].lstrip() if mark and folded.startswith(mark) else folded


def unmarked(text: str, mark: str) -> str:
    """A text without the mark before it."""
    return text.removeprefix(mark) if mark else text
