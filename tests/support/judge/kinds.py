"""Which type an expression has, as text: `int64`, `decimal(3)`, `list(string)`."""

from __future__ import annotations

from tests.support.judge.values import scale_of

COORDINATES = {
    "_event_time": "timestamp",
    "_known_at": "timestamp",
    "_known_at_assumed": "boolean",
    "_partition": "int64",
    "_offset": "int64",
    "_row": "int64",
    "_release": "int64",
    "_contract_version": "string",
}
CALLS = {
    "float64": {"to_float", "div", "seconds_between"},
    "int64": {"to_int", "length", "bucket", "year", "month", "day", "weekday", "hour", "minute"},
    "string": {"to_string", "lower", "upper", "strip", "concat", "substring"},
}
AGGREGATES = {
    "int64": {"count", "count_distinct"},
    "float64": {"mean", "variance", "std", "since_last", "mean_interval"},
}


def row_kind(node: dict, columns: dict) -> str:
    """The type of an expression over one row."""
    if "column" in node:
        return columns.get(node["column"]) or COORDINATES[node["column"]]
    if "literal" in node:
        return node["type"]
    return call_kind(node["call"], [row_kind(arg, columns) for arg in node["args"]])


def feature_kinds(definition: dict) -> dict[str, str]:
    """The type of each feature."""
    return {f["name"]: leaving_kind(value_kind(f["expression"], definition)) for f in definition["features"]}


def value_kind(node: dict, definition: dict) -> str:
    """The type of an expression over aggregates. Decimal constants, and what is made of them, are exact."""
    if "aggregate" in node:
        return aggregate_kind(node, definition["dataset"]["columns"])
    if "call" in node:
        return call_kind(node["call"], [value_kind(arg, definition) for arg in node["args"]])
    if "lookup" in node:
        other = definition["uses"][node["view"]]
        return leaving_kind(value_kind(expression_of(other, node["lookup"]), other))
    if "score" in node:
        return "float64"
    if "moment" in node:
        return "timestamp"
    if "key" in node:
        return key_kinds(definition)[node["key"]]
    return node["type"]


def aggregate_kind(node: dict, columns: dict) -> str:
    for kind, functions in AGGREGATES.items():
        if node["aggregate"] in functions:
            return kind
    of = leaving_kind(row_kind(node["of"], columns))
    return f"list({of})" if node["aggregate"] == "last_n" else of


def call_kind(operator: str, kinds: list[str]) -> str:
    """The type that an operator gives for operands of these types."""
    for kind, operators in CALLS.items():
        if operator in operators:
            return kind
    if operator in {"abs", "neg"}:
        return kinds[0]
    if operator in {"floor", "ceil"}:
        return "float64" if kinds[0] == "float64" else "int64"
    if operator == "mul" and "float64" not in kinds:
        decimal = any(kind != "int64" for kind in kinds)
        return f"decimal({sum(map(scale_of, kinds))})" if decimal else "int64"
    if operator == "if_else":
        return common(kinds[1:])
    return common(kinds) if operator in {"add", "sub", "mul", "coalesce", "default"} else "boolean"


def common(kinds: list[str]) -> str:
    """The type in which values meet."""
    if len(set(kinds)) == 1:
        return kinds[0]
    return "float64" if "float64" in kinds else f"decimal({max(map(scale_of, kinds))})"


def leaving_kind(kind: str) -> str:
    return "float64" if kind.startswith("decimal") else kind


def key_kinds(definition: dict) -> dict[str, str]:
    """The type of each join key, in order."""
    columns = definition["dataset"]["columns"]
    return {key: columns[key] for entity in definition["entities"] for key in entity["join_keys"]}


def expression_of(definition: dict, name: str) -> dict:
    return next(feature["expression"] for feature in definition["features"] if feature["name"] == name)
