"""Which views can be live, and why others cannot."""

from __future__ import annotations

from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.feature_store.view import FeatureView


def refusal(view: FeatureView, source: Source | None) -> str | None:
    """Why a view's values cannot follow its stream; None if they can.

    Args:
        view: The definition that is served, or declared.
        source: The source of its dataset as it is declared; None: it no longer is.
    """
    if source is None:
        return f"its source {view.dataset.source} is no longer declared"
    if not isinstance(source.ingest, StreamIngest):
        return f"its source {source.name} is no stream"
    if source.ingest.changes:
        return f"its source {source.name} is change data: what a change means depends on the changes before it"
    if view.dataset.primary_key:
        keys = ", ".join(view.dataset.primary_key)
        return f"its dataset {view.dataset.name} has a primary key ({keys}): a later row takes an earlier one's place"
    if view.uses:
        return f"it looks up features of {', '.join(used.name for used in view.uses)}"
    return None
