"""What can be set of training at a hosted fine-tuning API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from safety.moderation.settings import Thresholds


def _usable_base(address: str) -> str:
    if address and not address.startswith(("http://", "https://")):
        raise ValueError("it must be an address such as https://api.openai.com/v1")
    return address.rstrip("/")


def _usable_key(key: SecretStr) -> SecretStr:
    if not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
        raise ValueError("an API key is printable ASCII: copy it again")
    return key


Address = Annotated[str, AfterValidator(_usable_base)]
Key = Annotated[SecretStr, AfterValidator(_usable_key)]


class HostedSettings(BaseModel):
    """An OpenAI-compatible fine-tuning API, and how rows are moderated before they go there."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base_url: Address = ""
    """Of the host, such as https://api.openai.com/v1. Nothing is sent anywhere by default."""
    api_key: Key = SecretStr("")
    model: str = ""
    """Which of the host's models is trained."""
    keeps: str = ""
    """What the host keeps and for how long, as its terms say: told to whoever is asked to agree."""
    hyperparameters_in: Literal["method", "top"] = "method"
    """Where the host wants a job's hyperparameters: in `method`, as OpenAI does now, or at the top, as it did."""
    weights: bool = True
    """Send each answer's `weight`; off for hosts that refuse the key. They then learn from every answer shown."""
    plain_http: bool = False
    """Allow an address beyond this machine without TLS: chats and key can be read on the way."""
    top_logprobs: int = Field(default=20, ge=5, le=20)
    """How many likeliest tokens the host gives when the canary asks; some give no more than 5."""
    screen: Literal["endpoint", "lexicon", "off"] = "endpoint"
    """Who judges rows first: a `/v1/moderations`, the built-in lexicon on this machine, or nobody."""
    flagged: Literal["leave_out", "refuse"] = "leave_out"
    """What happens with rows that moderation objects to: they stay here, or nothing is uploaded at all."""
    moderation_base_url: Address = ""
    """Of the moderation endpoint; empty: the host's own."""
    moderation_api_key: Key = SecretStr("")
    """Of a moderation endpoint elsewhere; the host's key is sent to the host alone."""
    moderation_model: str = ""
    thresholds: Thresholds = Thresholds()
    """The score, a category, from which on moderation objects to a row."""
    poll_seconds: float = Field(default=10.0, gt=0)
    """Between two looks at a job."""
    processing_seconds: float = Field(default=3600.0, gt=0)
    """How long a host may process a file."""
    request_seconds: float = Field(default=60.0, gt=0)
    upload_seconds: float = Field(default=1800.0, gt=0)
    attempts: int = Field(default=6, ge=1)
    """How often a request is tried while the host is away."""
    backoff_seconds: float = Field(default=1.0, gt=0)
    """Before the second try; it doubles each time."""
    longest_wait_seconds: float = Field(default=300.0, gt=0)
    """A host that asks for a longer pause is given up on for now."""
