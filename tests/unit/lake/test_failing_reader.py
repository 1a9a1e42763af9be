"""Rows from a reader that fails: the writer ends with the reader's own error, and the table is as it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from mlinfra_assets.lake.errors import LakeCorruptError
from mlinfra_assets.lake.schema import to_arrow
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, table

PATIENCE = 20.0


class BrokenOffError(Exception):
    """The reader's own."""


@pytest.fixture
def raw(tmp_path: Path) -> LakeTable:
    """Two files of ten rows."""
    made = table(tmp_path)
    for first in (0, 10):
        made.append(numbered(first, first + 9), provenance=BY)
    return made


def error_of(act: Callable[[], object]) -> BaseException | None:
    """What it raises; it has to end."""
    found: list[BaseException] = []

    def acted() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is looked at
            found.append(error)

    thread = threading.Thread(target=acted, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it waits for ever"
    return found[0] if found else None


def read(frames: Iterator[pl.DataFrame]) -> pa.RecordBatchReader:
    schema = to_arrow(numbered(0, 0)).schema
    return pa.RecordBatchReader.from_batches(
        schema, (batch for frame in frames for batch in to_arrow(frame).cast(schema).to_batches())
    )


def broken_off(after: int) -> Iterator[pl.DataFrame]:
    for number in range(after):
        yield numbered(number, number)
    raise BrokenOffError


@pytest.mark.parametrize("after", [0, 1, 40])
@pytest.mark.parametrize("how", ["append", "replace"])
def test_the_readers_error_comes_through_and_nothing_is_written(raw: LakeTable, how: str, after: int) -> None:
    version = raw.version()
    write = {"append": raw.append, "replace": raw.replace}[how]
    assert isinstance(error_of(lambda: write(read(broken_off(after)), provenance=BY)), BrokenOffError)
    assert (raw.version(), raw.count()) == (version, 20)
    write(read(iter([numbered(20, 29)])), provenance=BY)
    assert raw.count() == (30 if how == "append" else 10)


def test_a_table_may_be_written_from_its_own_rows(raw: LakeTable) -> None:
    assert error_of(lambda: raw.replace(read(raw.batches(rows=3)), provenance=BY)) is None
    assert raw.read(["number"])["number"].sort().to_list() == list(range(20))


@pytest.mark.parametrize("how", ["append", "replace", "evolve"])
def test_a_cut_file_of_the_table_that_is_written_to_is_named(raw: LakeTable, how: str) -> None:
    file = Path(raw.files()[1])
    file.write_bytes(file.read_bytes()[:20])
    act = {
        "append": lambda: raw.append(read(raw.batches(rows=3)), provenance=BY),
        "replace": lambda: raw.replace(read(raw.batches(rows=3)), provenance=BY),
        "evolve": lambda: raw.evolve(pl.Schema({"number": pl.Float64()}), provenance=BY),
    }[how]
    assert isinstance(error_of(act), LakeCorruptError)
