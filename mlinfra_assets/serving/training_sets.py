"""What the API asks of whoever makes training sets: that needs the lake, and is not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from mlinfra_assets.errors import InvalidInputError, MlinfraError
from mlinfra_assets.feature_store.online.vector import Value

TrainingSetState = Literal["waiting", "running", "done", "failed"]


class UnknownTrainingSetError(InvalidInputError):
    """There is no such training set: it was never asked for, or has expired."""


class TrainingSetNotDoneError(InvalidInputError):
    """A training set has no rows yet, or will never have any."""


class TooManyTrainingSetsError(MlinfraError):
    """As many training sets are waiting as may."""


@dataclass(frozen=True)
class TableOfEntities:
    """A table of the lake whose rows ask.

    Attributes:
        name: Its name, such as `training/churn`.
        version: As of which version; None: the newest, which the training set then names.
        columns: Which columns; None: all.
    """

    name: str
    version: int | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class TrainingSetQuestion:
    """What a training set is made of.

    Attributes:
        features: `"view:feature"`, `"view"` for all of one, an old version of either as `"view@version:feature"`; or
            the name of a feature service.
        entities: The rows that ask, by column, or a table of the lake that holds them.
        known: `"as_of"`, `"hindsight"`, or the column of known-at times.
        event_timestamp: The time column.
        full_feature_names: Call a feature `view__feature`.
        owner: Name of the API key that asks; None: no key was asked for.
    """

    features: tuple[str, ...] | str
    entities: Sequence[Mapping[str, Value]] | TableOfEntities
    known: str = "as_of"
    event_timestamp: str = "event_timestamp"
    full_feature_names: bool = False
    owner: str | None = None


@dataclass(frozen=True)
class TrainingSet:
    """How a training set stands.

    Attributes:
        id: 32 hexadecimal digits.
        state: `waiting` for its turn, `running`, `done`, or `failed`.
        owner: Name of the API key that asked; None: no key was asked for.
        created_at: When it was asked for, UTC.
        expires_at: When it is deleted, UTC.
        rows: How many rows ask.
        entities: The table that they are in, with its version; None if they came with the question.
        done: How much of the present step is done, of `total`.
        total: How much there is to do in it.
        doing: The present step, such as `reading stg_order_lines`.
        message: Why it failed; empty otherwise.
    """

    id: str
    state: TrainingSetState
    owner: str | None
    created_at: datetime
    expires_at: datetime
    rows: int
    entities: TableOfEntities | None = None
    done: int = 0
    total: int = 0
    doing: str = ""
    message: str = ""


class TrainingSets(Protocol):
    """Makes training sets in the background, and keeps them for a while."""

    def start(self, question: TrainingSetQuestion) -> TrainingSet:
        """Take on a training set; its rows are made later.

        Raises:
            InvalidInputError: What is asked, or a row that asks, is wrong.
            TooManyTrainingSetsError: Too many are waiting.
            UnavailableError: A table cannot be read.
        """
        ...

    def get(self, number: str) -> TrainingSet:
        """How a training set stands, by its id.

        Raises:
            UnknownTrainingSetError: There is none.
        """
        ...

    def file(self, number: str) -> Path:
        """The Parquet file with a training set's rows, by its id.

        Raises:
            UnknownTrainingSetError: There is none.
            TrainingSetNotDoneError: It is not done.
        """
        ...

    def close(self) -> None:
        """Stop what is being made."""
        ...
