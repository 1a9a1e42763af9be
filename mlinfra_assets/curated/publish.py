"""From a workspace to the lake: what passed its tests, one commit a model, each with where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb

from mlinfra_assets import names
from mlinfra_assets.curated.build import Built
from mlinfra_assets.curated.checksum import ENGINE, checksum
from mlinfra_assets.curated.errors import BuildFailedError
from mlinfra_assets.curated.models import Model
from mlinfra_assets.curated.workspace import UTC
from mlinfra_assets.fault_points import reach
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions

BATCH_ROWS = 100_000
STATS = (names.EVENT_TIME, names.KNOWN_AT, names.PARTITION, names.OFFSET)
"""Columns whose minimum and maximum the log keeps: no others, since the log never forgets personal data."""
CHECKSUM, CODE, DUCKDB = "checksum", "model_code", "duckdb"


@dataclass(frozen=True)
class Published:
    """A model's table in the lake after a build.

    Attributes:
        model: The model.
        status: `published`: a new version holds the rows. `unchanged`: the newest version already holds this very
            build. `superseded`: a build over newer inputs was published in the meantime, and stays.
        version: The table's version.
        rows: Its number of rows.
        checksum: Its content as one number.
        inputs: Versions of the lake's tables that it was computed from.
        positions: How far each source is contained in it.
    """

    model: Model
    status: Literal["published", "unchanged", "superseded"]
    version: int
    rows: int
    checksum: str
    inputs: Mapping[str, int]
    positions: Mapping[str, Positions]


def publish(lake: Lake, build: Built, provenance: Provenance) -> Iterator[Published]:
    """Commit each model that may be published, parents first, and say so once it is committed.

    Running again over the same inputs, after a crash or not, commits nothing twice: a table whose newest commit names
    the same inputs, code and content is left as it is.

    Args:
        lake: Where to.
        build: The models, built and tested.
        provenance: Run and code version that the commits name.
    """
    with duckdb.connect(str(build.workspace.file)) as connection:
        connection.execute(UTC)
        for uid in build.selected:
            if uid not in build.results.withheld:
                yield _publish(lake, build, uid, provenance, connection)


def raise_if_withheld(build: Built) -> None:
    """Fail if any model of a build was not published.

    Raises:
        BuildFailedError: Names each such model and why.
    """
    withheld = build.results.withheld
    if withheld:
        reasons = "\n".join(f"- {build.known[uid].name}: {why}" for uid, why in withheld.items())
        raise BuildFailedError(
            f"{len(withheld)} of {len(build.selected)} models were not published, the lake still holds their last good "
            f"versions:\n{reasons}\nCorrect the data or the model, and build again."
        )


def _publish(
    lake: Lake, build: Built, uid: str, provenance: Provenance, connection: duckdb.DuckDBPyConnection
) -> Published:
    model = build.known[uid]
    under = build.tables_under(uid)
    stamped = Provenance(
        run_id=provenance.run_id,
        code_version=provenance.code_version,
        inputs=build.workspace.inputs(under),
        positions=build.workspace.watermark(under),
        extra={CHECKSUM: checksum(connection, model.relation), CODE: model.code, DUCKDB: ENGINE},
    )
    table = lake.table(model.table)
    status = _standing(table, stamped)
    if status == "published":
        rows = connection.sql(f"select * from {model.relation}")  # noqa: S608 - a relation of our own manifest
        reader = rows.to_arrow_reader(BATCH_ROWS)
        stats = [column for column in STATS if column in reader.schema.names]
        table.replace(reader, provenance=stamped, stats_columns=stats, schema_change=True)
        reach("curated.after_commit")
    current = table.provenance() or stamped
    return Published(
        model=model,
        status=status,
        version=table.version(),
        rows=table.count(),
        checksum=current.extra[CHECKSUM],
        inputs=current.inputs,
        positions=current.positions,
    )


def _standing(table: LakeTable, build: Provenance) -> Literal["published", "unchanged", "superseded"]:
    """What becomes of a build, given the newest one in the lake."""
    newest = table.provenance() if table.exists() else None
    if newest is None or CHECKSUM not in newest.extra:
        return "published"
    if newest.extra == build.extra and newest.inputs == build.inputs:
        return "unchanged"
    return "superseded" if _newer(newest.inputs, build.inputs) else "published"


def _newer(inputs: Mapping[str, int], than: Mapping[str, int]) -> bool:
    """Whether no input is older, and one is newer: such a build is not replaced by an older one."""
    shared = inputs.keys() & than.keys()
    return all(inputs[t] >= than[t] for t in shared) and any(inputs[t] > than[t] for t in shared)
