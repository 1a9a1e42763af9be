"""The rows of a view and of the views whose features it looks up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from mlinfra_assets.feature_store.engine.gather import Since
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.nodes import Lookup, walk
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions


def prepare_view(
    view: FeatureView,
    read: SourceReader,
    *,
    only: pl.DataFrame | None = None,
    versions: Mapping[str, int] | None = None,
    covered: Mapping[str, Positions] | None = None,
    since: Mapping[str, Since] | None = None,
) -> PreparedRows:
    """Read and prepare what a view is evaluated from.

    Args:
        view: The view.
        read: Where the rows of the datasets come from.
        only: Join keys of the entities that are of interest. None: all. Of the views that it looks up all rows are
            prepared: whose features are looked up is not known before.
        versions: Version of each dataset's table, by dataset. What is not named is read as it is now.
        covered: Watermark of each source, by source; rows past it are left out.
        since: From when on rows count besides their known-at times, by source; as `prepare` has it.

    Raises:
        RetrievalError: A dataset came without a column, or with one of another type.
        FeatureOverflowError: A row expression does not fit in 64 bits.
    """
    name = view.dataset.name
    rows = read.batches(name, view.columns, (versions or {}).get(name))
    source = view.dataset.source
    prepared = prepare(view, rows, (covered or {}).get(source), only, (since or {}).get(source))
    others = [looked_up(view, other.name) for other in view.uses]
    uses = {other.name: prepare_view(other, read, versions=versions, covered=covered, since=since) for other in others}
    return replace(prepared, uses=uses) if uses else prepared


def looked_up(view: FeatureView, name: str) -> FeatureView:
    """Another view that a view uses, cut down to the features that it looks up."""
    nodes = (node for feature in view.features for node in walk(feature.node))
    wanted = {node.feature for node in nodes if isinstance(node, Lookup) and node.view == name}
    other = view.used[name]
    return replace(other, features=tuple(f for f in other.features if f.name in wanted))
