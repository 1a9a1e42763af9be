"""The rules of docs/contracts.md, one by one: what each change does in either direction, and what is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlinfra_assets.contracts.compatibility import (
    INSTEAD,
    Direction,
    bump,
    judge,
    next_version,
    raised,
    refusals,
)
from mlinfra_assets.contracts.contract import Compatibility, Condition, Contract, Field, RowRule
from mlinfra_assets.settings import PROJECT

AT = Field("at", "at", "timestamp", required=True)
BASE = Contract("things", "1.0.0", "", "us", (AT,), "at")
CODE = Field("c", "c", "string")
COUNT = Field("n", "n", "integer", minimum="0", maximum="100")
PRICE = Field("p", "p", "decimal", scale=2, minimum="0", maximum="1000")
DAY = Field("d", "d", "date")
RULE = RowRule("rule", None, Condition("n", maximum="50"))
BOTH: tuple[Direction, ...] = ("BACKWARD", "FORWARD")
NEITHER: tuple[Direction, ...] = ()
KINDS = {
    "add an optional field": (BASE, (CODE,), BOTH),
    "add a required field": (BASE, (replace(CODE, required=True),), ("FORWARD",)),
    "remove an optional field": ((CODE,), BASE, BOTH),
    "remove a required field": ((replace(CODE, required=True),), BASE, ("BACKWARD",)),
    "rename a column": ((CODE,), (replace(CODE, name="k"),), NEITHER),
    "rename at the producer": ((CODE,), (replace(CODE, physical_name="k"),), NEITHER),
    "integer to number, with room": ((COUNT,), (Field("n", "n", "number"),), ("BACKWARD",)),
    "integer to decimal, with room": ((COUNT,), (Field("n", "n", "decimal", scale=2),), ("BACKWARD",)),
    "integer to number, without limits": ((Field("n", "n", "integer"),), (Field("n", "n", "number"),), NEITHER),
    "more digits after the point, with room": ((PRICE,), (replace(PRICE, scale=4),), ("BACKWARD",)),
    "more digits after the point, without limits": (
        (Field("p", "p", "decimal", scale=2),),
        (Field("p", "p", "decimal", scale=4),),
        NEITHER,
    ),
    "fewer digits after the point": ((PRICE,), (replace(PRICE, scale=1),), ("FORWARD",)),
    "number to integer, with room": ((Field("n", "n", "number"),), (COUNT,), ("FORWARD",)),
    "decimal to number": ((PRICE,), (Field("p", "p", "number"),), NEITHER),
    "another type": ((CODE,), (Field("c", "c", "integer"),), NEITHER),
    "date to timestamp": ((DAY,), (Field("d", "d", "timestamp"),), NEITHER),
    "require": ((CODE,), (replace(CODE, required=True),), ("FORWARD",)),
    "require no longer": ((replace(CODE, required=True),), (CODE,), ("BACKWARD",)),
    "narrow a range": ((COUNT,), (replace(COUNT, maximum="50"),), ("FORWARD",)),
    "widen a range": ((COUNT,), (replace(COUNT, minimum="-5"),), ("BACKWARD",)),
    "add a pattern": ((CODE,), (replace(CODE, pattern="^a"),), ("FORWARD",)),
    "change a pattern": ((replace(CODE, pattern="^a"),), (replace(CODE, pattern="^[ab]"),), NEITHER),
    "remove a pattern": ((replace(CODE, pattern="^a"),), (CODE,), ("BACKWARD",)),
    "add a valid value": ((replace(CODE, enum=("a",)),), (replace(CODE, enum=("a", "b")),), ("BACKWARD",)),
    "remove a valid value": ((replace(CODE, enum=("a", "b")),), (replace(CODE, enum=("a",)),), ("FORWARD",)),
    "shorten": ((replace(CODE, max_length=9),), (replace(CODE, max_length=8),), ("FORWARD",)),
    "lengthen": ((replace(CODE, max_length=9),), (replace(CODE, max_length=10),), ("BACKWARD",)),
    "allow NaN": ((Field("x", "x", "number"),), (Field("x", "x", "number", non_finite=True),), ("BACKWARD",)),
    "empty text becomes null": ((CODE,), (replace(CODE, empty_is_null=True),), NEITHER),
    "another format": ((DAY,), (replace(DAY, format="dd/MM/yyyy"),), NEITHER),
    "another unit": ((replace(COUNT, unit="kg"),), (replace(COUNT, unit="g"),), NEITHER),
    "say the unit": ((COUNT,), (replace(COUNT, unit="kg"),), BOTH),
    "another time zone": (BASE, replace(BASE, timezone="Europe/London"), NEITHER),
    "another event time": (
        (replace(AT, name="b", physical_name="b"),),
        replace(BASE, fields=(AT, replace(AT, name="b", physical_name="b")), event_time="b"),
        NEITHER,
    ),
    "another key": ((replace(CODE, required=True),), {"primary_key": ("c",)}, NEITHER),
    "another message format": ((CODE,), {"message_format": "avro"}, NEITHER),
    "add a row rule": ((COUNT,), {"row_rules": (RULE,)}, ("FORWARD",)),
    "remove a row rule": ((COUNT, RULE), (COUNT,), ("BACKWARD",)),
    "a row rule that warns": ((COUNT,), {"row_rules": (replace(RULE, severity="warning"),)}, BOTH),
    "another classification": ((CODE,), (replace(CODE, classification="personal"),), BOTH),
}


def contract(parts: Any, before: Contract | None = None) -> Contract:
    if isinstance(parts, Contract):
        return parts
    if isinstance(parts, dict):
        assert before is not None
        return replace(before, **parts)
    rules = tuple(part for part in parts if isinstance(part, RowRule))
    return replace(BASE, fields=(AT, *(p for p in parts if isinstance(p, Field))), row_rules=rules)


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_a_change_does_in_either_direction(kind: str) -> None:
    old, new, compatible = KINDS[kind]
    before = contract(old)
    after = contract(new, before)
    for direction in BOTH:
        found = refusals(after, before, (direction,))
        assert (not found) is (direction in compatible), [str(r) for r in found]
        for refusal in found:
            assert refusal.instead
            assert f"not {direction} compatible with 1.0.0" in str(refusal)


def test_the_docs_say_of_each_change_what_the_code_does() -> None:
    lines = (PROJECT / "docs" / "contracts.md").read_text().splitlines()
    told = {}
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[1] in {"yes", "no"}:
            told[cells[0]] = tuple(d for d, cell in zip(BOTH, cells[1:3], strict=True) if cell == "yes")
    assert told == {kind: compatible for kind, (_, _, compatible) in KINDS.items()}


def test_every_reason_has_a_way_out_in_both_directions() -> None:
    kinds = {kind for kind, _ in INSTEAD}
    assert {(kind, direction) for kind in kinds for direction in BOTH} == set(INSTEAD)


def versions(*maxima: str, mode: Compatibility) -> list[Contract]:
    return [
        replace(BASE, fields=(AT, replace(COUNT, maximum=maximum)), version=f"1.{i}.0", compatibility=mode)
        for i, maximum in enumerate(maxima)
    ]


@pytest.mark.parametrize(
    ("mode", "published", "declared", "against"),
    [
        ("BACKWARD", ("200", "100"), "150", []),
        ("BACKWARD", ("200", "100"), "99", ["1.1.0"]),
        ("BACKWARD_TRANSITIVE", ("200", "100"), "150", ["1.0.0"]),
        ("FORWARD", ("50", "100"), "80", []),
        ("FORWARD_TRANSITIVE", ("50", "100"), "80", ["1.0.0"]),
        ("FULL", ("100",), "150", ["1.0.0"]),
        ("FULL", ("100",), "50", ["1.0.0"]),
        ("FULL_TRANSITIVE", ("50", "100"), "80", ["1.1.0", "1.0.0"]),
        ("NONE", ("100",), "1", []),
    ],
)
def test_the_mode_of_the_newest_version_says_what_it_is_judged_by(
    mode: Compatibility, published: tuple[str, ...], declared: str, against: list[str]
) -> None:
    (new,) = versions(declared, mode="NONE")
    verdict = judge(replace(new, version="2.0.0"), versions(*published, mode=mode))
    assert verdict.mode == mode
    assert list(dict.fromkeys(refusal.against for refusal in verdict.refusals)) == against


def test_a_published_contract_may_come_back() -> None:
    wide, narrow = versions("200", "100", mode="NONE")
    back = judge(wide, [wide, replace(narrow, compatibility="BACKWARD"), *versions("300", mode="FULL")])
    assert back.compatible
    assert back.version_problem is None


@pytest.mark.parametrize(
    ("change", "asks", "least"),
    [
        ({}, "none", "1.0.0"),
        ({"owner": "them"}, "patch", "1.0.1"),
        ({"fields": (AT, replace(COUNT, description="How many."))}, "patch", "1.0.1"),
        ({"fields": (AT, replace(COUNT, maximum="200"))}, "minor", "1.1.0"),
        ({"fields": (AT, replace(COUNT, maximum="20"))}, "major", "2.0.0"),
        ({"compatibility": "FULL"}, "minor", "1.1.0"),
    ],
)
def test_what_a_change_asks_of_the_version(change: dict[str, Any], asks: str, least: str) -> None:
    (before,) = versions("100", mode="BACKWARD")
    after = replace(before, **change)
    assert bump(after, before) == asks
    verdict = judge(after, [before])
    assert (verdict.version_problem is None) is (asks == "none")
    assert next_version("1.0.0", verdict.asks) == least
    raised_far_enough = judge(replace(after, version=least), [before])
    assert raised_far_enough.version_problem is None


def test_values_that_are_no_longer_protected_ask_for_a_minor_version() -> None:
    before = replace(BASE, fields=(AT, replace(CODE, classification="personal")))
    assert bump(replace(BASE, fields=(AT, replace(CODE, classification="public"))), before) == "minor"
    assert bump(before, replace(BASE, fields=(AT, CODE))) == "patch"


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        ("1.2.3", "2.0.0", 3),
        ("1.2.3", "1.3.0", 2),
        ("1.2.3", "1.2.4", 1),
        ("1.2.3", "1.2.3", 0),
        ("1.2.3", "1.2.2", -1),
    ],
)
def test_which_part_of_a_version_was_raised(before: str, after: str, part: int) -> None:
    assert raised(before, after) == part


def test_a_rule_that_lists_the_text_of_values_is_another_rule_for_another_type() -> None:
    rule = RowRule("known", None, Condition("n", enum=("1", "2")))
    before, after = contract((COUNT, rule)), contract((Field("n", "n", "number"), rule))
    (refusal,) = refusals(after, before, ("BACKWARD",))
    assert "'known' lists values of a field that has another type there" in str(refusal)
