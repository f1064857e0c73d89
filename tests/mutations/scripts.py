"""What the scripts of the store guard."""

from __future__ import annotations

from typing import Final

from tests.mutations.killers import (
    APPROVALS,
    BACKLOG,
    CLOCKS,
    DEATHS,
    KILLS,
    PARTS,
    PLACES,
    POSTPONING,
    PROMISES,
)
from tests.mutations.mutation import Mutation

_SCRIPTS: Final = "bot/store/scripts"
WALKS: Final = f"{PROMISES}/test_interleavings.py::test_no_interleaving_breaks_a_promise"
DELETES: Final = f"{PROMISES}/test_deletes.py"
PERSONAS: Final = "tests/bot/messengers/discord/test_personas.py"
ADDRESSED: Final = "tests/bot/test_addressed.py"
CATCHING_UP: Final = f"{PROMISES}/test_catching_up.py"
REPEATS: Final = f"{PROMISES}/test_repeats.py"
_TOKEN: Final = (
    "if redis.call('HGET', settings, 'generation') ~= ARGV[3] or not redis.call('HGET', settings, 'claim')"
)
_NO_TOKEN: Final = "if not redis.call('HGET', settings, 'claim')"
_SENDER: Final = "if redis.call('HGET', key('chat', chat), 'send_token') ~= ARGV[3] or "
_HEAD: Final = " or redis.call('LINDEX', key('out', chat), 0) ~= id"


def _script(name: str, script: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, f"{_SCRIPTS}/{script}.lua", old, new, tests)


MUTATIONS: Final = (
    Mutation(
        "partners-talk-for-ever",
        "bot/store/scripts/settle.lua",
        "  if decision.alone then redis.call('HINCRBY', settings, 'turns_alone', 1) end\n",
        "",
        (PERSONAS,),
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
    _script("part-of", "accept", "if ARGV[20] ~= ''", "if false", PARTS),
    _script("part-of-again", "disable", "if whole then redis", "if false then redis", PARTS),
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
    _script(
        "the-announcement-is-the-models-words",
        "accept",
        "(echo_of(chat, ARGV[14]) or ARGV[5] == '2')",
        "(ARGV[5] == '2' or echo_of(chat, ARGV[14]))",
        f"{PROMISES}/test_disclosure.py",
    ),
    _script(
        "the-acknowledgement-is-the-models-words",
        "accept",
        "string.match(echo, '^acknowledgement%.') or ",
        "",
        "tests/bot/test_acknowledger.py",
    ),
    _script(
        "what-was-written-with-a-deleted-message-leaves",
        "delete",
        "if first < last then",
        "if false then",
        DELETES,
    ),
    _script(
        "what-was-approved-before-a-deletion-leaves-in-old-words",
        "common",
        "redis.call('HINCRBY', name, 'attempt', 1)\n    state = 'held'",
        "state = 'held'",
        DELETES,
    ),
    _script(
        "a-text-kept-is-doubted-no-more",
        "rewritten",
        "if redis.call('HEXISTS', name, 'doubted') == 1 then",
        "if false then",
        DELETES,
    ),
)
