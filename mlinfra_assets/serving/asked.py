"""Which features a request names: one by one, or by a feature service."""

from __future__ import annotations

from collections.abc import Sequence

from mlinfra_assets.feature_store.online.store import OnlineStore


def asked_features(store: OnlineStore, features: Sequence[str] | None, service: str | None) -> Sequence[str]:
    """The features, as `"view:feature"` or `"view"`.

    Args:
        store: Knows the feature services.
        features: Named one by one; None if a service is named.
        service: The service's name.

    Raises:
        UnknownServiceError: There is no such service online.
        UnavailableError: Redis cannot be reached.
    """
    return store.services.get(service).features if features is None and service is not None else features or ()
