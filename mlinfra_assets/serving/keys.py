"""API keys: known by their hashes alone, each with scopes, an end and limits of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.serving.scopes import Scopes, parse_scopes

PREFIX = "mlinfra_"
SECRET_BYTES = 32
_HASH = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class ApiKey:
    """One key.

    Attributes:
        name: Whose it is.
        hash: SHA-256 of the key, in hexadecimal digits.
        scopes: What it is good for.
        created_at: When it was made, UTC; None: not known.
        expires_at: From when on it is good for nothing, UTC; None: it does not expire.
        revoked_at: When it was revoked, UTC; None: it was not.
        requests_per_second: How many it may make; None: what the settings say.
        entities_per_second: How many it may ask about, or records send; None: what the settings say.
    """

    name: str
    hash: str
    scopes: Scopes
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    requests_per_second: int | None = None
    entities_per_second: int | None = None

    def ended(self, now: datetime) -> str | None:
        """Why the key is good for nothing at a moment (UTC); None: it is good."""
        if self.revoked_at is not None:
            return f"was revoked at {self.revoked_at.isoformat()}"
        if self.expires_at is not None and now >= self.expires_at:
            return f"expired at {self.expires_at.isoformat()}"
        return None


def new_secret() -> str:
    """A key: 256 random bits. SHA-256 is enough to keep it by: nobody finds it by trying."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """What is kept of a key."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def key_name(text: str) -> str:
    """The name of a key.

    Raises:
        InvalidInputError: It is none.
    """
    if not _NAME.fullmatch(text):
        raise InvalidInputError(f"{text[:100]!r} is no name of a key: letters, digits, `_`, `.` and `-`, at most 64")
    return text


def key_hash(text: str, where: str) -> str:
    """The hash of a key, in small letters.

    Raises:
        InvalidInputError: It is none; the message does not repeat it.
    """
    if not _HASH.fullmatch(text.lower()):
        raise InvalidInputError(f"{where} is not the SHA-256 of a key, 64 hex digits")
    return text.lower()


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys of the setting `api_keys`: `name:sha256-of-key:scope+scope`, comma separated.

    Raises:
        InvalidInputError: It is not of that form; the message repeats no hash.
    """
    keys: dict[str, ApiKey] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        where = f"MLINFRA_API_KEYS: entry {number}"
        parts = entry.split(":", 2)
        if len(parts) != 3 or not parts[0]:
            raise InvalidInputError(f"{where} is not of the form name:sha256-of-key:scope+scope")
        name, digest, scopes = key_name(parts[0]), parts[1], list(filter(None, parts[2].split("+")))
        where = f"{where} ({name})"
        digest = key_hash(digest, f"{where}: its second part")
        try:
            key = ApiKey(name, digest, parse_scopes(scopes))
        except InvalidInputError as error:
            raise InvalidInputError(f"{where}: {error}") from error
        if name in keys:
            raise InvalidInputError(f"{where}: the name {name} is taken")
        keys[name] = key
    return tuple(keys.values())


def by_hash(keys: Mapping[str, ApiKey]) -> dict[str, ApiKey]:
    """Keys by what is kept of them.

    Raises:
        InvalidInputError: Two have the same.
    """
    found: dict[str, ApiKey] = {}
    for key in keys.values():
        if key.hash in found:
            raise InvalidInputError(f"the keys {found[key.hash].name} and {key.name} are the same key: make one anew")
        found[key.hash] = key
    return found
