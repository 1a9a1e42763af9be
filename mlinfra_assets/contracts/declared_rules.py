"""The rules of a declaration: ODCS quality entries of the object and of its properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast, get_args

from mlinfra_assets.contracts.contract import BatchRule, Condition, Field, Metric, Operator, RowRule, Severity
from mlinfra_assets.contracts.declared_fields import check_limit, check_pattern, is_field_rule
from mlinfra_assets.contracts.declared_measures import declared_measure
from mlinfra_assets.contracts.document import Value

METRICS = ("rowCount", "invalidValues", "nullValues", "missingValues", "duplicateValues")
ARGUMENTS = {"missingValues": "missingValues", "duplicateValues": "properties"}
OPERATORS: tuple[str, ...] = get_args(Operator)
ENGINE = "mlinfra"
BATCH = ("name", "id", "type", "metric", "arguments", "description", "dimension", "severity", "unit")
BATCH += ("customProperties", *OPERATORS)
CUSTOM = ("name", "id", "type", "engine", "implementation", "description", "dimension", "severity")
CONDITION = ("field", "null", "pattern", "validValues", "minimum", "maximum", "minimumField", "maximumField")

Rules = tuple[tuple[BatchRule, ...], tuple[RowRule, ...]]


def declared_rules(described: Mapping[str, Value], fields: tuple[Field, ...]) -> Rules:
    """The rules over a batch and the rules over the fields of one record.

    Raises:
        DeclarationError: A rule cannot be accepted.
    """
    by_name = {f.name: f for f in fields}
    batch = [
        BatchRule(f"{f.name} is unique", "duplicateValues", f.name, "mustBe", (0,), description="Declared unique.")
        for f in fields
        if f.unique
    ]
    rows: list[RowRule] = []
    for field, quality in _quality(described):
        for element in quality.elements():
            entry = dict(element.items())
            kind = entry["type"].choice(("library", "custom")) if "type" in entry else "library"
            if kind == "custom":
                rule = _custom_rule(element, field, by_name)
                (batch if isinstance(rule, BatchRule) else rows).append(rule)  # pyright: ignore[reportArgumentType]
            elif field is None or not is_field_rule(entry):
                batch.append(_batch_rule(element, field, by_name))
    return tuple(batch), tuple(rows)


def _quality(described: Mapping[str, Value]) -> list[tuple[str | None, Value]]:
    found: list[tuple[str | None, Value]] = [(None, described["quality"])] if "quality" in described else []
    for element in described["properties"].elements():
        entry = dict(element.items())
        if "quality" in entry:
            found.append((entry["name"].text(), entry["quality"]))
    return found


def _batch_rule(element: Value, field: str | None, by_name: Mapping[str, Field]) -> BatchRule:
    entry = element.entries(BATCH)
    for key in ("name", "metric"):
        if key not in entry:
            element.fail(f"{key} is missing: add it")
    metric = cast("Metric", entry["metric"].choice(METRICS))
    if field is None and metric in {"nullValues", "missingValues"}:
        entry["metric"].fail(f"{metric} cannot be measured here: put the rule into the quality of a property")
    if field is not None and metric == "rowCount":
        entry["metric"].fail("rowCount cannot be measured here: put the rule into the quality of the object")
    arguments = _arguments(element, entry, metric, field)
    operators = [key for key in OPERATORS if key in entry]
    if len(operators) != 1:
        element.fail(f"needs exactly one of {', '.join(OPERATORS)}, has {len(operators)}")
    operator = cast("Operator", operators[0])
    return BatchRule(
        name=entry["name"].text(),
        metric=metric,
        field=field,
        operator=operator,
        threshold=_threshold(entry[operator], operator),
        unit=cast(
            "Literal['rows', 'percent']", entry["unit"].choice(("rows", "percent")) if "unit" in entry else "rows"
        ),
        severity=cast("Severity", entry["severity"].choice(("error", "warning")) if "severity" in entry else "error"),
        min_rows=_min_rows(entry["customProperties"]) if "customProperties" in entry else 0,
        description=" ".join(entry["description"].text().split()) if "description" in entry else "",
        fields=tuple(v.choice(tuple(by_name)) for v in arguments) if metric == "duplicateValues" else (),
        values=tuple(_text_or_null(v) for v in arguments) if metric == "missingValues" else (),
    )


def _arguments(element: Value, entry: Mapping[str, Value], metric: str, field: str | None) -> list[Value]:
    """The elements of the one argument that a metric takes; none if it takes none."""
    takes = ARGUMENTS.get(metric) if field is None or metric == "missingValues" else None
    if takes is None:
        if "arguments" in entry:
            entry["arguments"].fail(f"{metric} takes no arguments here: remove them")
        return []
    found = entry["arguments"].entries((takes,)) if "arguments" in entry else {}
    listed = found[takes].elements() if takes in found else []
    if not listed:
        element.fail(f"arguments.{takes} is missing: list them")
    return listed


def _text_or_null(value: Value) -> str | None:
    return None if value.scalar() is None else value.source_text()


def _threshold(value: Value, operator: Operator) -> tuple[float, ...]:
    if not operator.endswith("Between"):
        return (value.number(),)
    limits = tuple(element.number() for element in value.elements())
    if len(limits) != 2 or limits[0] > limits[1]:
        value.fail("expected two numbers, the smaller one first")
    return limits


def _min_rows(value: Value) -> int:
    least = 0
    for element in value.elements():
        entry = element.entries(("property", "value", "description"))
        for key in ("property", "value"):
            if key not in entry:
                element.fail(f"{key} is missing: add it")
        entry["property"].choice(("minRows",))
        least = entry["value"].whole()
    return least


def _custom_rule(element: Value, field: str | None, fields: Mapping[str, Field]) -> RowRule | BatchRule:
    entry = element.entries(CUSTOM)
    for key in ("name", "engine", "implementation"):
        if key not in entry:
            element.fail(f"{key} is missing: add it")
    entry["engine"].choice((ENGINE,))
    name = entry["name"].text()
    severity = cast("Severity", entry["severity"].choice(("error", "warning")) if "severity" in entry else "error")
    description = " ".join(entry["description"].text().split()) if "description" in entry else ""
    if "metric" in dict(entry["implementation"].items()):
        measure = declared_measure(entry["implementation"], None if field is None else fields[field])
        return BatchRule(name, **measure, severity=severity, description=description)
    rule = entry["implementation"].entries(("when", "then"))
    if "then" not in rule:
        entry["implementation"].fail("then is missing: say what the records have to meet")
    return RowRule(
        name=name,
        when=_condition(rule["when"], fields) if "when" in rule else None,
        then=_condition(rule["then"], fields),
        description=description,
        severity=severity,
    )


def _condition(value: Value, fields: Mapping[str, Field]) -> Condition:
    entry = value.entries(CONDITION)
    if "field" not in entry or len(entry) < 2:
        value.fail(f"needs a field and at least one of {', '.join(CONDITION[1:])}")
    field = fields[entry["field"].choice(tuple(fields))]
    if "pattern" in entry and field.type != "string":
        entry["pattern"].fail(f"{field.name} is not text but a {field.type}: remove the pattern")
    return Condition(
        field=field.name,
        is_null=entry["null"].boolean() if "null" in entry else None,
        pattern=check_pattern(entry["pattern"]) if "pattern" in entry else None,
        enum=tuple(v.source_text() for v in entry["validValues"].elements()) if "validValues" in entry else (),
        minimum=check_limit(entry["minimum"], field.type) if "minimum" in entry else None,
        maximum=check_limit(entry["maximum"], field.type) if "maximum" in entry else None,
        minimum_field=_other(entry["minimumField"], field, fields) if "minimumField" in entry else None,
        maximum_field=_other(entry["maximumField"], field, fields) if "maximumField" in entry else None,
    )


def _other(value: Value, field: Field, fields: Mapping[str, Field]) -> str:
    """A field that another one can be compared with."""
    other = fields[value.choice(tuple(fields))]
    if field.type in {"boolean", "object", "array"} or (other.type, other.scale) != (field.type, field.scale):
        value.fail(
            f"{other.name} ({other.type}) cannot be compared with {field.name} ({field.type}): name one of its type"
        )
    return other.name
