"""A training set's folder: its question, its rows, and from these how it stands.

What is there says it all, so that a process that was killed leaves nothing to be put right: `rows.parquet` is written
whole or not at all, and the kernel lets go of the lock of a worker that is gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from mlinfra_assets.serving.training_sets import TableOfEntities, TrainingSet, TrainingSetState

QUESTION, ENTITIES, ROWS = "question.json", "entities.parquet", "rows.parquet"
PROGRESS, FAILED, STARTED, LOCK, LOG = "progress.json", "failed.json", "started", "lock", "worker.log"
INTERRUPTED = "it was interrupted, and is not made again by itself: ask for it again"


@dataclass(frozen=True)
class Question:
    """What was asked, as it is kept.

    Attributes:
        features: `"view:feature"`, `"view"`, or the name of a feature service.
        known: As `TrainingSetQuestion`.
        event_timestamp: As `TrainingSetQuestion`.
        full_feature_names: As `TrainingSetQuestion`.
        owner: As `TrainingSetQuestion`.
        created_at: When, UTC, ISO 8601.
        rows: How many rows ask.
        table: The table that they are in, with its version; None: `entities.parquet` holds them.
    """

    features: list[str] | str
    known: str
    event_timestamp: str
    full_feature_names: bool
    owner: str | None
    created_at: str
    rows: int
    table: dict[str, Any] | None = None

    @property
    def entities(self) -> TableOfEntities | None:
        """The table that holds the rows that ask; None if they came with the question."""
        if self.table is None:
            return None
        columns = self.table["columns"]
        return TableOfEntities(self.table["name"], self.table["version"], None if columns is None else tuple(columns))


class TrainingSetFolder:
    """One training set on disk.

    Args:
        path: The folder; its name is the training set's id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = path / ROWS
        self.entities = path / ENTITIES
        self.log = path / LOG

    def create(self, question: Question, entities: pl.DataFrame | None) -> None:
        """Put the question down; the folder is not there until all of it is."""
        made = self.path.with_name(f".{self.path.name}")
        made.mkdir(parents=True)
        if entities is not None:
            entities.write_parquet(made / ENTITIES)
        (made / QUESTION).write_text(json.dumps(question.__dict__))
        made.rename(self.path)

    def question(self) -> Question | None:
        """What was asked; None if there is no such training set."""
        try:
            return Question(**json.loads((self.path / QUESTION).read_text()))
        except FileNotFoundError:
            return None

    def state(self) -> TrainingSetState:
        """How it stands. One that was begun and that nobody works on has failed."""
        if self.rows.exists():
            return "done"
        if (self.path / FAILED).exists():
            return "failed"
        if not (self.path / STARTED).exists():
            return "waiting"
        with self.held() as free:
            # It may have come to its end between the first look and this one.
            return ("done" if self.rows.exists() else "failed") if free else "running"

    def status(self, keep: timedelta) -> TrainingSet | None:
        """All about it; None if there is no such training set.

        Args:
            keep: How long after it was asked for it is kept.
        """
        question = self.question()
        if question is None:
            return None
        state = self.state()
        failed = _read(self.path / FAILED).get("message", INTERRUPTED) if state == "failed" else ""
        progress = _read(self.path / PROGRESS) if state == "running" else {}
        created = datetime.fromisoformat(question.created_at)
        return TrainingSet(
            id=self.path.name,
            state=state,
            owner=question.owner,
            created_at=created,
            expires_at=created + keep,
            rows=question.rows,
            entities=question.entities,
            done=progress.get("done", 0),
            total=progress.get("total", 0),
            doing=progress.get("doing", ""),
            message=failed,
        )

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the training set; False if somebody else does."""
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def begin(self) -> bool:
        """Say that somebody works on it; False if that was said before."""
        if (self.path / STARTED).exists():
            return False
        (self.path / STARTED).touch()
        return True

    def progress(self, done: int, total: int, what: str) -> None:
        """Say how far it has come."""
        _write(self.path / PROGRESS, {"done": done, "total": total, "doing": what})

    def fail(self, message: str) -> None:
        """Say why it will have no rows."""
        _write(self.path / FAILED, {"message": message})

    def delete(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        return {}


def _write(file: Path, content: Mapping[str, object]) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(content))
    beside.rename(file)
