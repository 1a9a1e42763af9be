"""A process of its own that answers one query: run as a script, with the job on stdin and Arrow on stdout.

DuckDB checks neither its memory limit nor an interruption inside of one function call (`range(1000000000)`), so the
kernel keeps the limits: address space, size of written files (none), and the parent's kill. It imports nothing of the
project, so that it starts quickly.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from typing import Any

MEGABYTE = 1_048_576
BASE = 3_072
"""Megabytes of address space that the libraries and threads reserve beside what the query uses."""

BATCH = 10_000
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""The first of January of the year 1 and the last of December of 9999, in days since 1970."""

UNITS_A_DAY = {"d": 1, "s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
FAILED = 3
OWN_TYPES = re.compile(
    r"\b(INTERVAL|UNION|TIMESTAMP_NS|TIME_NS|TIME WITH TIME ZONE|BIT|BIGNUM|VARINT|UHUGEINT|VARIANT|GEOMETRY)\b"
)
"""Types that Arrow or Polars cannot carry as they are."""


def main() -> int:
    """Answer the job on stdin: settings, views, and the query. 0, or 3 with the reason as JSON on stderr."""
    job = json.load(sys.stdin)
    _limit(job["memory_mb"])
    import duckdb

    try:
        _answer(duckdb, job)
    except (duckdb.Error, MemoryError, ValueError, OverflowError) as error:
        json.dump({"kind": type(error).__name__, "message": str(error)}, sys.stderr)
        return FAILED
    return 0


def _limit(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        limit = (memory_mb + BASE) * MEGABYTE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _answer(duckdb: Any, job: dict[str, Any]) -> None:  # noqa: ANN401 - a module, imported after the limits are set
    import pyarrow as pa
    import pyarrow.compute

    connection = duckdb.connect(":memory:", config=job["config"])
    for statement in job["statements"]:
        connection.execute(statement)
    relation = _carried(connection.sql(job["sql"]))
    reader = relation.to_arrow_reader(BATCH)
    names = _distinct(reader.schema.names)
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    schema = schema.with_metadata({"types": json.dumps([str(kind) for kind in relation.types])})
    left, room = job["rows"], job["answer_mb"] * MEGABYTE
    with pa.ipc.new_stream(sys.stdout.buffer, schema) as out:
        for batch in reader:
            taken = batch.slice(0, left)
            _refuse_far_times(pa, taken)
            room -= taken.nbytes
            if room < 0:
                raise ValueError(f"its answer is larger than {job['answer_mb']} MB")
            out.write_batch(pa.RecordBatch.from_arrays(taken.columns, schema=schema))
            left -= taken.num_rows
            if left <= 0:
                return


def _carried(relation: Any) -> Any:  # noqa: ANN401 - as above
    """The relation with the columns whose types only DuckDB knows as text."""
    if not any(OWN_TYPES.search(str(kind)) for kind in relation.types):
        return relation
    columns = [
        f"cast(#{n} as varchar) as {_quoted(name)}" if OWN_TYPES.search(str(kind)) else f"#{n} as {_quoted(name)}"
        for n, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True), 1)
    ]
    return relation.project(", ".join(columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _refuse_far_times(pa: Any, batch: Any) -> None:  # noqa: ANN401 - as above
    """Refuse times that have no date in Python, infinity among them."""
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_date32(field.type) or pa.types.is_timestamp(field.type):
            unit = getattr(field.type, "unit", "d")
            first, last = (edge * UNITS_A_DAY[unit] for edge in (FIRST_DAY, LAST_DAY + 1))
            numbers = column.cast(pa.int32() if unit == "d" else pa.int64())
            low, high = (value.as_py() for value in pa.compute.min_max(numbers).values())
            if low is not None and (low < first or high >= last):
                raise ValueError(f"column {field.name} holds a time outside of the years 1 to 9999: cast it to varchar")


def _distinct(names: list[str]) -> list[str]:
    """Names, each once: a second `n` is `n_1`."""
    found: list[str] = []
    for name in names:
        number, own = 0, name
        while own in found:
            number += 1
            own = f"{name}_{number}"
        found.append(own)
    return found


if __name__ == "__main__":
    sys.exit(main())
