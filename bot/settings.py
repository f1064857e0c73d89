"""Settings: `understudy.toml`, then `UNDERSTUDY_*` from the environment, then what the command line says.

Nested settings are tables in TOML and double underscores in the environment: `UNDERSTUDY_TURNS__PAUSE_SECONDS=2`.
A list is written with commas in the environment: `UNDERSTUDY_KILL_WORDS=pineapple,banana`. An empty variable is one
that is not set; an unknown name is an error. Nothing else in the program reads settings; `bot.app` hands the values
down.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import fields, is_dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from platformdirs import user_state_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)
from redis.asyncio.connection import parse_url

from bot.drafts import ApprovalSettings
from bot.errors import SettingsInvalid
from bot.hosted_settings import HostedSettings
from bot.inbox import InboxSettings
from bot.kill_ear import KillSettings
from bot.messengers.discord.settings import DiscordSettings
from bot.outbox import OutboxSettings
from bot.owner_watch import OwnerSettings
from bot.settings_errors import PREFIX, OutOfRange, refusal, unknown
from bot.tries import TrySettings
from bot.worker import WorkerSettings
from safety.chain import DraftSettings, GateSettings, check_off
from safety.commands import START_PHRASES, STOP_PHRASES, Commands, CommandSettings
from safety.consent import ConsentSettings
from safety.disclosure import DisclosureSettings
from safety.kill_word import KillWords
from safety.moderation.settings import ModerationSettings
from safety.owed import CandourSettings
from safety.rules.broadcast import BroadcastSettings
from safety.rules.commitment import CommitmentSettings
from safety.rules.cooldown import CooldownSettings
from safety.rules.echo import EchoSettings
from safety.rules.injection import InjectionSettings
from safety.rules.leak import LeakSettings
from safety.rules.length import LengthSettings
from safety.rules.loop import LoopSettings
from safety.rules.owner_present import OwnerPresentSettings
from safety.rules.people import PeopleSettings
from safety.rules.personal_data import PersonalDataSettings
from safety.rules.probability import ProbabilitySettings
from safety.rules.quiet_hours import QuietHoursSettings
from safety.rules.rate_limit import RateLimitSettings
from safety.rules.repetition import RepetitionSettings

SETTINGS_FILE: Final = "understudy.toml"
SAMPLE_PERSONA: Final = Path(__file__).parent.parent / "personas" / "sample"
_MAY_BE_ZERO: Final = frozenset({"pause_seconds", "longest_pause_seconds", "rewrites"})

Values = TypeVar("Values", InboxSettings, WorkerSettings, OutboxSettings, TrySettings)


def _in_range(values: Values) -> Values:
    """Refuse the numbers with which a part would spin, wait for ever, or do nothing at all."""
    for name in (field.name for field in fields(values)):
        number = getattr(values, name)
        if name in _MAY_BE_ZERO and number < 0:
            raise OutOfRange(name, "must be 0 or more")
        if name not in _MAY_BE_ZERO and number <= 0:
            raise OutOfRange(name, "must be more than 0")
    return values


def _with_commas(value: object) -> object:
    """Read a list as the environment gives it: with commas, or as JSON where a comma is part of a text."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('write a list as a,b or as JSON, such as ["a", "b"]') from None
    return [text.strip() for text in value.split(",") if text.strip()]


def _with_people(value: object) -> object:
    """Read the list inside a table, which the environment gives as it gives any list."""
    if isinstance(value, dict) and "people" in value:
        return value | {"people": _with_commas(value["people"])}
    return value


def _usable_words(words: tuple[str, ...]) -> tuple[str, ...]:
    KillWords(words)  # raises ValueError
    return words


def _known_rules(names: tuple[str, ...]) -> tuple[str, ...]:
    check_off(names)  # raises ValueError
    return names


def _usable_phrases(phrases: tuple[str, ...]) -> tuple[str, ...]:
    Commands(CommandSettings(phrases, phrases))  # raises ValueError
    return phrases


def _usable_address(address: SecretStr) -> SecretStr:
    # redis-py's own words quote the address, in which a password may stand.
    try:
        known = bool(parse_url(address.get_secret_value()))
    except (ValueError, TypeError):
        known = False
    if not known:
        raise ValueError("it must be an address such as redis://host:6379/0, or rediss:// with TLS")
    return address


def _usable_base(address: str) -> str:
    if address and not address.startswith(("http://", "https://")):
        raise ValueError("it must be an address such as http://localhost:8000/v1")
    return address.rstrip("/")


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValueError("write addresses or networks such as 127.0.0.1 or 10.0.0.0/8") from None
    return texts


def _lists_read(values: object, table: FieldInfo | None) -> object:
    kind = table.annotation if table else None
    if not isinstance(values, dict) or not is_dataclass(kind):
        return values
    lists = {part.name for part in fields(kind) if str(part.type).startswith("tuple[")}
    return {name: _with_commas(value) if name in lists else value for name, value in values.items()}


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_with_commas)]
Phrases = Annotated[Texts, AfterValidator(_usable_phrases)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelSettings(_Table):
    """Which model server answers."""

    engine: Literal["llama_cpp", "openai"] = "llama_cpp"
    """`llama_cpp` starts the embedded one; `openai` reaches a running server, such as vLLM."""
    base_url: Annotated[str, AfterValidator(_usable_base)] = ""
    """Of the running server, ending in `/v1`."""
    api_key: SecretStr = SecretStr("")
    model: str = ""
    """The name under which the server serves the persona's adapter; empty: the persona's own name."""
    server: Literal["auto", "vllm", "llamacpp", "openai"] = "auto"
    """What kind of server `openai` reaches, by which it is sent what it knows; `auto` believes its list of models."""
    threads: int | None = Field(default=None, ge=1)
    """Of the embedded engine; by default one less than there are cores."""
    slots: int = Field(default=4, ge=1)
    """Answers that the embedded engine writes side by side."""


class DashboardSettings(_Table):
    """Where the dashboard and the REST API listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    """0 takes a free one."""
    hosts: Texts = ()
    """Further names by which browsers may call it, where it listens beyond this machine."""
    tls_certificate: Folder | None = None
    """A PEM file with the certificate and its chain; with `tls_key`, the dashboard speaks https alone."""
    tls_key: Folder | None = None
    """The PEM file of its key, without a passphrase."""
    trusted_proxies: Annotated[Texts, AfterValidator(_networks)] = ()
    """Addresses or networks of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    plain_http: bool = False
    """Listen beyond this machine without TLS and without a proxy, as in a container whose port stays on its host."""
    sign_in: Annotated[TrySettings, AfterValidator(_in_range)] = TrySettings()
    """How often somebody may fail to sign in."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_key is None else "tls_certificate"
            raise OutOfRange(missing, "is missing: certificate and key belong together")
        return self


class CommandTable(_Table):
    """Phrases with which people in a chat tell the stand-in to leave them alone, and to come back."""

    stop: Phrases = STOP_PHRASES
    start: Phrases = START_PHRASES

    def values(self) -> CommandSettings:
        """The value that is handed down."""
        return CommandSettings(self.stop, self.start)


class RuleSettings(_Table):
    """Settings of the rules, a table each."""

    off: Annotated[Texts, AfterValidator(_known_rules)] = ()
    """Names of rules that are not asked. Those that the promises hang on cannot be switched off."""
    echo: EchoSettings = EchoSettings()
    loop: LoopSettings = LoopSettings()
    people: PeopleSettings = PeopleSettings()
    quiet_hours: QuietHoursSettings = QuietHoursSettings()
    cooldown: CooldownSettings = CooldownSettings()
    probability: ProbabilitySettings = ProbabilitySettings()
    consent: ConsentSettings = ConsentSettings()
    owner_present: OwnerPresentSettings = OwnerPresentSettings()
    rate_limit: RateLimitSettings = RateLimitSettings()
    broadcast: BroadcastSettings = BroadcastSettings()
    commitment: CommitmentSettings = CommitmentSettings()
    injection: InjectionSettings = InjectionSettings()
    personal_data: PersonalDataSettings = PersonalDataSettings()
    repetition: RepetitionSettings = RepetitionSettings()
    leak: LeakSettings = LeakSettings()
    length: LengthSettings = LengthSettings()
    moderation: ModerationSettings = ModerationSettings()

    @model_validator(mode="before")
    @classmethod
    def _read_lists(cls, tables: object) -> object:
        """Read the lists inside the tables as the environment gives them; nothing there says that they are lists."""
        if not isinstance(tables, dict):
            return tables
        return {name: _lists_read(values, cls.model_fields.get(name)) for name, values in tables.items()}

    def gate(self) -> GateSettings:
        """The gate's part."""
        return GateSettings(
            echo=self.echo,
            loop=self.loop,
            people=self.people,
            quiet_hours=self.quiet_hours,
            cooldown=self.cooldown,
            probability=self.probability,
            owner_present=self.owner_present,
            rate_limit=self.rate_limit,
        )

    def draft(self) -> DraftSettings:
        """The draft's part."""
        return DraftSettings(
            broadcast=self.broadcast,
            commitment=self.commitment,
            injection=self.injection,
            personal_data=self.personal_data,
            repetition=self.repetition,
            leak=self.leak,
            length=self.length,
            moderation=self.moderation,
        )


class StoreSettings(BaseSettings):
    """Where the store is: all that `understudy kill` needs, so that no other setting can get in its way."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
    )

    state_dir: Folder = Field(default_factory=lambda: user_state_path("understudy"))
    """Where the embedded Redis keeps its data, and the logs lie."""
    redis_url: Annotated[SecretStr, AfterValidator(_usable_address)] | None = None
    """A Redis 7 or later, or Valkey, instead of the embedded one."""
    partitions: int = Field(default=4, ge=1, le=4096)
    """Over how many hash slots the chats are spread; fixed once there is data."""

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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())


class Settings(StoreSettings):
    """All settings of the service."""

    model_config = SettingsConfigDict(extra="forbid")

    persona: Folder = SAMPLE_PERSONA
    persona_aliases: Texts = ()
    """Other names by which people address the persona."""
    kill_words: Annotated[Texts, AfterValidator(_usable_words)] = ("pineapple", "🍍")
    kill: Annotated[KillSettings, BeforeValidator(_with_people)] = KillSettings()
    """What a kill word said in a chat kills, and who may say it."""
    owner: OwnerSettings = OwnerSettings()
    """The dead man's switch."""
    default_probability: float = Field(default=0.35, ge=0, le=1)
    """How often a new chat's ambient turns are answered."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    faults: str = ""
    """For tests only: where to end the process, see `bot.faults`."""
    turns: Annotated[InboxSettings, AfterValidator(_in_range)] = InboxSettings()
    worker: Annotated[WorkerSettings, AfterValidator(_in_range)] = WorkerSettings()
    outbox: Annotated[OutboxSettings, AfterValidator(_in_range)] = OutboxSettings()
    drafts: ApprovalSettings = ApprovalSettings()
    rules: RuleSettings = RuleSettings()
    model: ModelSettings = ModelSettings()
    dashboard: DashboardSettings = DashboardSettings()
    commands: CommandTable = CommandTable()
    candour: CandourSettings = CandourSettings()
    disclosure: DisclosureSettings = DisclosureSettings()
    hosted: HostedSettings = HostedSettings()
    discord: DiscordSettings = DiscordSettings()


def read_settings(**said: Any) -> Settings:  # noqa: ANN401
    """Read the settings; `said` is what the command line says. Raises SettingsInvalid."""
    _refuse_unknown_variables()
    return _read(Settings, said)


def read_store_settings(**said: Any) -> Settings:  # noqa: ANN401
    """Read where the store is, and leave all else at its default. Raises SettingsInvalid if that cannot be read."""
    found = _read(StoreSettings, {name: said[name] for name in said if name in StoreSettings.model_fields})
    return Settings.model_construct(**dict(found))


Kind = TypeVar("Kind", bound=StoreSettings)


def _read(kind: type[Kind], said: dict[str, Any]) -> Kind:
    said = {name: value for name, value in said.items() if value is not None}
    file = settings_file()
    if "UNDERSTUDY_CONFIG" in os.environ and not file.is_file():
        raise SettingsInvalid(f"there is no file {file}: correct UNDERSTUDY_CONFIG, or unset it")
    try:
        return kind(**said)
    except (ValidationError, SettingsError) as error:
        raise refusal(error, kind, said, file, os.environ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{file} is no TOML, correct it: {error}") from None
    except OSError as error:
        raise SettingsInvalid(f"{file} cannot be read ({error.strerror}): correct that, or move it") from None


def settings_file() -> Path:
    """The file that settings are read from; it need not exist."""
    return Path(os.environ.get("UNDERSTUDY_CONFIG", SETTINGS_FILE))


def _refuse_unknown_variables() -> None:
    """Refuse `UNDERSTUDY_PAUSE=2`, which pydantic-settings would not look at."""
    known = {*Settings.model_fields, "config"}
    for variable in sorted(os.environ):
        if not variable.upper().startswith(PREFIX):
            continue
        name = variable[len(PREFIX) :].lower().split("__")
        if name[0] not in known:
            raise unknown(".".join(name), variable, Settings)
