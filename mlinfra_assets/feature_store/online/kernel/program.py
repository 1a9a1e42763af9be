"""A question about a view as tables of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlinfra_assets.feature_store.column_type import ColumnType


@dataclass(frozen=True)
class Program:
    """What the loop runs.

    Attributes:
        seed: What the checksum of the view's bases starts from.
        tail_seed: What those of its tails' records start from.
        orders_texts: Whether strings are compared with each other: a tail's have no numbers in order.
        ttl: The view's, microseconds; -1: none.
        forms: int64[columns], how the values of each of the whole view's inputs stand in a base.
        places: int64[columns], the place of each among the columns that are read; -1: it is not.
        kinds: int64[wanted], the form of each column that is read.
        windows: int64[windows, 2], length and hop in microseconds; a length of -1: all history.
        masks: int64[masks], the column of a condition; -1: every row that is seen.
        reductions: int64[reductions, 5]: kind, column (-1: the rows), mask, window, the reduction that a mean is of.
        code: int64[instructions, 6]: what, a, b, c, the slot that is written, imm.
        slots: How many slots there are.
        outputs: int64[features, 2]: the slot, and whether it is a double (1).
        types: The type of each feature.
    """

    seed: int
    tail_seed: int
    orders_texts: bool
    ttl: int
    forms: np.ndarray
    places: np.ndarray
    kinds: np.ndarray
    windows: np.ndarray
    masks: np.ndarray
    reductions: np.ndarray
    code: np.ndarray
    slots: int
    outputs: np.ndarray
    types: tuple[ColumnType, ...]
