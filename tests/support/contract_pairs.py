"""Random pairs of contracts, one changed from the other, and random records of the first, for brute force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from mlinfra_assets.contracts.contract import Condition, Contract, Field, FieldType, RowRule

NAMES = ("a", "b", "c")
CHOICES: dict[FieldType, dict[str, tuple[Any, ...]]] = {
    "string": {
        "pattern": (None, None, "^a", "^a*$"),
        "enum": ((), (), ("a", "b"), ("a", "b", ""), ("aa",)),
        "min_length": (None, 0, 1),
        "max_length": (None, 1, 2),
        "empty_is_null": (False, False, True),
    },
    "integer": {
        "minimum": (None, "-5", "0"),
        "maximum": (None, "5", "10", str(2**53), str(10**15)),
        "enum": ((), (), ("0", "1"), ("0", "1", "5")),
        "empty_is_null": (False, True),
        "unit": (None, "kg", "g"),
    },
    "number": {
        "minimum": (None, "-5", "0.5"),
        "maximum": (None, "5", "10.5"),
        "non_finite": (False, False, True),
        "empty_is_null": (False, True),
    },
    "decimal": {
        "scale": (0, 2, 3),
        "minimum": (None, "-5", "0"),
        "maximum": (None, "5", "10", "999999999999999.9"),
        "empty_is_null": (False, True),
    },
    "boolean": {},
    "timestamp": {
        "format": (None, None, "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ssXXX"),
        "minimum": (None, "2011-01-01T00:00:00+00:00"),
    },
    "date": {"format": (None, "yyyy-MM-dd", "dd/MM/yyyy"), "maximum": (None, "2011-06-01", "2012-01-01")},
    "object": {},
}
OFTEN: tuple[FieldType, ...] = ("string", "string", "integer", "integer", "number", "decimal")
WIDER: dict[FieldType, tuple[FieldType, ...]] = {
    "integer": ("integer", "number", "decimal"),
    "decimal": ("decimal", "number"),
}
VALUES: dict[str, tuple[Any, ...]] = {
    "string": ("", "a", "aa", "aaa", "b", "ab"),
    "integer": (-6, -5, 0, 1, 5, 10, 11, 5.0, "5", "007", "5.0", 2**53, 2**53 + 1, str(2**53 + 1), 10**15, 10**17),
    "number": (-5.0, 0.5, 0, 1.25, "2.5", 10.5, 11, "NaN", "Infinity", "-Infinity", 2**53 + 1),
    "decimal": ("0", "1.1", 1.25, "1.125", 5, 10, "11", "999999999999999.9", "99999999999999999", -5),
    "boolean": (True, False, "true"),
    "timestamp": ("2011-03-27T01:30:00", "2011-03-27 01:30:00", "2010-12-31T23:59:59+05:00", "2011-07-01T00:00:00Z"),
    "date": ("2011-03-27", "27/03/2011", "2011-12-31"),
    "object": ({}, {"x": 1}),
}
CONDITIONS = {
    "string": (Condition("", pattern="^a"), Condition("", enum=("a", "b"))),
    "integer": (Condition("", maximum="5"), Condition("", enum=("0", "5"))),
    "number": (Condition("", maximum="5"),),
    "decimal": (Condition("", minimum="1"),),
}


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from((*CHOICES, *OFTEN)))
    return _drawn(draw, Field(name, name.upper(), kind, required=draw(st.booleans())))


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    made = tuple(draw(fields(name)) for name in NAMES[: draw(st.integers(1, 3))])
    at = Field("at", "at", "timestamp", required=True)
    return Contract(
        "things",
        "1.0.0",
        "",
        "us",
        (*made, at),
        "at",
        timezone=draw(st.sampled_from(("UTC", "Europe/London"))),
        row_rules=_row_rules(draw, made),
    )


@st.composite
def changed(draw: st.DrawFn, contract: Contract) -> Contract:
    """A contract with one to three changes."""
    found = contract
    for _ in range(draw(st.integers(1, 3))):
        found = _change(draw, found)
    return replace(found, version="2.0.0")


@st.composite
def records(draw: st.DrawFn, contract: Contract) -> list[dict[str, Any]]:
    """Records with the fields of a contract and no others."""
    one = {f.physical_name: st.sampled_from((*VALUES[f.type], None, None, "")) for f in contract.fields[:-1]}
    times = st.sampled_from(VALUES["timestamp"])
    return draw(st.lists(st.fixed_dictionaries({"at": times}, optional=one), min_size=40, max_size=40))


def _change(draw: st.DrawFn, contract: Contract) -> Contract:
    kind = draw(
        st.sampled_from(("rule", "rule", "rule", "type", "add", "remove", "required", "empty", "zone", "row rule"))
    )
    own = [f for f in contract.fields if f.name != "at"]
    picked = draw(st.sampled_from(own)) if own else None
    if kind == "zone":
        return replace(contract, timezone=draw(st.sampled_from(("UTC", "Europe/London"))))
    if kind == "row rule":
        return replace(contract, row_rules=_row_rules(draw, tuple(own)))
    if kind == "add" or picked is None:
        name = next(letter for letter in "abcdefg" if letter not in {f.name for f in own})
        return replace(contract, fields=(*contract.fields[:-1], draw(fields(name)), contract.fields[-1]))
    if kind == "remove":
        kept = tuple(f for f in contract.fields if f is not picked)
        rules = tuple(r for r in contract.row_rules if picked.name not in r.reads)
        return replace(contract, fields=kept, row_rules=rules)
    if kind == "required":
        other = replace(picked, required=not picked.required)
    elif kind == "empty":
        other = replace(picked, empty_is_null=not picked.empty_is_null)
    elif kind == "type":
        wider = draw(st.sampled_from(WIDER.get(picked.type, tuple(sorted(CHOICES)))))
        other = Field(picked.name, picked.physical_name, wider, required=picked.required)
        if wider == "decimal":
            other = replace(other, scale=draw(st.sampled_from((0, 2, 3))))
    else:
        other = _drawn(draw, picked, only=draw(st.sampled_from((*CHOICES[picked.type], "none"))))
    if kind == "type" and other.type != picked.type:
        rules = tuple(r for r in contract.row_rules if picked.name not in r.reads or r.then.maximum is not None)
        contract = replace(contract, row_rules=rules if other.type in {"number", "decimal"} else ())
    return replace(contract, fields=tuple(other if f is picked else f for f in contract.fields))


def _drawn(draw: st.DrawFn, field: Field, only: str | None = None) -> Field:
    chosen = {
        name: draw(st.sampled_from(values)) for name, values in CHOICES[field.type].items() if only in (None, name)
    }
    return replace(field, **chosen)


def _row_rules(draw: st.DrawFn, made: tuple[Field, ...]) -> tuple[RowRule, ...]:
    able = [f for f in made if f.type in CONDITIONS]
    if not able or draw(st.booleans()):
        return ()
    field = draw(st.sampled_from(able))
    then = replace(draw(st.sampled_from(CONDITIONS[field.type])), field=field.name)
    when = draw(st.sampled_from((None, Condition(field.name, is_null=False))))
    severity = draw(st.sampled_from(("error", "error", "warning")))
    return (RowRule("rule", when, then, severity=severity),)
