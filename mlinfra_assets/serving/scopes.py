"""What a key may be good for: `features:customer_features`, `predict:churn`, `ingest:order_lines`, `training`, `*`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import nearest

FEATURES, PREDICT, INGEST, OUTCOMES = "features", "predict", "ingest", "outcomes"
REPLAY, TRAINING, REGISTRY, METRICS = "replay", "training", "registry", "metrics"
KINDS: Mapping[str, str | None] = {
    FEATURES: "view",
    PREDICT: "model",
    INGEST: "source",
    OUTCOMES: "model",
    REPLAY: "model",
    TRAINING: None,
    REGISTRY: None,
    METRICS: None,
}
"""Each kind of scope, and what its name after the colon names; None: it takes no name."""
EVERYTHING = "*"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

Scopes = frozenset[str]


def parse_scopes(texts: Iterable[str]) -> Scopes:
    """Scopes in one form: `features:*` is `features`.

    Raises:
        InvalidInputError: One is none, or there are none at all.
    """
    scopes = frozenset(map(_scope, texts))
    if not scopes:
        raise InvalidInputError(f"a key without a scope is good for nothing: name some of {', '.join(KINDS)}, or *")
    return scopes


def allows(scopes: Scopes, kind: str, name: str | None = None) -> bool:
    """Whether scopes cover all of a kind, or the one thing of it that is named."""
    return EVERYTHING in scopes or kind in scopes or (name is not None and f"{kind}:{name}" in scopes)


def touches(scopes: Scopes, kind: str) -> bool:
    """Whether scopes cover anything of a kind."""
    return allows(scopes, kind) or any(scope.startswith(f"{kind}:") for scope in scopes)


def _scope(text: str) -> str:
    if text == EVERYTHING:
        return text
    kind, colon, name = text.partition(":")
    if kind not in KINDS:
        raise InvalidInputError(f"scope {text[:200]!r} is unknown{nearest(kind, (*KINDS, EVERYTHING))}")
    if not colon or name == EVERYTHING:
        return kind
    if KINDS[kind] is None:
        raise InvalidInputError(f"scope {text[:200]!r} takes no name: write {kind}")
    if not _NAME.fullmatch(name):
        raise InvalidInputError(f"scope {text[:200]!r} names no {KINDS[kind]}: write {kind}:NAME, or {kind} for all")
    return text
