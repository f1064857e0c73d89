"""What can be set of Discord, in the environment and in a file."""

from __future__ import annotations

import pytest

from bot.errors import SettingsInvalid
from bot.settings import read_settings


def test_all_can_be_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_DISCORD__TOKEN", "abc.def.ghi")
    monkeypatch.setenv("UNDERSTUDY_DISCORD__OWNER", "80351110224678912, 7")
    monkeypatch.setenv("UNDERSTUDY_DISCORD__MARKDOWN", "keep")
    monkeypatch.setenv("UNDERSTUDY_DISCORD__PINGS", "people,80351110224678912")
    for number, name in enumerate(("OWNER_ROLES", "MODERATORS", "MODERATOR_ROLES"), 10):
        monkeypatch.setenv(f"UNDERSTUDY_DISCORD__{name}", f"{number},{number * 2}")
    monkeypatch.setenv("UNDERSTUDY_DISCORD__REVIEW_CHANNEL", "30")
    monkeypatch.setenv("UNDERSTUDY_DISCORD__REVIEW_OTHER_MESSENGERS", "true")
    found = read_settings().discord
    assert found.token.get_secret_value() == "abc.def.ghi"
    assert (found.owner, found.markdown) == (("80351110224678912", "7"), "keep")
    assert found.pings == ("people", "80351110224678912")
    assert found.owner_roles == ("10", "20")
    assert (found.moderators, found.moderator_roles) == (("11", "22"), ("12", "24"))
    assert (found.review_channel, found.review_other_messengers) == ("30", True)
    assert "abc" not in repr(found)


def test_a_process_holds_the_shards_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_DISCORD__SHARDS", "4")
    monkeypatch.setenv("UNDERSTUDY_DISCORD__SHARD_IDS", "0, 3")
    found = read_settings().discord
    assert (found.shards, found.shard_ids) == (4, (0, 3))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TOKEN", "Bot abc.def.ghi", "discord.token cannot be used (it must be the token alone"),
        ("OWNER", "olivia", "discord.owner cannot be used (they must be numbers"),
        ("REVIEW_CHANNEL", "drafts", "discord.review_channel cannot be used (they must be numbers"),
        ("MODERATOR_ROLES", "mods", "discord.moderator_roles cannot be used (they must be numbers"),
        ("PINGS", "everyone", "discord.pings cannot be used (they must be ids of people"),
        ("PINGS", "people,@here", "roles and @everyone are never pinged"),
        ("MARKDOWN", "html", "discord.markdown"),
        ("SHARDS", "0", "discord.shards"),
        ("SHARD_IDS", "0,1", "discord.shard_ids must be numbers from 0 to 0, for shards is 1"),
        ("SHARD_IDS", "0,0", "discord.shard_ids names one shard twice"),
        ("SHARD_IDS", "-1", "discord.shard_ids must be"),
        ("SHARD_IDS", "first", "discord.shard_ids"),
        ("TOKENS", "x", "there is no setting discord.tokens"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line_without_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"UNDERSTUDY_DISCORD__{name}", value)
    with pytest.raises(SettingsInvalid) as error:
        read_settings()
    assert words in str(error.value)
    assert "abc.def" not in str(error.value)
