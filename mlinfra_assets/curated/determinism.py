"""Whether the models are functions of their inputs: the same pinned inputs give the same content, however built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from mlinfra_assets import names
from mlinfra_assets.curated.build import Built, built
from mlinfra_assets.curated.checksum import ENGINE, checksum
from mlinfra_assets.curated.manifest import load_manifest
from mlinfra_assets.curated.models import Model, models
from mlinfra_assets.curated.project import DBT_PROJECT
from mlinfra_assets.curated.publish import CHECKSUM, CODE, DUCKDB
from mlinfra_assets.curated.workspace import UTC
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Rebuilt:
    """A published table against a second build of it.

    Attributes:
        model: The model.
        version: The table's version.
        published: Checksum that its commit names.
        rebuilt: Checksum of the second build.
    """

    model: Model
    version: int
    published: str
    rebuilt: str

    @property
    def same(self) -> bool:
        """Whether both hold the same rows."""
        return self.published == self.rebuilt


def checksums(build: Built) -> dict[str, str]:
    """Checksum of each model that was built, by name."""
    with duckdb.connect(str(build.workspace.file)) as connection:
        connection.execute(UTC)
        return {build.known[uid].name: checksum(connection, build.known[uid].relation) for uid in build.selected}


def rebuild(lake: Lake, project: Path = DBT_PROJECT) -> list[Rebuilt]:
    """Build each published model again from the inputs that its commit names, and compare.

    The second build uses one thread and reads the files in the opposite order: a model whose result depends on either,
    on the time or on chance, comes out different. Models that were published by
    other code, or by another DuckDB than today's, are left out.
    """
    known = models(load_manifest(project))
    current = {uid: p for uid, m in known.items() if (p := _published(lake, m)) is not None}
    found: list[Rebuilt] = []
    for pins, members in _by_inputs(current).items():
        needed = _needed(known, members, dict(pins))
        with built(lake, select=needed, pins=dict(pins), threads=1, newest_first=True, project=project) as build:
            again = checksums(build)
        for uid in members:
            model, provenance = known[uid], current[uid]
            version = lake.table(model.table).version()
            found.append(Rebuilt(model, version, provenance.extra[CHECKSUM], again[model.name]))
    return sorted(found, key=lambda r: r.model.name)


def _published(lake: Lake, model: Model) -> Provenance | None:
    table = lake.table(model.table)
    provenance = table.provenance() if table.exists() else None
    today = {CODE: model.code, DUCKDB: ENGINE}
    return provenance if provenance is not None and today.items() <= provenance.extra.items() else None


def _by_inputs(current: Mapping[str, Provenance]) -> dict[tuple[tuple[str, int], ...], list[str]]:
    """Models that one workspace can serve: their inputs are among its, and they read the same curated tables in it."""
    groups: dict[tuple[tuple[str, int], ...], list[str]] = {}
    for uid, provenance in sorted(current.items(), key=lambda item: (-len(item[1].inputs), item[0])):
        own = set(provenance.inputs.items())
        fitting = (g for g in groups if own <= set(g) and _curated(own) == _curated(set(g)))
        group = next(fitting, tuple(sorted(own)))
        groups.setdefault(group, []).append(uid)
    return groups


def _curated(inputs: set[tuple[str, int]]) -> set[tuple[str, int]]:
    return {(table, version) for table, version in inputs if table.startswith(f"{names.CURATED}/")}


def _needed(known: Mapping[str, Model], members: list[str], pins: Mapping[str, int]) -> list[str]:
    """Names of the models and of those above them, up to tables that are pinned."""
    pending, needed = list(members), set[str]()
    while pending:
        uid = pending.pop()
        if uid in known and uid not in needed:
            needed.add(uid)
            pending += [p for p in known[uid].parents if p not in known or known[p].table not in pins]
    return [known[uid].name for uid in needed]
