"""The digest of rows: the same for the same rows in any order, another one for any other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.publishing.row_sums import FACTORS, SEEDS, RowSum, RowSums
from tests.support.shop_lines import START, shop_lines

LINES = shop_lines(customers=8, days=20)
TIMES = [to_micros(START + timedelta(days=n)) for n in (0, 3, 3, 9, 40)]
MOD = 2**64


def sums(*frames: pl.DataFrame) -> list[RowSum]:
    found = RowSums(np.array(TIMES, np.int64))
    for frame in frames:
        found.add(frame)
    return found.at_times()


def micros(at: datetime) -> int:
    return to_micros(at.astimezone(UTC))


def by_hand(rows: pl.DataFrame) -> list[RowSum]:
    """Each row's two hashes in Python's own integers, summed over the rows that count at each time."""
    found = []
    for t in TIMES:
        counting = [r for r in rows.to_dicts() if micros(r["_event_time"]) <= t and micros(r["_known_at"]) <= t]
        lanes = [sum(hashed(row, int(seed)) for row in counting) % MOD for seed in SEEDS]
        found.append(RowSum(len(counting), "".join(f"{lane:016x}" for lane in lanes)))
    return found


def hashed(row: dict[str, object], seed: int) -> int:
    times = [micros(row[name]) for name in ("_event_time", "_known_at")]  # pyright: ignore[reportArgumentType]
    release = row["_release"]
    position = [row["_partition"], row["_offset"], row["_row"], -1 if release is None else release]
    mixed = seed
    for value in (*times, *position):
        assert isinstance(value, int)
        mixed = (mixed ^ value % MOD) * seed % MOD
        mixed ^= mixed >> 31
    mixed = (mixed ^ mixed >> 30) * int(FACTORS[0]) % MOD
    mixed = (mixed ^ mixed >> 27) * int(FACTORS[1]) % MOD
    return mixed ^ mixed >> 31


def test_it_is_the_sum_of_the_rows_that_count() -> None:
    found = sums(LINES)

    assert found == by_hand(LINES)
    assert found[0].rows == 0 < found[-1].rows == LINES.height


def test_neither_order_nor_frames_matter() -> None:
    mixed = LINES.sample(fraction=1, shuffle=True, seed=1)

    assert sums(mixed[:7], mixed[7:7], mixed[7:]) == sums(LINES)


@pytest.mark.parametrize("column", ["_event_time", "_known_at", "_partition", "_offset", "_row", "_release"])
def test_another_coordinate_of_one_row_is_another_digest(column: str) -> None:
    row = Random(3).randrange(LINES.height)
    step = pl.lit(timedelta(microseconds=1)) if column in {"_event_time", "_known_at"} else 1
    changed = LINES.with_row_index("n").with_columns(
        pl.when(pl.col("n") == row).then(pl.col(column).fill_null(0) + step).otherwise(pl.col(column)).alias(column)
        if column == "_release"
        else pl.when(pl.col("n") == row).then(pl.col(column) + step).otherwise(pl.col(column)).alias(column)
    )

    found, before = sums(changed)[-1], sums(LINES)[-1]

    assert found.rows == before.rows
    assert found.digest != before.digest


def test_two_rows_that_swap_a_coordinate_are_other_rows() -> None:
    known = LINES["_known_at"].to_list()
    known[0], known[1] = known[1] + timedelta(seconds=1), known[0]
    swapped = LINES.with_columns(pl.Series("_known_at", known, dtype=LINES.schema["_known_at"]))

    assert sums(swapped)[-1].digest != sums(LINES)[-1].digest


def test_a_repeated_row_counts() -> None:
    assert sums(LINES, LINES[:1])[-1].rows == LINES.height + 1
    assert sums(LINES, LINES[:1])[-1].digest != sums(LINES)[-1].digest
