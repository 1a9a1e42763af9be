"""From feature columns to the numbers that a model takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray


def matrix(frame: pl.DataFrame, inputs: Sequence[str]) -> NDArray[np.float64]:
    """The input columns, in order, shape (rows, inputs): null is NaN, a condition 1 or 0."""
    columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in inputs]
    return np.column_stack(columns) if columns else np.empty((frame.height, 0))
