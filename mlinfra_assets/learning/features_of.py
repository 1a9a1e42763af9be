"""A feature view cut down to some of its features: what is not asked for is not computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mlinfra_assets.feature_store.view import FeatureView


def features_of(view: FeatureView, names: Iterable[str]) -> FeatureView:
    """The same view with these features alone, in this order; the values of each are those of the whole view.

    It uses those views alone whose features they look up.

    Raises:
        DefinitionError: The view has no such feature.
    """
    cut = replace(view, features=tuple(view.feature(name) for name in dict.fromkeys(names)))
    needed = {lookup.view for lookup in cut.lookups}
    return replace(cut, uses=tuple(used for used in cut.uses if used.name in needed))
