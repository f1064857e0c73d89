"""The guards that the promises rest on, each with the line that is broken and the tests that must then fail.

`old` stands in its file exactly once (a test looks), so that a guard which moves takes its mutation along.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_SCRIPTS: Final = "bot/store/scripts"
_PROMISES: Final = "tests/bot/promises"
KILLS: Final = f"{_PROMISES}/test_machine_kills.py::test_no_order_of_steps_breaks_a_promise_around_kills"
DEATHS: Final = f"{_PROMISES}/test_machine_deaths.py::test_no_order_of_steps_breaks_a_promise_around_deaths"
APPROVALS: Final = (
    f"{_PROMISES}/test_machine_approvals.py::test_no_order_of_steps_breaks_a_promise_around_approvals"
)
WALKS: Final = f"{_PROMISES}/test_interleavings.py::test_no_interleaving_breaks_a_promise"
DELETES: Final = f"{_PROMISES}/test_deletes.py"
PARTS: Final = f"{_PROMISES}/test_kill_parts.py"
PLACES: Final = "tests/bot/test_places.py"
DISCORD: Final = "tests/bot/messengers/discord"
CARDS: Final = f"{DISCORD}/test_cards.py"
ELSEWHERE: Final = "test_what_is_decided_elsewhere_is_on_the_card_and_nothing_else_is"
PERSONAS: Final = "tests/bot/messengers/discord/test_personas.py"
POSTPONING: Final = "tests/bot/test_postponing.py"
PAUSING: Final = "tests/bot/messengers/discord/test_pausing.py"
REPLIES: Final = "tests/bot/messengers/discord/test_replies.py"
ADDRESSED: Final = "tests/bot/test_addressed.py"
CHECKUP: Final = "tests/bot/messengers/discord/test_checkup.py"
LACKS: Final = "tests/bot/messengers/discord/test_lacks.py"
SETUP: Final = "tests/bot/cli/test_discord.py"
BACKLOG: Final = "tests/bot/test_backlog.py"
CATCHING_UP: Final = f"{_PROMISES}/test_catching_up.py"
HISTORY: Final = "tests/bot/messengers/discord/test_history.py"
REPEATS: Final = f"{_PROMISES}/test_repeats.py"
CLOCKS: Final = (
    f"{_PROMISES}/test_machine_clocks.py::test_no_order_of_steps_breaks_a_promise_when_clocks_jump"
)

_WAITS: Final = "test_while_a_chat_is_read_up_on_what_is_said_waits_a_kill_word_does_not_and_nothing_leaves"
_CLOCK: Final = (
    "test_by_a_clock_that_is_ahead_or_behind_what_was_missed_is_context_and_what_is_said_is_answered"
)
_EDITS: Final = "test_edits_and_deletes_that_were_missed_are_seen_where_the_newest_messages_show_them"
_FORBIDDEN: Final = "test_who_may_not_read_the_history_is_told_so_once_and_hears_what_is_said_now"

SHARDS: Final = "tests/bot/messengers/discord/test_shards.py"
OUTBOX: Final = "tests/bot/test_outbox.py"
SENDING: Final = "tests/bot/messengers/discord/test_sending.py"
DISCORD_STORM: Final = f"{_PROMISES}/test_discord_storm.py"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard taken away."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Tried in order; one that fails is enough."""

    def apply_in(self, tree: Path) -> None:
        """Break a copy of the tree. Raises ValueError when what is to be broken is not there once."""
        path = tree / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has its text {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def _script(name: str, script: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, f"{_SCRIPTS}/{script}.lua", old, new, tests)


_TOKEN: Final = (
    "if redis.call('HGET', settings, 'generation') ~= ARGV[3] or not redis.call('HGET', settings, 'claim')"
)
_NO_TOKEN: Final = "if not redis.call('HGET', settings, 'claim')"
_SENDER: Final = "if redis.call('HGET', key('chat', chat), 'send_token') ~= ARGV[3] or "
_HEAD: Final = " or redis.call('LINDEX', key('out', chat), 0) ~= id"

MUTATIONS: Final = (
    # The fence.
    _script("fence-kill", "fence", "if killed then", "if false then", KILLS),
    _script(
        *("fence-epoch", "fence"),
        "standing_kill(chat) or tonumber(redis.call('HGET', bubble, 'epoch')) ~= epoch_of(chat)",
        "standing_kill(chat)",
        KILLS,
    ),
    _script(
        "fence-token",
        "fence",
        "redis.call('HGET', settings, 'send_token') ~= ARGV[3] or ",
        "",
        DEATHS,
        CLOCKS,
    ),
    _script("fence-order", "fence", _HEAD, "", REPEATS, WALKS),
    _script("fence-unknown", "fence", "if state == 'sending' and (", "if false and (", DEATHS),
    _script("fence-keyless", "fence", " or ARGV[6] ~= '1')", ")", DEATHS),
    _script("fence-repeat-for-ever", "fence", " or here or old or", " or here or", CLOCKS),
    _script(
        *("fence-approved", "fence"),
        "if not approved then",
        "if false then",
        APPROVALS,
        KILLS,
    ),
    _script(
        "fence-off",
        "fence",
        "local off = not notice and mode == 'off'",
        "local off = false",
        APPROVALS,
        KILLS,
    ),
    _script("fence-mode", "fence", "if unwanted then", "if false then", KILLS, APPROVALS),
    _script("fence-by-rules", "fence", " or (by_rules and mode ~= 'auto')", "", KILLS, DEATHS),
    _script("fence-expired", "fence", "'expires_at')) <= now then", "'expires_at')) < 0 then", CLOCKS),
    _script("fence-moved", "fence", "moved_by(chat, draft) >= tonumber(ARGV[7])", "false", APPROVALS, DEATHS),
    _script("fence-in-flight", "fence", "redis.call('SADD', key('in_flight'), id)", "", KILLS),
    # What comes in.
    _script(
        "deduplication", "accept", "if redis.call('ZSCORE', seen, id) then return 'duplicate' end", "", DEATHS
    ),
    _script("seen-trim", "accept", "now - tonumber(ARGV[9])", "now + tonumber(ARGV[9])", DEATHS),
    _script("own-echo", "accept", "if own then\n", "if false then\n", DEATHS),
    _script(
        "off-keeps-nothing", "accept", "if not mode or mode == 'off' then", "if not mode then", APPROVALS
    ),
    # Workers.
    _script("settle-token", "settle", _TOKEN, _NO_TOKEN, DEATHS),
    _script("renew-token", "renew", _TOKEN, _NO_TOKEN, WALKS),
    _script("postpone-token", "postpone", _TOKEN, _NO_TOKEN, DEATHS, CLOCKS),
    _script(
        *("settle-kill", "settle"),
        "and (epoch_of(chat) ~= tonumber(ARGV[4]) or standing_kill(chat))",
        "and false",
        KILLS,
    ),
    _script(
        *("settle-epoch", "settle"),
        "(epoch_of(chat) ~= tonumber(ARGV[4]) or standing_kill(chat))",
        "standing_kill(chat)",
        KILLS,
    ),
    _script(
        "settle-hold",
        "settle",
        "elseif mode == 'auto' and not decision.hold then",
        "elseif mode == 'auto' then",
        DEATHS,
        KILLS,
    ),
    _script(
        "settle-manual",
        "settle",
        "elseif mode == 'auto' and not decision.hold then",
        "elseif not decision.hold then",
        APPROVALS,
    ),
    _script(
        "settle-shadow",
        "settle",
        "elseif mode == 'shadow' then\n    move",
        "elseif false then\n    move",
        KILLS,
        APPROVALS,
    ),
    _script(
        "claim-pins",
        "claim",
        "redis.call('HSETNX', settings, 'pinned'",
        "redis.call('HSET', settings, 'pinned'",
        DEATHS,
    ),
    _script(
        "claim-generation",
        "claim",
        "redis.call('HINCRBY', settings, 'generation', 1)",
        "redis.call('HINCRBY', settings, 'generation', 0)",
        DEATHS,
    ),
    # Senders.
    _script("send-token", "outbox_claim", "'send_token', 1)", "'send_token', 0)", DEATHS),
    _script("unsent-token", "unsent", _SENDER, "if ", REPEATS, WALKS),
    _script("unknown-token", "unknown", _SENDER, "if ", REPEATS, WALKS),
    _script(
        "release-token",
        "release",
        "~= ARGV[3] then return 'lost'",
        "== 'x' then return 'lost'",
        DEATHS,
        CLOCKS,
    ),
    _script(
        "unsent-before",
        "unsent",
        "local before, postponed = ARGV[8] == '1'",
        "local before, postponed = false",
        DEATHS,
        KILLS,
    ),
    _script("sent-once", "sent", "if state == 'sent' then return 'known' end", "", DEATHS),
    _script("sent-in-flight", "sent", "redis.call('SREM', key('in_flight'), id)", "", KILLS),
    _script(
        "sent-echo",
        "sent",
        "redis.call('ZADD', key('seen', chat), 'NX', now, receipt) == 1",
        "true",
        DEATHS,
        KILLS,
    ),
    _script(
        "clear-out-others",
        "common",
        "if redis.call('HGET', bubble, 'draft') == draft\n",
        "if true\n",
        APPROVALS,
        KILLS,
    ),
    # Kills.
    _script(
        "kill-stands",
        "kill",
        "redis.call('HSETNX', key('kill'), 'standing|' .. scope,",
        "tostring('standing|' .. scope ..",
        KILLS,
    ),
    _script(
        *("kill-epoch", "common"),
        "sum = sum + tonumber(redis.call('HGET', key('kill'), 'epoch|' .. scope) or '0')",
        "sum = 0",
        KILLS,
    ),
    _script(
        "kill-once",
        "kill",
        "== 0 then return { 0, in_flight } end",
        "== 2 then return { 0, in_flight } end",
        KILLS,
    ),
    _script("kill-counts", "kill", "in_flight = in_flight + 1", "in_flight = 0", KILLS),
    _script(
        "resume-unseen",
        "resume",
        "if standing and redis.call('HGET', key('kill'), 'latest' .. field) ~= ARGV[4]",
        "if false",
        KILLS,
    ),
    Mutation(
        "kill-half-done",
        "bot/kill_switch.py",
        "for scope in halves & self._halves:",
        "for scope in set[KillScope]():",
        (KILLS,),
    ),
    Mutation(
        "kill-latch", "bot/kill_switch.py", "self._latched[scope] += 1", "self._latched[scope] += 0", (KILLS,)
    ),
    Mutation(
        "kill-heard-at-the-fence",
        "bot/sender.py",
        "if self._silent(outgoing) or sending.hurry.is_set():",
        "if False:",
        (KILLS,),
    ),
    Mutation(
        "yes-is-for-now",
        "bot/sender.py",
        "if not 0 <= self._clock.now_ms() - asked <= YES_MS:",
        "if False:",
        (CLOCKS,),
    ),
    # People.
    _script(
        "approve-twice", "approve", "if not is_open(state) then return", "if false then return", APPROVALS
    ),
    _script(
        "approve-kill",
        "approve",
        "if standing_kill(chat) then return { 'killed', state, '' } end",
        "",
        KILLS,
        APPROVALS,
    ),
    _script("approve-expired", "approve", "'expires_at')) <= now then", "'expires_at')) < 0 then", CLOCKS),
    _script(
        "approve-moved",
        "approve",
        "if moved_by(chat, id) >= tonumber(ARGV[7]) then",
        "if false then",
        APPROVALS,
    ),
    _script(
        "approve-shadow",
        "approve",
        "if mode == 'off' or mode == 'shadow' then",
        "if mode == 'off' then",
        APPROVALS,
    ),
    _script(
        "approve-version", "approve", "if version > 0 and version ~=", "if false and version ~=", APPROVALS
    ),
    _script(
        "approve-attempt",
        "approve",
        "attempt = redis.call('HINCRBY', name, 'attempt', 1)",
        "",
        KILLS,
        APPROVALS,
    ),
    _script(
        "approve-keeps-both",
        "approve",
        "redis.call('HSETNX', name, 'original', redis.call('HGET', name, 'bubbles'))",
        "",
        APPROVALS,
    ),
    _script(
        "reject-twice", "reject", "if not is_open(current) then return", "if false then return", APPROVALS
    ),
    _script(
        "taken-by-another", "common", "and tonumber(claim[2]) > now and claim[1]", "and false", APPROVALS
    ),
    _script(
        "rewrite-token",
        "rewritten",
        "redis.call('HGET', name, 'rewrite_token') ~= ARGV[3] or ",
        "",
        APPROVALS,
    ),
    Mutation(
        "approve-role",
        "bot/desk.py",
        'await self._may(person, Role.MODERATOR, "approve drafts")\n        draft =',
        "draft =",
        (APPROVALS,),
    ),
    Mutation("resume-role", "bot/desk.py", 'await self._may(person, Role.OWNER, "resume")', "", (KILLS,)),
    # Deletes.
    _script(
        "delete-draft",
        "delete",
        "if gone[id] then\n      voided",
        "if false then\n      voided",
        DEATHS,
        DELETES,
    ),
    _script(
        "delete-context", "delete", "if fine and gone[message.id] then", "if false then", DEATHS, DELETES
    ),
    _script("delete-claim", "delete", "if shown then take_back(now, chat) end", "", DEATHS, DELETES),
    _script("delete-rewrite", "delete", "  rewrite_without(now, chat)\n", "", DELETES),
    _script(
        "delete-box",
        "delete",
        "take_from_box(chat, DELETED",
        "local _ = (function() end)(chat, DELETED",
        DEATHS,
    ),
    _script(
        "delete-first",
        "delete",
        "redis.call('ZADD', key('seen', chat), 'NX', now, id) == 1",
        "false",
        DELETES,
    ),
    _script("delete-journal", "delete", "line.text, line.deleted = '', true", "line.deleted = true", DELETES),
    # Chats that follow others.
    _script(
        "follow-refused",
        "follow",
        "if entry.agreed or entry.with ~= parent then",
        "if entry.agreed then",
        PLACES,
    ),
    # A kill of a chat covers its parts.
    _script(
        "kill-parts",
        "common",
        "if whole then table.insert(scopes,",
        "if false then table.insert(scopes,",
        KILLS,
    ),
    Mutation(
        "kill-parts-anywhere",
        "bot/kill_switch.py",
        "*(self._write(part, note, finish=finish) for part in self._store.partitions.all())",
        "*(self._write(part, note, finish=finish) for part in list(self._store.partitions.all())[:1])",
        (PARTS,),
    ),
    Mutation(
        "kill-parts-latch",
        "bot/kill_switch.py",
        "any(times and scope.covers(chat, part_of) for",
        "any(times and scope.covers(chat, None) for",
        (PARTS,),
    ),
    Mutation(
        "kill-parts-cancelled",
        "bot/watch.py",
        "elif scope.covers(claimed.chat, claimed.part_of) and",
        "elif scope.covers(claimed.chat, None) and",
        (PARTS,),
    ),
    _script("part-of", "accept", "if ARGV[20] ~= ''", "if false", PARTS),
    _script("part-of-again", "disable", "if whole then redis", "if false then redis", PARTS),
    Mutation(
        "resume-in-a-thread",
        "bot/messengers/discord/commands.py",
        "asker.part_of if reach is None else None",
        "asker.part_of",
        (f"{DISCORD}/test_commands.py",),
    ),
    # What waits, and whom it speaks to.
    _script("postponed-try", "unsent", "redis.call('HINCRBY', bubble, 'tries', -1)", "", POSTPONING),
    _script(
        "postponed-kill", "sweep", "    stopped_by_kill(now, chat, bubble[2], 'sweep')\n", "", POSTPONING
    ),
    _script(
        "first-handed-over", "fence", "if state ~= 'sending' then redis", "if true then redis", POSTPONING
    ),
    _script("reply-to-oneself", "addressed", "    others[author] = nil\n", "", ADDRESSED),
    _script("two-of-a-name", "addressed", "and who.id or ''", "and who.id or who.id", ADDRESSED),
    Mutation(
        "final-no",
        "bot/sender.py",
        "final=isinstance(error, SendImpossible)",
        "final=False",
        (POSTPONING,),
    ),
    Mutation(
        "pause-before-the-fence",
        "bot/sender.py",
        "if pause is not None and pause.seconds > seconds:",
        "if False and pause is not None:",
        (POSTPONING,),
    ),
    Mutation(
        "pause-of-another-process",
        "bot/pacing.py",
        "                self.note(told, of)\n",
        "                pass\n",
        (PAUSING,),
    ),
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
        "bot/messengers/discord/places.py",
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
        "if self._reviews(message.channel):",
        "if message.channel is None:",
        (f"{DISCORD}/test_board.py",),
    ),
    # Rules.
    Mutation(
        "rule-that-raises",
        "safety/policy.py",
        "return Verdict(Outcome.STOP, rule.name, reason)",
        "return Verdict(Outcome.ALLOW, rule.name, reason)",
        (f"{_PROMISES}/test_fails_closed.py",),
    ),
    Mutation(
        "bots-are-not-answered",
        "safety/rules/echo.py",
        "        if people:\n",
        "        if others:\n",
        (DEATHS,),
    ),
    Mutation(
        "partners-talk-for-ever",
        "bot/store/scripts/settle.lua",
        "  if decision.alone then redis.call('HINCRBY', settings, 'turns_alone', 1) end\n",
        "",
        (PERSONAS,),
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
        "setup-token-shown",
        "bot/cli/discord.py",
        "hide_input=True",
        "hide_input=False",
        (SETUP,),
    ),
    Mutation(
        "setup-token-readable",
        "chat/private_file.py",
        "0o600",
        "0o644",
        ("tests/bot/cli/test_settings_file.py",),
    ),
    Mutation(
        "troubles-mended",
        "bot/messengers/discord/lacks.py",
        "        if isinstance(place, discord.abc.GuildChannel):\n            return lack(place, place.guild.me)\n",
        '        if isinstance(place, discord.abc.GuildChannel):\n            return ""\n',
        (LACKS,),
    ),
    Mutation(
        "troubles-said",
        "bot/presence.py",
        "                        troubles=dict(troubles),\n",
        "                        troubles={},\n",
        ("tests/bot/test_troubles.py",),
    ),
    _script(
        "watermark-order",
        "common",
        "if #id < #mark or (#id == #mark and id <= mark)",
        "if id <= mark",
        *(CATCHING_UP, BACKLOG),
    ),
    _script(
        "watermark-edits",
        "accept",
        "local beyond = ARGV[10] == '1' or move_watermark(chat, id)",
        "local beyond = move_watermark(chat, id)",
        BACKLOG,
    ),
    _script(
        "behind-the-watermark",
        "accept",
        "if how ~= 'live' and not beyond then return 'duplicate' end\n",
        "",
        BACKLOG,
    ),
    _script(
        "missed-kill-lifted",
        "resume",
        "redis.call('HSET', key('kill'), 'resumed' .. field, now)\n",
        "",
        BACKLOG,
    ),
    _script(
        "missed-owner-is-here",
        "accept",
        "(how == 'missed' and now - at < stay",
        "(how == 'missed'",
        BACKLOG,
    ),
    Mutation(
        "missed-kill-by-a-clock-ahead",
        "bot/kill_switch.py",
        "0 < at <= self._clock.now_ms()",
        "0 < at",
        (BACKLOG,),
    ),
    Mutation(
        "history-decides",
        "bot/inbox.py",
        "        if said_at < let_in:\n            return await",
        "        if said_at is None:\n            return await",
        (BACKLOG,),
    ),
    Mutation(
        "missed-way-back",
        "bot/orders.py",
        "entry.at >= said_at",
        "entry.at is None",
        (BACKLOG,),
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
        (f"{HISTORY}::{_CLOCK}",),
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
        (f"{HISTORY}::{_FORBIDDEN}",),
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
        "outbox-takes-what-it-does-not-serve",
        "bot/outbox.py",
        "if serves(ChatKey.parse(chat)):",
        "if chat:",
        (f"{OUTBOX}::test_a_bubble_waits_for_whoever_serves_its_chat_behind_as_many_others_as_there_are",),
    ),
    Mutation(
        "each-part-has-a-yes-of-its-own",
        "bot/messengers/discord/connector.py",
        "Handing(bubble.chat, given_at)",
        "Handing(bubble.chat)",
        (f"{SENDING}::test_all_parts_of_a_long_bubble_begin_while_one_yes_of_the_fence_is_fresh",),
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
        "a-no-goes-to-no-part",
        "bot/consents.py",
        "for part in await Chats(self._store, self._clock).parts(chat):",
        "for part in ():",
        (PLACES,),
    ),
    Mutation(
        "one-wrong-id-holds-up-all",
        "bot/messengers/discord/troubles.py",
        "return 400 <= error.status < 500 and error.status != _TOO_MANY",
        "return error.status in {403, 404}",
        (f"{SHARDS}::test_an_id_that_discord_refuses_keeps_no_other_chat_from_being_served",),
    ),
)
