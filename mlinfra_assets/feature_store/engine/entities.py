"""Numbers for entities: by their join keys, in the order of the keys."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.engine.compiled import compiled

_DENSE = 8
"""A table of all integers between the smallest key and the largest is made if it is not this many times too large."""

_NUMBER = "_number"


class EntityIndex:
    """Finds the numbers of entities.

    Args:
        keys: The join keys of each entity, distinct, without nulls, sorted.
    """

    def __init__(self, keys: pl.DataFrame) -> None:
        self.keys = keys
        self._lowest = 0
        self._table = self._dense() if keys.width == 1 and keys.dtypes[0] == pl.Int64 and keys.height else None
        self._numbered = keys.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(_NUMBER))

    @classmethod
    def of(cls, keys: pl.DataFrame) -> EntityIndex:
        """All that occur in a frame of join keys, in any order; those with a null are no entities."""
        return cls(keys.drop_nulls().unique().sort(pl.all()))

    def numbers(self, keys: pl.DataFrame) -> np.ndarray:
        """The number of each row's entity, int32[n]; -1 for one that is not among these or has a null in its key.

        Args:
            keys: Has the join keys as columns, of the keys' types.
        """
        keys = keys.select(self.keys.columns)
        if not self.keys.height or not keys.height:
            return np.full(keys.height, -1, np.int32)
        if self._table is not None and not keys.to_series().null_count():
            return _looked_up(keys.to_series().to_numpy(), self._table, self._lowest)
        found = keys.join(self._numbered, on=keys.columns, how="left", maintain_order="left")
        return found.get_column(_NUMBER).fill_null(-1).cast(pl.Int32).to_numpy()

    def _dense(self) -> np.ndarray | None:
        values = self.keys.to_series().to_numpy()
        self._lowest, highest = int(values[0]), int(values[-1])
        if highest - self._lowest >= max(_DENSE * len(values), 1 << 16):
            return None
        table = np.full(highest - self._lowest + 1, -1, np.int32)
        table[values - self._lowest] = np.arange(len(values))
        return table


@compiled
def _looked_up(values: np.ndarray, table: np.ndarray, lowest: int) -> np.ndarray:
    numbers = np.full(len(values), -1, np.int32)
    for i in range(len(values)):
        if lowest <= values[i] < lowest + len(table):
            numbers[i] = table[values[i] - lowest]
    return numbers
