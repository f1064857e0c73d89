"""Personal data in a text: Presidio's pattern recognisers, and our own for links, codes and postal addresses.

No model is used and nothing is downloaded. Presidio's package imports spaCy, and transformers and torch where they are
installed, only to have them at hand; the recognisers of patterns need none of it. So they are imported without their
package's own start (see `_imported`), in a second less and without half a gigabyte of memory. Call `Recognisers.open`
in a thread: it reads a few files.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import threading
import types
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Self

from safety.personal_patterns import ADDRESSES, ASKED_CODES, CODE_WORDS, CODES, LINKS, WALLETS


class Kind(StrEnum):
    """What kind of personal data."""

    LINK = "link"
    MAIL = "mail"
    PHONE = "phone"
    ADDRESS = "address"
    CODE = "code"
    """One-time codes, PINs, passwords, door codes."""
    CARD = "card"
    IBAN = "iban"
    WALLET = "wallet"
    IP = "ip"
    NATIONAL_ID = "national_id"


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data; its text is not in its `repr`, which may reach a log."""

    kind: Kind
    score: float
    text: str

    def __repr__(self) -> str:
        return f"Found({self.kind}, {self.score})"


_GENERIC: Final = "presidio_analyzer.predefined_recognizers.generic"
_COUNTRIES: Final = "presidio_analyzer.predefined_recognizers.country_specific"
_NATIONAL_IDS: Final = (
    ("us.us_ssn_recognizer", "UsSsnRecognizer"),
    ("us.us_itin_recognizer", "UsItinRecognizer"),
    ("uk.uk_nino_recognizer", "UkNinoRecognizer"),
    ("uk.uk_nhs_recognizer", "NhsRecognizer"),
    ("germany.de_tax_id_recognizer", "DeTaxIdRecognizer"),
    ("spain.es_nif_recognizer", "EsNifRecognizer"),
    ("spain.es_nie_recognizer", "EsNieRecognizer"),
    ("italy.it_fiscal_code_recognizer", "ItFiscalCodeRecognizer"),
    ("poland.pl_pesel_recognizer", "PlPeselRecognizer"),
    ("finland.fi_personal_identity_code_recognizer", "FiPersonalIdentityCodeRecognizer"),
    ("india.in_aadhaar_recognizer", "InAadhaarRecognizer"),
)
_SHELLS: Final = (
    "presidio_analyzer",
    "presidio_analyzer.nlp_engine",
    "presidio_analyzer.predefined_recognizers",
    _GENERIC,
    _COUNTRIES,
)
_BASICS: Final = (
    ("analysis_explanation", "AnalysisExplanation"),
    ("recognizer_result", "RecognizerResult"),
    ("entity_recognizer", "EntityRecognizer"),
    ("local_recognizer", "LocalRecognizer"),
    ("pattern", "Pattern"),
    ("pattern_recognizer", "PatternRecognizer"),
)
_PLAIN: Final = re.compile(r"[\n\t -~]*")
_building = threading.Lock()


@dataclass(frozen=True, slots=True)
class Recognisers:
    """All recognisers, by what they find."""

    by_kind: Mapping[Kind, Sequence[Any]]
    asked: Any
    """Finds what is a code only because somebody asked for one."""

    @classmethod
    def open(cls) -> Self:
        """Import and build them, once a process. Raises ImportError when Presidio is missing or another one."""
        # One at a time: while they are imported, stand-ins for their packages are seen by every thread.
        with _building:
            return cls(*_built())

    def find(
        self, text: str, *, code_asked: bool = False, kinds: Collection[Kind] = tuple(Kind)
    ) -> tuple[Found, ...]:
        """Find personal data of these kinds. `code_asked` says that somebody asks for a code or a password."""
        plain = plain_text(text)
        found = [
            Found(kind, result.score, plain[result.start : result.end])
            for kind, recognisers in self.by_kind.items()
            if kind in kinds
            for recogniser in (*recognisers, *((self.asked,) if code_asked and kind is Kind.CODE else ()))
            for result in recogniser.analyze(plain, recogniser.supported_entities, None) or ()
        ]
        return tuple(found)


def asks_for_code(text: str) -> bool:
    """Whether a text speaks of a code or password, so that a bare number after it may be one."""
    return CODE_WORDS.search(plain_text(text)) is not None


def domain_of(link: str) -> str:
    """The host of a link or of a mail address, in small letters."""
    host = re.sub(r"^[a-z][\w+.-]*://", "", link.casefold())
    return re.split(r"[/?#]", host, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].rstrip(".")


def plain_text(text: str) -> str:
    """The text without characters that nobody sees, and without full-width and other compatibility forms."""
    if _PLAIN.fullmatch(text):
        return text
    return text.translate(_plain_signs())


class _PlainSigns(dict[int, str | None]):
    """What becomes of a character, worked out when it is first met: a table for `translate`."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        seen = char in "\n\t" or unicodedata.category(char)[0] != "C"
        self[code] = unicodedata.normalize("NFKC", char) if seen else None
        return self[code]


@lru_cache(maxsize=1)
def _plain_signs() -> _PlainSigns:
    return _PlainSigns()


@lru_cache(maxsize=1)
def _built() -> tuple[Mapping[Kind, Sequence[Any]], Any]:
    presidio = _imported()
    extract = importlib.import_module("tldextract").TLDExtract(suffix_list_urls=(), cache_dir=None)
    pattern, base = presidio["Pattern"], presidio["PatternRecognizer"]

    def own(kind: Kind, table: Mapping[str, tuple[str, float]], flags: int = re.IGNORECASE) -> Any:  # noqa: ANN401
        patterns = [pattern(name, expression, score) for name, (expression, score) in table.items()]
        return base(supported_entity=kind.value, patterns=patterns, global_regex_flags=flags)

    def has_suffix(text: str) -> bool:
        return bool(extract(domain_of(text)).fqdn)

    def is_link(text: str) -> bool | None:
        # None leaves the pattern's own score; True would make it certain.
        known = re.match(r"www\.|[^/]*://", text, re.IGNORECASE) or has_suffix(text)
        return None if known else False

    # Presidio's own check fetches a list of suffixes from the network; this one is installed.
    mail, link = presidio["EmailRecognizer"](), own(Kind.LINK, LINKS)
    mail.validate_result, link.validate_result = has_suffix, is_link
    return {
        Kind.LINK: (link,),
        Kind.MAIL: (mail,),
        Kind.PHONE: (presidio["PhoneRecognizer"](supported_regions=_REGIONS),),
        Kind.ADDRESS: (own(Kind.ADDRESS, ADDRESSES, 0),),
        Kind.CODE: (own(Kind.CODE, CODES),),
        Kind.CARD: (presidio["CreditCardRecognizer"](),),
        Kind.IBAN: (presidio["IbanRecognizer"](),),
        Kind.WALLET: (presidio["CryptoRecognizer"](), own(Kind.WALLET, WALLETS)),
        Kind.IP: (presidio["IpRecognizer"](),),
        Kind.NATIONAL_ID: tuple(presidio[name]() for _, name in _NATIONAL_IDS),
    }, own(Kind.CODE, ASKED_CODES)


_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "PT", "BR", "NL", "AT", "CH", "IN")


def _imported() -> dict[str, Any]:
    """Presidio's classes by name, imported without its package's own start.

    Empty packages stand in for the real ones while the modules are imported, and go afterwards, so that whoever
    imports Presidio the ordinary way gets all of it.
    """
    spec = importlib.util.find_spec("presidio_analyzer")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("presidio-analyzer is not installed: install the package again")
    before = {name: module for name, module in sys.modules.items() if _is_presidio(name)}
    for name in before:
        del sys.modules[name]
    try:
        for name in _SHELLS:
            _shell_for(name, spec.submodule_search_locations)
        package: Any = sys.modules["presidio_analyzer"]
        # For annotations only: no recogniser of patterns is given any.
        sys.modules["presidio_analyzer.nlp_engine"].NlpArtifacts = object  # type: ignore[attr-defined]
        for module, name in _BASICS:
            setattr(package, name, getattr(importlib.import_module(f"presidio_analyzer.{module}"), name))
        found: dict[str, Any] = {name: getattr(package, name) for _, name in _BASICS}
        for module, name in (
            *_generic(),
            *((f"{_COUNTRIES}.{module}", name) for module, name in _NATIONAL_IDS),
        ):
            # A country's package would import all of its recognisers.
            _shell_for(module.rpartition(".")[0], spec.submodule_search_locations)
            found[name] = getattr(importlib.import_module(module), name)
    except AttributeError as error:
        raise ImportError(f"this presidio-analyzer is another one than expected: {error.name}") from None
    finally:
        for name in [name for name in sys.modules if _is_presidio(name)]:
            del sys.modules[name]
        sys.modules.update(before)
    return found


def _generic() -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{_GENERIC}.{module}_recognizer", name)
        for module, name in (
            ("email", "EmailRecognizer"),
            ("phone", "PhoneRecognizer"),
            ("credit_card", "CreditCardRecognizer"),
            ("iban", "IbanRecognizer"),
            ("crypto", "CryptoRecognizer"),
            ("ip", "IpRecognizer"),
        )
    )


def _shell_for(name: str, roots: Sequence[str]) -> None:
    if name not in sys.modules:
        shell: Any = types.ModuleType(name)
        shell.__path__ = ["/".join((root, *name.split(".")[1:])) for root in roots]
        sys.modules[name] = shell


def _is_presidio(name: str) -> bool:
    return name == "presidio_analyzer" or name.startswith("presidio_analyzer.")
