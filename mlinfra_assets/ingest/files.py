"""Files of a landing folder into the raw table, a file a commit."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from mlinfra_assets.connectors.files import ArrivedFile, new_files
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.ingest.raw import Landed, commit_rows, ensure_raw, offsets, raw_rows, raw_table
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions
from mlinfra_assets.streams.records import RECORDS


def land_files(lake: Lake, folder: str, source: Source, provenance: Provenance, now: datetime) -> Landed:
    """Bring the files of a landing folder that raw does not hold yet into raw, a file a commit.

    A file is known by its name and the hash of its bytes: the same file again is a repeat delivery and is left alone;
    the same name with other bytes is a new batch.
    """
    assert isinstance(source.ingest, FilesIngest)  # noqa: S101 - the caller chose by this very type
    table = raw_table(lake, source)
    landed = Landed()
    ensure_raw(table, source, provenance)
    done = offsets(table, source.name, [0])
    while True:
        files = new_files(folder, source.ingest, held_files(table))
        if not files:
            break
        number = done.get(0, 0) + 1
        rows = raw_rows(source, _record(files[0], number), now, provenance.run_id)
        try:
            commit_rows(table, source, rows, provenance, done, {0: number})
        except ProgressConflictError:
            done = offsets(table, source.name, [0])
            continue
        done = {0: number}
        landed.add(rows)
    landed.positions = Positions(offsets=done)
    landed.version = table.version()
    return landed


def held_files(table: LakeTable) -> set[tuple[str, str]]:
    """Name and content hash of every file that a raw table holds."""
    if not table.exists():
        return set()
    frame = table.read(columns=["key", "content_hash"])
    return {(bytes(key).decode(), digest) for key, digest in frame.iter_rows()}


def _record(file: ArrivedFile, number: int) -> pl.DataFrame:
    return pl.DataFrame([(0, number, None, None, file.name.encode(), [], file.content)], schema=RECORDS, orient="row")
