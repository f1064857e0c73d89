"""The pictures can be taken anew, and the guide and the README show those that are."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.pictures import DOCS, take


@pytest.mark.browser
@pytest.mark.timeout(300)
def test_the_pictures_can_be_taken_anew(tmp_path: Path) -> None:
    asyncio.run(take(tmp_path))
    taken = {path.name for path in tmp_path.glob("*.png")}
    guide = (DOCS / "discord.md").read_text(encoding="utf-8")
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\((discord-\w+\.png)\)", guide) + re.findall(r"\]\(docs/(\w+\.png)\)", readme)
    assert taken == set(shown)
    assert all((tmp_path / name).stat().st_size > 20_000 for name in taken)
