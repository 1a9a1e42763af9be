"""What is held, why, and the way back - on real tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.clock import FixedClock
from mlinfra_assets.contracts.correction import Correction, read_corrections
from mlinfra_assets.contracts.quarantine import Position, Quarantine
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared import LIMIT, declared, line, raw_rows
from tests.support.zips import zipped

SHOP, BANK = declared("order_lines"), declared("exchange_rates")
BY_HAND = Provenance(run_id="by hand", code_version="0")
NOW = datetime(2011, 12, 12, tzinfo=UTC)


def fill(lake: Lake, source: Source, *payloads: bytes) -> None:
    raw = raw_rows(payloads)
    found = process(source, raw, max_payload_bytes=LIMIT)
    for key, frame in ((names.raw, raw), (names.quarantine, found.quarantined), (names.processed, found.valid)):
        lake.table(names.table(*key(source.name))).append(frame, provenance=BY_HAND)


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    fill(lake, SHOP, line(), line(Quantity=20000), line(Country="", CustomerID="1.5"), b"no JSON")
    fill(lake, BANK, zipped(("a.csv", "Date,USD\n2011-12-09,-1\n")), b"torn")
    return lake


@pytest.fixture
def quarantine(lake: Lake) -> Quarantine:
    sources = {s.name: s for s in (SHOP, BANK)}
    return Quarantine(lake, sources, FixedClock(NOW), BY_HAND, LIMIT)


def releases(lake: Lake, source: Source = SHOP) -> pl.DataFrame:
    return lake.table(names.table(*names.releases(source.name))).read().sort("number")


def let_in(lake: Lake, source: Source = SHOP) -> pl.DataFrame:
    raw = lake.table(names.table(*names.raw(source.name))).read()
    return process(source, raw, releases=releases(lake, source), max_payload_bytes=LIMIT).valid


def test_everything_that_is_held_is_listed(quarantine: Quarantine) -> None:
    rows = quarantine.list().select("source", names.OFFSET, names.ROW, "released").rows()
    assert rows == [
        ("order_lines", 2, 0, None),
        ("order_lines", 3, 0, None),
        ("order_lines", 4, 0, None),
        ("exchange_rates", 1, 0, None),
        ("exchange_rates", 2, 0, None),
    ]
    assert quarantine.list("exchange_rates").height == 2


def test_an_empty_lake_holds_nothing(tmp_path) -> None:
    empty = Quarantine(Lake(str(tmp_path)), {SHOP.name: SHOP}, FixedClock(NOW), BY_HAND, LIMIT)
    assert empty.list().is_empty()
    with pytest.raises(InvalidInputError, match="nothing is quarantined"):
        empty.show("order_lines", Position(0, 1))


def test_one_record_is_shown_with_every_reason(quarantine: Quarantine) -> None:
    held = quarantine.show("order_lines", Position.parse("0:3"))
    assert [(r.field, r.rule) for r in held.reasons] == [("customer_id", "type"), ("country", "minLength")]
    assert orjson.loads(held.record or "")["CustomerID"] == "1.5"
    assert held.contract_version == SHOP.contract.fingerprint


def test_a_record_that_still_breaks_the_contract_is_refused_with_the_reasons(
    quarantine: Quarantine, lake: Lake
) -> None:
    with pytest.raises(InvalidInputError, match=r"0:2:0 would still break .* quantity \(20000\): is above the maximum"):
        quarantine.release("order_lines", Position(0, 2), "ann", "confirmed")
    with pytest.raises(InvalidInputError, match=r"country .*: "):
        quarantine.release("order_lines", Position(0, 3), "ann", "no idea", {"customer_id": "null"})
    assert not lake.table(names.table(*names.releases("order_lines"))).exists()


def test_a_corrected_record_is_released_at_its_position(quarantine: Quarantine, lake: Lake) -> None:
    made = quarantine.release(
        "order_lines", Position(0, 3), "ann", "asked them", {"customer_id": "7", "Country": "EIRE"}
    )
    assert (made.number, made.released_at, made.released_by) == (1, NOW, "ann")
    assert orjson.loads(made.record or "")["Country"] == "EIRE"
    row = let_in(lake).row(0, named=True)
    assert (row["customer_id"], row["country"], row["unit_price"]) == (7, "EIRE", Decimal("2.550"))
    assert (row[names.OFFSET], row[names.RELEASE], row[names.KNOWN_AT]) == (3, 1, NOW)
    assert quarantine.show("order_lines", Position(0, 3)).released == 1
    assert quarantine.list("order_lines")["released"].to_list() == [None, 1, None]


def test_a_record_that_a_newer_contract_accepts_is_released_as_it_was(lake: Lake) -> None:
    from dataclasses import replace

    wider = [replace(f, maximum="50000") if f.name == "quantity" else f for f in SHOP.contract.fields]
    newer = replace(SHOP, contract=replace(SHOP.contract, fields=tuple(wider)))
    made = Quarantine(lake, {"order_lines": newer}, FixedClock(NOW), BY_HAND, LIMIT).release(
        "order_lines", Position(0, 2), "ann", "a large order"
    )
    assert made.record is None
    assert let_in(lake, newer)["quantity"].to_list() == [20000]


def test_what_was_no_record_is_released_only_as_a_whole_new_one(quarantine: Quarantine, lake: Lake) -> None:
    with pytest.raises(InvalidInputError, match="not JSON"):
        quarantine.release("order_lines", Position(0, 4), "ann", "why not")
    whole = {k: str(v) for k, v in orjson.loads(line()).items()}
    quarantine.release("order_lines", Position(0, 4), "ann", "from the paper slip", whole)
    assert let_in(lake)[names.OFFSET].to_list() == [4]


def test_a_file_that_cannot_be_read_is_not_released(quarantine: Quarantine) -> None:
    with pytest.raises(InvalidInputError, match="torn"):
        quarantine.release("exchange_rates", Position(0, 2), "ann", "why not")
    with pytest.raises(InvalidInputError, match="put the whole file into the landing folder again"):
        quarantine.release("exchange_rates", Position(0, 2), "ann", "why not", {"rate": "1"})
    assert quarantine.release("exchange_rates", Position(0, 1), "ann", "sign", {"rate": "1.3384"}).number == 1


@pytest.mark.parametrize(
    ("source", "at", "by", "why", "changes", "says"),
    [
        ("order_line", "0:2", "ann", "x", {}, "did you mean 'order_lines'"),
        ("order_lines", "0:1", "ann", "x", {}, "nothing is quarantined at 0:1:0"),
        ("order_lines", "0:2", " ", "x", {}, "a name"),
        ("order_lines", "0:2", "ann", "", {}, "a reason"),
        ("order_lines", "0:2", "ann", "x", {"quantty": "1"}, "did you mean 'quantity'"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(quarantine: Quarantine, source, at, by, why, changes, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        quarantine.release(source, Position.parse(at), by, why, changes)


@pytest.mark.parametrize("text", ["", "0", "a:b", "0:-1", "1:2:3:4", "0:\u0661", "0:" + "9" * 30])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not a position"):
        Position.parse(text)


def test_a_record_is_released_once(quarantine: Quarantine) -> None:
    quarantine.release("order_lines", Position(0, 2), "ann", "typo", {"quantity": "2"})
    with pytest.raises(InvalidInputError, match="was let in already, by release 1"):
        quarantine.release("order_lines", Position(0, 2), "bob", "typo", {"quantity": "3"})


def test_releases_at_the_same_time_are_numbered_without_gaps(tmp_path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    fill(lake, SHOP, *(line(Country="") for _ in range(8)))

    def release(offset: int) -> str:
        mine = Quarantine(
            Lake(str(tmp_path / "lake")), {SHOP.name: SHOP}, FixedClock(NOW + timedelta(1)), BY_HAND, LIMIT
        )
        try:
            mine.release("order_lines", Position(0, offset), "ann", "known", {"country": "EIRE"})
        except InvalidInputError as error:
            return str(error)
        return "released"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(release, [1, 2, 3, 4, 5, 6, 6, 6]))
    assert outcomes.count("released") == 6
    assert all("was let in already" in o for o in outcomes if o != "released")
    made = releases(lake)
    assert made["number"].to_list() == [1, 2, 3, 4, 5, 6]
    assert sorted(made["offset"].to_list()) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("offset", [0, 1882476589117079552, 2**63 - 1])
def test_a_position_is_read_as_it_is_written(offset: int) -> None:
    position = Position(0, offset, 3)
    assert Position.parse(str(position)) == position


def test_a_position_beyond_what_tables_hold_is_none() -> None:
    with pytest.raises(InvalidInputError, match="is not a position"):
        Position.parse(f"0:{2**63}")


def test_many_are_corrected_at_once_and_what_still_breaks_the_contract_stays(
    quarantine: Quarantine, lake: Lake
) -> None:
    whole = {"country" if k == "Country" else k: v for k, v in orjson.loads(line(Country="EIRE")).items()}
    asked = [
        Correction(Position(0, 2), changes={"quantity": "2"}),
        Correction(Position(0, 3), whole),
        Correction(Position(0, 4), {"Quantity": "none"}),
        Correction(Position(0, 1)),
    ]
    trial = quarantine.correct("order_lines", asked, "ann", "asked them", dry_run=True)
    assert not lake.table(names.table(*names.releases("order_lines"))).exists()
    outcome = quarantine.correct("order_lines", asked, "ann", "asked them")
    for found in (trial, outcome):
        assert [each.position.offset for each in found.released] == [2, 3]
        assert [each.position.offset for each in found.refused] == [1, 4]
    assert "nothing is quarantined at 0:1:0" in outcome.refused[0].why
    assert "would still break the contract" in outcome.refused[1].why
    rows = let_in(lake).sort(names.OFFSET)
    assert rows.select(names.OFFSET, names.RELEASE, "quantity", "country").rows() == [
        (2, 1, 2, "United Kingdom"),
        (3, 2, 6, "EIRE"),
    ]
    assert rows[names.KNOWN_AT].to_list() == [NOW, NOW]
    assert releases(lake)["why"].to_list() == ["asked them", "asked them"]


def test_the_same_corrections_again_change_nothing(quarantine: Quarantine, lake: Lake) -> None:
    asked = [Correction(Position(0, 2), changes={"quantity": "2"})]
    quarantine.correct("order_lines", asked, "ann", "typo")
    again = quarantine.correct("order_lines", asked, "bob", "typo")
    assert (again.released, again.already, again.refused) == ((), ((Position(0, 2), 1),), ())
    other = quarantine.correct("order_lines", [Correction(Position(0, 2), changes={"quantity": "3"})], "bob", "no")
    assert "by release 1, and not as this record" in other.refused[0].why
    assert releases(lake).height == 1


def test_corrections_are_read_from_json_lines(tmp_path) -> None:
    file = tmp_path / "corrections.jsonl"
    file.write_text('{"position": "0:2", "set": {"quantity": 2}}\n\n{"position": "0:3:0", "record": {"a": null}}\n')
    assert read_corrections(file) == [
        Correction(Position(0, 2), changes={"quantity": "2"}),
        Correction(Position(0, 3), {"a": None}),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "line 1: expected an object"),
        ('{"position": "7"}', "line 1: '7' is not a position"),
        ('{"position": "0:1", "recrod": {}}', 'beside "position" there is "record" or "set"'),
        ('{"position": "0:1", "record": {}, "set": {}}', 'beside "position"'),
        ('{"position": "0:1", "record": 3}', "are objects"),
        ('{"position": "0:1"}\n{"position": "0:1:0"}', "line 2: position 0:1:0 comes a second time"),
    ],
)
def test_a_line_that_is_no_correction_is_named(tmp_path, text: str, says: str) -> None:
    file = tmp_path / "corrections.jsonl"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=says):
        read_corrections(file)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_corrections(tmp_path / "none")
