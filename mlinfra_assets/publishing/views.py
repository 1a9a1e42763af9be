"""A feature view's base, from the version of its dataset that the newest snapshot was computed from, into Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mlinfra_assets import names
from mlinfra_assets.breakers.asking import refuse_if_open
from mlinfra_assets.clock import to_micros
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.online.services import OnlineService
from mlinfra_assets.feature_store.online.store import OnlineStore, PushReport
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.mirror import mirror_breakers
from mlinfra_assets.publishing.snapshots import newest_snapshot
from mlinfra_assets.publishing.upstream import view_breakers
from mlinfra_assets.registry.content import RegisteredService
from mlinfra_assets.registry.registry import Registry


@dataclass(frozen=True)
class Pushed:
    """What one push came to.

    Attributes:
        report: What the online store says of it.
        version: The view's version.
        watermark: What the pushed bases cover of each source.
        epoch: Known-at time of the newest row in them, microseconds since 1970 UTC: a later push with an older one
            changes nothing.
    """

    report: PushReport
    version: str
    watermark: dict[str, Positions]
    epoch: int


def push_view(
    lake: Lake,
    store: OnlineStore,
    view: FeatureView,
    documents: Documents,
    now: datetime,
    run_id: str,
    progress: Callable[[int, int], None] | None = None,
) -> Pushed:
    """Push every entity of a view.

    The declared feature services go with it, so that whoever serves knows them by name.

    The version is registered first: what is served can be recomputed, also if the definition or the contract has
    changed since the snapshot.

    The rows are those of the dataset version that the newest snapshot names, so that what is online and what the
    snapshot says rest on the same data.

    Raises:
        FrozenError: A breaker that the view depends on is open; Redis keeps what it serves.
        UnavailableError: There is no snapshot yet, or Redis cannot be reached.
    """
    mirror_breakers(lake, store)
    refuse_if_open(lake, *view_breakers(view))
    table = lake.table(names.table(*names.features(view.name)))
    provenance = newest_snapshot(table)
    if provenance is None:
        raise UnavailableError(
            f"view {view.name} has no snapshot yet: materialize {table.name} first, then online/{view.name}"
        )
    reader = LakeReader(lake, documents.datasets, provenance.inputs)
    rows = reader.rows(view.dataset.name, view.columns)
    newest = rows[names.KNOWN_AT].max() if rows.height else None
    epoch = 0 if newest is None else to_micros(newest)  # pyright: ignore[reportArgumentType]
    version, watermark = documents.version(view), reader.positions
    documents.register(Registry(lake), view, now, run_id)
    report = store.push(
        documents.document(view),
        version,
        prepare(view, rows),
        watermark,
        epoch,
        progress,
        run_id,
    )
    store.services.put(to_micros(now), [_online(service) for service in documents.services])
    return Pushed(report, version, watermark, epoch)


def _online(service: RegisteredService) -> OnlineService:
    return OnlineService(
        service.name, service.version, service.features, service.owner, service.description, service.deprecated
    )
