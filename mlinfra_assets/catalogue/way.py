"""Where the rows of a feature view come from: from what is served back to what lies outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlinfra_assets import names
from mlinfra_assets.contracts.source import DatabaseIngest, Ingest, Source, StreamIngest
from mlinfra_assets.feature_store.registry import ViewDocument


def lineage(document: ViewDocument, sources: Mapping[str, Source]) -> list[dict[str, str]]:
    """The assets that a view's values go through, the nearest to the reader first: `asset` and what it `holds`.

    What the views that it uses go through comes after its own.
    """
    view = document.view
    online = [(names.table(*names.online(view.name)), "each entity as it looks now, in Redis")] if view.online else []
    snapshots = (names.table(*names.features(view.name)), "each entity at the end of each day")
    steps = dict([*online, snapshots, *_below(document, sources)])
    return [{"asset": asset, "holds": holds} for asset, holds in steps.items()]


def _below(document: ViewDocument, sources: Mapping[str, Source]) -> Iterator[tuple[str, str]]:
    dataset, source = document.view.dataset, document.source
    if document.sql is not None:
        yield dataset.table, f"rows made by the SQL of {dataset.name}"
    yield names.table(*names.processed(source)), "valid, typed records, by the contract"
    yield names.table(*names.raw(source)), "the bytes that came in"
    if source in sources:
        yield names.table(*_outside(source, sources[source].ingest)), "what lies outside"
    for used in document.uses.values():
        yield from _below(used, sources)


def _outside(source: str, ingest: Ingest) -> tuple[str, str]:
    if isinstance(ingest, StreamIngest):
        return (names.STREAMS, ingest.topic)
    return names.database(source) if isinstance(ingest, DatabaseIngest) else (names.LANDING, source)
