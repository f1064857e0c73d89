"""What the connector to Discord guards."""

from __future__ import annotations

from typing import Final

from tests.mutations.killers import PAUSING, PROMISES
from tests.mutations.mutation import Mutation

DISCORD: Final = "tests/bot/messengers/discord"
CARDS: Final = f"{DISCORD}/test_cards.py"
ELSEWHERE: Final = "test_what_is_decided_elsewhere_is_on_the_card_and_nothing_else_is"
REPLIES: Final = "tests/bot/messengers/discord/test_replies.py"
CHECKUP: Final = "tests/bot/messengers/discord/test_checkup.py"
LACKS: Final = "tests/bot/messengers/discord/test_lacks.py"
HISTORY: Final = "tests/bot/messengers/discord/test_history.py"
HISTORY_TROUBLES: Final = "tests/bot/messengers/discord/test_history_troubles.py"
_WAITS: Final = "test_while_a_chat_is_read_up_on_what_is_said_waits_a_kill_word_does_not_and_nothing_leaves"
_CLOCK: Final = (
    "test_by_a_clock_that_is_ahead_or_behind_what_was_missed_is_context_and_what_is_said_is_answered"
)
_EDITS: Final = "test_edits_and_deletes_that_were_missed_are_seen_where_the_newest_messages_show_them"
_FORBIDDEN: Final = "test_who_may_not_read_the_history_is_told_so_once_and_hears_what_is_said_now"
LANES: Final = f"{DISCORD}/test_lanes.py"
SHARDS: Final = "tests/bot/messengers/discord/test_shards.py"
SENDING: Final = "tests/bot/messengers/discord/test_sending.py"
DISCORD_STORM: Final = f"{PROMISES}/test_discord_storm.py"

MUTATIONS: Final = (
    Mutation(
        "lanes-bounded",
        "bot/messengers/discord/lanes.py",
        "if isinstance(heard, Message) and gap is not None and self._is_full:",
        "if isinstance(heard, Message) and gap is not None and False:",
        (LANES,),
    ),
    Mutation(
        "lanes-hear-what-has-no-room",
        "bot/messengers/discord/lanes.py",
        "            self.hear(heard)\n            self._cut(heard.chat, gap)",
        "            self._cut(heard.chat, gap)",
        (LANES,),
    ),
    Mutation(
        "lanes-end-with-a-gap",
        "bot/messengers/discord/lanes.py",
        "            lane.append(gap)\n",
        "            pass\n",
        (LANES,),
    ),
    Mutation(
        "sign-of-a-kill",
        "bot/acknowledger.py",
        "connector.sign(chat, message_id)",
        "pass",
        (f"{DISCORD}/test_signs.py",),
    ),
    Mutation(
        "kill-between-parts",
        "bot/messengers/discord/connector.py",
        "if not await bubble.goes_on():",
        "if False:",
        (SENDING,),
    ),
    Mutation(
        "setup-intent",
        "bot/messengers/discord/checkup.py",
        "if flags.gateway_message_content or flags.gateway_message_content_limited:",
        "if flags is not None:",
        (CHECKUP,),
    ),
    Mutation(
        "setup-permissions",
        "bot/messengers/discord/permissions.py",
        "    missing = discord.Permissions(wanted.value & ~may.value)\n",
        "    missing = discord.Permissions.none()\n",
        (CHECKUP, LACKS),
    ),
    Mutation(
        "setup-patience",
        "bot/messengers/discord/checkup.py",
        "        if status == 429 or status >= 500:\n",
        "        if status == 503:\n",
        (CHECKUP,),
    ),
    Mutation(
        "troubles-mended",
        "bot/messengers/discord/lacks.py",
        "        if isinstance(place, discord.abc.GuildChannel):\n            return lack(place, place.guild.me)\n",
        '        if isinstance(place, discord.abc.GuildChannel):\n            return ""\n',
        (LACKS,),
    ),
    Mutation(
        "speaks-before-it-has-heard",
        "bot/messengers/discord/client.py",
        " and self._session.caught_up",
        "",
        (f"{HISTORY}::{_WAITS}",),
    ),
    Mutation(
        "heard-is-not-missed",
        "bot/messengers/discord/history.py",
        "if following is not None and int(late.message.id) >= following:",
        "if following is None and not late:",
        (f"{HISTORY_TROUBLES}::{_CLOCK}",),
    ),
    Mutation(
        "missed-edits",
        "bot/messengers/discord/history.py",
        "late += _changes(reader, page, mark, standing)",
        "late += []",
        (f"{HISTORY}::{_EDITS}",),
    ),
    Mutation(
        "history-forbidden",
        "bot/messengers/discord/history.py",
        "if not channel.permissions_for(channel.guild.me).read_message_history:",
        "if channel is None:",
        (f"{HISTORY_TROUBLES}::{_FORBIDDEN}",),
    ),
    Mutation(
        "discord-serves-what-is-not-heard",
        "bot/messengers/discord/connector.py",
        "return client is not None and client.hears",
        "return client is not None",
        (f"{SHARDS}::test_a_chat_is_served_only_while_its_own_shard_hears",),
    ),
    Mutation(
        "discord-chats-not-located",
        "bot/messengers/discord/history.py",
        "if not await self._located(int(chat.chat_id) for chat in enabled):",
        "if not enabled and session.awaited:",
        (f"{SHARDS}::test_nothing_is_served_before_what_its_own_shards_missed_has_been_heard",),
    ),
    Mutation(
        "discord-random-nonce",
        "bot/messengers/discord/connector.py",
        'f"{bubble}\\0{part}".encode()',
        'f"{bubble}\\0{part}{time.monotonic()}".encode()',
        (DISCORD_STORM,),
    ),
    Mutation(
        "discord-history-not-asked",
        "bot/messengers/discord/connector.py",
        "if since is None or datetime.now(UTC) - since < self._keyed:",
        "if since is None or since:",
        # The long storm notices as well; the short one only now and then.
        ("tests/bot/messengers/discord/test_sending.py",),
    ),
    Mutation(
        "each-part-has-a-yes-of-its-own",
        "bot/messengers/discord/connector.py",
        "Handing(bubble.chat, given_at)",
        "Handing(bubble.chat)",
        (f"{SENDING}::test_each_part_of_a_long_bubble_begins_while_its_own_yes_of_the_fence_is_fresh",),
    ),
    Mutation(
        "among-very-many-messages-it-has-not-left",
        "bot/messengers/discord/connector.py",
        "if looked_at == _HISTORY and len(found) < len(wanted):",
        "if not wanted:",
        (f"{SENDING}::test_among_very_many_messages_nobody_can_say_whether_it_left",),
    ),
    Mutation(
        "a-review-thread-is-read",
        "bot/messengers/discord/history.py",
        "known = {*enabled, *self._settings.review}",
        "known = {*enabled}",
        (f"{HISTORY}::test_a_review_thread_in_an_enabled_channel_is_read_and_followed_by_nobody",),
    ),
    Mutation(
        "one-wrong-id-holds-up-all",
        "bot/messengers/discord/troubles.py",
        "return 400 <= error.status < 500 and error.status != _TOO_MANY",
        "return error.status in {403, 404}",
        (f"{SHARDS}::test_an_id_that_discord_refuses_keeps_no_other_chat_from_being_served",),
    ),
    # A kill of a chat covers its parts.
    Mutation(
        "resume-in-a-thread",
        "bot/messengers/discord/commands.py",
        "asker.part_of if reach is None else None",
        "asker.part_of",
        (f"{DISCORD}/test_commands.py",),
    ),
    # What waits, and whom it speaks to.
    Mutation(
        "limit-of-the-account",
        "bot/messengers/discord/handing.py",
        "everywhere = status == 429 and _of_everything(response)",
        "everywhere = False",
        (PAUSING,),
    ),
    Mutation(
        "slow-mode",
        "bot/messengers/discord/connector.py",
        "if slow := slow_mode(client, channel.id):",
        "if slow := 0.0:",
        (PAUSING,),
    ),
    Mutation(
        "nobody-is-pinged", "bot/messengers/discord/posting.py", "everyone=False", "everyone=True", (REPLIES,)
    ),
    Mutation(
        "only-who-may-be-pinged",
        "bot/messengers/discord/wording.py",
        "if id_.isdigit() and not {EVERYBODY_THERE, id_}.isdisjoint(pings)",
        "if id_.isdigit()",
        (REPLIES,),
    ),
    Mutation(
        "reply-to-what-is-gone",
        "bot/messengers/discord/customs.py",
        "fail_if_not_exists=False",
        "fail_if_not_exists=True",
        (REPLIES,),
    ),
    # Cards.
    Mutation(
        "card-once",
        "bot/messengers/discord/board.py",
        "posted = await self._found(held) if held.tried else None",
        "posted = None",
        (f"{DISCORD}/test_board.py::test_a_process_that_died_between_post_and_record_leaves_one_card",),
    ),
    Mutation(
        "card-that-is-done-quotes-nothing",
        "bot/messengers/discord/faces.py",
        'if draft.state not in OPEN_STATES and draft.state != "approved":',
        'if draft.state == "never":',
        (f"{DISCORD}/test_board.py::{ELSEWHERE}",),
    ),
    Mutation(
        "erased-draft-keeps-its-card",
        "bot/messengers/discord/board.py",
        "            return erased(draft_id, chat)\n",
        "            raise\n",
        (f"{DISCORD}/test_board.py::{ELSEWHERE}",),
    ),
    Mutation(
        "card-shown-whole",
        "bot/messengers/discord/faces.py",
        "whole = len(text) <= _TEXT",
        "whole = True",
        (CARDS,),
    ),
    Mutation(
        "press-of-an-old-version",
        "bot/messengers/discord/decisions.py",
        "desk.approve(person, draft, version=version)",
        "desk.approve(person, draft)",
        (CARDS,),
    ),
    Mutation(
        "press-acknowledged-first",
        "bot/messengers/discord/decisions.py",
        "        return\n    line = await _line_of(decision)\n",
        "    line = await _line_of(decision)\n",
        (CARDS,),
    ),
    Mutation(
        "modal-for-anybody",
        "bot/messengers/discord/decisions.py",
        'person.must_be(Role.MODERATOR, "reject drafts")',
        "pass",
        (CARDS,),
    ),
    Mutation(
        "review-channel-is-no-chat",
        "bot/messengers/discord/client.py",
        "if reviews(message.channel, self._review_channel):",
        "if message.channel is None:",
        (f"{DISCORD}/test_board.py",),
    ),
    Mutation(
        "a-thread-of-the-review-channel-is-read",
        "bot/messengers/discord/history.py",
        "if chat.chat_id.isdecimal() and not self._reviews(session.client, chat)",
        "if chat.chat_id.isdecimal() and chat not in self._settings.review",
        (f"{HISTORY}::test_a_thread_in_the_review_channel_that_was_enabled_all_the_same_is_not_read",),
    ),
    Mutation(
        "an-archived-thread-of-the-review-channel-is-read",
        "bot/messengers/discord/history.py",
        "if channel is None or await self._hidden(client, int(chat.chat_id)):",
        "if channel is None:",
        (f"{HISTORY}::test_a_thread_in_the_review_channel_that_was_enabled_all_the_same_is_not_read",),
    ),
    Mutation(
        "a-thread-of-the-review-channel-is-enabled",
        "bot/desk.py",
        "for key in (chat.key, part_of):",
        "for key in (chat.key,):",
        (f"{DISCORD}/test_commands.py::test_nobody_lets_it_into_the_review_channel_or_a_thread_there",),
    ),
)
