"""Answers by idempotency key, in Redis: a request that is sent again is answered again and does nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

import redis

from mlinfra_assets.redis_server import reachable
from mlinfra_assets.serving.errors import AnotherBodyError, BeingWorkedOnError

PREFIX = "mlinfra:idempotency:"
LEASE_SECONDS = 90
"""Longer than any append takes: who holds a claim longer is gone."""
MOST = 10_000
"""Answers that are kept of one API key; the oldest go."""

CLAIM = """
-- KEYS: entry, index of the caller's entries. ARGV: digest of the request, token, lease ms, life ms, ends, most.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local held = redis.call('HMGET', KEYS[1], 'request', 'answer', 'lease', 'ends')
if held[1] then
  if held[1] ~= ARGV[1] then return {'other'} end
  if held[2] then return {'done', held[2]} end
  if tonumber(held[3]) > now then return {'busy'} end
  redis.call('HSET', KEYS[1], 'token', ARGV[2], 'lease', string.format('%.0f', now + ARGV[3]))
  return {'again', held[4]}
end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'token', ARGV[2], 'ends', ARGV[5],
  'lease', string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - ARGV[4]))
redis.call('ZADD', KEYS[2], string.format('%.0f', now), KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[6])
if over > 0 then
  local gone = redis.call('ZPOPMIN', KEYS[2], over)
  for i = 1, #gone, 2 do redis.call('DEL', gone[i]) end
end
return {'new'}
"""
"""Takes a request up unless it is known: answered, another one under the same key, or in somebody's hands."""

FINISH = """
-- KEYS: entry. ARGV: token, answer.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('HDEL', KEYS[1], 'token', 'lease', 'ends')
return 1
"""

LET_GO = """
-- KEYS: entry. ARGV: token.
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('HSET', KEYS[1], 'lease', '0') end
return 0
"""


@dataclass(frozen=True)
class Claim:
    """A request that is this process's to work on.

    Attributes:
        entry: Its key in Redis.
        token: Whose it is.
        mark: Names the request; records that it appends carry it.
        ends: Where the stream ended, by partition, when the request was first taken up.
        again: Whether somebody else began it, and may have appended a part.
    """

    entry: str
    token: str
    mark: str
    ends: Mapping[int, int]
    again: bool


class KeptAnswers:
    """The answers of the last hours.

    Args:
        client: Redis.
        hours: How long an answer is kept.
    """

    def __init__(self, client: redis.Redis, hours: int) -> None:
        self._client: Any = client
        self._life = hours * 3_600_000
        self._claim = client.register_script(CLAIM)
        self._finish = client.register_script(FINISH)
        self._let_go = client.register_script(LET_GO)

    def claim(self, caller: str | None, key: str, request: bytes, ends: Mapping[int, int]) -> Claim | bytes:
        """Take up a request, or find its answer.

        Args:
            caller: Name of the API key that it came with.
            key: Its idempotency key.
            request: All that the request is.
            ends: Where the stream ends now.

        Raises:
            AnotherBodyError: The key was used with another request.
            BeingWorkedOnError: The request is in somebody's hands.
            UnavailableError: Redis cannot be reached.
        """
        whose = sha256((caller or "").encode()).hexdigest()[:16]
        mark = sha256(f"{caller or ''}\n{key}".encode()).hexdigest()[:32]
        entry, token = f"{PREFIX}{whose}:{mark}", uuid4().hex
        standing = json.dumps({str(p): offset for p, offset in ends.items()})
        digest = sha256(request).hexdigest()
        with reachable(self._client):
            state, *rest = self._claim(
                keys=[entry, f"{PREFIX}{whose}"],
                args=[digest, token, LEASE_SECONDS * 1000, self._life, standing, MOST],
            )
        if state == b"other":
            raise AnotherBodyError("this Idempotency-Key was used with another request: a key is for one request")
        if state == b"busy":
            raise BeingWorkedOnError("the request with this Idempotency-Key is being worked on: ask again")
        if state == b"done":
            return zlib.decompress(rest[0])
        first = {int(p): offset for p, offset in json.loads(rest[0]).items()} if rest else ends
        return Claim(entry, token, mark, first, again=state == b"again")

    def finish(self, claim: Claim, answer: bytes) -> None:
        """Keep the answer.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        with reachable(self._client):
            self._finish(keys=[claim.entry], args=[claim.token, zlib.compress(answer, 1)])

    def let_go(self, claim: Claim) -> None:
        """Leave a request to whoever sends it again.

        Raises:
            UnavailableError: Redis cannot be reached; the claim ends by itself.
        """
        with reachable(self._client):
            self._let_go(keys=[claim.entry], args=[claim.token])
