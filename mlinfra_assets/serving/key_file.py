"""The file of API keys: hashes, scopes and ends, written by `mlinfra api key`, read by the API."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.serving.keys import ApiKey, key_hash, key_name
from mlinfra_assets.serving.scopes import parse_scopes

MAX_BYTES = 16 * 1024 * 1024
OWNER_ONLY = 0o600
TIMES = ("created_at", "expires_at", "revoked_at")
RATES = ("requests_per_second", "entities_per_second")
FIELDS = {"name", "sha256", "scopes", *TIMES, *RATES}

Keys = dict[str, ApiKey]


def read_keys(file: Path) -> Keys:
    """The keys of a file by name; none if there is no file.

    Raises:
        InvalidInputError: It is not of its form; the message repeats no hash.
        UnavailableError: It cannot be read.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnavailableError(f"the file of API keys {file} cannot be read: {error.strerror or error}") from error
    try:
        entries = orjson.loads(data)["keys"] if len(data) <= MAX_BYTES else None
    except (ValueError, KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise InvalidInputError(f"{file} is no file of API keys: restore it, or make one with mlinfra api key create")
    keys: Keys = {}
    for number, entry in enumerate(entries, start=1):
        try:
            key = _key(entry)
        except InvalidInputError as error:
            raise InvalidInputError(f"{file}: entry {number}: {error}") from error
        if key.name in keys:
            raise InvalidInputError(f"{file}: entry {number}: the name {key.name} is taken")
        keys[key.name] = key
    return keys


def change_keys(file: Path, change: Callable[[Keys], None]) -> None:
    """Read the keys of a file, change them, and put them back in one step; one at a time.

    Raises:
        InvalidInputError: The file is not of its form, or the change is refused.
        UnavailableError: It cannot be written.
    """
    try:
        with _alone(file):
            keys = read_keys(file)
            change(keys)
            _write(file, keys)
    except OSError as error:
        raise UnavailableError(f"the file of API keys {file} cannot be written: {error.strerror or error}") from error


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, keys: Keys) -> None:
    data = orjson.dumps({"keys": [_entry(key) for key in keys.values()]}, option=orjson.OPT_INDENT_2)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb") as opened:
        opened.write(data + b"\n")
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)


def _entry(key: ApiKey) -> dict[str, object]:
    held = {"name": key.name, "sha256": key.hash, "scopes": sorted(key.scopes)}
    return held | {name: value for name in (*TIMES, *RATES) if (value := getattr(key, name)) is not None}


def _key(entry: Any) -> ApiKey:  # noqa: ANN401 - whatever the file holds
    if not isinstance(entry, dict) or not {"name", "sha256", "scopes"} <= entry.keys() <= FIELDS:
        raise InvalidInputError(f"a key has name, sha256 and scopes, and may have {', '.join((*TIMES, *RATES))}")
    scopes = entry["scopes"]
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise InvalidInputError("scopes is no list of texts")
    return ApiKey(
        key_name(str(entry["name"])),
        key_hash(str(entry["sha256"]), "sha256"),
        parse_scopes(scopes),
        created_at=_time(entry, "created_at"),
        expires_at=_time(entry, "expires_at"),
        revoked_at=_time(entry, "revoked_at"),
        requests_per_second=_rate(entry, "requests_per_second"),
        entities_per_second=_rate(entry, "entities_per_second"),
    )


def _time(entry: dict[str, Any], name: str) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidInputError(f"{name} is no time such as 2027-01-31T00:00:00+00:00") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _rate(entry: dict[str, Any], name: str) -> int | None:
    value = entry.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidInputError(f"{name} is no whole number from 1")
    return value
