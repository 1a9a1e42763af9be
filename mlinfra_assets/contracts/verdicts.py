"""What pandera says of typed records: every rule that each of them breaks."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.schema import dataframe_schema, field_rules, record_holds
from mlinfra_assets.contracts.violation import Violation, shown

Broken = dict[int, list[Violation]]


def add_verdicts(contract: Contract, frame: pl.DataFrame, broken: Broken) -> dict[str, int]:
    """Judge typed records and add what they break to `broken` (number of the record to violations).

    A field whose value could not be typed is not judged a second time, nor is a rule across fields that reads it.

    Args:
        contract: The rules.
        frame: Typed records, `Contract.value_schema()`.
        broken: What is wrong already; added to.

    Returns:
        How many records break each rule of severity `warning`: these stay valid.
    """
    warnings: dict[str, int] = {}
    untyped = {(row, violation.field) for row, found in broken.items() for violation in found}
    rules = {field.name: field_rules(field) for field in contract.fields}
    for row, column, number in _failures(contract, frame):
        if column is None:
            rule = contract.row_rules[number]
            if any((row, name) in untyped for name in rule.reads):
                continue
            if rule.severity == "warning":
                warnings[rule.name] = warnings.get(rule.name, 0) + 1
            else:
                value = ", ".join(f"{name}={frame[name][row]}" for name in rule.reads)
                broken.setdefault(row, []).append(Violation(None, rule.name, shown(value), rule.description))
        elif (row, column) not in untyped:
            rule = rules[column][number]
            value = frame[column][row]
            found = Violation(column, rule.name, shown(None if value is None else str(value)), rule.message)
            broken.setdefault(row, []).append(found)
    return warnings


def _failures(contract: Contract, frame: pl.DataFrame) -> list[tuple[int, str | None, int]]:
    """(record, column or None for a rule across fields, number of the check) of each failure, in a fixed order.

    Which records break a rule at all is found at once; which rules these few break, and how, pandera says.
    """
    holds = frame.select(pl.repeat(value=True, n=pl.len()) & record_holds(contract)).to_series()
    broken = (~holds).arg_true()
    return [(broken[record], column, number) for record, column, number in _cases(contract, frame[broken])]


def _cases(contract: Contract, frame: pl.DataFrame) -> list[tuple[int, str | None, int]]:
    if frame.is_empty():
        return []
    from pandera.config import ValidationDepth, config_context
    from pandera.errors import SchemaErrors

    try:
        with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            dataframe_schema(contract).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].null_count():
            raise
        wide = cases["schema_context"] == "DataFrameSchema"
        columns = [None if is_wide else name for is_wide, name in zip(wide, cases["column"], strict=True)]
        found = zip(cases["index"].to_list(), columns, cases["check_number"].to_list(), strict=True)
        order = {field.name: i for i, field in enumerate(contract.fields)}
        return sorted(found, key=lambda case: (case[0], order.get(case[1] or "", len(order)), case[2]))
    return []
