"""What ODCS has no metric for: how fresh a batch is, and how far from the days before (engine `mlinfra`)."""

from __future__ import annotations

from typing import Any

from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.document import Value
from mlinfra_assets.contracts.durations import parse_duration

FRESHNESS = ("metric", "maximumAge")
DISTRIBUTION = ("metric", "days", "maximum", "minRows")
COMPARED = {
    "populationStability": ("string", "integer", "boolean", "date"),
    "meanShift": ("integer", "number", "decimal"),
    "quantileDistance": ("integer", "number", "decimal"),
}
KEEPS_VALUES = ("populationStability", "quantileDistance")
MOST_DAYS = 90


def declared_measure(implementation: Value, field: Field | None) -> dict[str, Any]:
    """The attributes of a `BatchRule` that an `implementation` with a `metric` stands for.

    Args:
        implementation: The mapping.
        field: The property in whose quality the rule stands; None: the object's.

    Raises:
        DeclarationError: It cannot be accepted.
    """
    metric = dict(implementation.items())["metric"].choice(("freshness", *COMPARED))
    return _freshness(implementation, field) if metric == "freshness" else _distribution(implementation, metric, field)


def _freshness(implementation: Value, field: Field | None) -> dict[str, Any]:
    entry = implementation.entries(FRESHNESS)
    if "maximumAge" not in entry:
        implementation.fail("maximumAge is missing: say how old the newest record may be at landing, such as PT6H")
    if field is not None:
        implementation.fail("freshness is about the event time: put the rule into the quality of the object")
    seconds = parse_duration(entry["maximumAge"]) / 1_000_000
    return {
        "metric": "freshness",
        "field": None,
        "operator": "mustBeLessOrEqualTo",
        "threshold": (seconds,),
        "unit": "seconds",
    }


def _distribution(implementation: Value, metric: str, field: Field | None) -> dict[str, Any]:
    entry = implementation.entries(DISTRIBUTION)
    for key in ("days", "maximum", "minRows"):
        if key not in entry:
            implementation.fail(f"{key} is missing: add it")
    if field is None:
        implementation.fail(f"{metric} is about one field: put the rule into the quality of a property")
    if field.type not in COMPARED[metric]:
        implementation.fail(
            f"{metric} is for fields of {', '.join(COMPARED[metric])}, and {field.name} is a {field.type}"
        )
    if metric in KEEPS_VALUES and field.protected:
        implementation.fail(f"{field.name} is {field.classification}: its values may not be kept in a profile")
    return {
        "metric": metric,
        "field": field.name,
        "operator": "mustBeLessOrEqualTo",
        "threshold": (entry["maximum"].number(),),
        "unit": "number",
        "days": entry["days"].whole(1, MOST_DAYS),
        "min_rows": entry["minRows"].whole(1),
    }
