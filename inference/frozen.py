"""The values that persona.toml is made of: frozen, and with no key that nobody knows."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value read from a file that people edit: never changed, and a misspelt key is an error."""

    # Infinities and NaN are written by TOML and would disable a limit.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
