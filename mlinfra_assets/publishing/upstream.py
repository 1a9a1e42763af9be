"""Which breakers what is published depends on: those of its sources, its views, and the views that they use."""

from __future__ import annotations

from collections.abc import Mapping

from mlinfra_assets.breakers import subjects
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.publishing.day_inputs import behind


def view_breakers(view: FeatureView) -> list[str]:
    """The breakers that snapshots of a view depend on, its own among them."""
    own = [subjects.view(each.name) for each in behind(view)]
    return sorted({*own, *source_breakers(view)})


def source_breakers(view: FeatureView) -> list[str]:
    """Those of the sources that a view reads, directly or through others."""
    return sorted({subjects.source(each.dataset.source) for each in behind(view)})


def model_breakers(model: ModelSpec, views: Mapping[str, FeatureView]) -> list[str]:
    """The breakers that the training of a model depends on: of the views of its inputs and its spine, and its label."""
    read = {model.spine.view, *(reference.partition(":")[0] for reference in model.features)}
    found = {subject for name in read for subject in view_breakers(views[name])}
    return sorted({*found, *label_breakers(model)})


def label_breakers(model: ModelSpec) -> list[str]:
    """The breakers that a model's labels depend on: of the sources of its label."""
    return source_breakers(model.label.view)
