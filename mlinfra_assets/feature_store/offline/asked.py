"""What is asked of one view, cut down to what that needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlinfra_assets.feature_store.nodes import Lookup, walk
from mlinfra_assets.feature_store.view import Feature, FeatureView, columns_of


@dataclass(frozen=True)
class Asked:
    """Features of one view.

    Attributes:
        view: The view with those features alone, each once, and with the columns and other views that they need.
        names: The name of each of its features in the result.
    """

    view: FeatureView
    names: tuple[str, ...]


def asked_of_views(wanted: Sequence[tuple[FeatureView, Feature]], full_names: bool) -> list[Asked]:
    """What is asked of each view, in the order in which the views are first named."""
    features: dict[str, list[Feature]] = {}
    views: dict[str, FeatureView] = {}
    for view, feature in wanted:
        views[view.name] = view
        if feature not in features.setdefault(view.name, []):
            features[view.name].append(feature)
    return [
        Asked(_cut(views[name], chosen), tuple(result_name(views[name], f, full_names) for f in chosen))
        for name, chosen in features.items()
    ]


def result_name(view: FeatureView, feature: Feature, full_names: bool) -> str:
    """The name of a feature in a result."""
    return f"{view.name}__{feature.name}" if full_names else feature.name


def _cut(view: FeatureView, features: Sequence[Feature]) -> FeatureView:
    nodes = [feature.node for feature in features]
    looked_up = {node.view for root in nodes for node in walk(root) if isinstance(node, Lookup)}
    return replace(
        view,
        features=tuple(features),
        dataset=view.dataset.only({*view.join_keys, *columns_of(nodes)}),
        uses=tuple(other for other in view.uses if other.name in looked_up),
    )
