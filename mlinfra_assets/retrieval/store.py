"""What a person or a notebook asks of the platform: feature values at any moment, of any version, and SQL."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from mlinfra_assets.breakers.asking import open_breakers
from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.clock import Clock, HomeClock, to_micros
from mlinfra_assets.code_version import code_version
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.historical import MAX_MEMORY_BYTES, get_historical_features
from mlinfra_assets.feature_store.offline.progress import Progress, silent
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.snapshot import end_of, snapshot_at
from mlinfra_assets.feature_store.store import FeatureService, FeatureStore, resolve
from mlinfra_assets.feature_store.view import Feature, FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.snapshot_check import RefusedSnapshotsError
from mlinfra_assets.publishing.snapshot_days import MaterializedDays, materialize_days
from mlinfra_assets.publishing.upstream import view_breakers
from mlinfra_assets.retrieval import old_versions
from mlinfra_assets.retrieval.online import Rows, online_frame
from mlinfra_assets.retrieval.sql import Answer, query
from mlinfra_assets.settings import Settings

Features = str | FeatureService | Sequence[str]


class RetrievalStore:
    """Asks a lake, and the online store beside it, for features.

    A feature is named `"view:feature"`, all of a view `"view"`, and an old version of either `"view@version:feature"`,
    as `mlinfra features history` lists them: it is evaluated by its own definition on the present rows. A feature
    service is named by itself.

    Args:
        lake: Where the tables are.
        declared: The declared views and services.
        documents: Say what views rest on.
        clock: Says what now is.
        online: Opens the online store when it is first needed.
        max_memory_bytes: About how much memory the rows of one question may take.
    """

    def __init__(
        self,
        lake: Lake,
        declared: FeatureStore,
        documents: Documents,
        clock: Clock,
        online: Callable[[], OnlineStore],
        max_memory_bytes: int = MAX_MEMORY_BYTES,
    ) -> None:
        self._lake = lake
        self._declared = declared
        self._documents = documents
        self._clock = clock
        self._open_online = online
        self._online: OnlineStore | None = None
        self._memory = max_memory_bytes

    def get_historical_features(
        self,
        entity_df: object,
        features: Features,
        *,
        into: str | Path | None = None,
        known: str = "as_of",
        event_timestamp: str = "event_timestamp",
        full_feature_names: bool = False,
        versions: Mapping[str, int] | None = None,
        max_memory_bytes: int | None = None,
        progress: Progress = silent,
    ) -> Any:  # noqa: ANN401 - the kind of table that was asked with
        """Each row of `entity_df` once, in its order, with the features of its entity at its time.

        All of `feature_store.historical.get_historical_features` applies. Every table is read at one version, and
        scores are those of the models in production at the known-at time.

        Args:
            entity_df: The questions: a Polars, Arrow or pandas table, or the path of a Parquet file, a folder of them
                or a Delta table.
            features: What is asked.
            into: A Parquet file to write the result to; needed if `entity_df` is a path.
            known: `"as_of"`, `"hindsight"`, or the column of known-at times.
            event_timestamp: The time column.
            full_feature_names: Call a feature `view__feature`.
            versions: Versions to read instead of the newest, by table name, such as `{"curated/stg_order_lines": 7}`.
            max_memory_bytes: About how much memory rows may take; what would take more is answered in parts.
            progress: Told how far it has come.

        Returns:
            The columns of `entity_df`, and one for each feature, as the kind of table that `entity_df` is; with `into`
            its path.

        Raises:
            InvalidInputError: What is asked, or the table that asks, is wrong: a DefinitionError or a RetrievalError.
            UnavailableError: A dataset has no table yet, or the disk is full.
        """
        wanted = self._references(features)
        views = self._views(wanted)
        return get_historical_features(
            entity_df,
            wanted,
            views=views,
            read=self._reader(views, versions),
            into=into,  # pyright: ignore[reportArgumentType] - either overload
            known=known,
            event_timestamp=event_timestamp,
            full_feature_names=full_feature_names,
            models=ProductionScores(self._lake),
            max_memory_bytes=self._memory if max_memory_bytes is None else max_memory_bytes,
            progress=progress,
        )

    def resolve(self, features: Features) -> list[tuple[FeatureView, Feature]]:
        """The features that are named, each with its view, in order.

        Raises:
            InvalidInputError: There is no such view, version, feature or service.
        """
        wanted = self._references(features)
        return resolve(self._views(wanted), wanted)

    def snapshot(
        self, view: str, at: datetime | date | None = None, *, versions: Mapping[str, int] | None = None
    ) -> pl.DataFrame:
        """Every entity that a view serves at a moment, with its features as known then; ordered by keys.

        Args:
            view: Its name; `"view@version"` for an old version.
            at: Any moment with a zone; a date is its last microsecond in UTC. None: now.
            versions: Versions to read instead of the newest, by table name.

        Raises:
            InvalidInputError: There is no such view, or the moment has no zone.
            UnavailableError: A dataset has no table yet.
        """
        views = self._views([view])
        chosen = self._view(view, views)
        prepared = prepare_view(chosen, self._reader(views, versions))
        return snapshot_at(chosen, prepared, self._moment(at), ProductionScores(self._lake))

    def materialize(
        self,
        view: str,
        days: date | Iterable[date],
        *,
        recompute: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> MaterializedDays:
        """Bring the snapshots of some days in `features/<view>` up to date, as the asset of that name does.

        Args:
            view: A declared view.
            days: Days (UTC) that are over.
            recompute: Compute them also if nothing that they rest on has changed.
            progress: Told the days that are done, and how many there are.

        Raises:
            InvalidInputError: There is no such view, no day is named, or a day is not over yet.
            RefusedSnapshotsError: The snapshots do not pass their check; nothing was written.
            UnavailableError: A dataset has no table yet.
        """
        chosen = self._view(view, self._declared.views)
        asked = [days] if isinstance(days, date) else sorted(set(days))
        now = self._clock.now()
        if not asked or end_of(asked[-1]) >= to_micros(now):
            raise InvalidInputError(
                f"{asked[-1] if asked else 'no day'}: name days that are over; it is {now.isoformat()}"
            )
        run = Provenance(run_id=f"materialize-{uuid.uuid4()}", code_version=code_version())
        found = materialize_days(
            self._lake, chosen, self._documents, asked, run, now, recompute=recompute, progress=progress
        )
        if not found.check.passed:
            raise RefusedSnapshotsError(f"nothing was written to features/{view}: {found.check.message}")
        return found

    def get_online_features(
        self,
        features: Features,
        entity_rows: Rows,
        request: Mapping[str, Any] | Rows | None = None,
        *,
        at: datetime | None = None,
        full_feature_names: bool = False,
    ) -> pl.DataFrame:
        """The features of some entities now, from the online store: one row an entity, in order.

        Args:
            features: What is asked, of views that are online.
            entity_rows: The join keys of each entity: `[{"customer_id": 12347}]`.
            request: The values that features want with the question: one mapping for all entities, or one each.
            at: Another moment than now, with a zone.
            full_feature_names: Call a feature `view__feature`.

        Returns:
            The join keys and the features; null for an entity that is not there or past the view's TTL.

        Raises:
            InvalidInputError: What is asked, or an entity, is wrong.
            UnavailableError: Redis cannot be reached, or holds no push of a view.
        """
        if self._online is None:
            self._online = self._open_online()
        wanted = self._references(features)
        return online_frame(self._online, wanted, entity_rows, request, self._moment(at), full_feature_names)

    def open_breakers(self, features: Features) -> list[Breaker]:
        """The open breakers that features depend on. They are answered all the same, from the last good data.

        Args:
            features: As `get_historical_features` takes them.

        Raises:
            InvalidInputError: There is no such view or service.
        """
        wanted = self._references(features)
        views = self._views(wanted)
        named = {reference.partition(":")[0] for reference in wanted}
        subjects = {subject for name in named for subject in view_breakers(self._view(name, views))}
        return open_breakers(self._lake, subjects)

    def sql(self, statement: str, **how: Any) -> Answer:  # noqa: ANN401 - the options of `query`
        """The answer to one SELECT over the lake's tables, in DuckDB's SQL; `how` as `retrieval.sql.query` takes it."""
        return query(self._lake, statement, **how)

    def _references(self, features: Features) -> list[str]:
        if not isinstance(features, str):
            return list(features.features if isinstance(features, FeatureService) else features)
        services = self._declared.services
        if features not in services:
            raise DefinitionError(
                f"there is no feature service {features!r}{nearest(features, services)}; features are named in a list"
            )
        return list(services[features].features)

    def _views(self, references: Iterable[str]) -> dict[str, FeatureView]:
        old = old_versions.named_versions(references, self._lake)
        for view in old.values():
            old_versions.check_columns(view, self._lake, self._documents.datasets)
        return {**self._declared.views, **old}

    def _view(self, name: str, views: Mapping[str, FeatureView]) -> FeatureView:
        if name not in views:
            raise DefinitionError(f"there is no feature view {name!r}{nearest(name, views)}")
        return views[name]

    def _reader(self, views: Mapping[str, FeatureView], versions: Mapping[str, int] | None) -> LakeReader:
        datasets = {**old_versions.datasets_of(views.values()), **self._documents.datasets}
        tables = {dataset.table for dataset in datasets.values()}
        strange = [name for name in versions or {} if name not in tables]
        if strange:
            raise InvalidInputError(f"{strange[0]!r} is no table of a dataset{nearest(strange[0], tables)}")
        return LakeReader(self._lake, datasets, versions)

    def _moment(self, at: datetime | date | None) -> int:
        if at is None:
            return to_micros(self._clock.now())
        if isinstance(at, datetime):
            return to_micros(at)
        return end_of(at)


def open_store(settings: Settings | None = None) -> RetrievalStore:
    """The store over what is declared here and over the lake of these settings (default: those of the environment)."""
    from mlinfra_assets.contracts.declaration import load_sources
    from mlinfra_assets.curated.row_wise import row_wise_models
    from mlinfra_assets.datasets import SOURCES
    from mlinfra_assets.features import fs
    from mlinfra_assets.redis_server import connect
    from mlinfra_assets.registry.content import services
    from mlinfra_assets.registry.publication import Publication
    from mlinfra_assets.registry.registry import Registry

    used = Settings.load() if settings is None else settings
    lake = Lake(used.lake)
    documents = Documents(
        fs.datasets,
        load_sources(SOURCES),
        row_wise_models(),
        services(fs.views, fs.services.values()),
        Publication(Registry(lake)).contracts,
    )
    return RetrievalStore(
        lake=lake,
        declared=fs,
        documents=documents,
        clock=HomeClock(used.home),
        online=lambda: OnlineStore(connect(used)),
        max_memory_bytes=used.retrieval_memory_bytes,
    )
