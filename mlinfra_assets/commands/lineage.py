"""Where the rows of a feature view come from: from what is served back to what lies outside."""

from __future__ import annotations

from collections.abc import Mapping

from mlinfra_assets import names
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.feature_store.registry import ViewDocument


def lineage(document: ViewDocument, sources: Mapping[str, Source]) -> list[dict[str, str]]:
    """The assets that a view's values go through, the nearest to the reader first: `asset` and what it `holds`."""
    view, source = document.view, document.source
    steps: list[tuple[str, str]] = []
    if view.online:
        steps.append((names.table(*names.online(view.name)), "each entity as it looks now, in Redis"))
    steps.append((names.table(*names.features(view.name)), "each entity at the end of each day"))
    if document.sql is not None:
        steps.append((view.dataset.table, f"the rows that the view reads, by the SQL of {view.dataset.name}"))
    steps.append((names.table(*names.processed(source)), "valid, typed records, by the contract"))
    steps.append((names.table(*names.raw(source)), "the bytes that came in"))
    if source in sources:
        ingest = sources[source].ingest
        outside = (names.STREAMS, ingest.topic) if isinstance(ingest, StreamIngest) else (names.LANDING, source)
        steps.append((names.table(*outside), "what lies outside"))
    return [{"asset": asset, "holds": holds} for asset, holds in steps]
