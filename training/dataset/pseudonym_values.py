"""Numbers, addresses and links that look like the real ones, and are nobody's where that can be had."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from itertools import count
from typing import Final

from safety.personal_data import Kind
from training.dataset.pseudonym_key import PseudonymKey
from training.dataset.pseudonym_pools import FAMILY, GIVEN, STREETS

_TRIES: Final = 200
_LINE: Final = 9
"""Digits at the end of a phone number that are the same however it is written: +49 170 …, 0170 …."""
_SECRET: Final = re.compile(r"[^\s:=,;'\"]*[\d!$%&#*+][^\s,;'\"]*")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_STREET: Final = re.compile(
    r"(straße|strasse|str|weg|platz|allee|gasse|ufer|damm|straat|laan|plein|gracht|kade|dijk|singel)$",
    re.IGNORECASE,
)


def values_like(kind: Kind, real: str, key: PseudonymKey) -> Iterator[str]:
    """Make up values of a kind, endlessly: of a phone number other ones, in the same signs."""
    for attempt in count():
        # Short codes may all be taken: then there are more digits than were written.
        longer = real + "0" * (attempt // _TRIES)
        salt = f"{attempt}\0" if attempt else ""
        yield _value_like(kind, longer, key, salt)


def _value_like(kind: Kind, real: str, key: PseudonymKey, salt: str) -> str:  # noqa: PLR0911 - one a kind
    match kind:
        case Kind.PHONE:
            return _phone(real, key, salt)
        case Kind.MAIL:
            raw = key.digest("mail", salt + real.casefold())
            return f"{_pick(GIVEN, raw).lower()}.{_pick(FAMILY, raw[8:]).lower()}{raw[16]}@example.{_domain(raw)}"
        case Kind.LINK:
            scheme = re.match(r"[a-z][\w+.-]*://", real, re.IGNORECASE)
            raw = key.digest("link", salt + real)
            start = scheme.group().lower() if scheme else ("www." if real[:4].lower() == "www." else "")
            return f"{start}example.{_domain(raw)}/{raw[:5].hex()}"
        case Kind.IP:
            raw = key.digest("ip", salt + real)
            # Nobody's, by RFC 3849 and RFC 2544.
            last = f"{18 + raw[0] % 2}.{raw[1]}.{raw[2]}"
            return f"2001:db8::{raw[:2].hex()}:{raw[2:4].hex()}" if ":" in real else f"198.{last}"
        case Kind.ADDRESS:
            return _address(real, key, salt)
        case Kind.CODE:
            made = _SECRET.sub(lambda match: _scrambled(match.group(), key, salt), real)
            return _scrambled(real, key, salt) if made == real else made
        case Kind.IBAN:
            # Two letters say the country; the sum after them is not kept, so that no bank takes it.
            return real[:2] + _scrambled(real[2:], key, salt)
        case Kind.CARD | Kind.WALLET | Kind.NATIONAL_ID:
            return _scrambled(real, key, salt)


def _scrambled(real: str, key: PseudonymKey, salt: str = "") -> str:
    """Put another digit for each digit, and another letter for each letter."""
    signs = [char for char in real.casefold() if char.isalnum()]
    stream = _stream(key, "signs", salt + "".join(signs))
    made = []
    for char in real:
        if char.isdecimal():
            made.append(string.digits[next(stream) % 10])
        elif char.isalpha():
            letter = string.ascii_lowercase[next(stream) % 26]
            made.append(letter.upper() if char.isupper() else letter)
        else:
            made.append(char)
    return "".join(made)


def _phone(real: str, key: PseudonymKey, salt: str) -> str:
    digits = [str(int(char)) for char in real if char.isdecimal()]
    line = digits[-_LINE:]
    stream = _stream(key, "phone", salt + "".join(line))
    others = digits[: len(digits) - len(line)] + [string.digits[next(stream) % 10] for _ in line]
    left = iter(others)
    return "".join(next(left) if char.isdecimal() else char for char in real)


def _address(real: str, key: PseudonymKey, salt: str) -> str:
    def other(match: re.Match[str]) -> str:
        word = match.group()
        if word.casefold() in STREETS:
            return word
        name = _pick(FAMILY, key.digest("address", salt + word.casefold()))
        end = _STREET.search(word)
        name = name + end.group().lower() if end else name
        return name if word[0].isupper() else name.lower()

    numbers = re.sub(r"\w*\d\w*", lambda match: _scrambled(match.group(), key, salt), real)
    return _WORD.sub(other, numbers)


def _stream(key: PseudonymKey, kind: str, text: str) -> Iterator[int]:
    block = 0
    while True:
        yield from key.digest(kind, f"{block}\0{text}")
        block += 1


def _pick(pool: tuple[str, ...], raw: bytes) -> str:
    return pool[int.from_bytes(raw[:8]) % len(pool)]


def _domain(raw: bytes) -> str:
    # Set aside for examples by RFC 2606: nobody's mail arrives there.
    return ("com", "net", "org")[raw[31] % 3]
