"""The composition root: everything that is declared, made into one Dagster code location. It alone knows every room."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.audit import audit_asset
from mlinfra_assets.assets.curated import curated_assets, determinism_checks
from mlinfra_assets.assets.current import current_asset
from mlinfra_assets.assets.drift import drift_asset
from mlinfra_assets.assets.features import feature_asset
from mlinfra_assets.assets.feedback import outcomes_asset
from mlinfra_assets.assets.late_data import late_data_asset
from mlinfra_assets.assets.maintenance import ZONES, maintenance_asset
from mlinfra_assets.assets.models import model_asset
from mlinfra_assets.assets.online import online_model_asset, online_view_asset
from mlinfra_assets.assets.performance import performance_asset
from mlinfra_assets.assets.processed import processed_asset
from mlinfra_assets.assets.raw import raw_asset, upstream_spec
from mlinfra_assets.assets.reconciled import reconciled_check
from mlinfra_assets.assets.registry import registry_specs
from mlinfra_assets.assets.shadow import shadow_asset
from mlinfra_assets.assets.table_snapshots import snapshot_asset, table_spec
from mlinfra_assets.assets.training import training_asset
from mlinfra_assets.automation import (
    WHEN_INPUTS_PASS,
    AssetJob,
    automation_sensor,
    daily_schedule,
    fetch_schedule,
    ingest_job,
    plain_schedule,
    snapshot_schedule,
)
from mlinfra_assets.breakers import subjects
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.contracts.source import DatabaseIngest, FilesIngest, Source, StreamIngest
from mlinfra_assets.curated.manifest import load_manifest
from mlinfra_assets.curated.models import models as dbt_models
from mlinfra_assets.curated.models import sources as dbt_sources
from mlinfra_assets.curated.models import tables_read
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.features import fs
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.scores import check_scores
from mlinfra_assets.models import declared
from mlinfra_assets.partitions import daily, last_complete
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.upstream import label_breakers, model_breakers, view_breakers
from mlinfra_assets.registry.content import services
from mlinfra_assets.registry.publication import Publication
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.settings import Settings
from resources.environments import resources_for
from sensors.breakers import breakers_sensor
from sensors.landing import landing_sensor
from sensors.online import online_sensor
from sensors.retraining import retraining_sensor
from sensors.streams import stream_sensor

# Single-run backfills are the one beta parameter that is relied on; its warning would greet every user.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)


def build_definitions(
    settings: Settings, *, last_day: date | None = None, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """The code location.

    Args:
        settings: Where everything is.
        last_day: Last day that snapshots are kept for. Default: open-ended, or the home's own clock says.
        resource_overrides: Resources to use instead of those of the settings, by name.
    """
    sources, views, models = load_sources(SOURCES), list(fs.views.values()), declared()
    check_scores(models, fs.views)
    documents = Documents(
        fs.datasets,
        sources,
        row_wise_models(),
        services(fs.views, fs.services.values()),
        Publication(Registry(Lake(settings.lake))).contracts,
    )
    clock = HomeClock(settings.home)
    if last_day is None and clock.simulated:
        last_day = last_complete(clock.now())
    days = daily(settings.history_start, last_day)
    landing_days = daily(settings.history_start, last_day, today=True)
    snapshots = AssetJob(
        "daily_snapshots", tuple(names.features(v.name) for v in views), "Every view's snapshot of a day."
    )
    audits = AssetJob(
        "daily_audit",
        ((names.AUDIT, names.PREDICTIONS), (names.AUDIT, "late_data")),
        "Recomputes the predictions of a day, and says what rows that came late would have changed.",
    )
    retrain = AssetJob(
        "retrain",
        tuple(key for m in models for key in (names.training(m), names.model(m))),
        "Training sets, new versions, and promotion of those that are better.",
    )
    outcomes = AssetJob(
        "derive_outcomes",
        tuple((names.FEEDBACK, f"{m}_outcomes") for m in models),
        "Sends the outcomes of predictions whose horizon has passed.",
    )
    watch = AssetJob(
        "watch_models",
        tuple(key for m in models for key in (names.drift(m), names.shadow(m))),
        "How far every model's inputs have drifted, and what its challenger would have answered.",
    )
    maintenance = AssetJob(
        "maintain_tables",
        tuple((names.MAINTENANCE, zone) for zone in ZONES),
        "Small files merged, logs checkpointed, old files removed.",
    )
    determinism = determinism_checks()
    jobs = [*(ingest_job(s) for s in sources.values()), snapshots, audits, retrain, outcomes, watch, maintenance]
    return dg.Definitions(
        assets=[
            *_outside(sources, views, models, settings),
            *registry_specs(views),
            *(_raw(source, settings, landing_days) for source in sources.values()),
            *(processed_asset(source, settings) for source in sources.values()),
            *(current_asset(source, WHEN_INPUTS_PASS) for source in sources.values() if _changes(source)),
            curated_assets(WHEN_INPUTS_PASS),
            *(feature_asset(view, documents, days) for view in views),
            *(online_view_asset(view, documents) for view in views if view.online),
            *(training_asset(model, fs.views, fs.datasets) for model in models.values()),
            *(model_asset(model) for model in models.values()),
            *(online_model_asset(model) for model in models.values()),
            *(outcomes_asset(model, fs.datasets, sources[names.OUTCOMES]) for model in models.values()),
            *(performance_asset(model) for model in models.values()),
            *(drift_asset(model) for model in models.values()),
            *(shadow_asset(model) for model in models.values()),
            audit_asset(sources, views, daily(settings.history_start, last_day, today=True), settings),
            late_data_asset(sources, views, fs.datasets, daily(settings.history_start, last_day, today=True), settings),
            *(maintenance_asset(zone, what, settings) for zone, what in ZONES.items()),
        ],
        asset_checks=[determinism, *_reconciled(sources)],
        jobs=[
            *(dg.define_asset_job(j.name, selection=j.selection, description=j.description) for j in jobs),
            dg.define_asset_job(
                "check_determinism",
                selection=dg.AssetSelection.checks(determinism),
                description="Builds every dbt model again from the inputs of its published version and compares.",
            ),
        ],
        schedules=[
            daily_schedule(snapshots, "10 0 * * *", days),
            daily_schedule(audits, "30 1 * * *", days),
            plain_schedule(outcomes, "0 2 * * *", "Outcomes that have come due, once a day."),
            plain_schedule(watch, "40 * * * *", "Drift and challengers of every model, once an hour."),
            plain_schedule(maintenance, "20 * * * *", "Maintenance of all tables, once an hour."),
            *(schedule for s in sources.values() if (schedule := fetch_schedule(s)) is not None),
            *(schedule for s in sources.values() if (schedule := snapshot_schedule(s, landing_days)) is not None),
        ],
        sensors=[
            automation_sensor(),
            *(sensor for s in sources.values() if (sensor := _source_sensor(s, settings)) is not None),
            breakers_sensor(_frozen_by(views, models)),
            online_sensor([v for v in views if v.online], list(models.values()), documents),
            *(retraining_sensor(model, fs.views) for model in models.values()),
        ],
        resources={**resources_for(settings), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of the settings in the environment; all of them have defaults."""
    return build_definitions(Settings.load())


def _outside(
    sources: Mapping[str, Source], views: list[FeatureView], models: Mapping[str, ModelSpec], settings: Settings
) -> list[dg.AssetSpec]:
    """What sources read from, with what in the platform itself writes it."""
    served = [dg.AssetKey(names.online(n)) for n in (*(v.name for v in views if v.online), *models)]
    written_by = {
        names.PREDICTIONS: served,
        names.OUTCOMES: [dg.AssetKey((names.FEEDBACK, f"{m}_outcomes")) for m in models],
    }
    return [
        table_spec(source)
        if isinstance(source.ingest, DatabaseIngest)
        else upstream_spec(source, settings, written_by.get(name, []))
        for name, source in sources.items()
    ]


def _raw(source: Source, settings: Settings, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    return snapshot_asset(source, days) if isinstance(source.ingest, DatabaseIngest) else raw_asset(source, settings)


def _changes(source: Source) -> bool:
    return isinstance(source.ingest, StreamIngest) and source.ingest.changes


def _reconciled(sources: Mapping[str, Source]) -> list[dg.AssetChecksDefinition]:
    """The checks that snapshots agree with change data, where a snapshot's declaration names it."""
    checks: list[dg.AssetChecksDefinition] = []
    for source in sources.values():
        if not isinstance(source.ingest, DatabaseIngest) or source.ingest.reconciles is None:
            continue
        other = sources.get(source.ingest.reconciles)
        if other is None or not _changes(other):
            raise InvalidInputError(
                f"{source.file}: ingest.reconciles: {source.ingest.reconciles!r} is no source of change data: name one"
            )
        checks.append(reconciled_check(source, other))
    return checks


def _frozen_by(views: list[FeatureView], models: Mapping[str, ModelSpec]) -> dict[tuple[str, ...], list[str]]:
    """The breakers that each asset depends on which may have to catch up once they are not open any more."""
    manifest = load_manifest()
    known = dbt_models(manifest)
    read = tables_read(known, dbt_sources(manifest))
    tables = {table: subjects.source(name) for name in load_sources(SOURCES) for table in names.validated(name)}
    curated = {
        tuple(known[uid].table.split("/")): sorted({tables[table] for table in found if table in tables})
        for uid, found in read.items()
    }
    return {
        **curated,
        **{names.features(view.name): view_breakers(view) for view in views},
        **{names.online(view.name): view_breakers(view) for view in views if view.online},
        **{names.training(model.name): model_breakers(model, fs.views) for model in models.values()},
        **{
            (names.FEEDBACK, f"{model.name}_outcomes"): [subjects.source(names.PREDICTIONS), *label_breakers(model)]
            for model in models.values()
        },
    }


def _source_sensor(source: Source, settings: Settings) -> dg.SensorDefinition | None:
    """What notices that there is something new; a table's snapshots are taken by schedule."""
    if isinstance(source.ingest, StreamIngest):
        return stream_sensor(source)
    return landing_sensor(source, settings.landing) if isinstance(source.ingest, FilesIngest) else None
