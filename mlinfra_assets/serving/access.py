"""Who may ask for what: API keys with scopes, known by their hashes alone."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from fastapi import HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mlinfra_assets.errors import InvalidInputError

FEATURES, PREDICT = "features", "predict"
SCOPES = (FEATURES, PREDICT)
_HASH = re.compile(r"[0-9a-f]{64}")
_BEARER = HTTPBearer(auto_error=False, description="An API key; not asked for where none is configured.")


@dataclass(frozen=True)
class ApiKey:
    """One key.

    Attributes:
        name: Whose it is.
        hash: SHA-256 of the key, in hexadecimal digits.
        scopes: What it is good for.
    """

    name: str
    hash: str
    scopes: frozenset[str]


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """The keys of the setting `api_keys`: `name:sha256-of-key:scope+scope`, comma separated.

    Raises:
        InvalidInputError: It is not of that form; the message repeats no hash.
    """
    keys: list[ApiKey] = []
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        where = f"MLINFRA_API_KEYS: entry {number}"
        parts = entry.split(":")
        if len(parts) != 3 or not parts[0]:
            raise InvalidInputError(f"{where} is not of the form name:sha256-of-key:scope+scope")
        name, digest, scopes = parts[0], parts[1].lower(), frozenset(parts[2].split("+"))
        if not _HASH.fullmatch(digest):
            raise InvalidInputError(f"{where} ({name}): its second part is not the SHA-256 of a key, 64 hex digits")
        if not scopes <= set(SCOPES):
            unknown = ", ".join(sorted(scopes - set(SCOPES))) or "none"
            raise InvalidInputError(f"{where} ({name}): scope {unknown!r} is unknown; there are {', '.join(SCOPES)}")
        if any(key.name == name for key in keys):
            raise InvalidInputError(f"{where}: the name {name} is taken")
        keys.append(ApiKey(name, digest, scopes))
    return tuple(keys)


def requires(keys: tuple[ApiKey, ...], scope: str) -> Callable[..., None]:
    """A dependency that lets a request pass if it brings a key with this scope, or if no keys are configured."""

    def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]) -> None:
        if not keys:
            return
        given = sha256(b"" if credentials is None else credentials.credentials.encode()).hexdigest()
        # Every key is compared, so that the time taken tells nothing about them.
        found = [key for key in keys if hmac.compare_digest(key.hash, given)]
        if credentials is None or not found:
            raise HTTPException(401, "bring an API key: Authorization: Bearer <key>", {"WWW-Authenticate": "Bearer"})
        if scope not in found[0].scopes:
            raise HTTPException(403, f"the key {found[0].name} is not good for {scope!r}")

    return check
