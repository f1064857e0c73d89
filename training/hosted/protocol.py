"""What a fine-tuning API answers, as OpenAI documents it; whatever more a host says is left aside."""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

ONGOING: Final = frozenset({"validating_files", "queued", "running", "paused"})
ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})

# Ids stand in paths: nothing that would lead elsewhere. Names of models have colons, and with some hosts slashes.
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,256}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:/@-]{0,255}$")]


def _or_empty(value: object) -> object:
    return "" if value is None else value


def _or_none_of_them(value: object) -> object:
    return () if value is None else value


Text = Annotated[str, BeforeValidator(_or_empty)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Listed(_Answer):
    id: str


class HostedFile(_Listed):
    """A file. `status` is `uploaded`, `processed` or `error`; deprecated, and some hosts leave it out."""

    id: Id
    filename: Text = ""
    purpose: Text = ""
    bytes: int | None = None
    status: Text = ""


class JobError(_Answer):
    """Why a job failed: the host's word for it, its sentence, and which parameter was wrong."""

    code: Text = ""
    message: Text = Field(default="", repr=False)
    param: Text = ""


class HostedJob(_Listed):
    """A fine-tuning job."""

    id: Id
    status: str
    model: Text = ""
    training_file: Text = ""
    validation_file: Text = ""
    fine_tuned_model: Name | None = None
    result_files: Annotated[tuple[Id, ...], BeforeValidator(_or_none_of_them)] = ()
    trained_tokens: int | None = None
    error: JobError | None = None

    @property
    def ended(self) -> bool:
        """Whether it changes no more; a state that nobody documents counts as going on."""
        return self.status in ENDED


class JobEvent(_Listed):
    """Something a job reports: a sentence, or with `metrics` numbers by name."""

    id: Id
    created_at: int = 0
    level: Text = "info"
    message: Text = Field(default="", repr=False)
    type: Text = "message"
    data: Annotated[dict[str, Any], BeforeValidator(lambda value: value or {})] = {}

    def number(self, name: str) -> float | None:
        """One of the numbers."""
        value = self.data.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class Checkpoint(_Listed):
    """A model that a job left on its way, usable like the last one."""

    id: Id
    fine_tuned_model_checkpoint: Name
    step_number: int = 0


class HostedModel(_Listed):
    """A model at the host."""

    owned_by: Text = ""


class Deleted(_Answer):
    """That something was deleted."""

    id: str
    deleted: bool


Item = TypeVar("Item", bound=_Listed)


class Page(_Answer, Generic[Item]):
    """One page of a list; the next one begins after the last id of this one."""

    data: tuple[Item, ...]
    has_more: bool = False


class Refusal(_Answer):
    """The error object."""

    error: JobError = JobError()
