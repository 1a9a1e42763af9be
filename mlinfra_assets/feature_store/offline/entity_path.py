"""An entity table on disk: a Parquet file, a folder of them, or a Delta table."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.errors import RetrievalError

DELTA_LOG = "_delta_log"
SUFFIX = "*.parquet"


def scan(path: Path) -> list[pl.LazyFrame]:
    """A lazy frame for each file, or one for a Delta table at its newest version; in a fixed order, of one schema.

    Of a Delta table the version is settled here. What the names of folders hold (`day=2011-01-01`) is a column too.

    Raises:
        RetrievalError: There is nothing at the path, it is none of these, or files have different columns.
    """
    kind = _kind(path)
    with readable(path):
        if kind == DELTA_LOG:
            return [pl.scan_delta(str(path), version=_newest(path))]
        files = [path] if kind == "file" else sorted(path.rglob(SUFFIX))
        if not files:
            raise RetrievalError(f"{path} is a folder without Parquet files ({SUFFIX}) and no Delta table")
        divided = any("=" in part for part in files[0].relative_to(path).parts[:-1])
        frames = [pl.scan_parquet(file, glob=False, hive_partitioning=divided) for file in files]
        _check_alike(files, [frame.collect_schema() for frame in frames])
    return frames


@contextmanager
def readable(path: object) -> Iterator[None]:
    """Say of what cannot be read that it cannot.

    Raises:
        RetrievalError: In place of the reader's own errors.
    """
    try:
        yield
    except MlinfraError:
        raise
    except Exception as error:  # readers' errors share no base class but Exception
        first = " ".join(str(error).split())[:200]
        raise RetrievalError(
            f"{path} cannot be read as Parquet files or as a Delta table: give one of these ({first})"
        ) from error


def _newest(path: Path) -> int:
    """The newest version of a Delta table: all of a question is read at one."""
    versions = [int(file.stem) for file in (path / DELTA_LOG).glob("*.json") if file.stem.isdigit()]
    if not versions:
        raise RetrievalError(f"{path} cannot be read as a Delta table: its log has no commits")
    return max(versions)


def _kind(path: Path) -> str:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RetrievalError(
                f"{path} is a link that leads back to itself: give the file or folder itself"
            ) from error
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise RetrievalError(f"there is no entity table at {path}") from error
        raise RetrievalError(f"the entity table {path} cannot be opened: {error.strerror}") from error
    if not is_folder:
        return "file"
    return DELTA_LOG if (path / DELTA_LOG).is_dir() else "folder"


def _check_alike(files: Sequence[Path], schemas: Sequence[pl.Schema]) -> None:
    for file, schema in zip(files, schemas, strict=True):
        if schema != schemas[0]:
            raise RetrievalError(
                f"the files of the entity table have different columns: {files[0]} has {_words(schemas[0])}, and "
                f"{file} has {_words(schema)}"
            )


def _words(schema: pl.Schema) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in schema.items())
