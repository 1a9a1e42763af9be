"""API keys in tests: as the setting writes them, and as a request brings them."""

from __future__ import annotations

from hashlib import sha256


def key(name: str, secret: str, scopes: str) -> str:
    return f"{name}:{sha256(secret.encode()).hexdigest()}:{scopes}"


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}
