"""Settings: `understudy.toml`, then `UNDERSTUDY_*` from the environment, then what the command line says.

Nested settings are tables in TOML and double underscores in the environment: `UNDERSTUDY_TURNS__PAUSE_SECONDS=2`.
An unknown name is an error. Nothing else in the program reads settings; `bot.app` hands the values down.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, Final, Literal

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from bot.errors import SettingsInvalid
from bot.inbox import InboxSettings
from bot.outbox import OutboxSettings
from bot.worker import WorkerSettings
from safety.chain import DraftSettings, GateSettings
from safety.rules.broadcast import BroadcastSettings
from safety.rules.length import LengthSettings
from safety.rules.rate_limit import RateLimitSettings
from safety.rules.repetition import RepetitionSettings

SETTINGS_FILE: Final = "understudy.toml"
SAMPLE_PERSONA: Final = Path(__file__).parent.parent / "personas" / "sample"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSettings(_Table):
    """Which model server answers."""

    engine: Literal["llama_cpp", "openai"] = "llama_cpp"
    """`llama_cpp` starts the embedded one; `openai` reaches a running server, such as vLLM."""
    base_url: str = ""
    """Of the running server, ending in `/v1`."""
    api_key: SecretStr = SecretStr("")
    model: str = ""
    """The name under which the server serves the persona's adapter; empty: the persona's own name."""
    threads: int | None = Field(default=None, ge=1)
    """Of the embedded engine; by default one less than there are cores."""
    slots: int = Field(default=4, ge=1)
    """Answers that the embedded engine writes side by side."""


class DashboardSettings(_Table):
    """Where the dashboard and the REST API listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    """0 takes a free one."""


class RuleSettings(_Table):
    """Settings of the rules, a table each."""

    rate_limit: RateLimitSettings = RateLimitSettings()
    broadcast: BroadcastSettings = BroadcastSettings()
    repetition: RepetitionSettings = RepetitionSettings()
    length: LengthSettings = LengthSettings()

    def gate(self) -> GateSettings:
        """The gate's part."""
        return GateSettings(rate_limit=self.rate_limit)

    def draft(self) -> DraftSettings:
        """The draft's part."""
        return DraftSettings(broadcast=self.broadcast, repetition=self.repetition, length=self.length)


class Settings(BaseSettings):
    """All settings of the service."""

    model_config = SettingsConfigDict(
        env_prefix="UNDERSTUDY_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    state_dir: Path = Field(default_factory=lambda: user_state_path("understudy"))
    """Where the embedded Redis keeps its data, and the logs lie."""
    redis_url: SecretStr | None = None
    """A Redis 7 or later, or Valkey, instead of the embedded one."""
    partitions: int = Field(default=4, ge=1, le=4096)
    """Over how many hash slots the chats are spread; fixed once there is data."""
    persona: Path = SAMPLE_PERSONA
    persona_aliases: tuple[str, ...] = ()
    """Other names by which people address the persona."""
    kill_words: tuple[str, ...] = ("pineapple", "🍍")
    default_probability: float = Field(default=0.35, ge=0, le=1)
    """How often a new chat's ambient turns are answered."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    faults: str = ""
    """For tests only: where to end the process, see `bot.faults`."""
    turns: InboxSettings = InboxSettings()
    worker: WorkerSettings = WorkerSettings()
    outbox: OutboxSettings = OutboxSettings()
    rules: RuleSettings = RuleSettings()
    model: ModelSettings = ModelSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The command line before the environment before the file."""
        file = Path(os.environ.get("UNDERSTUDY_CONFIG", SETTINGS_FILE))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def read_settings(**said: Any) -> Settings:  # noqa: ANN401
    """Read the settings; `said` is what the command line says. Raises SettingsInvalid."""
    try:
        return Settings(**{name: value for name, value in said.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsInvalid(f"the setting {where} cannot be used: {first['msg']}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{SETTINGS_FILE} is not valid TOML: {error}") from None
