"""How rows take the place of those with the same key, in one commit, after a look at progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.appending import check_progress
from mlinfra_assets.lake.committing import commit_properties, create, until_committed, writer
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Merge:
    """Rows that replace, add or take away.

    Attributes:
        data: The rows, at most one a key.
        keys: Columns whose values name a row; they hold no null.
        deleted: Boolean column: where it is true the row of this key goes, and none comes.
        order: Column that tells an older row from a newer one: an older row changes nothing.
        provenance: What the commit says of its origin.
        advance: By application id: the progress that the table must state, and what it states afterwards.
    """

    data: pa.Table
    keys: Sequence[str]
    deleted: str
    order: str
    provenance: Provenance
    advance: Mapping[str, tuple[int | None, int]]


def merge(opened: OpenedTable, job: Merge) -> int:
    """Merge the rows once; returns the version that holds the outcome. Columns may come and go.

    Raises:
        SchemaMismatchError: A column has another type than in the table.
        ProgressConflictError: The table states another progress than `advance` expects.
        WriteConflictError: Other writers were faster again and again.
    """
    data_schema = schemas.canonical(job.data.schema)
    schemas.writable(opened.name, data_schema)
    if not opened.exists():
        create(opened, data_schema, (), None, None)

    def attempt() -> int:
        handle = opened.latest()
        before = handle.version()
        existing = schemas.canonical(pa.schema(handle.schema().to_arrow()))
        added = schemas.matching(opened.name, data_schema, existing, merge=True)
        check_progress(opened, handle, job.advance)
        newer = f"s.{job.order} >= t.{job.order}"
        (
            handle.merge(
                schemas.arranged(job.data, existing),
                predicate=" AND ".join(f"s.{key} = t.{key}" for key in job.keys),
                source_alias="s",
                target_alias="t",
                merge_schema=bool(added),
                writer_properties=writer(existing),
                commit_properties=commit_properties(job.provenance, job.advance, opened.epoch()),
            )
            .when_matched_delete(f"s.{job.deleted} AND {newer}")
            .when_matched_update_all(newer)
            .when_not_matched_insert_all(f"NOT s.{job.deleted}")
            .execute()
        )
        opened.confirm(before, handle.version())
        return handle.version()

    return until_committed(opened, attempt)
