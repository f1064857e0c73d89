"""All that the store holds and that a promise is about, read in one step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_READ: Final = """
local found = { drafts = {}, outcomes = {}, out = {}, open = {}, flight = {}, kills = {}, bubbles = {},
  transcripts = {} }
local function pairs_of(name)
  local flat, read = redis.call('HGETALL', name), {}
  for at = 1, #flat, 2 do read[flat[at]] = flat[at + 1] end
  return read
end
for _, name in ipairs(redis.call('KEYS', 'understudy:{*')) do
  local prefix, kind, id = string.match(name, '^(understudy:{%d+}:)([a-z_]+):?(.*)$')
  if kind == 'draft' then found.drafts[id] = pairs_of(name)
  elseif kind == 'bubble' then found.bubbles[id] = redis.call('HGET', name, 'state')
  elseif kind == 'outcome' then found.outcomes[id] = pairs_of(name)
  elseif kind == 'transcript' then
    found.transcripts[id] = {}
    for _, json in ipairs(redis.call('LRANGE', name, 0, -1)) do
      table.insert(found.transcripts[id], cjson.decode(json).id)
    end
  elseif kind == 'out' then found.out[id] = redis.call('LRANGE', name, 0, -1)
  elseif kind == 'drafts' and id == 'open' then
    for _, draft in ipairs(redis.call('ZRANGE', name, 0, -1)) do table.insert(found.open, draft) end
  elseif kind == 'in_flight' then
    for _, bubble in ipairs(redis.call('SMEMBERS', name)) do table.insert(found.flight, bubble) end
  elseif kind == 'kill' then
    for field in pairs(pairs_of(name)) do
      local scope = string.match(field, '^standing|(.*)$')
      if scope then table.insert(found.kills, prefix .. ' ' .. scope) end
    end
  end
end
return cjson.encode(found)
"""
_DIGEST: Final = """
local names, found = redis.call('KEYS', 'understudy:{*'), {}
table.sort(names)
for _, name in ipairs(names) do found[#found + 1] = name .. redis.sha1hex(redis.call('DUMP', name)) end
return redis.sha1hex(table.concat(found))
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The store's own books at one moment."""

    drafts: Mapping[str, Mapping[str, str]]
    outcomes: Mapping[str, Mapping[str, str]]
    """By chat and message: one word each."""
    out: Mapping[str, list[str]]
    """By chat: the ids of the bubbles that wait to leave, first one first."""
    bubbles: Mapping[str, str]
    open: frozenset[str]
    flight: frozenset[str]
    kills: frozenset[tuple[str, str]]
    """Partition's prefix and scope of each kill that stands."""
    transcripts: Mapping[str, list[str]]
    """By chat: the ids of the messages that a prompt may hold."""

    def state(self, draft: str) -> str | None:
        return self.drafts.get(draft, {}).get("state")


NOTHING: Final = Snapshot({}, {}, {}, {}, frozenset(), frozenset(), frozenset(), {})


async def snapshot(redis: Any) -> Snapshot:  # noqa: ANN401
    found: dict[str, Any] = json.loads(await redis.eval(_READ, 0))
    outcomes = {
        chat: {id_: str(json.loads(text)["outcome"]) for id_, text in by_id.items()}
        for chat, by_id in dict(found["outcomes"]).items()
    }
    kills = frozenset((prefix, scope) for prefix, scope in (mark.split(" ", 1) for mark in found["kills"]))
    return Snapshot(
        drafts=dict(found["drafts"]),
        outcomes=outcomes,
        out=dict(found["out"]),
        bubbles=dict(found["bubbles"]),
        open=frozenset(found["open"]),
        flight=frozenset(found["flight"]),
        kills=kills,
        transcripts=dict(found["transcripts"]),
    )


async def digest(redis: Any) -> str:  # noqa: ANN401
    """A digest of everything: two are the same when nothing at all was changed between them."""
    return str(await redis.eval(_DIGEST, 0))
