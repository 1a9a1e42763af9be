"""A contract: the fields of a source's records, their types, and the rules that they keep. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import polars as pl
import pyarrow as pa

from mlinfra_assets import names

FieldType = Literal["string", "integer", "number", "decimal", "boolean", "timestamp", "date", "object"]
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)
Ambiguous = Literal["earlier", "later"]
Metric = Literal["rowCount", "invalidValues", "nullValues", "duplicateValues"]
Operator = Literal[
    "mustBe",
    "mustNotBe",
    "mustBeGreaterThan",
    "mustBeGreaterOrEqualTo",
    "mustBeLessThan",
    "mustBeLessOrEqualTo",
    "mustBeBetween",
    "mustNotBeBetween",
]
Severity = Literal["error", "warning"]

DECIMAL_DIGITS = 18
TIMESTAMP = pl.Datetime("us", "UTC")
COORDINATE_TYPES: dict[str, pl.DataType] = {
    names.EVENT_TIME: TIMESTAMP,
    names.KNOWN_AT: TIMESTAMP,
    names.ASSUMED: pl.Boolean(),
    names.PARTITION: pl.Int32(),
    names.OFFSET: pl.Int64(),
    names.ROW: pl.Int64(),
    names.RELEASE: pl.Int64(),
    names.CONTRACT: pl.String(),
}


@dataclass(frozen=True)
class Field:
    """One field of a record.

    Attributes:
        name: Its column in the processed table.
        physical_name: What the producer calls it.
        type: What it holds. `object` is kept as canonical JSON text.
        scale: Digits after the point; decimals only.
        required: Whether null is a violation.
        unique: Whether a batch may hold a value once only.
        pattern: Regular expression that the text has to match.
        enum: The values allowed, as text; empty allows all.
        minimum: Least value allowed, as text: a number, an ISO date, or an ISO time in UTC.
        maximum: Greatest value allowed, as text.
        min_length: Fewest characters.
        max_length: Most characters.
        description: What it means.
        classification: How sensitive it is, such as `public` or `personal`.
        format: How a date or time is written, as `yyyy-MM-dd HH:mm:ss`; None: ISO 8601.
        empty_is_null: Whether an empty text stands for null, as in records that come from CSV.
    """

    name: str
    physical_name: str
    type: FieldType
    scale: int | None = None
    required: bool = False
    unique: bool = False
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    description: str = ""
    classification: str | None = None
    format: str | None = None
    empty_is_null: bool = False

    def polars_type(self) -> pl.DataType:
        """The column's type in a frame."""
        if self.type == "decimal":
            return pl.Decimal(DECIMAL_DIGITS, self.scale or 0)
        return {
            "string": pl.String(),
            "integer": pl.Int64(),
            "number": pl.Float64(),
            "boolean": pl.Boolean(),
            "timestamp": TIMESTAMP,
            "date": pl.Date(),
            "object": pl.String(),
        }[self.type]


@dataclass(frozen=True)
class Condition:
    """What a row rule asks of one field. A null meets no condition but `is_null`.

    Attributes:
        field: The field's name.
        is_null: Null (true) or not null (false).
        pattern: Regular expression that the text matches.
        enum: The values allowed, as text.
        minimum: Least value, as text.
        maximum: Greatest value, as text.
    """

    field: str
    is_null: bool | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None


@dataclass(frozen=True)
class RowRule:
    """A rule across the fields of one record: where `when` holds, `then` has to hold too.

    Attributes:
        name: Its name among the contract's rules.
        when: Which records it speaks of; None: all.
        then: What they have to meet.
        description: Why.
    """

    name: str
    when: Condition | None
    then: Condition
    description: str = ""


@dataclass(frozen=True)
class BatchRule:
    """A rule over a batch as a whole; one of severity `error` that fails keeps the batch from being published.

    Attributes:
        name: Its name among the contract's rules.
        metric: What is measured: records (`rowCount`), quarantined records (`invalidValues` without a field), and of
            the valid ones nulls of a field (`nullValues`) or records that repeat a field's value (`duplicateValues`).
        field: The field measured.
        operator: How the measure is compared.
        threshold: What it is compared with: one number, or two for the `Between` operators (inclusive).
        unit: Whether the measure is a number of records or a percentage of them.
        severity: `error` holds the batch, `warning` tells.
        min_rows: A smaller batch is not judged: a share of three records says nothing.
        description: Why.
    """

    name: str
    metric: Metric
    field: str | None
    operator: Operator
    threshold: tuple[float, ...]
    unit: Literal["rows", "percent"] = "rows"
    severity: Severity = "error"
    min_rows: int = 0
    description: str = ""


@dataclass(frozen=True)
class Contract:
    """What the records of a source look like and which rules they keep.

    Attributes:
        name: The source's name.
        version: Semantic version, kept by its owner.
        description: What a record is.
        owner: The team that answers for the producer.
        fields: The fields, in the order of the processed table's columns.
        event_time: Name of the field that says when a record happened. A date counts from its first moment.
        timezone: IANA zone of times that are written without one, and of dates.
        ambiguous: Which instant a local time stands for that a clock change makes ambiguous or non-existent.
        primary_key: Fields whose values name a record: a later record replaces an earlier one. Empty: an event log.
        rules: Rules over a batch.
        row_rules: Rules over the fields of one record.
        history_lag_us: In the first batch, how long after its event time a record from before the platform ran counts
            as known, in microseconds. None: from its landing.
    """

    name: str
    version: str
    description: str
    owner: str
    fields: tuple[Field, ...]
    event_time: str
    timezone: str = "UTC"
    ambiguous: Ambiguous = "earlier"
    primary_key: tuple[str, ...] = ()
    rules: tuple[BatchRule, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    history_lag_us: int | None = None
    _by_name: dict[str, Field] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({f.name: f for f in self.fields})

    def field(self, name: str) -> Field:
        """The field of this name.

        Raises:
            KeyError: There is none.
        """
        return self._by_name[name]

    @cached_property
    def fingerprint(self) -> str:
        """12 hexadecimal digits over schema and rules; descriptions, owner and version do not count."""
        from mlinfra_assets.contracts.canonical import fingerprint

        return fingerprint(self)

    def value_schema(self) -> pl.Schema:
        """The contract's own columns."""
        return pl.Schema({f.name: f.polars_type() for f in self.fields})

    def polars_schema(self) -> pl.Schema:
        """The processed table's columns: the contract's own, then the coordinates."""
        return pl.Schema({**self.value_schema(), **COORDINATE_TYPES})

    def arrow_schema(self) -> pa.Schema:
        """The processed table's columns as Arrow types."""
        table = pl.DataFrame(schema=self.polars_schema()).to_arrow(compat_level=pl.CompatLevel.oldest())
        return pa.schema([_plain(f) for f in table.schema])

    def to_json(self) -> str:
        """Canonical JSON of the entire contract: equal contracts give equal text."""
        from mlinfra_assets.contracts.canonical import to_json

        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """The inverse of `to_json`.

        Raises:
            InvalidInputError: The text is not a contract.
        """
        from mlinfra_assets.contracts.canonical import from_json

        return from_json(text)


def _plain(column: pa.Field) -> pa.Field:
    return pa.field(column.name, pa.string()) if pa.types.is_large_string(column.type) else column
