"""Who of Discord's people may do what."""

from __future__ import annotations

import discord
import pytest

from bot.accounts import clean_name
from bot.errors import SettingsInvalid
from bot.messengers.discord.roles import Roles
from bot.people import Role as Rank
from tests.bot.messengers.discord.server import Place
from tests.fakes.discord.client import connected, soon
from tests.fakes.discord.world import Channel, Member, User


async def seen(
    place: Place, *people: User, channel: Channel | None = None
) -> list[discord.Member | discord.User]:
    """People as discord.py shows them, in a channel of the server unless another is named."""
    async with connected(place.fake, place.bot) as client:
        for person in people:
            place.fake.say(channel or place.channel, person, "here I am")
        await soon(lambda: len(client.heard) == len(people))
        return [message.author for message in client.heard]


async def test_ids_and_roles_give_each_their_rank_and_the_higher_one_counts(place: Place) -> None:
    ada, ben, cy = (place.fake.person(name) for name in ("ada", "ben", "cy"))
    crew, chiefs = place.role("crew", ada, ben), place.role("chiefs", ben)
    place.role("guests", cy)
    roles = Roles(
        place.settings(moderators=(str(place.mia.id),), moderator_roles=(crew,), owner_roles=(chiefs,))
    )
    found = [roles.person(one).role for one in await seen(place, place.olivia, place.mia, ada, ben, cy)]
    assert found == [Rank.OWNER, Rank.MODERATOR, Rank.MODERATOR, Rank.OWNER, Rank.VIEWER]


async def test_by_default_only_the_owners_ids_may_more_than_look(place: Place) -> None:
    place.role("crew", place.mia)
    roles = Roles(place.settings())
    assert [roles.person(one).role for one in await seen(place, place.olivia, place.mia)] == [
        Rank.OWNER,
        Rank.VIEWER,
    ]


async def test_a_servers_roles_do_not_count_in_a_direct_conversation(place: Place) -> None:
    crew = place.role("crew", place.mia)
    roles = Roles(place.settings(moderator_roles=(crew,)))
    direct = place.fake.direct(place.bot.user, place.mia)
    (mia,) = await seen(place, place.mia, channel=direct)
    assert roles.person(mia).role is Rank.VIEWER


async def test_no_bot_has_a_role_whatever_the_server_gave_it(place: Place) -> None:
    other = place.fake.bot("helper").user
    place.guild.members[other.id] = Member(other)
    crew = place.role("crew", other)
    roles = Roles(place.settings(moderator_roles=(crew,), moderators=(str(other.id),)))
    (found,) = await seen(place, other)
    assert roles.person(found).role is Rank.VIEWER


async def test_nobody_can_take_the_name_of_somebody_else(place: Place) -> None:
    twin = place.fake.person("olivia", "Olivia")
    place.guild.members[twin.id] = Member(twin, nick="Olivia\n\x1b[31m")
    roles = Roles(place.settings())
    olivia, other = [roles.person(one).name for one in await seen(place, place.olivia, twin)]
    assert olivia != other
    assert olivia == f"olivia discord/{place.olivia.id}"
    assert other.isprintable()
    # An account of the dashboard's cannot be called so.
    with pytest.raises(SettingsInvalid):
        clean_name(olivia)
