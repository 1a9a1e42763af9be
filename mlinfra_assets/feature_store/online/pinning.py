"""Going back to the version of a view that was served before, in one step, and forward again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import redis

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.online import scripts
from mlinfra_assets.feature_store.online.errors import NotLoadedError, redis_errors


@dataclass(frozen=True)
class Pin:
    """A version that was rolled back to.

    Attributes:
        version: Which.
        by: Who did it.
        why: In words.
        at: When, microseconds since 1970 UTC.
    """

    version: str
    by: str
    why: str
    at: int

    @classmethod
    def from_json(cls, data: bytes) -> Pin:
        """What Redis holds."""
        found = orjson.loads(data)
        return cls(found["version"], found["by"], found["why"], int(found["at"]))


class Pinning:
    """The pin of one view.

    Args:
        client: Redis, answering in bytes.
        name: The view.
        state: Key of its state.
    """

    def __init__(self, client: redis.Redis, name: str, state: str) -> None:
        self._client: Any = client
        self._name = name
        self._state = state

    def pin(self) -> Pin | None:
        """The version that was rolled back to; None if none was."""
        with redis_errors(f"reading view {self._name}"):
            text = self._client.hget(self._state, "pinned")
        return None if text is None else Pin.from_json(text)

    def roll_back(self, by: str, why: str, at: int) -> Pin:
        """Serve the last push of the version before, and take pushes of that version alone until `resume`.

        Raises:
            NotLoadedError: Redis holds no whole push of another version.
            InvalidInputError: A version is pinned already.
        """
        with redis_errors(f"rolling back view {self._name}"):
            answer = self._client.register_script(scripts.ROLL_BACK)(keys=[self._state], args=[by, why, at])
        if answer[0] == b"none":
            raise NotLoadedError(
                f"Redis holds no whole push of another version of view {self._name}: there is nothing to roll back to"
            )
        pin = Pin.from_json(answer[1])
        if answer[0] == b"pinned":
            raise InvalidInputError(
                f"view {self._name} is rolled back to version {pin.version} already, by {pin.by}: {pin.why}; resume it "
                "first"
            )
        return pin

    def resume(self) -> str:
        """Serve what it was rolled back from, and take pushes of any version; returns that version.

        Raises:
            InvalidInputError: No version is pinned.
        """
        with redis_errors(f"resuming view {self._name}"):
            answer = self._client.register_script(scripts.RESUME)(keys=[self._state])
        if answer[0] == b"none":
            raise InvalidInputError(f"view {self._name} is not rolled back: there is nothing to resume")
        return answer[1].decode()
