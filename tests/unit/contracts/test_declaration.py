"""A declaration becomes a source, or is refused with file, line, path and what to do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mlinfra_assets.breakers.rules import BreakerRules
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.declaration import DeclarationError, load_source, load_sources
from mlinfra_assets.contracts.source import FilesIngest, StreamIngest
from tests.support.declared import SOURCES, declared

RATES = (SOURCES / "exchange_rates.yaml").read_text()
LINES = (SOURCES / "order_lines.yaml").read_text()


def refused(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DeclarationError) as error:
        load_source(path)
    assert str(error.value).startswith(str(path))
    return str(error.value).removeprefix(str(path))


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_the_four_sources_are_declared() -> None:
    assert list(load_sources(SOURCES)) == ["exchange_rates", "order_lines", "outcomes", "predictions"]


def test_a_stream_may_say_which_system_it_is_in(tmp_path: Path) -> None:
    path = tmp_path / "order_lines.yaml"
    path.write_text(changed(LINES, "topic: order_lines", "topic: order_lines\n      system: kafka"))
    assert load_source(path).ingest == StreamIngest("order_lines", system="kafka")
    wrong = changed(LINES, "topic: order_lines", "topic: order_lines\n      system: kafkaa")
    assert "kafkaa" in refused(tmp_path, wrong)


def test_how_patient_a_breaker_is_may_be_declared_and_changes_no_fingerprint(tmp_path: Path) -> None:
    assert declared("order_lines").breaker == BreakerRules(failed_batches=1, good_batches=1)
    path = tmp_path / "order_lines.yaml"
    rules = "customProperties:\n  - property: breaker\n    value: {failedBatches: 3, goodBatches: 2}\n"
    patient = rules.join(LINES.rsplit("customProperties:\n", 1))
    path.write_text(patient)
    assert load_source(path).breaker == BreakerRules(failed_batches=3, good_batches=2)
    assert load_source(path).contract.fingerprint == declared("order_lines").contract.fingerprint
    assert "0 is not between 1" in refused(tmp_path, changed(patient, "goodBatches: 2", "goodBatches: 0"))
    assert "failedBatch" in refused(tmp_path, changed(patient, "failedBatches", "failedBatch"))


@pytest.mark.parametrize("name", ["exchange_rates", "order_lines", "outcomes", "predictions"])
def test_every_field_and_rule_is_described(name: str) -> None:
    contract = declared(name).contract
    assert all(len(f.description) > 15 for f in contract.fields)
    assert all(rule.description for rule in (*contract.rules, *contract.row_rules))
    assert len(contract.description) > 100


def test_a_stream_source_is_read_as_declared() -> None:
    source = declared("order_lines")
    assert source.ingest == StreamIngest("order_lines")
    assert source.contract.timezone == "Europe/London"
    assert source.contract.event_time == "invoiced_at"
    price = source.contract.field("unit_price")
    assert (price.type, price.scale, price.physical_name) == ("decimal", 3, "UnitPrice")
    assert source.contract.primary_key == ()
    assert source.needs.owners == ("team:retail-systems", "team:ml-platform")
    assert source.needs.freshness_hours == 96


def test_a_file_source_is_read_as_declared() -> None:
    source = declared("exchange_rates")
    assert isinstance(source.ingest, FilesIngest)
    assert source.ingest.melt is not None
    assert source.ingest.melt.skip == ("N/A", "")
    assert source.contract.primary_key == ("rate_date", "currency")
    assert source.contract.history_lag_us == 16 * 3600 * 1_000_000
    assert source.needs.schedule == "30 15 * * 1-5"


@pytest.mark.parametrize("name", ["exchange_rates", "order_lines", "outcomes", "predictions"])
def test_a_contract_survives_its_canonical_json(name: str) -> None:
    contract = declared(name).contract
    again = Contract.from_json(contract.to_json())
    assert again == contract
    assert again.to_json() == contract.to_json()
    assert again.fingerprint == contract.fingerprint


def test_the_fingerprint_follows_schema_and_rules_but_not_prose() -> None:
    contract = declared("order_lines").contract
    first, *others = contract.fields
    reworded = replace(contract, description="else", version="9.9.9", fields=(replace(first, description="x"), *others))
    stricter = replace(contract, fields=(replace(first, pattern="^C"), *others))
    assert reworded.fingerprint == contract.fingerprint
    assert stricter.fingerprint != contract.fingerprint
    assert replace(contract, timezone="UTC").fingerprint != contract.fingerprint
    assert replace(contract, row_rules=()).fingerprint != contract.fingerprint


def test_an_unknown_type_is_refused_with_line_and_the_types_there_are(tmp_path: Path) -> None:
    text = changed(LINES, "logicalType: timestamp", "logicalType: timestmp")
    message = refused(tmp_path, text)
    assert message.startswith(
        f":{line_of(text, 'timestmp')}: schema[0].properties[4].logicalType: 'timestmp' is none of"
    )
    assert "did you mean 'timestamp'?" in message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("physicalName: Quantity", "physicalNme: Quantity", "did you mean 'physicalName'?"),
        ("minimum: -10000", "minimum: many", "'many' is not a integer"),
        ("minimum: -10000", "minimum: 10001", "minimum is larger than maximum"),
        ("minimum: -10000", "minLength: 3", "unknown key"),
        ("decimal(18,3)", "decimal(38,3)", "write decimal(18,3)"),
        ("defaultTimezone: Europe/London", "defaultTimezone: Europe/Londn", "is not a time zone"),
        ("format: yyyy-MM-dd HH:mm:ss", "format: yyyy-mm-dd", "lacks the hour, month"),
        ("format: yyyy-MM-dd HH:mm:ss", "format: '%Y-%m-%d'", "is not supported"),
        (r"pattern: ^[CA]?\d{6}$", "pattern: ^[CA", "not a regular expression"),
        ("eventTime: invoiced_at", "eventTime: invoice_no", "is not a timestamp or date"),
        ("ambiguous: earlier", "ambiguous: first", "none of earlier, later"),
        ("kind: stream", "kind: straem", "did you mean 'stream'?"),
        ("topic: order_lines", "topic: order lines", "cannot name a stream"),
        ("team:retail-systems", "retail", "neither team:name nor an e-mail address"),
        ("failHours: 96", "failHours: 10", "warnHours below failHours"),
        ("sensorSeconds: 30", "sensorSeconds: often", "expected a whole number"),
        ("sensorSeconds: 30", "schedule: 1 * * * *", "without an ingest.url"),
        ("mustBeLessThan: 10\n", "mustBeLessThan: 10\n        mustBe: 3\n", "needs exactly one of"),
        ("metric: invalidValues", "metric: sumOfValues", "is none of"),
        ("field: quantity", "field: quantitty", "did you mean 'quantity'?"),
        ("engine: mlinfra", "engine: soda", "is none of mlinfra"),
        ("apiVersion: v3.1.0", "apiVersion: v2.2.0", "is none of v3.1.0"),
        ("name: order_lines", "name: Order Lines", "cannot name a source"),
        ("name: order_lines", "name: order_lines_quarantine", "tables of their own"),
        ("version: 1.0.0", "version: 1.0", "expected text"),
        ("property: time", "property: tiem", "did you mean 'time'?"),
        ("name: stock_code", "name: invoice_no", "'invoice_no' is given more than once"),
        ("name: stock_code", "name: _offset", "cannot name a column"),
        ("name: stock_code", "nam: stock_code", "did you mean 'name'?"),
    ],
)
def test_a_wrong_order_lines_declaration_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    message = refused(tmp_path, changed(LINES, old, new))
    assert re.match(r":\d+: ", message)
    assert says in message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("historyLag: PT16H", "historyLag: 16h", "is not a duration"),
        ("historyLag: PT16H", "historyLag: P99999D", "longer than ten years"),
        ("keep: [Date]", "keep: [Dat]", "did you mean 'Date'?"),
        ('pattern: "*.zip"', "pattern: ../*.zip", "leaves the landing folder"),
        ("url: https://www", "url: file:///www", "is not an http(s) address"),
        ("url: https://www", "url: https://me:secret@www", "without credentials"),
        ("schedule: 30 15 * * 1-5", "schedule: every day", "is not a cron line"),
        ("schedule: 30 15 * * 1-5", "schedule: 61 15 * * 1-5", "is not a cron line"),
        ("primaryKeyPosition: 2", "primaryKeyPosition: 1", "is taken"),
        ('minimum: "1999-01-04"', 'minimum: "1999-13-04"', "is not a date"),
    ],
)
def test_a_wrong_exchange_rates_declaration_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert says in refused(tmp_path, changed(RATES, old, new))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "expected a mapping"),
        ("a: [", "not YAML"),
        ("a: \x00", "not YAML"),
        (b"name: \xff\xfe", "is not UTF-8"),
        ("a: &x [1]\nb: *x\n", "anchors and aliases are not accepted"),
        ("name: a\nname: b\n", "a second time"),
        ("1: a\n", "a key has to be text"),
        ("a: " + "[" * 100 + "]" * 100, "nested deeper"),
        ("a: !!python/object/apply:os.system [ls]\n", "unknown key"),
        ("name: x" * 100_000, "is larger than"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
    ],
)
def test_a_file_that_is_no_declaration_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert says in refused(tmp_path, text)


def test_two_files_cannot_declare_one_source(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(LINES)
    with pytest.raises(DeclarationError, match=r"b\.yaml: 'order_lines' is declared in .*a\.yaml"):
        load_sources(tmp_path)


def test_a_missing_file_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="cannot be read"):
        load_source(tmp_path / "none.yaml")
    with pytest.raises(DeclarationError, match="is not a folder"):
        load_sources(tmp_path / "none")
