"""What all tests share: a state folder with a short path, and an office on a real embedded Redis."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from bot.app import Office, open_office
from bot.inbox import InboxSettings
from bot.outbox import OutboxSettings
from bot.settings import RuleSettings, Settings
from bot.worker import WorkerSettings
from safety.rules.commitment import CommitmentSettings
from tests.fakes.persona import write_persona
from tests.servers import end_servers

# How long an example takes says how busy the machine is, and nothing of what is tested.
hypothesis.settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check={*hypothesis.settings().suppress_health_check, hypothesis.HealthCheck.too_slow},
)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> Iterator[None]:
    """What a test starts hears Ctrl-C, also where the tests themselves run as a shell's background job, which does not.

    A shell without job control has its background jobs ignore SIGINT, and whatever they start inherits that.
    """
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings of whoever runs the tests must not change them."""
    import os

    for name in [name for name in os.environ if name.startswith("UNDERSTUDY_")]:
        monkeypatch.delenv(name)
    empty = tmp_path / "none.toml"
    empty.touch()
    monkeypatch.setenv("UNDERSTUDY_CONFIG", str(empty))


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder whose path is short enough for a socket. No server over its data outlives it."""
    folder = Path(tempfile.mkdtemp(prefix="u-", dir="/tmp"))
    yield folder
    end_servers(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    """Settings that wait for nothing."""
    return Settings(
        state_dir=state_dir,
        persona=write_persona(state_dir / "persona"),
        turns=InboxSettings(pause_seconds=0.02, longest_pause_seconds=0.2),
        worker=WorkerSettings(lease_seconds=1.0, retry_seconds=0.1),
        outbox=OutboxSettings(lease_seconds=1.0, retry_seconds=0.1, send_timeout_seconds=2.0),
        # The model of the tests says "sure" to everything, which would wait for a person.
        rules=RuleSettings(commitment=CommitmentSettings(kinds=())),
    )


@pytest.fixture
async def office(settings: Settings) -> AsyncIterator[Office]:
    """An office on an embedded Redis of its own."""
    async with open_office(settings) as office:
        yield office
