"""REST: the routes, their limits, and what each refuses."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.discord.commands import registered
from tests.fakes.discord.faults import (
    Fault,
    another_author,
    archived,
    invalid_form,
    limited,
    locked,
    missing_access,
    missing_permissions,
    no_direct_messages,
    unauthorized,
    unknown,
    unread_reply,
)
from tests.fakes.discord.forms import keys_of, message_form
from tests.fakes.discord.interactions import answered, by_token, change, followed
from tests.fakes.discord.permissions import Intent, Permission, permissions_in, permissions_of
from tests.fakes.discord.world import DEFAULT, FORUM, REPLY, Channel, Posted, pings_of

if TYPE_CHECKING:
    from tests.fakes.discord.server import Bot, FakeDiscord

_BASE = "/api/v10"
_NAME = re.compile(r"\{\}")


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    body: Any = None
    at: float = field(default_factory=time.time)


@dataclass
class Call:
    """One request that is allowed in."""

    bot: Bot
    method: str
    ids: tuple[str, ...]
    query: dict[str, str]
    body: Any


Handler = Callable[[Call], Any]


class Rest:
    """Answers requests."""

    def __init__(self, fake: FakeDiscord) -> None:
        self._fake = fake
        self._nonces: dict[tuple[int, int, str], tuple[float, Posted]] = {}
        self._wrote: dict[tuple[int, int], float] = {}
        message = "/channels/{}/messages/{}"
        original = "/webhooks/{}/{}/messages/@original"
        self._routes: list[tuple[str, str, Handler]] = [
            ("GET", "/users/@me", self._me),
            ("POST", "/users/@me/channels", self._open_direct),
            ("GET", "/users/@me/guilds", self._guilds),
            ("GET", "/users/{}", self._user),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway),
            ("GET", "/guilds/{}", self._guild),
            ("GET", "/guilds/{}/channels", self._channels),
            ("GET", "/guilds/{}/members/{}", self._member),
            ("GET", "/channels/{}", self._channel),
            ("PATCH", "/channels/{}", self._change_channel),
            ("GET", "/channels/{}/messages", self._history),
            ("POST", "/channels/{}/messages", self._send),
            ("GET", message, self._message),
            ("PATCH", message, self._edit),
            ("DELETE", message, self._delete),
            ("PUT", message + "/reactions/{}/@me", self._react),
            ("POST", "/channels/{}/typing", self._type),
            ("POST", "/channels/{}/threads", self._open_thread),
            ("GET", "/applications/{}/commands", self._commands),
            ("PUT", "/applications/{}/commands", self._commands),
            ("GET", "/applications/{}/guilds/{}/commands", self._commands),
            ("PUT", "/applications/{}/guilds/{}/commands", self._commands),
            ("POST", "/interactions/{}/{}/callback", self._callback),
            ("GET", original, self._original),
            ("PATCH", original, self._original),
            ("DELETE", original, self._original),
            ("POST", "/webhooks/{}/{}", self._follow),
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, as a play has it or as Discord would."""
        path = request.path.removeprefix(_BASE)
        raw = await request.read()
        body, readable = None, True
        if raw:
            try:
                body = json.loads(raw)
            except ValueError:
                readable = False
        asked = Asked(request.method, path, body)
        self._fake.asked.append(asked)
        play = next((one for one in self._fake.plays if one.is_of(request.method, path)), None)
        if play is None and self._fake.mood is not None:
            play = self._fake.mood(request.method, path)
        if play is None:
            return self._answer(request, asked, readable=readable)
        play.met += 1
        took = play.took or play.then == "handle"
        response = self._answer(request, asked, readable=readable) if took else None
        await asyncio.sleep(play.seconds)
        if play.then == "handle":
            assert response is not None
            return response
        if play.then == "answer":
            headers = {"Via": "1.1 google"} | dict(play.headers)
            return _json(dict(play.body), play.status, {k: v for k, v in headers.items() if v})
        if play.then == "drop":
            if request.transport is not None:
                request.transport.abort()
            return response or web.Response()
        await asyncio.Event().wait()
        raise AssertionError

    def _answer(self, request: web.Request, asked: Asked, *, readable: bool) -> web.Response:
        headers: dict[str, str] = {"Via": "1.1 google"}
        try:
            found = self._found(asked)
            bot = self._bot(request, asked.path)
            if not readable:
                raise Fault(400, 50109, "The request body contains invalid JSON.", violation=True)
            if asked.body is not None and request.content_type != "application/json":
                raise Fault(415, 0, "415: Unsupported Media Type", violation=True)
            handler, template, ids = found
            self._limit(asked.method, template, ids, headers)
            answer = handler(Call(bot, asked.method, ids, dict(request.query), asked.body))
        except Fault as fault:
            if fault.violation:
                self._fake.violate(f"{asked.method} {asked.path}: {json.dumps(fault.body)}")
            if fault.status == 429:
                headers["Retry-After"] = str(fault.body["retry_after"])
            return _json(fault.body, fault.status, headers)
        if answer is None:
            return web.Response(status=204, headers=headers)
        return _json(answer, 200, headers)

    def _found(self, asked: Asked) -> tuple[Handler, str, tuple[str, ...]]:
        for method, template, handler in self._routes:
            pattern = _NAME.sub("([^/]+)", template)
            match = re.fullmatch(pattern, asked.path)
            # A name such as @me is no id.
            if match and method == asked.method and not any(id_.startswith("@") for id_ in match.groups()):
                return handler, template, match.groups()
        raise Fault(404, 0, "404: Not Found", violation=True)

    def _bot(self, request: web.Request, path: str) -> Bot:
        if path.startswith(("/interactions/", "/webhooks/")):
            # The token in the path is the permission.
            token = path.split("/")[3]
            interaction = self._fake.interactions.get(token)
            if interaction is None:
                raise unknown("Interaction" if path.startswith("/interactions/") else "Webhook")
            return interaction.bot
        if "DiscordBot (" not in request.headers.get("User-Agent", ""):
            self._fake.violate("a request named no user agent of the form DiscordBot (url, version)")
        said = request.headers.get("Authorization", "")
        bot = self._fake.bots.get(said.removeprefix("Bot ")) if said.startswith("Bot ") else None
        if bot is None:
            raise unauthorized()
        return bot

    def _limit(self, method: str, template: str, ids: tuple[str, ...], headers: dict[str, str]) -> None:
        limit = self._fake.limits.get((method, template))
        if limit is None:
            return
        left, seconds = limit.take(ids[0] if ids else "")
        headers |= {
            "X-RateLimit-Limit": str(limit.count),
            "X-RateLimit-Remaining": str(max(0, left)),
            "X-RateLimit-Reset": f"{time.time() + seconds:.3f}",
            "X-RateLimit-Reset-After": f"{seconds:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(f"{method} {template}".encode()).hexdigest()[:32],
        }
        if left < 0:
            headers["X-RateLimit-Scope"] = "user"
            raise limited(seconds)

    # Accounts and places

    def _me(self, call: Call) -> Any:  # noqa: ANN401
        return call.bot.user.shown() | {"verified": True, "mfa_enabled": False, "email": None, "flags": 0}

    def _user(self, call: Call) -> Any:  # noqa: ANN401
        user = self._fake.users.get(int(call.ids[0]))
        if user is None:
            raise unknown("User")
        return user.shown()

    def _application(self, call: Call) -> Any:  # noqa: ANN401
        bot = call.bot
        return {
            "id": str(bot.application),
            "name": bot.user.name,
            "icon": None,
            "description": "",
            "bot_public": bot.public,
            "bot_require_code_grant": bot.code_grant,
            "interactions_endpoint_url": bot.endpoint,
            "verify_key": "00",
            "flags": bot.flags,
            "owner": (bot.owner or bot.user).shown(),
            "team": None,
            "summary": "",
        }

    def _gateway(self, call: Call) -> Any:  # noqa: ANN401
        start = {"total": 1000, "remaining": 999, "reset_after": 1000, "max_concurrency": 1}
        return {"url": "wss://gateway.discord.gg", "shards": 1, "session_start_limit": start}

    def _guild(self, call: Call) -> Any:  # noqa: ANN401
        guild = self._fake.guilds.get(int(call.ids[0]))
        if guild is None:
            raise unknown("Guild")
        if call.bot.user.id not in guild.members:
            raise missing_access()
        # What only the gateway tells.
        live = {"channels", "threads", "members", "member_count", "presences", "joined_at", "large"}
        return {name: value for name, value in guild.shown(call.bot.user).items() if name not in live}

    def _guilds(self, call: Call) -> Any:  # noqa: ANN401
        me, after = call.bot.user, int(call.query.get("after", "0"))
        return [
            {"id": str(guild.id), "name": guild.name, "icon": None, "banner": None, "features": []}
            | {"owner": guild.owner is me, "permissions": str(int(permissions_of(guild, me)))}
            for guild in sorted(self._fake.guilds.values(), key=lambda guild: guild.id)
            if me.id in guild.members and guild.id > after
        ][: int(call.query.get("limit", "200"))]

    def _member(self, call: Call) -> Any:  # noqa: ANN401
        self._guild(call)
        member = self._fake.guilds[int(call.ids[0])].members.get(int(call.ids[1]))
        if member is None:
            raise unknown("Member")
        return member.shown()

    def _channels(self, call: Call) -> Any:  # noqa: ANN401
        self._guild(call)
        channels = self._fake.guilds[int(call.ids[0])].channels.values()
        return [channel.shown() for channel in channels if not channel.is_thread]

    def _channel(self, call: Call) -> Any:  # noqa: ANN401
        return self._place(call).shown(call.bot.user)

    def _change_channel(self, call: Call) -> Any:  # noqa: ANN401
        channel = self._place(call)
        form = keys_of(
            call.body, {"name": (str,), "archived": (bool,), "locked": (bool,), "rate_limit_per_user": (int,)}
        )
        may = permissions_in(channel, call.bot.user)
        only_opens = set(form) == {"archived"} and not form["archived"] and not channel.locked
        if only_opens and not may & Permission.SEND_MESSAGES_IN_THREADS:
            raise missing_permissions()
        if not only_opens and not may & (Permission.MANAGE_THREADS | Permission.MANAGE_CHANNELS):
            raise missing_permissions()
        if "archived" in form:
            self._fake.archive(channel, archived=form["archived"])
        channel.name = form.get("name", channel.name)
        channel.slow_mode = form.get("rate_limit_per_user", channel.slow_mode)
        return channel.shown()

    def _open_direct(self, call: Call) -> Any:  # noqa: ANN401
        form = keys_of(call.body, {"recipient_id": (str, int)})
        user = self._fake.users.get(int(form["recipient_id"]))
        if user is None:
            raise unknown("User")
        return self._fake.direct(call.bot.user, user).shown(call.bot.user)

    def _open_thread(self, call: Call) -> Any:  # noqa: ANN401
        parent = self._place(call)
        form = keys_of(
            call.body,
            {
                "name": (str,),
                "auto_archive_duration": (int,),
                "type": (int,),
                "message": (dict,),
                "rate_limit_per_user": (int, type(None)),
                "applied_tags": (list,),
                "invitable": (bool,),
            },
        )
        needed = Permission.SEND_MESSAGES if parent.kind == FORUM else Permission.CREATE_PUBLIC_THREADS
        if not permissions_in(parent, call.bot.user) & needed:
            raise missing_permissions()
        thread = self._fake.thread(parent, form["name"])
        if parent.kind == FORUM:
            opening = message_form(form.get("message"))
            self._fake.post(Posted(thread, call.bot.user, opening["content"], id=thread.id))
        return thread.shown()

    # Messages

    def _history(self, call: Call) -> Any:  # noqa: ANN401
        channel = self._place(call)
        if channel.kind == FORUM:
            raise Fault(400, 50024, "Cannot execute action on this channel type", violation=True)
        if not permissions_in(channel, call.bot.user) & Permission.READ_MESSAGE_HISTORY:
            return []
        query = call.query
        if set(query) - {"limit", "before", "after", "around"} or len(set(query) - {"limit"}) > 1:
            raise invalid_form("query", "UNKNOWN_FIELD", f"these do not go together: {sorted(query)}")
        limit = int(query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        messages = sorted(channel.messages.values(), key=lambda posted: posted.id)
        if "after" in query:
            messages = [posted for posted in messages if posted.id > int(query["after"])][:limit]
        else:
            before = int(query.get("before", str(2**63)))
            messages = [posted for posted in messages if posted.id < before][-limit:]
        return [self._shown(call, posted) for posted in reversed(messages)]

    def _send(self, call: Call) -> Any:  # noqa: ANN401
        channel, me = self._place(call), call.bot.user
        may = permissions_in(channel, me)
        if channel.kind == FORUM:
            raise Fault(400, 50008, "Cannot send messages in a non-text channel")
        needed = Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES
        if not may & needed:
            raise missing_permissions()
        form = message_form(call.body)
        if form.get("embeds") and not may & Permission.EMBED_LINKS:
            raise missing_permissions()
        nonce = str(form["nonce"]) if "nonce" in form else None
        if nonce is not None and form.get("enforce_nonce"):
            at, known = self._nonces.get((me.id, channel.id, nonce), (0.0, None))
            if known is not None and time.monotonic() - at < self._fake.nonce_seconds:
                if known.id not in channel.messages:
                    raise unknown("Message")
                return self._shown(call, known) | {"nonce": nonce}
        if "message_reference" in form and not may & Permission.READ_MESSAGE_HISTORY:
            raise unread_reply()
        if channel.is_thread and channel.locked and not may & Permission.MANAGE_THREADS:
            raise archived() if channel.archived else locked()
        if channel.is_thread and channel.archived:
            self._fake.archive(channel, archived=False)
        if channel.guild is None and not all(user.takes_direct for user in channel.recipients):
            raise no_direct_messages()
        self._pace(channel, me.id, may)
        everyone = bool(may & Permission.MENTION_EVERYONE)
        posted = Posted(
            channel,
            me,
            (form.get("content") or "").strip(),
            kind=REPLY if "message_reference" in form else DEFAULT,
            reply_to=self._reference(channel, form.get("message_reference")),
            components=form.get("components", []),
            embeds=form.get("embeds", []),
            flags=form.get("flags", 0),
            nonce=nonce,
            pings=pings_of(form.get("content") or "", form.get("allowed_mentions"), everyone),
        )
        if posted.reply_to and (form.get("allowed_mentions") or {}).get("replied_user"):
            posted.pings.append(str(channel.messages[posted.reply_to].author.id))
        # Before it is told of: an echo may come before the answer.
        if nonce is not None:
            self._nonces[me.id, channel.id, nonce] = (time.monotonic(), posted)
        self._fake.post(posted)
        return self._shown(call, posted) | ({"nonce": nonce} if nonce is not None else {})

    def _pace(self, channel: Channel, user: int, may: Permission) -> None:
        exempt = Permission.MANAGE_MESSAGES | Permission.MANAGE_CHANNELS
        if not channel.slow_mode or not self._fake.slow_for_bots or may & exempt:
            return
        left = channel.slow_mode - (time.monotonic() - self._wrote.get((channel.id, user), float("-inf")))
        if left > 0:
            raise limited(left, code=20016)
        self._wrote[channel.id, user] = time.monotonic()

    def _reference(self, channel: Channel, reference: dict[str, Any] | None) -> int | None:
        if reference is None:
            return None
        keys_of(
            reference,
            {
                "type": (int,),
                "message_id": (str, int),
                "channel_id": (str, int),
                "guild_id": (str, int),
                "fail_if_not_exists": (bool,),
            },
        )
        id_ = int(reference["message_id"])
        if id_ in channel.messages:
            return id_
        if reference.get("fail_if_not_exists", True):
            words = "Unknown message"
            raise invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", words, violation=False)
        return None

    def _message(self, call: Call) -> Any:  # noqa: ANN401
        return self._shown(call, self._posted(call))

    def _edit(self, call: Call) -> Any:  # noqa: ANN401
        posted = self._posted(call)
        if posted.author is not call.bot.user:
            raise another_author()
        change(self._fake, posted, message_form(call.body, edit=True))
        return self._shown(call, posted)

    def _delete(self, call: Call) -> None:
        posted = self._posted(call)
        may = permissions_in(posted.channel, call.bot.user)
        if posted.author is not call.bot.user and not may & Permission.MANAGE_MESSAGES:
            raise missing_permissions()
        self._fake.delete(posted)

    def _react(self, call: Call) -> None:
        posted, emoji = self._posted(call), call.ids[2]
        # Ours are plain emoji; Discord knows which there are.
        if call.body is not None or not any(unicodedata.category(sign) == "So" for sign in emoji):
            raise Fault(400, 10014, "Unknown Emoji", violation=True)
        needed = Permission.READ_MESSAGE_HISTORY
        if not any(sign == emoji for _, sign in posted.reactions):
            # Who is the first to react with an emoji needs more.
            needed |= Permission.ADD_REACTIONS
        if posted.channel.guild and needed & ~permissions_in(posted.channel, call.bot.user):
            raise missing_permissions()
        if (call.bot.user.id, emoji) not in posted.reactions:
            posted.reactions.append((call.bot.user.id, emoji))

    def _type(self, call: Call) -> None:
        channel = self._place(call)
        if not permissions_in(channel, call.bot.user) & Permission.SEND_MESSAGES:
            raise missing_permissions()
        self._fake.typings.append((channel.id, call.bot.user.id))

    def _place(self, call: Call) -> Channel:
        channel = self._fake.channels.get(int(call.ids[0]))
        if channel is None:
            raise unknown("Channel")
        if not permissions_in(channel, call.bot.user) & Permission.VIEW_CHANNEL:
            raise missing_access()
        return channel

    def _posted(self, call: Call) -> Posted:
        posted = self._place(call).messages.get(int(call.ids[1]))
        if posted is None:
            raise unknown("Message")
        return posted

    def _shown(self, call: Call, posted: Posted) -> dict[str, Any]:
        contents = bool(call.bot.allowed & Intent.MESSAGE_CONTENT)
        return posted.shown(call.bot.user, contents=contents, users=self._fake.users)

    # Commands and interactions

    def _commands(self, call: Call) -> Any:  # noqa: ANN401
        if int(call.ids[0]) != call.bot.application:
            raise missing_access()
        where = int(call.ids[1]) if len(call.ids) > 1 else None
        if where in call.bot.without_commands:
            raise missing_access()
        held = call.bot.commands.get(where, [])
        if call.method == "GET":
            return held
        call.bot.commands[where] = registered(call.bot, call.body, held)
        call.bot.synced += 1
        return call.bot.commands[where]

    def _callback(self, call: Call) -> Any:  # noqa: ANN401
        interaction = self._fake.interactions[call.ids[1]]
        answer = answered(self._fake, interaction, call.body)
        return answer if call.query.get("with_response") == "1" else None

    def _original(self, call: Call) -> Any:  # noqa: ANN401
        interaction = by_token(self._fake, call.ids[1], call.ids[0])
        if interaction.answer is None:
            raise unknown("Message")
        if call.method == "DELETE":
            self._fake.delete(interaction.answer)
            interaction.answer = None
            return None
        if call.method == "PATCH":
            change(self._fake, interaction.answer, message_form(call.body, edit=True))
        return self._shown(call, interaction.answer)

    def _follow(self, call: Call) -> Any:  # noqa: ANN401
        return self._shown(
            call, followed(self._fake, by_token(self._fake, call.ids[1], call.ids[0]), call.body)
        )


def _json(body: object, status: int, headers: dict[str, str]) -> web.Response:
    # Exactly this content type: discord.py takes anything else for text.
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers=headers, content_type="application/json"
    )
