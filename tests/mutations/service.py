"""What the service and its command line guard."""

from __future__ import annotations

from typing import Final

from tests.mutations.killers import (
    APPROVALS,
    BACKLOG,
    CLOCKS,
    KILLS,
    PARTS,
    PAUSING,
    PLACES,
    POSTPONING,
    PROMISES,
)
from tests.mutations.mutation import Mutation

SETUP: Final = "tests/bot/cli/test_discord.py"
OPT_OUTS: Final = f"{PROMISES}/test_opt_outs.py"
OUTBOX: Final = "tests/bot/test_outbox.py"

MUTATIONS: Final = (
    Mutation(
        "setup-token-shown",
        "bot/cli/discord.py",
        "hide_input=True",
        "hide_input=False",
        (SETUP,),
    ),
    Mutation(
        "troubles-said",
        "bot/presence.py",
        "                        troubles=dict(troubles),\n",
        "                        troubles={},\n",
        ("tests/bot/test_troubles.py",),
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
        "outbox-takes-what-it-does-not-serve",
        "bot/outbox.py",
        "if serves(ChatKey.parse(chat)):",
        "if chat:",
        (f"{OUTBOX}::test_a_bubble_waits_for_whoever_serves_its_chat_behind_as_many_others_as_there_are",),
    ),
    Mutation(
        "a-no-goes-to-no-part",
        "bot/consents.py",
        "for part in await Chats(self._store, self._clock).parts(chat):",
        "for part in ():",
        (PLACES,),
    ),
    # Kills.
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
        "if not is_fresh(asked, self._clock):",
        "if False:",
        (CLOCKS,),
    ),
    # People.
    Mutation(
        "approve-role",
        "bot/desk.py",
        'await self._may(person, Role.MODERATOR, "approve drafts")\n        draft =',
        "draft =",
        (APPROVALS,),
    ),
    Mutation("resume-role", "bot/desk.py", 'await self._may(person, Role.OWNER, "resume")', "", (KILLS,)),
    # A kill of a chat covers its parts.
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
    Mutation(
        "kill-between-messages",
        "bot/sender.py",
        "return answer is Fence.GO and is_fresh(asked, self._clock) and not self._silent(outgoing)",
        "return True",
        (f"{PROMISES}/test_kill.py",),
    ),
    # Who opts out by a command while the store is away.
    Mutation(
        "opt-out-noted",
        "bot/consents.py",
        "await self._on_disk(lambda folder: folder.keep(note))",
        "await self._on_disk(lambda folder: None)",
        (OPT_OUTS,),
    ),
    Mutation(
        "opt-out-heeded",
        "bot/consents.py",
        "in (*self._noted, *self._latched))",
        "in self._latched)",
        (OPT_OUTS,),
    ),
    Mutation(
        "opt-out-outdated",
        "bot/consents.py",
        "if entry is not None and entry.at >= as_datetime(note.at_ms):",
        "if entry is not None and not entry:",
        (OPT_OUTS,),
    ),
    Mutation(
        "opt-out-taken-back",
        "bot/consents.py",
        "await self._on_disk(lambda folder: folder.forget_of(chat, person.id))",
        "await self._on_disk(lambda folder: None)",
        (OPT_OUTS,),
    ),
    Mutation(
        "opt-out-watched",
        "bot/app.py",
        "            group.create_task(self._office.order_watch.run())\n",
        "",
        (OPT_OUTS,),
    ),
    # What waits, and whom it speaks to.
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
        "nobody-says-that-discord-has-no-account",
        "bot/troubles.py",
        "deaf = {messenger: line for messenger, line in self._without.items() if await self._chats(messenger)}",
        "deaf: dict[str, str] = {}",
        ("tests/bot/test_troubles.py",),
    ),
)
