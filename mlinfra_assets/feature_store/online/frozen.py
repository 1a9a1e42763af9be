"""Which breakers are open, as Redis knows it: whoever serves says so with the values that it goes on serving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson
import redis

from mlinfra_assets.feature_store.online.errors import redis_errors

KEY = "mlinfra:online:breakers"
NUMBER = b"number"
_PUT = """
-- KEYS: breakers. ARGV: number of the newest event, subject, breaker ... An older number changes nothing.
local held = redis.call('HGET', KEYS[1], 'number')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'number', unpack(ARGV))
return 1
"""


@dataclass(frozen=True)
class OpenBreaker:
    """A breaker that is open.

    Attributes:
        since: Since when, microseconds since 1970 UTC.
        by: Who or which rule opened it.
        why: In words.
    """

    since: int
    by: str
    why: str


class OnlineBreakers:
    """The open breakers in one Redis.

    Args:
        client: Redis, answering in bytes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._put = client.register_script(_PUT)

    def put(self, number: int, breakers: Mapping[str, OpenBreaker]) -> None:
        """Say which breakers are open after an event; does nothing if a later one is known.

        Raises:
            UnavailableError: Redis cannot be reached, or is full.
        """
        parts: list[str | bytes | int] = [number]
        for subject, breaker in breakers.items():
            parts += [subject, orjson.dumps(asdict(breaker))]
        with redis_errors("telling Redis which breakers are open"):
            self._put(keys=[KEY], args=parts)

    def all(self) -> dict[str, OpenBreaker]:
        """Every open breaker by subject.

        Raises:
            UnavailableError: Redis cannot be reached.
        """
        with redis_errors("asking which breakers are open"):
            held: dict[bytes, bytes] = self._client.hgetall(KEY)  # pyright: ignore[reportAssignmentType]
        return opened(held)


def opened(held: Mapping[bytes, bytes]) -> dict[str, OpenBreaker]:
    """Every open breaker by subject, from what Redis holds."""
    return {subject.decode(): OpenBreaker(**orjson.loads(text)) for subject, text in held.items() if subject != NUMBER}
