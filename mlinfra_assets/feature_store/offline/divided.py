"""The rows of a dataset on disk, divided by the keys of those who are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from mlinfra_assets.feature_store.engine.gather import checked
from mlinfra_assets.feature_store.offline.spill import Spill
from mlinfra_assets.feature_store.offline.split import SEED, hashes
from mlinfra_assets.feature_store.view import FeatureView

HASH = "(hash)"
_PLACES = 1 << 22


class Sought:
    """Whose rows matter: most of the others are told apart by their hash alone.

    Args:
        parts: Number of buckets.
    """

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self._seen = np.zeros(_PLACES, np.bool_)

    def add(self, numbers: pl.Series) -> None:
        """Rows with these hashes matter."""
        self._seen[(numbers % _PLACES).to_numpy()] = True

    def among(self, numbers: pl.Series) -> pl.Series:
        """Which of these hashes may be of rows that matter; those of rows that do are always among them."""
        return pl.Series(self._seen[(numbers % _PLACES).to_numpy()])

    def bucket(self, numbers: pl.Series) -> pl.Series:
        """The bucket of each hash."""
        return numbers % self.parts


def divide(
    frames: Iterable[pl.DataFrame],
    views: Sequence[FeatureView],
    keys: Sequence[str],
    sought: Sought,
    file: Path,
    memory: int,
) -> Spill:
    """Put down the rows of a dataset that matter.

    Rows that replace each other stay together, whatever keys they have: of a dataset with a primary key every bucket
    that holds a version of a row holds all its versions.

    Args:
        frames: The dataset's rows, with the columns of all views.
        views: The views over it, all with the same primary key.
        keys: The columns to divide by.
        sought: Whose rows matter.
        file: Where the rows are put down.
        memory: How many bytes may be held.
    """
    found = Spill(file, memory // 2)
    primary_key = list(views[0].dataset.primary_key)
    if primary_key:
        versions = Spill(file.with_suffix(".versions"), memory // 2)
        for rows, numbers in _hashed(frames, views, keys):
            marked = rows.with_columns(numbers.alias(HASH))
            versions.add(marked, sought.bucket(rows.select(primary_key).hash_rows(SEED)))
        versions.close()
        for bucket in range(sought.parts):
            for rows, numbers in _together(versions.read([bucket]), primary_key, sought):
                found.add(rows, numbers)
        versions.remove()
    else:
        for rows, numbers in _hashed(frames, views, keys):
            among = sought.among(numbers)
            found.add(rows.filter(among), sought.bucket(numbers.filter(among)))
    found.close()
    return found


def _hashed(
    frames: Iterable[pl.DataFrame], views: Sequence[FeatureView], keys: Sequence[str]
) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    for frame in frames:
        for view in views:
            checked(view, frame)
        yield (
            frame.with_columns(cs.categorical().cast(pl.String), cs.enum().cast(pl.String)),
            hashes(frame, keys, views[0]),
        )


def _together(
    frames: Iterator[pl.DataFrame], primary_key: Sequence[str], sought: Sought
) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """Each row once for every bucket that a version of it is in, if anybody there is asked about."""
    kept = list(frames)
    if not kept:
        return
    rows = pl.concat(kept)
    own = rows.filter(sought.among(rows.get_column(HASH)))
    places = own.select(*primary_key, sought.bucket(own.get_column(HASH)).alias("(place)")).unique()
    shared = rows.join(places.drop_nulls(primary_key), on=list(primary_key), how="inner")
    single = own.filter(pl.any_horizontal(pl.col(primary_key).is_null()))
    yield shared.drop(HASH, "(place)"), shared.get_column("(place)")
    yield single.drop(HASH), sought.bucket(single.get_column(HASH))
