"""A word that the persona bans leaves nobody's mouth, whatever the model server made of the ban."""

from __future__ import annotations

from pathlib import Path

from bot.app import open_office
from bot.settings import Settings
from inference.persona import Sampling
from tests.bot.playground import Playground, running
from tests.bot.promises.neighbourhood import entries
from tests.fakes.model_server import ModelServer, ServedEngine
from tests.fakes.persona import write_persona


async def test_a_text_with_a_banned_word_is_written_anew(
    settings: Settings, model: ModelServer, tmp_path: Path
) -> None:
    folder = write_persona(tmp_path / "banning", sampling=Sampling(banned_words=("capybara",)))
    texts = iter(["the Capybara said so", "who told you"])
    model.say = lambda messages: next(texts)
    async with open_office(settings.model_copy(update={"persona": folder})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            assert (await room.settled(await room.say("Sam?"))).outcome == "answered"
            assert await room.answers() == ["who told you"]
            rules = [
                rule["rule"]
                for _, _, facts in await entries(office, room.key)
                for answer in facts.get("answers", ())
                for rule in answer["rules"]
            ]
    assert "banned_words" in rules


async def test_a_model_that_knows_only_banned_words_says_nothing(
    settings: Settings, model: ModelServer, tmp_path: Path
) -> None:
    folder = write_persona(tmp_path / "banning", sampling=Sampling(banned_words=("capybara",)))
    model.say = lambda messages: f"capybara {len(model.prompts)}"
    async with open_office(settings.model_copy(update={"persona": folder})) as office:
        room = Playground(office)
        await room.open()
        async with running(office, ServedEngine(model.url)):
            found = await room.settled(await room.say("Sam?"))
            assert found.outcome != "answered"
            assert "bans" in found.reason
            assert await room.answers() == []
