"""What goes wrong with the online store, and what Redis's own errors mean to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import OutOfMemoryError, RedisError

from mlinfra_assets.errors import InvalidInputError, MlinfraError, UnavailableError


class NotLoadedError(UnavailableError):
    """Redis holds no push of what is asked for: it was never pushed, or Redis has lost its data."""


class UnknownViewError(InvalidInputError):
    """A feature view or a feature that is not online, where others are."""


class UnknownModelError(InvalidInputError):
    """A model that is not in production, where others are."""


class UnknownServiceError(InvalidInputError):
    """A feature service that was not declared when a view was last pushed."""


class StalePushError(MlinfraError):
    """What is being served is newer than what was to be pushed; nothing was changed."""


class PinnedError(MlinfraError):
    """The view was rolled back to another version, which stays until it is resumed; nothing was changed."""


class PushLostError(UnavailableError):
    """Redis lost a part of a push while it was being written; what was served before still is."""


class DamagedBaseError(MlinfraError):
    """Redis holds bytes that are not what was pushed."""


@contextmanager
def redis_errors(doing: str) -> Iterator[None]:
    """Turn Redis's errors into `UnavailableError`.

    Args:
        doing: What is being done, as in "reading view customer_features".
    """
    try:
        yield
    except RedisError as error:
        # Inside a script the server words the same refusal differently, so the text decides.
        if isinstance(error, OutOfMemoryError) or "OOM command not allowed" in str(error):
            raise UnavailableError(
                f"{doing}: Redis has reached its memory limit: raise it (MLINFRA_REDIS_MAXMEMORY for the embedded "
                "server) and try again; what it holds is still served"
            ) from error
        raise UnavailableError(f"{doing}: Redis does not answer as it should ({error}): see that it runs") from error
