"""The keys in force: those of the setting, and those of the file, which is read again whenever it changes."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from mlinfra_assets.errors import InvalidInputError, MlinfraError
from mlinfra_assets.serving.key_file import read_keys
from mlinfra_assets.serving.keys import ApiKey, by_hash, hash_of, parse_keys
from mlinfra_assets.settings import Settings

_log = logging.getLogger(__name__)


def _machine_time() -> datetime:
    return datetime.now(UTC)


class Keyring:
    """The keys that a request may bring.

    Keys that were asked for once are asked for as long as the process lives: a file that goes away opens no door. A
    file that is broken while the API runs changes nothing; the log says so.

    Args:
        settings: `api_keys` and `api_keys_file`.
        now: The machine's time in UTC. A home's simulated time is nothing to go by here.

    Raises:
        InvalidInputError: The setting or the file is not of its form, or the file that is set is not there.
    """

    def __init__(self, settings: Settings, now: Callable[[], datetime] = _machine_time) -> None:
        self._now = now
        self._file = settings.keys_file
        if settings.api_keys_file and not self._file.exists():
            raise InvalidInputError(
                f"MLINFRA_API_KEYS_FILE={settings.api_keys_file}: there is no such file: mlinfra api key create makes "
                "it with the first key"
            )
        self._set = {key.name: key for key in parse_keys(settings.api_keys)}
        self._seen = _state(self._file)
        self._known = self._read()
        self.required = bool(self._known) or bool(settings.api_keys_file)

    def find(self, secret: str) -> ApiKey | None:
        """The key that this is, good or not any more; None if it is none."""
        self.refresh()
        digest = hash_of(secret)
        # Looked up by a hash that nobody can choose, then compared as a whole in constant time.
        found = self._known.get(digest)
        return found if found is not None and hmac.compare_digest(found.hash, digest) else None

    def ended(self, key: ApiKey) -> str | None:
        """Why a key is good for nothing any more; None: it is good."""
        return key.ended(self._now())

    def refresh(self) -> None:
        """Take up a file that has changed."""
        state = _state(self._file)
        if state == self._seen:
            return
        self._seen = state
        try:
            self._known = self._read()
        except MlinfraError as error:
            _log.error("the API keys stay as they were: %s", error)
            return
        self.required = self.required or bool(self._known)

    def _read(self) -> dict[str, ApiKey]:
        of_file = read_keys(self._file)
        if twice := sorted(of_file.keys() & self._set.keys()):
            raise InvalidInputError(f"{self._file}: the name {twice[0]} is taken by MLINFRA_API_KEYS")
        return by_hash(self._set | of_file)


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
