"""The demo for a terminal: the whole way played once, each step checked against the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from rich.console import Console
from rich.markup import escape

from bot.app import Office, Service
from bot.demo.script import LEO, MIA, NORA
from bot.demo.stage import LocalStage, Stage
from bot.drafts import Draft
from bot.errors import DemoFailed, NotAllowed
from bot.journal import JournalEntry
from bot.journal_text import in_words
from bot.people import Role
from chat.message import Author
from safety.mode import Mode

_PATIENCE_SECONDS: Final = 30.0
_KILL_TRIES: Final = 8
_REQUESTS: Final = (
    "Sam, are you coming on saturday? promise?",
    "Sam, can you bring drinks on saturday?",
    "Sam, will you help me move?",
)
_SMALL_TALK: Final = ("Sam, are you awake?", "Sam, what are you watching?", "Sam?")

Found = TypeVar("Found")


class HeadlessDemo:
    """Plays the demo against a running service. Raises DemoFailed at the first step that went wrong.

    `stage` is where: the demo's own room, unless another is given.
    """

    def __init__(
        self, office: Office, service: Service, console: Console, stage: Stage | None = None
    ) -> None:
        self._office = office
        self._service = service
        self._console = console
        self._stage = stage or LocalStage(office)
        self._told: set[str] = set()
        self._started = time.monotonic()

    async def play(self) -> None:
        """Play all steps, in about a minute."""
        await self._talk()
        await self._auto()
        await self._promise()
        await self._manual()
        await self._edited()
        await self._kill()
        await self._silence()
        await self._resume()
        self._step("done")
        seconds = time.monotonic() - self._started
        self._console.print(f"All steps happened as they should, in {seconds:.0f} s.", style="bold green")

    async def _talk(self) -> None:
        self._step("some talk: Sam listens, and is drawn to answer about one turn in three")
        for author, text in (
            (MIA, "anyone up for a barbecue on saturday?"),
            (LEO, "yes! i'm in"),
            (NORA, "sounds great, what time?"),
            (MIA, "let's say 7pm at the lake"),
        ):
            message = await self._say(author, text)
            await asyncio.sleep(1.5)
        await self._outcome(message)

    async def _auto(self) -> None:
        self._step("auto: Sam is asked, and answers by himself")
        await self._ask(LEO, ("Sam, cats or dogs?", "Sam, tea or coffee?", *_SMALL_TALK), "answered")

    async def _promise(self) -> None:
        self._step("a promise: what would bind Sam waits for a person, in auto too")
        for request in _REQUESTS:
            message = await self._say(MIA, request)
            outcome = await self._outcome(message)
            if outcome == "held":
                draft = await self._draft_of(message)
                self._console.print(f"  held: {self._quoted(draft.bubbles)}", style="yellow")
                await self._stage.reject(draft, "sam has not said so")
                await self._must(message, "rejected")
                return
            if outcome not in {"answered", "ignored"}:
                raise DemoFailed(f"a message ended as {outcome}")
        self._console.print("  Sam promised nothing, so there was nothing to hold", style="yellow")

    async def _manual(self) -> None:
        self._step("manual: the answer is held until a moderator approves it")
        await self._mode(Mode.MANUAL)
        before = await self._answers()
        questions = ("Sam, pizza or sushi?", "Sam, sushi or tacos?", "Sam, what should we eat?")
        message = await self._ask(NORA, questions, "held")
        draft = await self._draft_of(message)
        self._console.print(f"  held: {self._quoted(draft.bubbles)}", style="yellow")
        await asyncio.sleep(1.0)
        if await self._answers() != before:
            raise DemoFailed("a held draft was sent without approval")
        await self._stage.approve(draft)
        await self._must(message, "answered")

    async def _edited(self) -> None:
        self._step("edited: a moderator changes a draft, and what leaves is the edit")
        questions = ("Sam, what are you doing?", "Sam, how are you?", "Sam, are you awake?")
        message = await self._ask(MIA, questions, "held")
        draft = await self._draft_of(message)
        self._console.print(f"  held: {self._quoted(draft.bubbles)}", style="yellow")
        edit = "nothing\nand im very good at it"
        await self._stage.approve(draft, edit)
        await self._must(message, "answered")
        if tuple((await self._answers())[-2:]) != tuple(edit.splitlines()):
            raise DemoFailed("what was sent is not what the moderator wrote")

    async def _kill(self) -> None:
        self._step("the kill word, while an answer is being written")
        await self._mode(Mode.AUTO)
        for attempt in range(_KILL_TRIES):
            before = await self._answers()
            asked = await self._say(NORA, f"Sam, tell us {'everything ' * (attempt + 1)}about your week")
            await self._until(self._is_writing, "no answer was ever begun", pause=0.001)
            killed = await self._say(LEO, "pineapple")
            await self._outcome(asked)
            await self._outcome(killed)
            if not await self._office.kill_switch.kills():
                raise DemoFailed("the kill word did not kill")
            if await self._answers() != before:
                raise DemoFailed("something was sent after the kill")
            if await self._cancelled(asked):
                return
            # The answer was written before the word was heard; it did not leave, but nothing was cancelled.
            await self._stage.resume(Role.OWNER)
        raise DemoFailed("no running generation was cancelled by the kill")

    async def _silence(self) -> None:
        self._step("silence: nothing leaves while the kill stands")
        before = await self._answers()
        message = await self._say(MIA, "Sam? hello?")
        await self._must(message, "ignored")
        await asyncio.sleep(1.0)
        if await self._answers() != before:
            raise DemoFailed("Sam spoke while a kill was in force")

    async def _resume(self) -> None:
        self._step("resume: a moderator may not, the owner may")
        try:
            await self._stage.resume(Role.MODERATOR)
        except NotAllowed as error:
            self._console.print(f"  refused: {error}", style="yellow")
        else:
            raise DemoFailed("a moderator could resume")
        await self._stage.resume(Role.OWNER)
        await self._ask(LEO, ("Sam, you back?", *_SMALL_TALK), "answered")

    # What the steps are made of.

    def _step(self, title: str) -> None:
        self._console.print(f"\n[bold]{title}[/bold]")

    async def _say(self, author: Author, text: str) -> str:
        self._console.print(f"  [cyan]{author.name}[/cyan]: {escape(text)}")
        return await self._stage.say(author, text)

    async def _mode(self, mode: Mode) -> None:
        await self._stage.set_mode(mode)
        await self._tell()

    async def _ask(self, author: Author, questions: Sequence[str], wanted: str) -> str:
        """Ask until the model writes something that the rules let pass: they may well drop or hold a sample of it."""
        for question in questions:
            message = await self._say(author, question)
            if (outcome := await self._outcome(message)) == wanted:
                return message
            if outcome == "held":
                draft = await self._draft_of(message)
                await self._stage.reject(draft, "the demo asks something else")
            elif outcome != "ignored":
                break
            self._console.print("  a rule said no to what the model wrote; asked again", style="yellow")
        raise DemoFailed(f"a message ended as {outcome}, not as {wanted}")

    async def _must(self, message: str, wanted: str) -> None:
        outcome = await self._outcome(message)
        if outcome != wanted:
            raise DemoFailed(f"a message ended as {outcome}, not as {wanted}")

    async def _outcome(self, message: str) -> str:
        """Wait until a message has an outcome that no machine will change, and tell what the journal says."""

        async def settled() -> str | None:
            found = (await self._office.desk.chats.outcomes(self._stage.chat)).get(message)
            return found.outcome if found and found.outcome not in {"waiting", "approved"} else None

        outcome = await self._until(settled, "a message has no outcome")
        await self._tell()
        return outcome

    async def _until(
        self, look: Callable[[], Awaitable[Found | None]], complaint: str, pause: float = 0.05
    ) -> Found:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not (found := await look()):  # noqa: ASYNC110 - it looks at Redis, not at an event
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise DemoFailed(f"{complaint} after {_PATIENCE_SECONDS:.0f} s") from None
        return found

    async def _is_writing(self) -> bool:
        return self._service.worker.generating > 0

    async def _answers(self) -> list[str]:
        return await self._stage.answers()

    async def _draft_of(self, message: str) -> Draft:
        for draft in await self._office.desk.drafts.waiting():
            if message in draft.messages:
                return draft
        raise DemoFailed("the held draft is not in the list")

    async def _cancelled(self, message: str) -> bool:
        return any(
            entry.kind == "turn.decided"
            and message in entry.facts["messages"]
            and entry.facts.get("cancelled")
            for entry in await self._office.desk.journal.newest(50)
        )

    async def _tell(self) -> None:
        """Print what the journal has had to say since the last time."""
        entries: Sequence[JournalEntry] = await self._office.desk.journal.newest(200)
        for entry in reversed(entries):
            if entry.id not in self._told:
                self._told.add(entry.id)
                self._console.print(f"    [dim]journal[/dim] {escape(in_words(entry))}", style="dim")
                if entry.kind == "bubble.sent":
                    await self._show(str(entry.facts["receipt"]))

    async def _show(self, receipt: str) -> None:
        self._console.print(
            f"  [bold magenta]Sam[/bold magenta]: {escape(await self._stage.text_of(receipt))}"
        )

    @staticmethod
    def _quoted(bubbles: Sequence[str]) -> str:
        return " / ".join(escape(bubble) for bubble in bubbles)
