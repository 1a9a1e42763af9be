"""Every rule that can be declared: a record or a batch that keeps it, and one that does not."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.declaration import DeclarationError, load_source
from mlinfra_assets.contracts.source import Source
from tests.support.declared import declared, processed, reasons

AT = "2011-12-10T08:00:00Z"
FINGERPRINTS = {
    "exchange_rates": "7961fe4f67df",
    "order_lines": "3384cfb29b52",
    "outcomes": "e91a07d28530",
    "predictions": "81385f8ccf1f",
}
"""Of the contracts as they are declared: a rule that none of them uses changes none of these."""


def custom(name: str, implementation: dict, **more: object) -> dict:
    return {"name": name, "type": "custom", "engine": "mlinfra", "implementation": implementation, **more}


def document(fields: list[dict], quality: list[dict], sections: list[dict]) -> dict:
    at = {"name": "at", "logicalType": "timestamp", "required": True, "description": "When."}
    described = [{"description": "A field.", **f} for f in (*fields, at)]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "things",
        "name": "things",
        "version": "1.0.0",
        "status": "active",
        "description": {"purpose": "Tests."},
        "team": {"name": "us"},
        "schema": [{"name": "things", "logicalType": "object", "properties": described, "quality": quality}],
        "customProperties": [
            {"property": "ingest", "value": {"kind": "stream", "topic": "things", "format": "json"}},
            {"property": "time", "value": {"eventTime": "at"}},
            {"property": "dagster", "value": {"owners": ["team:us"]}},
            *sections,
        ],
    }


def load(
    tmp_path: Path, *fields: dict, quality: list[dict] | None = None, sections: list[dict] | None = None
) -> Source:
    """The source that these fields declare; the file is a document of the standard."""
    path = tmp_path / "things.yaml"
    path.write_text(yaml.safe_dump(document(list(fields), quality or [], sections or []), sort_keys=False))
    OpenDataContractStandard.from_file(str(path))
    source = load_source(path)
    assert Contract.from_json(source.contract.to_json()) == source.contract
    return source


def found(source: Source, *records: dict) -> list[list[str]]:
    outcome = processed(source, *(orjson.dumps({"at": AT, **record}) for record in records))
    assert outcome.valid.height + outcome.quarantined.height == len(records)
    return reasons(outcome)


@pytest.mark.parametrize("name", list(FINGERPRINTS))
def test_the_contracts_that_there_were_have_kept_their_fingerprints(name: str) -> None:
    assert declared(name).contract.fingerprint == FINGERPRINTS[name]


def test_a_number_that_is_not_finite_is_refused_unless_its_field_allows_it(tmp_path: Path) -> None:
    field = {"name": "x", "logicalType": "number", "logicalTypeOptions": {"minimum": 0, "maximum": 9}}
    records = [{"x": x} for x in ("NaN", "Infinity", "-Infinity", 1)]
    assert found(load(tmp_path, field), *records) == [["x: type"]] * 3
    allowing = {**field, "customProperties": [{"property": "allowNonFinite", "value": True}]}
    source = load(tmp_path, allowing)
    assert found(source, *records) == [["x: maximum"], ["x: minimum"]]
    assert found(source, {"x": "1" * 400}, {"x": "1e999"}, {"x": "nan"}) == [["x: type"]] * 3


def test_valid_values_and_patterns_are_arguments_of_the_standards_metric(tmp_path: Path) -> None:
    rule = {"name": "known", "metric": "invalidValues", "mustBe": 0}
    values = load(
        tmp_path, {"name": "c", "logicalType": "string", "quality": [{**rule, "arguments": {"validValues": ["a"]}}]}
    )
    assert found(values, {"c": "a"}, {"c": "b"}, {"c": None}) == [["c: validValues"]]
    pattern = load(
        tmp_path, {"name": "c", "logicalType": "string", "quality": [{**rule, "arguments": {"pattern": "^a+$"}}]}
    )
    assert found(pattern, {"c": "aa"}, {"c": "ab"}) == [["c: pattern"]]


def test_fields_of_one_record_are_compared(tmp_path: Path) -> None:
    rule = custom(
        "sent after it was ordered",
        {"then": {"field": "sent", "minimumField": "ordered"}, "when": {"field": "sent", "null": False}},
    )
    fields = [{"name": name, "logicalType": "date"} for name in ("ordered", "sent")]
    source = load(tmp_path, *fields, quality=[rule])
    early, late = {"ordered": "2011-01-02", "sent": "2011-01-01"}, {"ordered": "2011-01-02", "sent": "2011-01-02"}
    assert found(source, late, early, {"ordered": "2011-01-02"}) == [["record: sent after it was ordered"]]
    other = custom("paid", {"then": {"field": "paid", "maximumField": "price"}})
    numbers = [{"name": name, "logicalType": "integer"} for name in ("paid", "price")]
    assert found(load(tmp_path, *numbers, quality=[other]), {"paid": 1, "price": 1}, {"paid": 2, "price": 1}) == [
        ["record: paid"]
    ]


def test_a_row_rule_may_warn(tmp_path: Path) -> None:
    rule = custom("few", {"then": {"field": "x", "maximum": 5}}, severity="warning")
    source = load(tmp_path, {"name": "x", "logicalType": "integer"}, quality=[rule])
    report = processed(source, *(orjson.dumps({"at": AT, "x": x}) for x in (5, 6, 7))).report
    assert (report.valid, report.quarantined, report.warnings) == (3, 0, {"few": 2})


def test_batch_rules_are_read_with_all_that_they_say(tmp_path: Path) -> None:
    field = {
        "name": "c",
        "logicalType": "string",
        "quality": [
            {"name": "m", "metric": "missingValues", "mustBe": 0, "arguments": {"missingValues": [None, "N/A"]}},
            {"name": "i", "metric": "invalidValues", "mustBeLessThan": 5, "unit": "percent"},
            custom(
                "s", {"metric": "populationStability", "days": 7, "maximum": 0.2, "minRows": 100}, severity="warning"
            ),
        ],
    }
    quality = [
        {"name": "d", "metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["c", "at"]}},
        {"name": "v", "metric": "rowCount", "mustBeGreaterThan": 0},
        custom("f", {"metric": "freshness", "maximumAge": "PT6H"}),
    ]
    rules = {rule.name: rule for rule in load(tmp_path, field, quality=quality).contract.rules}
    assert rules["m"].values == (None, "N/A")
    assert (rules["i"].field, rules["i"].unit) == ("c", "percent")
    assert (rules["s"].field, rules["s"].days, rules["s"].min_rows, rules["s"].severity) == ("c", 7, 100, "warning")
    assert (rules["d"].field, rules["d"].fields) == (None, ("c", "at"))
    assert (rules["f"].threshold, rules["f"].unit) == ((21_600.0,), "seconds")


@pytest.mark.parametrize(
    ("field", "quality", "says"),
    [
        ({"logicalType": "integer", "customProperties": [{"property": "allowNonFinite", "value": True}]}, [], "only a"),
        ({"logicalType": "string", "customProperties": [{"property": "unit", "value": "kg"}]}, [], "only numbers have"),
        (
            {
                "logicalType": "string",
                "classification": "personal",
                "quality": [custom("s", {"metric": "populationStability", "days": 7, "maximum": 1, "minRows": 9})],
            },
            [],
            "x is personal: its values may not be kept in a profile",
        ),
        (
            {
                "logicalType": "number",
                "classification": "personal",
                "quality": [custom("s", {"metric": "quantileDistance", "days": 7, "maximum": 1, "minRows": 9})],
            },
            [],
            "x is personal: its values may not be kept in a profile",
        ),
        (
            {
                "logicalType": "string",
                "quality": [custom("s", {"metric": "meanShift", "days": 7, "maximum": 1, "minRows": 9})],
            },
            [],
            "meanShift is for fields of integer, number, decimal, and x is a string",
        ),
        (
            {"logicalType": "string", "quality": [{"name": "m", "metric": "missingValues", "mustBe": 0}]},
            [],
            "arguments.missingValues is missing",
        ),
        ({"logicalType": "string"}, [custom("f", {"metric": "freshness"})], "maximumAge is missing"),
        ({"logicalType": "string"}, [custom("f", {"metric": "freshnes"})], "did you mean 'freshness'?"),
        (
            {"logicalType": "string"},
            [custom("f", {"then": {"field": "x", "minimumField": "at"}})],
            "cannot be compared",
        ),
        ({"logicalType": "string"}, [{"name": "n", "metric": "nullValues", "mustBe": 0}], "quality of a property"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(tmp_path: Path, field: dict, quality: list[dict], says: str) -> None:
    with pytest.raises(DeclarationError, match=r"things\.yaml:\d+: ") as refused:
        load(tmp_path, {"name": "x", **field}, quality=quality)
    assert says in str(refused.value)


def test_how_a_contract_may_change_is_declared_in_the_registrys_words(tmp_path: Path) -> None:
    field = {"name": "x", "logicalType": "integer"}
    plain = load(tmp_path, field).contract
    full = load(tmp_path, field, sections=[{"property": "compatibility", "value": "FULL_TRANSITIVE"}]).contract
    assert (plain.compatibility, full.compatibility) == ("BACKWARD", "FULL_TRANSITIVE")
    assert plain.fingerprint != full.fingerprint
    with pytest.raises(DeclarationError, match="is none of BACKWARD"):
        load(tmp_path, field, sections=[{"property": "compatibility", "value": "SIDEWARD"}])


def test_what_is_classified_is_protected_unless_it_is_open() -> None:
    fields = {f.name: f for f in declared("order_lines").contract.fields}
    assert fields["customer_id"].protected
    assert not fields["country"].protected
