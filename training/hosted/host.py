"""Which host is trained at: its address, the key, and in what it differs from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal
from urllib.parse import urlsplit

from inference.host import check_host, host_name

KEEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # "Data controls in the OpenAI platform", read in November 2026.
        "api.openai.com": (
            "OpenAI keeps the files and the model until they are deleted, and logs against abuse for up to 30 days "
            "(longer where the law asks for it); it does not train its own models on them unless you opted in"
        ),
    }
)
"""What hosts say that they keep, by name."""


@dataclass(frozen=True, slots=True)
class Host:
    """An OpenAI-compatible fine-tuning API.

    `base_url` is the address with or without `/v1`. `keeps` says in the owner's words what the host keeps, where
    `KEEPS` does not know it. `hyperparameters_in` is where a job's hyperparameters stand: in `method`, as OpenAI
    documents it now, or at the top, as it did before and others still do. With `weights` off, the rows' `weight`
    is left out, for hosts that refuse the key. Raises ValueError for what cannot be used.
    """

    base_url: str
    key: str = field(default="", repr=False)
    keeps: str = ""
    hyperparameters_in: Literal["method", "top"] = "method"
    weights: bool = True
    plain_http: bool = False

    def __post_init__(self) -> None:
        if not (self.key.isascii() and self.key.isprintable()):
            raise ValueError("an API key is printable ASCII: copy it again")
        check_host(self.base_url, plain_http=self.plain_http)

    @property
    def name(self) -> str:
        """Host and port, as consent names them."""
        return host_name(self.base_url)

    @property
    def root(self) -> str:
        """The address before `/v1`."""
        return self.base_url.rstrip("/").removesuffix("/v1")

    @property
    def said_to_keep(self) -> str:
        """What the host keeps, in a sentence."""
        known = KEEPS.get(urlsplit(self.base_url).hostname or "")
        return self.keeps or known or "what it keeps is not known here: read its terms before you agree"
