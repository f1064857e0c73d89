"""Values are written into the settings' file, and nothing else of it is touched."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from bot.cli.settings_file import is_open, keep
from bot.errors import SettingsInvalid

OLD = "an old one"
FILES = {
    "no file": None,
    "empty": "",
    "no newline at the end": 'log_level = "info"',
    "another table": '[kill]\nreach = "chat"\n',
    "the table, last": '[kill]\nreach = "chat"\n[discord]',
    "the table, with the value": f'[discord]\nmarkdown = "keep"\ntoken = "{OLD}" # secret\n\n[kill]\nreach = "chat"\n',
    "a name that ends alike": '[discord]\nno_token = "x"\n[kill]\ntoken = "not this one"\n',
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_value_is_set_in_any_ordinary_file(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "understudy.toml"
    if text is not None:
        file.write_text(text)
    before = tomllib.loads(text or "")
    keep(file, "discord", {"token": 'a"b\\c', "owner": "1"})
    wanted = before | {"discord": {**before.get("discord", {}), "token": 'a"b\\c', "owner": "1"}}
    assert tomllib.loads(file.read_text()) == wanted
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*understudy*")] == ["understudy.toml"]


@pytest.mark.parametrize(
    "text",
    [
        'discord = { token = "x" }\n',
        'discord.token = "x"\n',
        '[discord]\ntoken = """\nx\n"""\n',
        "[discord\n",
        "discord = 4\n",
    ],
)
def test_a_file_that_is_written_otherwise_is_left_alone(tmp_path: Path, text: str) -> None:
    file = tmp_path / "understudy.toml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid, match="put token into"):
        keep(file, "discord", {"token": "abc"})
    assert file.read_text() == text


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be written"):
        keep(tmp_path / "missing" / "understudy.toml", "discord", {"token": "abc"})


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("")
    link = tmp_path / "understudy.toml"
    link.symlink_to("real.toml")
    keep(link, "discord", {"token": "abc"})
    assert link.is_symlink()
    assert "abc" in (tmp_path / "real.toml").read_text()


def test_a_file_is_open_where_it_holds_the_value_and_others_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "understudy.toml"
    assert not is_open(file, "discord", "token")
    file.write_text('[discord]\nmarkdown = "keep"\n')
    file.chmod(0o644)
    assert not is_open(file, "discord", "token")
    file.write_text('[discord]\ntoken = "abc"\n')
    assert is_open(file, "discord", "token")
    file.chmod(0o600)
    assert not is_open(file, "discord", "token")
