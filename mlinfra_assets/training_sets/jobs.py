"""Training sets in the background: a few at a time, a process each, each in a folder of its own."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl

from mlinfra_assets.clock import Clock
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.retrieval.store import RetrievalStore
from mlinfra_assets.serving.training_sets import (
    TableOfEntities,
    TooManyTrainingSetsError,
    TrainingSet,
    TrainingSetNotDoneError,
    TrainingSetQuestion,
    UnknownTrainingSetError,
)
from mlinfra_assets.settings import Settings
from mlinfra_assets.training_sets.folder import Question, TrainingSetFolder
from mlinfra_assets.training_sets.rows import entity_frame

FOLDER = "training-sets"
WORKER = "mlinfra_assets.training_sets.worker"
STOP_SECONDS = 5.0
_log = logging.getLogger(__name__)


class TrainingSetJobs:
    """Makes training sets and keeps them in `<home>/training-sets`; implements `serving.training_sets.TrainingSets`.

    Those that were waiting when another process ended are taken on. One that was being made goes on being made if only
    the API was killed; otherwise it has failed, and says so.

    Args:
        settings: Where the lake and the home are; `training_set_*` are the limits.
        store: Opens the retrieval store, when it is first needed.
        clock: Says when a training set expires.
    """

    def __init__(self, settings: Settings, store: Callable[[], RetrievalStore], clock: Clock) -> None:
        self._settings = settings
        self._open = store
        self._clock = clock
        self._folder = settings.home / FOLDER
        self._keep = timedelta(hours=settings.training_set_hours)
        self._allowed = tuple(filter(None, (name.strip() for name in settings.training_set_tables.split(","))))
        self._condition = threading.Condition()
        self._waiting: deque[TrainingSetFolder] = deque()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False
        found = sorted(self._folder.glob("[0-9a-f]*")) if self._folder.is_dir() else []
        for folder in map(TrainingSetFolder, found):
            if folder.question() is not None and folder.state() == "waiting":
                self._take_on(folder)

    def start(self, question: TrainingSetQuestion) -> TrainingSet:
        """As `TrainingSets.start`."""
        self._expire()
        with self._condition:
            if len(self._waiting) >= self._settings.training_set_waiting:
                raise TooManyTrainingSetsError(f"{len(self._waiting)} training sets are waiting: ask again later")
        store = self._open()
        features = question.features if isinstance(question.features, str) else list(question.features)
        views = list({view.name: view for view, _ in store.resolve(features)}.values())
        if isinstance(question.entities, TableOfEntities):
            table, frame, rows = self._table(question.entities)
            asks = frame
        else:
            times = dict.fromkeys([question.event_timestamp, question.known])
            table, asks = None, entity_frame(question.entities, views, list(times))
            frame, rows = asks.clear(), asks.height
        if rows > self._settings.training_set_max_rows:
            raise InvalidInputError(
                f"{rows} rows ask, and a training set may have {self._settings.training_set_max_rows}: ask for parts"
            )
        # A question without rows is checked as every other, and reads nothing.
        store.get_historical_features(
            frame,
            features,
            known=question.known,
            event_timestamp=question.event_timestamp,
            full_feature_names=question.full_feature_names,
        )
        folder = TrainingSetFolder(self._folder / uuid4().hex)
        self._folder.mkdir(parents=True, exist_ok=True)
        folder.create(
            Question(
                features=features,
                known=question.known,
                event_timestamp=question.event_timestamp,
                full_feature_names=question.full_feature_names,
                owner=question.owner,
                created_at=self._clock.now().isoformat(),
                rows=rows,
                table=table,
            ),
            None if table is not None else asks,
        )
        self._take_on(folder)
        return self.get(folder.path.name)

    def get(self, number: str) -> TrainingSet:
        """As `TrainingSets.get`."""
        found = TrainingSetFolder(self._folder / number).status(self._keep)
        if found is None or found.expires_at <= self._clock.now():
            raise UnknownTrainingSetError(
                f"there is no training set {number}: they are kept for {self._settings.training_set_hours} hours"
            )
        return found

    def file(self, number: str) -> Path:
        """As `TrainingSets.file`."""
        found = self.get(number)
        if found.state != "done":
            why = f" ({found.message})" if found.message else ""
            raise TrainingSetNotDoneError(f"training set {number} has no rows: it is {found.state}{why}")
        return TrainingSetFolder(self._folder / number).rows

    def close(self) -> None:
        """Stop what is being made; it has failed then. What is waiting is taken on by the next process."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            for process in self._running:
                process.terminate()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _table(self, asked: TableOfEntities) -> tuple[dict[str, Any], pl.DataFrame, int]:
        """The table as it is kept with the question, an empty frame of its columns, and its number of rows."""
        below = tuple(name for name in self._allowed if name.endswith("/"))
        if asked.name not in self._allowed and not asked.name.startswith(below):
            known = ", ".join(self._allowed) or "none"
            raise InvalidInputError(
                f"rows that ask may not be taken from table {asked.name!r}: MLINFRA_TRAINING_SET_TABLES allows {known}"
            )
        table = Lake(self._settings.lake).table(asked.name)
        if not table.exists():
            raise InvalidInputError(f"there is no table {asked.name!r} in the lake")
        version = table.version() if asked.version is None else asked.version
        frame = table.scan(asked.columns, version).head(0).collect()
        columns = None if asked.columns is None else list(asked.columns)
        return {"name": asked.name, "version": version, "columns": columns}, frame, table.count(version)

    def _take_on(self, folder: TrainingSetFolder) -> None:
        with self._condition:
            self._waiting.append(folder)
            if len(self._threads) < self._settings.training_set_workers:
                thread = threading.Thread(target=self._work, name="training-sets", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._condition.notify()

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                folder = self._waiting.popleft()
            try:
                self._make(folder)
            except Exception:  # noqa: BLE001 - the next one is made all the same
                _log.exception("training set %s failed", folder.path.name)

    def _make(self, folder: TrainingSetFolder) -> None:
        environment = {**os.environ, **self._settings.to_environment()}
        with folder.log.open("wb") as log, self._condition:
            if self._closed:
                return
            process = subprocess.Popen(
                [sys.executable, "-m", WORKER, str(folder.path)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            code = process.wait(self._settings.training_set_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            folder.fail(f"it was not made within {self._settings.training_set_seconds} seconds: ask for fewer rows")
            return
        finally:
            with self._condition:
                self._running.discard(process)
        if code != 0:
            _log.error("training set %s ended with %d: %s", folder.path.name, code, folder.log.read_text()[-2_000:])
        if code < 0 and not self._closed and folder.state() == "failed":
            folder.fail(f"its process was killed (signal {-code}): ask for fewer rows, or see that there is memory")

    def _expire(self) -> None:
        now = self._clock.now()
        for path in self._folder.glob("[0-9a-f]*") if self._folder.is_dir() else ():
            folder = TrainingSetFolder(path)
            found = folder.status(self._keep)
            if found is not None and found.expires_at <= now and found.state != "running":
                folder.delete()
