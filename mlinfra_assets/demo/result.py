"""What a played demo came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Data:
    """What was played.

    Attributes:
        origin: Where the order lines are from.
        rates_origin: Where the exchange rates are from.
        simulated: Whether the shop is simulated.
        lines: How many order lines it has.
        first: UTC time of the first line.
        last: UTC time of the last line.
    """

    origin: str
    rates_origin: str
    simulated: bool
    lines: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Rows:
    """Rows in the lake's tables, by zone and then by the table's name within the zone."""

    raw: Mapping[str, int]
    processed: Mapping[str, int]
    quarantined: Mapping[str, int]
    curated: Mapping[str, int]
    features: Mapping[str, int]


@dataclass(frozen=True)
class Features:
    """What the online store holds.

    Attributes:
        pushed: Entities in the online store, over all views.
        pushed_by_view: The same by view.
        entity: One entity as an example: join key to value.
        sample: That entity's features as served: name to value.
    """

    pushed: int
    pushed_by_view: Mapping[str, int]
    entity: Mapping[str, object]
    sample: Mapping[str, object]


@dataclass(frozen=True)
class Training:
    """The model's training set.

    Attributes:
        rows: Labelled rows.
        positives: Rows whose label is true.
        features: How many features.
        first: First moment that the rows are as of (UTC).
        last: Last such moment.
    """

    rows: int
    positives: int
    features: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Model:
    """The model in production.

    Attributes:
        name: What it is called.
        version: Which version.
        metrics: On later data than it was trained on.
        live: On the predictions whose outcome is known by now; empty if there is none.
        psi: How far each input and the score are from the training set in the newest predictions, the furthest first.
    """

    name: str
    version: str
    metrics: Mapping[str, float]
    live: Mapping[str, float] = field(default_factory=dict)
    psi: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Predictions:
    """The predictions that were made, and those that came out the same, bit for bit, when computed from raw again.

    Attributes:
        made: How many were logged.
        reproduced: How many have the same features and the same score.
        outcomes: For how many the outcome is known.
        sample_id: The id of one of them.
    """

    made: int
    reproduced: int
    outcomes: int
    sample_id: str


@dataclass(frozen=True)
class NextStep:
    """A command worth trying next, and what it shows."""

    command: str
    shows: str


@dataclass(frozen=True)
class DemoResult:
    """All of it.

    Attributes:
        data: What was played.
        rows: Rows by zone.
        quarantine: Why records are in quarantine: source to reason (`field: rule`) to count.
        features: The online store.
        training: The training set.
        model: The model in production.
        predictions: The predictions and their replay.
        seconds: Seconds in total.
        seconds_by_step: Seconds of each step, in order.
        next_steps: What to do next.
    """

    data: Data
    rows: Rows
    quarantine: Mapping[str, Mapping[str, int]]
    features: Features
    training: Training
    model: Model
    predictions: Predictions
    seconds: float
    seconds_by_step: Mapping[str, float]
    next_steps: tuple[NextStep, ...]

    @property
    def exact(self) -> bool:
        """Whether there are predictions and every one was reproduced."""
        return 0 < self.predictions.made == self.predictions.reproduced

    def to_dict(self) -> dict[str, object]:
        """The same as nested dictionaries, for JSON (times still are `datetime`)."""
        return asdict(self)

    def to_json(self) -> str:
        """One JSON document, indented; times in ISO form, what is no finite number as null."""
        import orjson

        return orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
