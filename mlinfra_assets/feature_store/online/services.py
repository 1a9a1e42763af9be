"""The feature services in Redis: whoever serves knows by name which features are used together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import orjson
import redis

from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.online.errors import DamagedBaseError, UnknownServiceError, redis_errors

KEY = "mlinfra:online:services"
AT = b"at"
_PUT = """
-- KEYS: services. ARGV: when they were declared, name, service ... What was declared later stays.
local held = redis.call('HGET', KEYS[1], 'at')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'at', unpack(ARGV))
return 1
"""


@dataclass(frozen=True)
class OnlineService:
    """A feature service.

    Attributes:
        name: The service.
        version: 12 hexadecimal digits over its features.
        features: Each `"view:feature"`, in order.
        owner: Who answers for it.
        description: What it is for.
        deprecated: What to use instead. Empty: it is in use.
    """

    name: str
    version: str
    features: tuple[str, ...]
    owner: str = ""
    description: str = ""
    deprecated: str = ""


class OnlineServices:
    """The feature services in one Redis.

    Args:
        client: Redis, answering in bytes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._put = client.register_script(_PUT)

    def put(self, at: int, services: Iterable[OnlineService]) -> None:
        """Say which services there are, in one step; does nothing if what was declared later is known.

        Args:
            at: When they were declared so, microseconds since 1970 UTC.
            services: All of them.

        Raises:
            UnavailableError: Redis cannot be reached, or is full.
        """
        # The prefix keeps a service that is called like another field apart from it.
        parts: list[str | bytes | int] = [at]
        for service in services:
            parts += [f"service:{service.name}", orjson.dumps(asdict(service))]
        with redis_errors("telling Redis the feature services"):
            self._put(keys=[KEY], args=parts)

    def get(self, name: str) -> OnlineService:
        """A service by its name.

        Raises:
            UnknownServiceError: There is none; the message names the nearest.
            DamagedBaseError: Redis holds bytes that are no service.
            UnavailableError: Redis cannot be reached.
        """
        with redis_errors(f"reading feature service {name}"):
            held: bytes | None = self._client.hget(KEY, f"service:{name}")  # pyright: ignore[reportAssignmentType]
        if held is None:
            known = [service.name for service in self.all()]
            raise UnknownServiceError(f"there is no feature service {name!r} online{nearest(name, known)}")
        return _service(held)

    def all(self) -> list[OnlineService]:
        """Every service, in order of name.

        Raises:
            DamagedBaseError: Redis holds bytes that are no service.
            UnavailableError: Redis cannot be reached.
        """
        with redis_errors("listing feature services"):
            held: dict[bytes, bytes] = self._client.hgetall(KEY)  # pyright: ignore[reportAssignmentType]
        return sorted((_service(text) for field, text in held.items() if field != AT), key=lambda one: one.name)


def _service(text: bytes) -> OnlineService:
    try:
        found = orjson.loads(text)
        return OnlineService(**{**found, "features": tuple(found["features"])})
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DamagedBaseError("Redis holds no feature service where one should be: push a view again") from error
