"""Models in Redis: the version in production, checked and ready to score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import orjson
import redis

from mlinfra_assets.clock import from_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.errors import (
    DamagedBaseError,
    NotLoadedError,
    StalePushError,
    UnknownModelError,
    redis_errors,
)
from mlinfra_assets.feature_store.scoring import OnnxScorer

INDEX = "mlinfra:online:models"
_LATEST = 2**53


@dataclass(frozen=True)
class OnlineModel:
    """A model that is in production.

    Attributes:
        name: Its name.
        version: Its version.
        inputs: `"view:feature"` of each input, in order.
        promoted_at: Since when, microseconds since 1970 UTC.
        onnx: The file.
    """

    name: str
    version: str
    inputs: tuple[str, ...]
    promoted_at: int
    onnx: bytes

    @cached_property
    def scorer(self) -> OnnxScorer:
        """Ready to score."""
        return OnnxScorer(self.onnx, self.inputs)


class OnlineModels:
    """The models of one Redis.

    Args:
        client: Redis, answering in bytes.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._ready: dict[str, tuple[bytes, OnlineModel]] = {}

    def push(self, name: str, version: str, onnx: bytes, inputs: Sequence[str], promoted_at: int) -> None:
        """Serve a version, unless one that was promoted later is being served.

        Raises:
            InvalidInputError: The file is no model of these inputs.
            StalePushError: A later promotion is being served.
        """
        if not 0 <= promoted_at < _LATEST:
            raise InvalidInputError(f"model {name}: {promoted_at} is no time after 1970 in microseconds")
        OnnxScorer(onnx, tuple(inputs))
        state = orjson.dumps(
            {
                "version": version,
                "inputs": list(inputs),
                "promoted_at": promoted_at,
                "sha256": sha256(onnx).hexdigest(),
            }
        )
        with redis_errors(f"pushing model {name}"):
            promote = self._client.register_script(scripts.PROMOTE)
            answer: list[bytes] = promote(keys=[_key(name)], args=[state, onnx])  # pyright: ignore[reportAssignmentType]
            self._client.sadd(INDEX, name)
        if answer[0] == b"stale":
            served = _state(name, answer[1])
            raise StalePushError(
                f"model {name}: Redis serves version {served['version']}, promoted at "
                f"{from_micros(served['promoted_at']).isoformat()}, after {version} at "
                f"{from_micros(promoted_at).isoformat()}: nothing was changed"
            )

    def find(self, name: str) -> OnlineModel | None:
        """The model in production; None if none was pushed.

        Raises:
            DamagedBaseError: The file is not the one that was pushed.
        """
        with redis_errors(f"reading model {name}"):
            state: bytes | None = self._client.hget(_key(name), "state")  # pyright: ignore[reportAssignmentType]
            if state is None:
                return None
            ready = self._ready.get(name)
            if ready is not None and ready[0] == state:
                return ready[1]
            found: list[bytes | None] = self._client.hmget(_key(name), "state", "onnx")  # pyright: ignore[reportAssignmentType]
        state, onnx = found
        if state is None:
            return None
        data = _state(name, state)
        if onnx is None or sha256(onnx).hexdigest() != data["sha256"]:
            raise DamagedBaseError(f"model {name}: the file in Redis is not version {data['version']}: push it again")
        model = OnlineModel(name, data["version"], tuple(data["inputs"]), data["promoted_at"], onnx)
        self._ready[name] = (state, model)
        return model

    def get(self, name: str) -> OnlineModel:
        """As `find`.

        Raises:
            NotLoadedError: Redis holds no model at all, or has lost this one.
            UnknownModelError: It holds others, and this one was never pushed.
        """
        model = self.find(name)
        if model is not None:
            return model
        known = self.names()
        if known and name not in known:
            raise UnknownModelError(f"there is no model {name!r} in production{nearest(name, known)}")
        raise NotLoadedError(f"Redis holds no model {name}: materialize online/{name} to push the one in production")

    def version(self, name: str) -> str | None:
        """The version that is served; None if none was pushed."""
        with redis_errors(f"reading model {name}"):
            state: bytes | None = self._client.hget(_key(name), "state")  # pyright: ignore[reportAssignmentType]
        return None if state is None else _state(name, state)["version"]

    def names(self) -> list[str]:
        """The models that are served."""
        with redis_errors("listing models"):
            names: set[bytes] = self._client.smembers(INDEX)  # pyright: ignore[reportAssignmentType]
        return sorted(name.decode() for name in names)


def _key(name: str) -> str:
    return f"mlinfra:online:model:{name}"


def _state(name: str, data: bytes) -> dict:
    try:
        found = orjson.loads(data)
        return {key: found[key] for key in ("version", "inputs", "promoted_at", "sha256")}
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise DamagedBaseError(f"model {name}: Redis holds no record of a model where one should be") from error
