"""A contract: the fields of a source's records, their types, and the rules that they keep. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import polars as pl
import pyarrow as pa

from mlinfra_assets import names

FieldType = Literal["string", "integer", "number", "decimal", "boolean", "timestamp", "date", "object", "array"]
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)
Ambiguous = Literal["earlier", "later"]
Metric = Literal[
    "rowCount",
    "invalidValues",
    "nullValues",
    "missingValues",
    "duplicateValues",
    "freshness",
    "populationStability",
    "meanShift",
    "quantileDistance",
]
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
Unit = Literal["rows", "percent", "seconds", "number"]
Compatibility = Literal[
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
    "NONE",
]
COMPATIBILITIES: tuple[str, ...] = get_args(Compatibility)
OPEN = frozenset({"public", "internal"})
"""The classifications whose values may be shown: those of every other one are protected."""

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
        physical_name: What the producer calls it; with dots, where it stands within others (`customer.address.city`).
        type: What it holds. `object` and `array` are kept as canonical JSON text.
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
        classification: How sensitive it is, such as `public` or `personal`; see `protected`.
        format: How a date or time is written, as `yyyy-MM-dd HH:mm:ss`; None: ISO 8601.
        empty_is_null: Whether an empty text stands for null, as in records that come from CSV.
        non_finite: Whether NaN and the infinities are values; numbers only. No minimum or maximum speaks of a NaN.
        unit: What its numbers count, such as `kg` or `GBP`.
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
    non_finite: bool = False
    unit: str | None = None

    @property
    def protected(self) -> bool:
        """Whether its values stay out of statistics, profiles and listings: it is classified, and not as open."""
        return self.classification is not None and self.classification.lower() not in OPEN

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
            "array": pl.String(),
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
        minimum_field: Another field of this type whose value this one is not below.
        maximum_field: Another field of this type whose value this one is not above.
    """

    field: str
    is_null: bool | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None
    minimum_field: str | None = None
    maximum_field: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields that it looks at, its own first."""
        return tuple(name for name in (self.field, self.minimum_field, self.maximum_field) if name is not None)


@dataclass(frozen=True)
class RowRule:
    """A rule across the fields of one record: where `when` holds, `then` has to hold too.

    Attributes:
        name: Its name among the contract's rules.
        when: Which records it speaks of; None: all.
        then: What they have to meet.
        description: Why.
        severity: `error` quarantines a record that breaks it, `warning` counts such records and lets them through.
    """

    name: str
    when: Condition | None
    then: Condition
    description: str = ""
    severity: Severity = "error"

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields that it looks at, each once."""
        return tuple(dict.fromkeys((*(self.when.reads if self.when else ()), *self.then.reads)))


@dataclass(frozen=True)
class BatchRule:
    """A rule over a batch as a whole; one of severity `error` that fails keeps the batch from being published.

    Attributes:
        name: Its name among the contract's rules.
        metric: What is measured: records (`rowCount`), quarantined records (`invalidValues`; with a field, those that
            are so because of it), and of the valid ones nulls of a field (`nullValues`), values that stand for none
            (`missingValues`), records that repeat the values of one or several fields (`duplicateValues`), how long
            before landing the newest of them happened (`freshness`), and how far a field is from what it was on the
            days before (`populationStability`, `meanShift`, `quantileDistance`).
        field: The field measured.
        operator: How the measure is compared.
        threshold: What it is compared with: one number, or two for the `Between` operators (inclusive).
        unit: Whether the measure is a number of records, a percentage of them, seconds, or a bare number.
        severity: `error` holds the batch, `warning` tells.
        min_rows: A smaller batch is not judged: a share of three records says nothing. With `days`, the days before
            need as many too.
        description: Why.
        fields: The fields whose values are compared together (`duplicateValues` of the object).
        values: The texts that stand for no value, None for null (`missingValues`).
        days: How many landing days before the batch's it is compared with.
    """

    name: str
    metric: Metric
    field: str | None
    operator: Operator
    threshold: tuple[float, ...]
    unit: Unit = "rows"
    severity: Severity = "error"
    min_rows: int = 0
    description: str = ""
    fields: tuple[str, ...] = ()
    values: tuple[str | None, ...] = ()
    days: int = 0


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
        compatibility: What the next version may change, as a schema registry's modes say it.
        deletes: Name of a boolean field: a record where it is true takes the record of its primary key away. None:
            nothing is deleted.
        message_format: How a stream's messages are written, as `ingest.format` declares it. `json` for files and tables
            too, whose format is no matter of what a record is.
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
    compatibility: Compatibility = "BACKWARD"
    deletes: str | None = None
    message_format: str = "json"
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
