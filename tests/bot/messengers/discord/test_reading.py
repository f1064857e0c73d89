"""What is heard of Discord, and how it reads to the persona."""

from __future__ import annotations

from pathlib import Path

import pytest

from chat.message import Attachment
from tests.bot.messengers.discord.server import Heard, Place, key_of, listening
from tests.fakes.discord.client import soon
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.world import Posted, Role, User, poll


async def test_a_message_is_heard_with_its_author_and_time(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        said = place.fake.say(place.channel, place.mia, "who brings the tent?")
        await soon(lambda: heard.messages)
    (message,) = heard.messages
    assert (message.chat, message.id, message.text) == (place.key, str(said.id), "who brings the tent?")
    assert (message.author.id, message.author.name, message.author.is_bot) == (
        str(place.mia.id),
        "Mia",
        False,
    )
    assert (message.own, message.edited, message.reply_to) == (False, False, None)
    assert message.sent_at.tzinfo is not None


async def test_messages_of_a_chat_are_heard_in_order(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        for number in range(60):
            place.fake.say(place.channel, place.mia, str(number))
        await soon(lambda: len(heard.messages) == 60)
    assert heard.texts == [str(number) for number in range(60)]


async def test_threads_forum_posts_and_direct_messages_are_chats_of_their_own(place: Place) -> None:
    thread = place.fake.thread(place.channel, "tents")
    async with listening(place.connector(), Heard()) as heard:
        post = place.fake.thread(place.fake.forum(place.guild, "ideas"), "the lake")
        direct = place.fake.direct(place.bot.user, place.mia)
        for channel in (thread, post, direct):
            place.fake.say(channel, place.mia, "here")
        await soon(lambda: len(heard.messages) == 3)
    assert {message.chat for message in heard.messages} == {key_of(thread), key_of(post), key_of(direct)}


async def test_markup_reads_as_people_say_it(place: Place) -> None:
    role = Role("campers", Permission(0))
    place.guild.roles[role.id] = role
    text = f"<@{place.bot.user.id}> and <@!{place.olivia.id}> <@&{role.id}> in <#{place.channel.id}> <a:party_time:77>"
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, f"{text} <@1>")
        await soon(lambda: heard.messages)
    assert heard.texts == ["@Sam and @Olivia @campers in #general :party_time: @unknown-user"]


@pytest.mark.parametrize(
    ("typed", "reads"),
    [
        ("try </understudy kill:1234567>!", "try /understudy kill!"),
        ("at <t:1700000000:R> or <t:1700000000>", "at 2023-11-14 22:13 UTC or 2023-11-14 22:13 UTC"),
        ("<t:999999999999:F>", "<t:999999999999:F>"),
    ],
)
async def test_commands_and_times_read_as_everybody_sees_them(place: Place, typed: str, reads: str) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, typed)
        await soon(lambda: heard.messages)
    assert heard.texts == [reads]


async def test_a_poll_is_what_it_asks(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(
            place.channel, place.mia, "", poll=poll("What do we say to it?", "nothing", "pineapple")
        )
        await soon(lambda: heard.messages)
    assert heard.texts == ["What do we say to it? (nothing / pineapple)"]


async def test_people_are_called_what_they_are_called_in_the_dataset(place: Place, tmp_path: Path) -> None:
    people = tmp_path / "people.toml"
    people.write_text(
        f'[[person]]\nname = "Mia Lou"\nids = ["discord_exporter:{place.mia.id}", "whatsapp:Mia"]\n'
        f'[[person]]\nname = "Liv"\nids = ["discord:{place.olivia.id}"]\n',
        "utf-8",
    )
    async with listening(place.connector(people=people), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "hello")
        place.fake.say(place.channel, place.olivia, f"hello <@{place.mia.id}>")
        await soon(lambda: len(heard.messages) == 2)
    assert [message.author.name for message in heard.messages] == ["Mia Lou", "Liv"]
    assert heard.messages[1].text == "hello @Mia Lou"


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ({"filename": "tent.png", "content_type": "image/png"}, Attachment.IMAGE),
        ({"filename": "x.bin", "content_type": "video/mp4"}, Attachment.VIDEO),
        ({"filename": "voice-message.ogg", "content_type": "audio/ogg; codecs=opus"}, Attachment.AUDIO),
        ({"filename": "list.pdf"}, Attachment.DOCUMENT),
    ],
)
async def test_attachments_are_known_by_their_kind(
    place: Place, file: dict[str, str], kind: Attachment
) -> None:
    shown = {"id": "1", "size": 3, "url": "https://cdn/x", "proxy_url": "https://cdn/x"} | file
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "", attachments=[shown])
        await soon(lambda: heard.messages)
    assert (heard.messages[0].text, heard.messages[0].attachment) == ("", kind)


async def test_a_sticker_reads_as_its_name(place: Place) -> None:
    sticker = {"id": "5", "name": "Wave", "format_type": 1}
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.mia, "", stickers=[sticker])
        await soon(lambda: heard.messages)
    assert (heard.messages[0].text, heard.messages[0].attachment) == (":Wave:", Attachment.STICKER)


async def test_a_reply_names_what_it_replies_to(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        first = place.fake.say(place.channel, place.mia, "tent?")
        place.fake.say(place.channel, place.olivia, "yes", reply_to=first)
        await soon(lambda: len(heard.messages) == 2)
    assert heard.messages[1].reply_to == str(first.id)


async def test_an_edit_is_heard_and_a_preview_of_a_link_is_none(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        said = place.fake.say(place.channel, place.mia, "see https://example.com")
        place.fake.changed(said)
        place.fake.edit(said, "see nothing")
        await soon(lambda: len(heard.messages) == 2)
    assert [(message.text, message.edited) for message in heard.messages] == [
        ("see https://example.com", False),
        ("see nothing", True),
    ]
    assert heard.messages[0].id == heard.messages[1].id


async def test_deletes_are_heard_one_by_one_and_in_bulk_in_the_order_in_which_they_happened(
    place: Place,
) -> None:
    async with listening(place.connector(), Heard()) as heard:
        first, second, third = (place.fake.say(place.channel, place.mia, text) for text in ("a", "b", "c"))
        place.fake.delete(first)
        place.fake.delete_many(second, third)
        # Deletions that wait behind each other become one.
        await soon(lambda: sum(len(ids or ()) for _, ids in heard.deletions) == 3)
    assert heard.texts == ["a", "b", "c"]
    assert {chat for chat, _ in heard.deletions} == {place.key}
    deleted = [id_ for _, ids in heard.deletions for id_ in ids or ()]
    assert deleted == [str(one.id) for one in (first, second, third)]


async def test_a_channel_that_is_deleted_takes_its_threads_along_and_a_thread_goes_alone(
    place: Place,
) -> None:
    thread, other = place.fake.thread(place.channel, "tents"), place.fake.thread(place.channel, "lamps")
    async with listening(place.connector(), Heard()) as heard:
        place.fake.remove(other)
        await soon(lambda: heard.deletions == [(key_of(other), None)])
        place.fake.remove(place.channel)
        await soon(lambda: len(heard.deletions) == 3)
    assert set(heard.deletions[1:]) == {(place.key, None), (key_of(thread), None)}


async def test_while_the_store_is_away_a_delete_waits_behind_its_message(place: Place) -> None:
    heard = Heard()
    heard.away = True
    async with listening(place.connector(), heard):
        said = place.fake.say(place.channel, place.mia, "pineapple, and gone")
        place.fake.say(place.channel, place.mia, "pineapple")
        place.fake.delete(said)
        await soon(lambda: "pineapple" in [message.text for message in heard.early])
        heard.away = False
        await soon(lambda: heard.deletions)
    # Its kill word was said, and is heard.
    assert heard.texts == ["pineapple, and gone", "pineapple"]
    assert heard.deletions == [(place.key, (str(said.id),))]


async def test_who_wrote_is_known_the_bot_itself_its_owner_and_other_bots(place: Place) -> None:
    other = place.fake.bot("helper").user
    async with listening(place.connector(), Heard()) as heard:
        place.fake.say(place.channel, place.bot.user, "mine")
        place.fake.say(place.channel, place.olivia, "the owner's")
        place.fake.say(place.channel, other, "beep")
        await soon(lambda: len(heard.messages) == 3)
    found = [(one.own, one.stand_in, one.author.is_bot) for one in heard.messages]
    assert found == [(True, True, False), (True, False, False), (False, False, True)]


async def test_what_nobody_typed_is_not_heard(place: Place) -> None:
    hook = User("News")
    async with listening(place.connector(), Heard()) as heard:
        place.fake.post(Posted(place.channel, hook, "from a webhook", webhook=99))
        place.fake.say(place.channel, place.mia, "", kind=7)
        place.fake.say(place.channel, place.mia, "typed")
        await soon(lambda: heard.messages)
    assert heard.texts == ["typed"]


async def test_the_owner_who_types_is_heard_and_others_are_not(place: Place) -> None:
    async with listening(place.connector(), Heard()) as heard:
        place.fake.type(place.channel, place.mia)
        place.fake.type(place.channel, place.olivia)
        await soon(lambda: heard.typing)
    assert heard.typing == [place.key]


async def test_while_the_store_is_away_nothing_is_forgotten_and_kills_are_heard_at_once(place: Place) -> None:
    heard = Heard()
    heard.away = True
    async with listening(place.connector(), heard):
        for text in ("one", "pineapple", "three"):
            place.fake.say(place.channel, place.mia, text)
        await soon(lambda: "three" in [message.text for message in heard.early])
        assert "pineapple" in [message.text for message in heard.early]
        heard.away = False
        await soon(lambda: len(heard.messages) == 3)
    assert heard.texts == ["one", "pineapple", "three"]


async def test_after_a_reconnect_what_was_missed_is_heard(place: Place) -> None:
    connector = place.connector()
    async with listening(connector, Heard()) as heard:
        place.fake.cut()
        place.fake.say(place.channel, place.mia, "meanwhile")
        await soon(lambda: heard.texts == ["meanwhile"])
        await soon(lambda: connector.hears)
    assert place.bot.identified == 1
