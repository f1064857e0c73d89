"""The fake refuses embeds and modals that Discord would, and lets people do only what Discord's client does."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from tests.fakes.discord.client import connected, soon
from tests.fakes.discord.components import buttons, check_modal, press, submit
from tests.fakes.discord.faults import Fault
from tests.fakes.discord.forms import message_form
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.server import FakeDiscord


def embed(**parts: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"type": "rich", "description": "text"} | parts


@pytest.mark.parametrize(
    "embeds",
    [
        [embed(title="x" * 257)],
        [embed(description="x" * 4097)],
        [embed(footer={"text": "x" * 2049})],
        [embed(fields=[{"name": "", "value": "x", "inline": False}])],
        [embed(fields=[{"name": "x", "value": "x" * 1025, "inline": False}])],
        [embed(description="x" * 3001), embed(description="x" * 3000)],
        [embed()] * 11,
        [embed(colour=7)],
    ],
)
def test_an_embed_beyond_its_limits_is_refused(embeds: list[dict[str, Any]]) -> None:
    with pytest.raises(Fault) as caught:
        message_form({"embeds": embeds})
    assert caught.value.violation


def label(**field: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"type": 18, "label": "Text", "component": {"type": 4, "custom_id": "text", "style": 1} | field}


@pytest.mark.parametrize(
    "changed",
    [
        {"title": "x" * 46},
        {"custom_id": "x" * 101},
        {"components": []},
        {"components": [label()] * 6},
        {"components": [label(), label()]},
        {"components": [label(max_length=4001)]},
        {"components": [label(value="x" * 11, max_length=10)]},
        {"components": [label(type=2)]},
        {"components": [label() | {"label": "x" * 46}]},
        {"components": [{"type": 4, "custom_id": "text"}]},
        {"components": [label(type=3, options=[])]},
        {"components": [label(type=3, min_values=0, options=[{"label": "a", "value": "a"}])]},
        {"timeout": 1},
    ],
)
def test_a_modal_beyond_its_limits_is_refused(changed: dict[str, Any]) -> None:
    fine: dict[str, Any] = {"title": "Edit", "custom_id": "edit:7", "components": [label()]}
    check_modal(fine)
    # A field is checked for the keys of its type: a select knows no style.
    for part in changed.get("components", []):
        if part.get("component", {}).get("type") == 3:
            del part["component"]["style"]
    with pytest.raises(Fault):
        check_modal(fine | changed)


async def test_who_may_not_embed_is_refused_and_a_disabled_button_cannot_be_pressed(
    discord_server: FakeDiscord,
) -> None:
    fake = discord_server
    mia, bot = fake.person("mia", "Mia"), fake.bot("stand-in")
    guild = fake.guild("Friends", mia, bot.user)
    channel = fake.text(guild, "general")
    async with connected(fake, bot) as client:
        place = client.get_partial_messageable(channel.id)
        with pytest.raises(discord.Forbidden) as caught:
            await place.send(embed=discord.Embed(description="x"))
        assert caught.value.code == 50013
        channel.overwrites[bot.user.id] = (Permission.EMBED_LINKS, Permission(0))
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Edit", custom_id="edit:7"))
        view.add_item(discord.ui.Button(label="Approve", custom_id="approve:7", disabled=True))
        await place.send(embed=discord.Embed(description="x"), view=view)
        (card,) = fake.posted(channel)
        assert buttons(card) == {"Edit": True, "Approve": False}
        with pytest.raises(AssertionError, match="cannot be pressed"):
            press(fake, bot, card, mia, "Approve")
        opened = press(fake, bot, card, mia, "Edit")
        await soon(lambda: client.pressed)
        modal = discord.ui.Modal(title="Edit", custom_id="text:7")
        field: Any = discord.ui.TextInput(custom_id="text", default="old", max_length=10)
        modal.add_item(discord.ui.Label(text="Text", component=field))
        await client.pressed[0].response.send_modal(modal)
        with pytest.raises(AssertionError):
            submit(fake, opened, {"text": "x" * 11})
        with pytest.raises(AssertionError):
            submit(fake, opened, {"words": "x"})
        submit(fake, opened, {"text": "new"})
        await soon(lambda: len(client.pressed) == 2)
        data: Any = client.pressed[1].data
        assert data["components"][0]["component"]["value"] == "new"
        await client.pressed[1].response.defer()
