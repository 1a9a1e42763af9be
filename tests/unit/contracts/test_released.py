"""Records that were let in: their own position, known from their release on."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.quarantine_schema import RELEASES_SCHEMA
from mlinfra_assets.contracts.validate import process
from tests.support.declared import LANDED, LIMIT, declared, line, raw_rows, reasons

SHOP = declared("order_lines")


def release(*decisions: tuple[int, int, bytes | None]) -> pl.DataFrame:
    rows = [(n, 0, offset, 0, payload, LANDED + timedelta(days=n), "ann", "ok") for n, offset, payload in decisions]
    return pl.DataFrame(rows, schema=RELEASES_SCHEMA, orient="row")


def test_released_records_keep_their_position_and_are_known_from_their_release() -> None:
    rows = raw_rows([line(), line(Country=""), line(Country=""), b"?"])
    decisions = release((1, 3, line(Country="EIRE")), (2, 2, None), (3, 4, line(Quantity=9)))
    found = process(SHOP, rows, releases=decisions, max_payload_bytes=LIMIT)
    picked = found.valid.select(names.OFFSET, names.RELEASE, names.KNOWN_AT, "country", "quantity")
    assert picked.rows() == [
        (3, 1, LANDED + timedelta(days=1), "EIRE", 6),
        (4, 3, LANDED + timedelta(days=3), "United Kingdom", 9),
    ]
    assert reasons(found) == [["country: minLength"]]


def test_a_release_of_what_raw_does_not_hold_says_so() -> None:
    found = process(SHOP, raw_rows([line()]), releases=release((1, 99, None)), max_payload_bytes=LIMIT)
    assert reasons(found) == [["record: raw"]]
