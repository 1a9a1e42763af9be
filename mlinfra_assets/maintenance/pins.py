"""Which old versions of tables somebody still reads: maintenance leaves their files where they are.

Most of the platform never reads an old version: raw and processed tables only grow, and a replay or an audit takes the
rows up to a watermark from the newest one. Who does read one names it in a commit, and is listed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlinfra_assets import names
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.publishing.snapshots import newest_snapshot


@dataclass(frozen=True, order=True)
class Pin:
    """A version of a table that is needed.

    Attributes:
        table: The table.
        version: Its Delta version.
        why: Who reads it.
    """

    table: str
    version: int
    why: str


def pins(lake: Lake) -> list[Pin]:
    """Every version that is needed, by table and version."""
    found: set[Pin] = set()
    for name in lake.tables():
        zone, _, rest = name.partition("/")
        if zone == names.FEATURES:
            found |= set(_under_snapshots(lake, name))
        elif zone == names.CURATED:
            found |= set(_under_published(lake, name))
        elif zone == names.TRAINING:
            found |= set(_under_training(lake, name, rest))
    return sorted(found)


def _under_snapshots(lake: Lake, name: str) -> Iterator[Pin]:
    """What Redis is pushed from: the inputs of the newest day."""
    provenance = newest_snapshot(lake.table(name))
    if provenance is not None:
        yield from (Pin(table, version, f"{name} goes online from it") for table, version in provenance.inputs.items())


def _under_published(lake: Lake, name: str) -> Iterator[Pin]:
    """What the newest version of a dbt model is built again from, to see that it comes out the same."""
    provenance = lake.table(name).provenance()
    if provenance is not None:
        yield from (Pin(table, version, f"{name} is built from it") for table, version in provenance.inputs.items())


def _under_training(lake: Lake, name: str, model: str) -> Iterator[Pin]:
    """The newest training set and those of all stored models, with what they were computed from."""
    table = lake.table(name)
    versions = {table.version(): "it is the newest"}
    stored = lake.table(names.table(*names.model(model)))
    if stored.exists():
        trained = stored.read(columns=["version", "training_table", "training_version"])
        versions |= {v: f"{model} {found} was trained on it" for found, on, v in trained.iter_rows() if on == name}
    for version, why in versions.items():
        yield Pin(name, version, why)
        provenance = table.provenance(version)
        for source, at in ({} if provenance is None else provenance.inputs).items():
            yield Pin(source, at, f"{name} version {version} is computed from it")
