"""The README's walk-through is run as it stands there, and says what stands there."""

from __future__ import annotations

import re
import shlex

from tests.bot.cli.command import ROOT, CommandLine


async def test_from_an_export_to_a_dataset_as_the_readme_says(understudy: CommandLine) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    part = readme.partition("## From an export to a dataset")[2].partition("\n## ")[0]
    commands, said = re.findall(r"```\n(.*?)```", part, re.DOTALL)
    heard = ""
    for line in commands.splitlines():
        verb, *arguments = shlex.split(line)
        assert verb == "understudy"
        ended = await understudy(*(word.replace("personas/", f"{ROOT}/personas/") for word in arguments))
        assert (ended.code, ended.err) == (0, ""), line
        heard += ended.out
    assert len(said.splitlines()) > 4
    assert [line for line in said.splitlines() if line not in heard.splitlines()] == []
    assert (understudy.state_dir / "datasets" / "turns" / "report.html").exists()
