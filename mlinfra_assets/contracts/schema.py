"""A contract as a pandera schema: the rules that a typed record keeps, field by field and across fields."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from mlinfra_assets.contracts.contract import Condition, Contract, Field, RowRule

if TYPE_CHECKING:
    import pandera.polars as pa


@dataclass(frozen=True)
class FieldRule:
    """One rule of one field: its name, whether a value keeps it, and what to say if not."""

    name: str
    holds: pl.Expr
    message: str


Limit = int | float | Decimal | date | datetime


def dataframe_schema(contract: Contract) -> pa.DataFrameSchema:
    """The schema of the contract's own columns (`Contract.value_schema()`), to be validated lazily.

    The checks of a column are those of `field_rules`, the checks of the frame are the contract's row rules, each in
    that order: a failure names its check by number.
    """
    import pandera.polars as pa

    return pa.DataFrameSchema(
        {f.name: pa.Column(f.polars_type(), nullable=True, checks=_field_checks(f)) for f in contract.fields},
        checks=[_check(rule.name, _row_rule_holds(contract, rule), rule.description) for rule in contract.row_rules],
        strict=True,
        ordered=True,
        name=contract.name,
    )


def typed_limit(field: Field, text: str) -> Limit:
    """A minimum or maximum in the type that the field's column has."""
    if field.type == "integer":
        return int(Decimal(text))
    if field.type == "decimal":
        return Decimal(text)
    if field.type == "date":
        return date.fromisoformat(text)
    return datetime.fromisoformat(text) if field.type == "timestamp" else float(text)


def limits_cross(field: Field) -> bool:
    """Whether the least value that a field allows is above the greatest."""
    if field.minimum is None or field.maximum is None:
        return False
    low, high = pl.lit(typed_limit(field, field.minimum)), pl.lit(typed_limit(field, field.maximum))
    return bool(pl.select(low > high).item())


def condition_holds(contract: Contract, condition: Condition) -> pl.Expr:
    """Whether a record meets a condition: true or false, never null."""
    field = contract.field(condition.field)
    column = pl.col(field.name)
    parts: list[pl.Expr] = []
    if condition.is_null is not None:
        parts.append(column.is_null() if condition.is_null else column.is_not_null())
    if condition.pattern is not None:
        parts.append(column.str.contains(condition.pattern))
    if condition.enum:
        parts.append(column.cast(pl.String).is_in(list(condition.enum)))
    if condition.minimum is not None:
        parts.append(column >= pl.lit(typed_limit(field, condition.minimum)))
    if condition.maximum is not None:
        parts.append(column <= pl.lit(typed_limit(field, condition.maximum)))
    if condition.minimum_field is not None:
        parts.append(column >= pl.col(condition.minimum_field))
    if condition.maximum_field is not None:
        parts.append(column <= pl.col(condition.maximum_field))
    return pl.all_horizontal(parts).fill_null(value=False)


def record_holds(contract: Contract) -> pl.Expr:
    """Whether a record keeps every rule of `dataframe_schema`: true or false, never null."""
    rules = [rule.holds for field in contract.fields for rule in field_rules(field)]
    rules += [_row_rule_holds(contract, rule) for rule in contract.row_rules]
    return pl.all_horizontal([pl.lit(value=True), *(rule.fill_null(value=True) for rule in rules)])


def _field_checks(field: Field) -> list[pa.Check]:
    return [_check(rule.name, rule.holds, rule.message) for rule in field_rules(field)]


def field_rules(field: Field) -> list[FieldRule]:
    """The rules of one field. Where there is no value, only `required` says anything."""
    column = pl.col(field.name)
    rules: list[FieldRule] = []
    if field.required:
        rules.append(FieldRule("required", column.is_not_null(), "the field is required, and there is no value"))
    if field.pattern is not None:
        rules.append(FieldRule("pattern", column.str.contains(field.pattern), f"does not match {field.pattern}"))
    if field.enum:
        allowed = column.cast(pl.String).is_in(list(field.enum))
        rules.append(FieldRule("validValues", allowed, f"is none of {', '.join(field.enum)}"))
    if field.minimum is not None:
        above = column >= pl.lit(typed_limit(field, field.minimum))
        above = above | column.is_nan() if field.non_finite else above
        rules.append(FieldRule("minimum", above, f"is below the minimum of {field.minimum}"))
    if field.maximum is not None:
        below = column <= pl.lit(typed_limit(field, field.maximum))
        below = below | column.is_nan() if field.non_finite else below
        rules.append(FieldRule("maximum", below, f"is above the maximum of {field.maximum}"))
    length = column.str.len_chars()
    if field.min_length is not None:
        rules.append(
            FieldRule("minLength", length >= field.min_length, f"is shorter than {field.min_length} characters")
        )
    if field.max_length is not None:
        rules.append(
            FieldRule("maxLength", length <= field.max_length, f"is longer than {field.max_length} characters")
        )
    return rules


def _row_rule_holds(contract: Contract, rule: RowRule) -> pl.Expr:
    then = condition_holds(contract, rule.then)
    return then if rule.when is None else ~condition_holds(contract, rule.when) | then


def _check(name: str, holds: pl.Expr, message: str) -> pa.Check:
    import pandera.polars as pa

    def check(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(holds.fill_null(value=True))

    return pa.Check(check, name=name, error=message, ignore_na=False)
