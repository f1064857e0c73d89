"""Settings: where they come from, which one wins, and what is refused in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import SettingsInvalid
from bot.inbox import InboxSettings
from bot.settings import Settings, read_settings, read_store_settings
from safety.moderation.settings import CategoryOutcomes, Thresholds


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "understudy.toml"
    file.touch()
    monkeypatch.setenv("UNDERSTUDY_CONFIG", str(file))
    return file


def _refused() -> str:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings()
    assert caught.value.exit_code == 2
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_without_anything_set_the_defaults_are_usable() -> None:
    settings = read_settings()
    assert settings == Settings()
    assert settings.redis_url is None
    assert settings.kill_words == ("pineapple", "🍍")
    assert settings.dashboard.host == "127.0.0.1"


def test_the_example_of_an_environment_is_accepted_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    lines = [line[1:].partition("=") for line in example.splitlines() if line.startswith("#UNDERSTUDY_")]
    for name, _, value in lines:
        monkeypatch.setenv(name, value)
    assert read_settings().dashboard.hosts == ("understudy.example",)
    assert len(lines) == len({name for name, _, _ in lines}) > 40


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('log_level = "error"\npartitions = 2\ndefault_probability = 0.1\n')
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "warning")
    monkeypatch.setenv("UNDERSTUDY_PARTITIONS", "3")
    settings = read_settings(log_level="debug", state_dir=None)
    assert (settings.log_level, settings.partitions, settings.default_probability) == ("debug", 3, 0.1)


def test_tables_of_the_file_and_of_the_environment_are_merged(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[turns]\npause_seconds = 2\n[rules.length]\nbubbles = 3\n")
    monkeypatch.setenv("UNDERSTUDY_TURNS__LONGEST_PAUSE_SECONDS", "9")
    settings = read_settings()
    assert (settings.turns.pause_seconds, settings.turns.longest_pause_seconds) == (2, 9)
    assert settings.rules.length.bubbles == 3


def test_one_threshold_and_one_outcome_can_be_set_and_the_others_stay(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('[rules.moderation.outcomes]\nsexual = "allow"\n')
    monkeypatch.setenv("UNDERSTUDY_RULES__MODERATION__THRESHOLDS__HATE", "0.5")
    moderation = read_settings().rules.draft().moderation
    assert moderation.thresholds == Thresholds(hate=0.5)
    assert moderation.outcomes == CategoryOutcomes(sexual="allow")
    assert moderation.backend == "lexicon"


@pytest.mark.parametrize("given", ["banana, kiwi", '["banana", "kiwi"]'])
def test_a_list_is_written_with_commas_or_as_json(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_KILL_WORDS", given)
    assert read_settings().kill_words == ("banana", "kiwi")


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "KILL_WORDS", "DASHBOARD__PORT", "PERSONA_ALIASES"):
        monkeypatch.setenv(f"UNDERSTUDY_{name}", "")
    assert read_settings() == Settings()


def test_a_home_folder_is_found(file: Path) -> None:
    file.write_text('state_dir = "~/state"\npersona = "~/sam"\n')
    settings = read_settings()
    assert (settings.state_dir, settings.persona) == (Path.home() / "state", Path.home() / "sam")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("partitions", "x", "partitions must be a valid integer"),
        ("partitions", "0", "partitions must be greater than or equal to 1"),
        ("default_probability", "1.5", "default_probability must be less than or equal to 1"),
        ("default_probability", "nan", "default_probability must be a number, and not an infinite one"),
        ("log_level", "loud", "log_level must be 'debug', 'info', 'warning' or 'error'"),
        ("turns__pause_seconds", "-1", "turns.pause_seconds must be 0 or more"),
        ("turns__pause_seconds", "inf", "turns.pause_seconds must be a number, and not an infinite one"),
        ("worker__concurrency", "0", "worker.concurrency must be more than 0"),
        ("worker__rewrites", "-1", "worker.rewrites must be 0 or more"),
        ("outbox__lease_seconds", "0", "outbox.lease_seconds must be more than 0"),
        ("rules__length__bubbles", "0", "rules.length cannot be used (each length limit is at least 1)"),
        (
            "rules__moderation__backend",
            "oracle",
            "rules.moderation.backend must be 'lexicon', 'endpoint' or ",
        ),
        ("rules__moderation__backend", "endpoint", "rules.moderation cannot be used (backend endpoint needs"),
        (
            "rules__moderation__thresholds__hate",
            "2",
            "rules.moderation.thresholds cannot be used (the threshold of",
        ),
        (
            "rules__moderation__outcomes__hate",
            "stop",
            "rules.moderation.outcomes.hate must be 'hold', 'rewrite', ",
        ),
        ("model__engine", "vllm", "model.engine must be 'llama_cpp' or 'openai'"),
        ("model__threads", "0", "model.threads must be greater than or equal to 1"),
        ("model__base_url", "localhost:8000", "model.base_url cannot be used (it must be an address"),
        ("dashboard__port", "-1", "dashboard.port must be greater than or equal to 0"),
        ("kill_words", ",", "kill_words cannot be used (at least one kill word is needed)"),
        ("kill_words", "!?", "kill_words cannot be used (a kill word needs a letter"),
        ("kill_words", '["a"', "kill_words cannot be used (write a list as a,b or as JSON"),
        ("redis_url", "localhost:6379", "redis_url cannot be used (it must be an address"),
        ("redis_url", "redis://host:port", "redis_url cannot be used (it must be an address"),
        ("turns", "2s", "turns must be a table: write UNDERSTUDY_TURNS__<name>=<value>"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_it_must_be(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"UNDERSTUDY_{name.upper()}"
    monkeypatch.setenv(variable, value)
    text = _refused()
    assert text.startswith(f"the setting {said}")
    assert variable in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("turns = 5", "the setting turns must be a table: correct "),
        ("kill_words = 5", "the setting kill_words must be a list: correct "),
        ("kill_words = [5]", "the setting kill_words must be a text: correct "),
        ("persona = 5", "the setting persona must be a path: correct "),
        ("model = 5", "the setting model must be a table: correct "),
        ("[dashboard]\nprot = 1", "there is no setting dashboard.prot (in "),
        ("[rules.lenght]\nbubbles = 1", "there is no setting rules.lenght (in "),
    ],
)
def test_what_cannot_be_used_in_the_file_is_named_with_the_file(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    refusal = _refused()
    assert refusal.startswith(said)
    assert str(file) in refusal


def test_no_refusal_quotes_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis_url", "partitions", "model__threads", "model__base_url"):
        with monkeypatch.context() as patch:
            patch.setenv(f"UNDERSTUDY_{name.upper()}", "hunter2:hunter2@x")
            assert "hunter2" not in _refused()


def test_a_secret_is_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_REDIS_URL", "redis://:hunter2@localhost/0")
    monkeypatch.setenv("UNDERSTUDY_MODEL__API_KEY", "hunter2")
    monkeypatch.setenv("UNDERSTUDY_RULES__MODERATION__API_KEY", "hunter2")
    settings = read_settings()
    assert "hunter2" not in repr(settings) + str(settings)


def test_where_the_store_is_can_be_read_whatever_else_is_wrong(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('partitions = 7\nlog_level = "loud"\nnonsense = 1\n[turns]\npause_seconds = "x"\n')
    monkeypatch.setenv("UNDERSTUDY_KILL_WORD", "x")
    monkeypatch.setenv("UNDERSTUDY_STATE_DIR", "/somewhere")
    settings = read_store_settings(log_level="loud")
    assert (settings.partitions, settings.state_dir) == (7, Path("/somewhere"))
    assert settings.turns == InboxSettings()


def test_where_the_store_is_must_be_right(file: Path) -> None:
    file.write_text("partitions = 0\n")
    with pytest.raises(SettingsInvalid, match="partitions must be"):
        read_store_settings()


@pytest.mark.parametrize("given", ["discord/1, discord/2", '["discord/1", "discord/2"]'])
def test_a_list_inside_a_table_is_written_the_same_ways(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_RULES__PEOPLE__BLOCK", given)
    assert read_settings().rules.people.block == ("discord/1", "discord/2")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("RULES__OFF", "lop", "there is no rule lop"),
        ("RULES__OFF", "length,kill", "the rule kill cannot be switched off"),
        ("RULES__LOP__SECONDS", "1", "there is no setting rules.lop"),
        ("RULES__LOOP__EXCHANGES", "1", "rules.loop"),
        ("RULES__QUIET_HOURS__HOURS", "midnight", "22:30-08:00"),
    ],
)
def test_a_rule_that_there_is_not_and_one_that_cannot_be_set_so_are_refused(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"UNDERSTUDY_{variable}", value)
    assert said in _refused()


def test_a_list_of_a_rule_is_written_as_any_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_RULES__COMMITMENT__KINDS", "money,time")
    monkeypatch.setenv("UNDERSTUDY_RULES__BROADCAST__NAMES", "[]")
    rules = read_settings().rules
    assert rules.draft().commitment.kinds == ("money", "time")
    assert rules.draft().broadcast.names == ()
    monkeypatch.setenv("UNDERSTUDY_RULES__COMMITMENT__KINDS", "honour")
    with pytest.raises(SettingsInvalid, match=r"UNDERSTUDY_RULES__COMMITMENT__KINDS"):
        read_settings()
