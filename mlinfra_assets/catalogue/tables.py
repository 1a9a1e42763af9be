"""Tables of the lake in JSON: what they hold, who answers for them, how sensitive it is, and how fresh."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.catalogue.views import Catalogue
from mlinfra_assets.clock import to_micros
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.feature_store.wording import text_of
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.schema import to_polars

HOUR = 3_600_000_000
FIRST_LOOK = 16
PLATFORM = "team:ml-platform"


def table_json(lake: Lake, name: str, catalogue: Catalogue, now: datetime) -> dict[str, Any]:
    """A table.

    Its owner is that of what declares it: a source, a view, a model. A column is classified if its source's contract
    does so; `personal` is one of the classifications, None says that nobody has classified it.

    Raises:
        UnavailableError: The lake cannot be read.
    """
    table = lake.table(name)
    history = table.history(FIRST_LOOK)
    written = next((entry for entry in history if entry.provenance is not None), history[-1])
    source, view = _source(name, catalogue.sources), catalogue.views.get(name.partition("/")[2])
    described = _described(view) if name.startswith(f"{names.FEATURES}/") and view else {}
    columns = [
        _column(column, kind, source.contract if source else None, described)
        for column, kind in to_polars(table.schema()).items()
    ]
    provenance = table.provenance()
    return {
        "table": name,
        "zone": name.partition("/")[0],
        "owner": _owner(name, source, view, catalogue),
        "rows": table.count(),
        "version": table.version(),
        "columns": columns,
        "protected": sorted(column["name"] for column in columns if column["protected"]),
        "written_at": _utc(written.at),
        "freshness": _freshness(source, written.at, now),
        "run_id": None if provenance is None else provenance.run_id,
        "code_version": None if provenance is None else provenance.code_version,
        "inputs": {} if provenance is None else dict(sorted(provenance.inputs.items())),
        "positions": {} if provenance is None else {s: p.to_dict() for s, p in sorted(provenance.positions.items())},
    }


def _source(name: str, sources: Mapping[str, Source]) -> Source | None:
    """The source whose contract says what a table's columns are, or that its bytes come from."""
    for source in sources.values():
        if name in names.validated(source.name) or name in {names.table(*key) for key in names.ingested(source.name)}:
            return source
    return None


def _owner(name: str, source: Source | None, view: FeatureView | None, catalogue: Catalogue) -> str:
    if source is not None:
        return ", ".join(source.needs.owners)
    zone, _, rest = name.partition("/")
    if zone in {names.FEATURES, names.ONLINE} and view is not None and view.owner:
        return view.owner
    model = catalogue.models.get(rest.removesuffix("_promotions"))
    if zone in {names.MODELS, names.TRAINING} and model is not None and model.owner:
        return model.owner
    return PLATFORM


def _column(name: str, kind: pl.DataType, contract: Contract | None, described: Mapping[str, str]) -> dict[str, Any]:
    known = {} if contract is None else {field.name: field for field in contract.fields}
    field = known.get(name)
    return {
        "name": name,
        "type": str(kind),
        "description": field.description if field else described.get(name, ""),
        "classification": field.classification if field else None,
        "protected": field.protected if field else False,
        "unit": field.unit if field else None,
    }


def _described(view: FeatureView) -> dict[str, str]:
    return {feature.name: text_of(feature.node) for feature in view.features}


def _freshness(source: Source | None, written: datetime, now: datetime) -> dict[str, Any]:
    """How old the newest commit is (hours), and whether that is late by what its source declares."""
    hours = max(0, to_micros(now) - to_micros(written)) / HOUR
    late = None if source is None else source.needs.freshness_warn_hours
    overdue = None if source is None else source.needs.freshness_hours
    state = "undeclared" if overdue is None else "fresh"
    if overdue is not None and hours > overdue:
        state = "overdue"
    elif late is not None and hours > late:
        state = "late"
    return {"age_hours": round(hours, 3), "late_after_hours": late, "overdue_after_hours": overdue, "state": state}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
