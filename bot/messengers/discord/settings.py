"""What can be set of Discord."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from bot.settings_errors import OutOfRange
from chat.message import ChatKey

EVERYBODY_THERE: Final = "people"
_ID: Final = re.compile(r"[0-9]{1,20}")
_MOST_SHARDS = 10_000


def _usable_token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    # Never quoted: who pastes "Bot <token>" has pasted the token.
    if text != "".join(text.split()) or not (text.isascii() and text.isprintable()):
        raise ValueError("it must be the token alone, as the developer portal shows it")
    return token


def _ids(value: object) -> object:
    """Read the list as the environment gives it, and as TOML does: ids are numbers to people."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, list | tuple):
        return tuple(str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in value)
    return value


def _id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _usable_id(id_: str) -> str:
    return "".join(_usable_ids((id_,))) if id_ else id_


def _usable_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_ID.fullmatch(id_) for id_ in ids):
        raise ValueError(
            "they must be numbers such as 80351110224678912 (right-click, Copy User ID, Role ID or Channel ID)"
        )
    return ids


def _usable_pings(pings: tuple[str, ...]) -> tuple[str, ...]:
    if not all(one == EVERYBODY_THERE or _ID.fullmatch(one) for one in pings):
        raise ValueError(
            f'they must be ids of people, or "{EVERYBODY_THERE}"; roles and @everyone are never pinged'
        )
    return pings


def _numbers(value: object) -> object:
    """Read shards as the environment gives them: `0,1`."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


_Ids = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_ids), AfterValidator(_usable_ids)]


class DiscordSettings(BaseModel):
    """The bot's account on Discord. Without a token there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[SecretStr, AfterValidator(_usable_token)] = SecretStr("")
    owner: _Ids = ()
    """The ids of the owner's own accounts: what they write is the owner's, and when they type it steps back."""
    owner_roles: _Ids = ()
    """The ids of a server's roles whose members may what an owner may. What they write is their own all the same."""
    moderators: _Ids = ()
    """The ids of people who may approve, edit and reject."""
    moderator_roles: _Ids = ()
    """The ids of a server's roles whose members may that."""
    review_channel: Annotated[str, BeforeValidator(_id), AfterValidator(_usable_id)] = ""
    """The id of a private channel in which each draft that waits is a card with buttons; empty: none."""
    review_other_messengers: bool = False
    """Whether drafts of other messengers' chats are cards there as well: what was said in them then lies at Discord."""
    people: Annotated[Path, AfterValidator(Path.expanduser)] | None = None
    """A `people.toml`: people are called here what they are called in the dataset."""
    threads: Literal["follow", "own"] = "follow"
    """`follow`: a thread or forum post of an enabled channel is enabled with its first message, as the channel is then;
    a private one only if the bot was added to it. `own`: each must be enabled by itself."""
    markdown: Literal["escape", "keep"] = "escape"
    """`escape` shows the persona's stars and underscores as typed; `keep` lets Discord make bold text of them."""
    history_messages: int = Field(default=50, ge=0, le=1000)
    """How many messages from before a chat was enabled the persona is shown as context; it never answers them."""
    answer_within_minutes: float = Field(default=10.0, ge=0, le=1440)
    """What was missed while the bot was away is answered if it is younger than that; older messages are context."""
    pings: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_ids), AfterValidator(_usable_pings)] = ()
    """Whom the persona may ping by writing `@Mia`: ids of people, or `people` for everybody in the conversation."""
    shards: int = Field(default=1, ge=1, le=_MOST_SHARDS)
    """Over how many connections Discord spreads the bot's servers; the same for all processes of the bot."""
    shard_ids: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_numbers)] = ()
    """Which of them this process holds, counted from 0; none named: all."""

    @model_validator(mode="after")
    def _there_are_such_shards(self) -> Self:
        if not all(0 <= number < self.shards for number in self.shard_ids):
            raise OutOfRange(
                "shard_ids", f"must be numbers from 0 to {self.shards - 1}, for shards is {self.shards}"
            )
        if len(set(self.shard_ids)) < len(self.shard_ids):
            raise OutOfRange("shard_ids", "names one shard twice")
        return self

    @property
    def review(self) -> tuple[ChatKey, ...]:
        """The channel in which drafts are reviewed, if there is one, as a key that no chat may have."""
        return (ChatKey("discord", self.review_channel),) if self.review_channel else ()
