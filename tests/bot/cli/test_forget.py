"""`forget` as a person calls it: from imports and Redis, with a check that leaves with 1 or 0."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bot.cli.command import CommandLine
from tests.fakes.hosted.server import fake_host
from tests.fakes.persona import write_persona
from tests.training.hosted.desk import Desk, build_dataset
from training.places import note_persona

EXPORT = """[01.05.24, 09:00:01] Mia Schmidt: hi everybody, who comes to the lake with me?
[01.05.24, 09:00:05] Sam: i do
[01.05.24, 09:01:00] Leo: Mia never swims
[01.05.24, 09:02:00] Sam: lol
"""


async def test_somebody_is_forgotten_and_the_check_says_so(understudy: CommandLine, persona: Path) -> None:
    export = understudy.state_dir.parent / "_chat.txt"
    export.write_text(EXPORT, encoding="utf-8")
    settings = {"persona": str(persona)}
    shelved = write_persona(understudy.state_dir / "personas" / "shelved")
    elsewhere = write_persona(understudy.state_dir.parent / f"{understudy.state_dir.name}-elsewhere")
    note_persona(understudy.state_dir, elsewhere)
    assert (await understudy("import", str(export), "--me", "Sam", **settings)).code == 0
    before = await understudy("forget", "Mia Schmidt", "--check", **settings)
    assert before.code == 1
    assert "still in" in before.err
    done = await understudy("forget", "Mia Schmidt", **settings)
    assert done.code == 0, done
    assert "imports: 1 messages" in done.out
    # Every persona of this state folder: the one set, on the shelf, and where `train` was told to put it.
    for folder in (persona, shelved, elsewhere):
        assert any(f" in {folder} must be trained again" in line for line in done.out.splitlines()), folder
    shutil.rmtree(elsewhere)
    after = await understudy("forget", "Mia Schmidt", "--check", **settings)
    assert (after.code, after.err) == (0, "")
    assert "Nothing of them is left" in after.out
    assert (await understudy("forget", "Leo", "--check", **settings)).code == 1


async def test_a_hosted_model_that_learned_from_them_is_named(understudy: CommandLine, persona: Path) -> None:
    dataset = build_dataset(understudy.state_dir / "datasets" / "turns", pseudonyms=False)
    settings = {"persona": str(persona)}
    async with fake_host() as fake:
        desk = Desk(fake, understudy.state_dir, dataset)
        record = await desk.finish(desk.agree())
    assert (await understudy("forget", "Nobody", **settings)).code == 0
    export = understudy.state_dir.parent / "_chat.txt"
    export.write_text(EXPORT, encoding="utf-8")
    assert (await understudy("import", str(export), "--me", "Sam", **settings)).code == 0
    done = await understudy("forget", "Leo", **settings)
    assert done.code == 1
    assert f"`understudy hosted forget {record.id}`" in done.err
