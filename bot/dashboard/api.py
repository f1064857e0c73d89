"""The REST API, under /api/v1: what the pages do, for programs. Roles are the desk's; errors have one form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.app import Office
from bot.dashboard.access import Moderator, Owner, Viewer
from bot.dashboard.api_consent import add_consent
from bot.dashboard.api_models import (
    Approval,
    BulkOrder,
    ChatBody,
    ChatChange,
    Claim,
    DraftBody,
    EditBody,
    ErrorBody,
    JournalEntryBody,
    KillBody,
    KillOrder,
    KillReportBody,
    MessageBody,
    OutcomeBody,
    PersonBody,
    Rejection,
    ResultBody,
    ResumeBody,
    ResumeOrder,
    RewriteOrder,
    RuleBody,
    ServiceBody,
    StatusBody,
    SummaryBody,
)
from bot.dashboard.switch import Switch
from bot.desk import Look
from bot.errors import (
    BotError,
    ChatUnknown,
    DraftRefused,
    NotAllowed,
    PersonUnknown,
    SettingsInvalid,
    StoreAway,
    TokenUnknown,
)
from bot.rulebook import KEPT_DAYS
from chat.message import ChatKey
from safety.kill import KillScope

_STATUSES: Final[tuple[tuple[type[BotError], int, str], ...]] = (
    (NotAllowed, 403, "not_allowed"),
    (ChatUnknown, 404, "chat_unknown"),
    (PersonUnknown, 404, "person_unknown"),
    (TokenUnknown, 404, "token_unknown"),
    (SettingsInvalid, 422, "invalid"),
    (StoreAway, 503, "store_away"),
    (BotError, 500, "failed"),
)
ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {
        "model": ErrorBody,
        "description": "The body is no text, or the host is not one of the dashboard's",
    },
    401: {"model": ErrorBody, "description": "Nobody is signed in"},
    403: {"model": ErrorBody, "description": "The role may not do this, or another site asks"},
    404: {"model": ErrorBody, "description": "There is no such thing"},
    409: {"model": ErrorBody, "description": "The draft cannot be decided on so; `error` is the reason"},
    413: {"model": ErrorBody, "description": "The body is too long"},
    422: {"model": ErrorBody, "description": "The request cannot be understood"},
    503: {"model": ErrorBody, "description": "Redis is away; nothing is sent"},
}


Count = Annotated[int, Query(ge=1, le=500, description="How many at most")]


def api_router(office: Office, switch: Switch) -> APIRouter:
    """Build the routes."""
    router = APIRouter(prefix="/api/v1", responses=ERRORS)
    _add_status(router, office)
    _add_rules(router, office)
    _add_drafts(router, office)
    _add_kills(router, office, switch)
    _add_chats(router, office)
    _add_journal(router, office)
    return router


def _add_status(router: APIRouter, office: Office) -> None:
    desk = office.desk

    @router.get("/me", tags=["status"])
    async def who_am_i(person: Viewer) -> PersonBody:
        """Who is signed in, and in which role."""
        return PersonBody.of(person)

    @router.get("/status", tags=["status"])
    async def status(person: Viewer) -> StatusBody:
        """Which services run, whether their models live, and which kills are in force."""
        services, kills, chats, drafts, absence = await asyncio.gather(
            *(office.attendance.present(), desk.kill_switch.kills(), desk.chats.all(), desk.drafts.waiting()),
            office.owner_watch.absence(),
        )
        return StatusBody(
            redis=True,
            services=tuple(ServiceBody.of(service) for service in services),
            kills=tuple(KillBody.of(kill) for kill in kills),
            chats=len(chats),
            drafts=len(drafts),
            owner_absent_since=absence.since if absence else None,
        )


def _add_rules(router: APIRouter, office: Office) -> None:
    @router.get("/rules", tags=["rules"])
    async def rules(
        person: Viewer, days: Annotated[int, Query(ge=1, le=KEPT_DAYS, description="Today included")] = 7
    ) -> tuple[RuleBody, ...]:
        """Both chains of rules in their order, with how often each said what."""
        return tuple(RuleBody.of(entry) for entry in await office.rulebook.read(days))


def _add_drafts(router: APIRouter, office: Office) -> None:
    desk = office.desk

    @router.get("/drafts", tags=["drafts"])
    async def drafts_waiting(person: Viewer) -> tuple[DraftBody, ...]:
        """The drafts that wait for a moderator, oldest first."""
        return tuple(DraftBody.of(draft) for draft in await desk.drafts.waiting())

    @router.get("/drafts/newest", tags=["drafts"])
    async def newest_drafts(person: Viewer, count: Count = 50) -> tuple[DraftBody, ...]:
        """The newest drafts of any state, newest first."""
        return tuple(DraftBody.of(draft) for draft in await desk.drafts.newest(count))

    @router.get("/drafts/summary", tags=["drafts"])
    async def summary(person: Viewer) -> SummaryBody:
        """How drafts were decided on, with the reasons of rejections."""
        return SummaryBody.of(await desk.summary(person))

    @router.get("/drafts/edits", tags=["drafts"])
    async def edits(person: Owner) -> tuple[EditBody, ...]:
        """What moderators mended, both texts, oldest first. Owners only."""
        return tuple(EditBody.of(edit) for edit in await desk.edits(person))

    @router.post("/drafts/bulk", tags=["drafts"])
    async def many(order: BulkOrder, person: Moderator) -> tuple[ResultBody, ...]:
        """Approve or reject many drafts; says of each what came of it. Moderators and owners."""
        looks = [Look(item.id, item.version, item.candidate) for item in order.drafts]
        if order.action == "approve":
            results = await desk.approve_many(person, looks)
        else:
            results = await desk.reject_many(person, looks, order.reason)
        return tuple(ResultBody.of(result) for result in results)

    @router.get("/drafts/{draft_id}", tags=["drafts"])
    async def draft(draft_id: str, person: Viewer) -> DraftBody:
        """One draft."""
        return DraftBody.of(await desk.drafts.get(draft_id))

    @router.post("/drafts/{draft_id}/approve", tags=["drafts"])
    async def approve(draft_id: str, person: Moderator, approval: Approval | None = None) -> DraftBody:
        """Let a draft leave, as it is, as another candidate, or as edited. Moderators and owners."""
        said = approval or Approval()
        await desk.approve(person, draft_id, said.text, candidate=said.candidate, version=said.version)
        return DraftBody.of(await desk.drafts.get(draft_id))

    @router.post("/drafts/{draft_id}/reject", tags=["drafts"])
    async def reject(draft_id: str, person: Moderator, rejection: Rejection | None = None) -> DraftBody:
        """Throw a draft away. Moderators and owners."""
        await desk.reject(person, draft_id, rejection.reason if rejection else "")
        return DraftBody.of(await desk.drafts.get(draft_id))

    @router.post("/drafts/{draft_id}/claim", tags=["drafts"])
    async def claim(draft_id: str, person: Moderator, claim: Claim | None = None) -> DraftBody:
        """Take a draft, so that nobody else decides on it for a while. Moderators and owners."""
        await desk.claim(person, draft_id, take_over=bool(claim and claim.take_over))
        return DraftBody.of(await desk.drafts.get(draft_id))

    @router.post("/drafts/{draft_id}/release", tags=["drafts"])
    async def release(draft_id: str, person: Moderator) -> DraftBody:
        """Give a draft that was taken back; owners also what somebody else has taken."""
        await desk.release(person, draft_id)
        return DraftBody.of(await desk.drafts.get(draft_id))

    @router.post("/drafts/{draft_id}/regenerate", tags=["drafts"])
    async def regenerate(draft_id: str, person: Moderator, order: RewriteOrder | None = None) -> DraftBody:
        """Have another text written; the draft is `rewriting` until then. Moderators and owners."""
        said = order or RewriteOrder()
        await desk.regenerate(person, draft_id, newest=said.newest, version=said.version)
        return DraftBody.of(await desk.drafts.get(draft_id))


def _add_kills(router: APIRouter, office: Office, switch: Switch) -> None:
    desk = office.desk

    @router.get("/kills", tags=["kill"])
    async def kills(person: Viewer) -> tuple[KillBody, ...]:
        """The kills in force, widest first."""
        return tuple(KillBody.of(kill) for kill in await desk.kill_switch.kills())

    @router.post("/kills", tags=["kill"])
    async def kill(person: Viewer, order: KillOrder | None = None) -> KillReportBody:
        """Stop all sending in a scope. Everybody may; also while Redis is away, see the error's text then."""
        order = order or KillOrder()
        return KillReportBody.of(await switch.kill(person, _scope(order.scope), order.reason))

    @router.post("/kills/resume", tags=["kill"])
    async def resume(person: Owner, order: ResumeOrder | None = None) -> ResumeBody:
        """Lift the kill of a scope. Owners only. What was frozen waits for a moderator."""
        scope = _scope((order or ResumeOrder()).scope)
        drafts = await desk.resume(person, scope)
        return ResumeBody(scope=str(scope), drafts=tuple(DraftBody.of(draft) for draft in drafts))


def _add_chats(router: APIRouter, office: Office) -> None:
    desk = office.desk
    # Before the paths that a chat's id may fill to the end.
    add_consent(router, desk, _key)

    @router.get("/chats", tags=["chats"])
    async def chats(person: Viewer) -> tuple[ChatBody, ...]:
        """All chats."""
        return tuple(ChatBody.of(state) for state in await desk.chats.all())

    @router.get("/chats/{messenger}/{chat_id:path}/transcript", tags=["chats"])
    async def transcript(messenger: str, chat_id: str, person: Viewer) -> tuple[MessageBody, ...]:
        """What was said lately, oldest first."""
        state = await desk.chats.get(_key(messenger, chat_id))
        said = await desk.chats.transcript(state.chat.key)
        return tuple(MessageBody.of(message) for message in said)

    @router.get("/chats/{messenger}/{chat_id:path}/outcomes", tags=["chats"])
    async def outcomes(messenger: str, chat_id: str, person: Viewer) -> dict[str, OutcomeBody]:
        """What became of each message, by message id."""
        state = await desk.chats.get(_key(messenger, chat_id))
        found = await desk.chats.outcomes(state.chat.key)
        return {id_: OutcomeBody.of(outcome) for id_, outcome in found.items()}

    @router.get("/chats/{messenger}/{chat_id:path}/journal", tags=["journal"])
    async def chat_journal(
        messenger: str, chat_id: str, person: Viewer, count: Count = 100
    ) -> tuple[JournalEntryBody, ...]:
        """The newest lines of one chat's journal, with all kills, newest first."""
        state = await desk.chats.get(_key(messenger, chat_id))
        found = await desk.journal.newest(count, str(state.chat.key))
        return tuple(JournalEntryBody.of(entry) for entry in found)

    @router.get("/chats/{messenger}/{chat_id:path}", tags=["chats"])
    async def chat(messenger: str, chat_id: str, person: Viewer) -> ChatBody:
        """One chat."""
        return ChatBody.of(await desk.chats.get(_key(messenger, chat_id)))

    @router.patch("/chats/{messenger}/{chat_id:path}", tags=["chats"])
    async def change_chat(messenger: str, chat_id: str, change: ChatChange, person: Owner) -> ChatBody:
        """Change a chat's mode, probability or kill words. Owners only."""
        key = _key(messenger, chat_id)
        if change.mode is not None:
            await desk.set_mode(person, key, change.mode)
        if change.probability is not None:
            await desk.set_probability(person, key, change.probability)
        if change.kill_words is not None:
            await desk.set_kill_words(person, key, change.kill_words)
        if change.disclosure is not None:
            await desk.set_disclosure(person, key, change.disclosure)
        return ChatBody.of(await desk.chats.get(key))


def _add_journal(router: APIRouter, office: Office) -> None:
    @router.get("/journal", tags=["journal"])
    async def journal(person: Viewer, count: Count = 100) -> tuple[JournalEntryBody, ...]:
        """The newest lines of the journal, newest first."""
        found = await office.desk.journal.newest(count)
        return tuple(JournalEntryBody.of(entry) for entry in found)


def add_error_handlers(app: FastAPI) -> None:
    """Have every error of ours answered as `{"error": word, "message": line}` with the status that fits."""
    handlers: dict[type[Exception], Callable[..., Awaitable[JSONResponse]]] = {
        BotError: _bot_error,
        RequestValidationError: _invalid,
        HTTPException: _http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _bot_error(_: Request, error: BotError) -> JSONResponse:
    if isinstance(error, DraftRefused):
        status, code = (404, "draft_unknown") if error.answer == "missing" else (409, error.answer)
    else:
        status, code = next((number, word) for kind, number, word in _STATUSES if isinstance(error, kind))
    return _error(status, code, str(error))


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    # Where and what, never the input: it may be a message's text.
    where = ".".join(str(part) for part in first["loc"])
    return _error(422, "invalid", f"{where}: {first['msg']}")


async def _http_error(_: Request, error: HTTPException) -> JSONResponse:
    codes = {404: "unknown", 405: "method"}
    return _error(error.status_code, codes.get(error.status_code, "refused"), str(error.detail))


def _error(status: int, code: str, text: str) -> JSONResponse:
    return JSONResponse({"error": code, "message": text}, status)


def _scope(text: str) -> KillScope:
    try:
        return KillScope.parse(text)
    except ValueError as error:
        raise SettingsInvalid(str(error)) from None


def _key(messenger: str, chat_id: str) -> ChatKey:
    try:
        return ChatKey(messenger, chat_id)
    except ValueError as error:
        raise ChatUnknown(str(error)) from None
