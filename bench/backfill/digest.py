"""What is kept of an answer that is too large to keep: one entity in a hundred, and totals over all.

Whoever answers hands over each part of its answer, so that every value is computed, and none is kept.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.backfill.layout import DAY
from bench.harness.layout import KEY

_SHARE, _CHOSEN = 100, 7
_TOTAL = -1
_SUM = pc.get_function("sum").call


class Digest:
    """Takes the parts of an answer.

    Args:
        features: Names of the features.
    """

    def __init__(self, features: list[str]) -> None:
        self._features = features
        self._kept: list[pa.Table] = []
        self._totals: dict[str, float | int] = dict.fromkeys(features, 0)
        self._schema: pa.Schema | None = None

    def add(self, part: pa.Table) -> None:
        """Take rows: the day, the key and the features."""
        part = part.select([DAY, KEY, *self._features])
        self._schema = part.schema
        keys = part.column(KEY).to_numpy()
        self._kept.append(part.filter(pa.array(keys % _SHARE == _CHOSEN)))
        for name in self._features:
            column = part.column(name)
            # The sum of doubles depends on their order.
            whole = pa.types.is_integer(column.type)
            found = _SUM([column]).as_py() if whole else len(column) - column.null_count
            self._totals[name] += found or 0

    def save(self, path: Path, *, totals: bool = True) -> None:
        """Write the entities that were kept, and the totals as those of entity -1 on no day."""
        if self._schema is None:
            raise ValueError("there was no answer")
        sums = {DAY: None, KEY: _TOTAL, **self._totals}
        last = pa.table({field.name: pa.array([sums[field.name]], field.type) for field in self._schema})
        pq.write_table(pa.concat_tables([*self._kept, *([last] if totals else [])]), path)
