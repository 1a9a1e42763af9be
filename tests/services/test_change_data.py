"""Change data by Debezium on the real Postgres, Kafka and Connect: each change once, every value as it is."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from tests.support.cdc_chain import Chain, chain
from tests.support.debezium import connector, until
from tests.support.own_database import OwnDatabase, own_database

pytestmark = [pytest.mark.service("postgres"), pytest.mark.service("kafka"), pytest.mark.service("connect")]
ENDS = range(900, 940)
"""Keys of rows that only mark the end: so many that each partition gets some."""
ORDERS = {"id": "key integer", "customer": "integer", "note": "string", "amount": "! decimal(18,2)"}
TYPES = {
    "id": ("int PRIMARY KEY", "key integer"),
    "exact": ("numeric", "string"),
    "price": ("numeric(10,2)", "decimal(18,2)"),
    "cost": ("money", "decimal(18,2)"),
    "big": ("bigint", "integer"),
    "single": ("real", "number"),
    "double": ("double precision", "number"),
    "yes": ("boolean", "boolean"),
    "words": ("text", "string"),
    "padded": ("char(5)", "string"),
    "local_time": ("timestamp", "timestamp"),
    "millis": ("timestamp(3)", "timestamp"),
    "instant": ("timestamptz", "timestamp"),
    "instant_text": ("timestamptz", "string"),
    "day": ("date", "date"),
    "day_text": ("date", "string"),
    "clock": ("time", "string"),
    "clock_zone": ("timetz", "string"),
    "span": ("interval", "string"),
    "bytes": ("bytea", "string"),
    "number": ("uuid", "string"),
    "document": ("json", "string"),
    "binary_document": ("jsonb", "string"),
    "parsed": ("jsonb", "object"),
    "mood": ("mood", "string"),
    "positive": ("positive", "integer"),
    "range": ("int4range", "string"),
    "time_range": ("tstzrange", "string"),
    "integers": ("int[]", "array"),
    "texts": ("text[]", "array"),
    "decimals": ("numeric[]", "array"),
    "instants": ("timestamptz[]", "array"),
    "locals": ("timestamp[]", "array"),
    "days": ("date[]", "array"),
    "documents": ("jsonb[]", "array"),
    "byte_strings": ("bytea[]", "array"),
    "doubles": ("double precision[]", "array"),
    "address": ("inet", "string"),
    "bits": ("bit(5)", "string"),
    "one_bit": ("bit", "boolean"),
    "place": ("point", "string"),
    "lexemes": ("tsvector", "string"),
}
FULL_ROW = r"""INSERT INTO types VALUES (
    1, 12345678901234567890.12345ZERO, 1234.50, '$1,234.56', 9223372036854775807, 1.1, 0.1, true, '', 'ab',
    '2022-02-14 10:16:03.123456', '2022-02-14 10:16:03.12', '2022-02-14 10:16:03.1+02', '0044-03-15 12:00 BC',
    '2022-02-14', '9999-12-31', '12:34:56.789', '12:34:56+02', '1 year 2 months -3 days 04:05:06.78', '\xdeadbeef',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"b":1, "a":1.10}', '{"b":12345678901234567890.10}',
    '{"b": [1, null], "a": "x"}', 'ok', 5, '[1,10)', '[2020-01-01 00:00+00,2020-02-01 00:00+00)', '{1,NULL,3}',
    '{"a","b,c",NULL,"\"q\""}', '{1.1ZERO,2,-0.001}', '{2020-01-01 00:00+00}', '{2020-01-01 00:00:00.5}',
    '{2020-01-01}',
    '{"{\"a\": 1}"}', '{"\\xde"}', '{1.5,NaN}', '10.0.0.1', '10110', '1', '(1.5,2)', 'a fat cat'
)"""


@pytest.fixture
def database(postgres_url: str) -> Iterator[OwnDatabase]:
    with own_database(postgres_url) as made:
        yield made


@pytest.fixture
def orders(tmp_path: Path, kafka_servers: str, database: OwnDatabase) -> Chain:
    database.run(
        "CREATE TABLE orders (id int PRIMARY KEY, customer int, note text, amount numeric(10,2) NOT NULL DEFAULT 3)",
        "ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL",
        "INSERT INTO orders VALUES (1, 10, 'a', 1), (2, 20, repeat('long', 2000), 2), (3, 30, NULL, 3)",
    )
    return chain(tmp_path, kafka_servers, database, "public.orders", ORDERS)


def take_in_all(chain: Chain) -> None:
    """Write more rows and delete them, and bring in everything up to them, in each partition."""
    chain.database.run(
        f"INSERT INTO orders SELECT id, 0, 'the end', 0 FROM generate_series({ENDS.start}, {ENDS.stop - 1}) id"
    )
    lsn = chain.lsn()
    chain.database.run(f"DELETE FROM orders WHERE id >= {ENDS.start}")
    until(lambda: chain.passed(lsn) and not set(chain.current()["id"]) & set(ENDS), "the changes come in")


def test_every_kind_of_change_comes_once_and_the_state_is_the_table(
    orders: Chain, database: OwnDatabase, connect_url: str, kafka_servers: str
):
    with connector(connect_url, kafka_servers, database, ["public.orders"]):
        database.run(
            "INSERT INTO orders VALUES (4, 40, 'four', 4)",
            "UPDATE orders SET amount = 9 WHERE id = 2",
            "UPDATE orders SET id = 5, customer = 50 WHERE id = 2",
            "DELETE FROM orders WHERE id = 1",
            "UPDATE orders SET note = NULL WHERE id = 4",
            "ALTER TABLE orders ADD COLUMN later text",
            "INSERT INTO orders VALUES (6, 60, 'six', 6, 'new column')",
        )
        take_in_all(orders)
        history = orders.history().filter(~pl.col("id").is_in(ENDS))
        told = history.filter(pl.col("change_op") != "r").select("id", "change_op", "change_deleted").rows()
        assert sorted(told) == [
            (1, "d", True), (2, "d", True), (2, "u", False), (4, "c", False), (4, "u", False), (5, "c", False),
            (6, "c", False),
        ], "a change of key is a delete and an insert"  # fmt: skip
        assert sorted(history.filter(pl.col("change_op") == "r")["id"]) == [1, 2, 3]
        long = "long" * 2000
        state = [
            (3, 30, None, Decimal(3)),
            (4, 40, None, Decimal(4)),
            (5, 50, long, Decimal(9)),
            (6, 60, "six", Decimal(6)),
        ]
        assert orders.current().select("id", "customer", "note", "amount").rows() == state
        gone = history.filter(pl.col("change_op") == "d").sort("id").select("id", "customer", "note", "amount").rows()
        assert gone == [(1, 10, "a", Decimal(1)), (2, 20, long, Decimal(9))], "a delete says what was there"
        assert orders.quarantined() == []
        assert "__debezium_unavailable_value" not in "".join(orders.history()["note"].drop_nulls())
        assert orders.snapshot().differences == 0
        database.run("TRUNCATE orders")
        # It has no key, and so a partition of its own: what comes after it may overtake it.
        until(lambda: bool(orders.take_in()) and orders.current().is_empty(), "the table is empty")
        database.run("INSERT INTO orders VALUES (3, 31, 'again', 3.5)")
        take_in_all(orders)
        assert orders.current().select("id", "customer", "amount").rows() == [(3, 31, Decimal("3.5"))]
        emptied = orders.history().filter(pl.col("change_op") == "t")
        assert sorted(emptied["id"]) == [3, 4, 5, 6]
        assert emptied["change_deleted"].all()
        until(lambda: not orders.take_in().reports, "the tombstones too")
        before = orders.lake.table("processed/changed_current").version()
        orders.take_in()
        assert orders.lake.table("processed/changed_current").version() == before


@pytest.mark.parametrize(("decimals", "times"), [("precise", "adaptive"), ("string", "adaptive_time_microseconds")])
def test_every_value_is_the_same_by_debezium_and_in_a_snapshot(
    tmp_path: Path, database: OwnDatabase, connect_url: str, kafka_servers: str, decimals: str, times: str
):
    # Of a numeric without a scale of its own Debezium drops the zeros at the end, unless it sends text.
    zero = "0" if decimals == "string" else ""
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in TYPES.items())
    database.run(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN positive AS int CHECK (value > 0)",
        f"CREATE TABLE types ({columns})",
        FULL_ROW.replace("ZERO", zero),
        "INSERT INTO types (id) VALUES (2)",
    )
    made = chain(tmp_path, kafka_servers, database, "public.types", {n: kind for n, (_, kind) in TYPES.items()})
    settings = {"decimal_handling_mode": decimals, "time_precision_mode": times}
    with connector(connect_url, kafka_servers, database, ["public.types"], **settings):
        database.run("CREATE TABLE copy AS SELECT * FROM types WHERE id = 1", "UPDATE copy SET id = 3")
        database.run("INSERT INTO types SELECT * FROM copy")
        until(lambda: made.came() and made.current().height == 3, "three rows")
    found = made.snapshot()
    assert (found.rows, found.differences, found.examples) == (3, 0, ())
    assert len(found.compared) == len(TYPES)
    row = made.current().row(2, named=True)
    assert row["exact"] == f"12345678901234567890.12345{zero}"
    assert (row["price"], row["cost"], row["big"]) == (Decimal("1234.50"), Decimal("1234.56"), 2**63 - 1)
    assert (row["words"], made.current().row(1, named=True)["words"]) == ("", None)
    assert (row["instant_text"], row["day_text"]) == ("-0043-03-15T12:00:00Z", "9999-12-31")
    assert row["bytes"] == r"\xdeadbeef"
    assert row["binary_document"] == '{"b": 12345678901234567890.10}'
    assert (row["decimals"], row["texts"]) == (f'["1.1{zero}","2","-0.001"]', r'["a","b,c",null,"\"q\""]')
    assert (row["time_range"], row["span"]) == (
        '["2020-01-01 00:00:00+00","2020-02-01 00:00:00+00")', "P1Y2M-3DT4H5M6.78S",
    )  # fmt: skip


def test_a_value_that_only_a_change_in_quarantine_says_is_not_taken_from_an_older_one(
    tmp_path: Path, database: OwnDatabase, connect_url: str, kafka_servers: str
):
    database.run(
        "CREATE TABLE orders (id int PRIMARY KEY, note text, amount numeric(10,2))",
        "ALTER TABLE orders ALTER COLUMN note SET STORAGE EXTERNAL",
        "INSERT INTO orders VALUES (1, repeat('old', 2000), 1), (2, repeat('old', 2000), 1)",
    )
    fields = {"id": "key integer", "note": "string", "amount": "! decimal(18,2)"}
    made = chain(tmp_path, kafka_servers, database, "public.orders", fields)
    with connector(connect_url, kafka_servers, database, ["public.orders"]):
        until(lambda: made.came() and made.current().height == 2, "the two rows")
        database.run("UPDATE orders SET note = repeat('new', 2000), amount = NULL WHERE id = 1")
        until(lambda: bool(made.take_in()) and made.quarantined() == ["amount: required"], "the change that breaks it")
        database.run("UPDATE orders SET amount = 3")
        until(lambda: bool(made.take_in()) and len(made.quarantined()) == 2, "the change that rests on it")
        until(lambda: made.current().filter(pl.col("id") == 2)["amount"].to_list() == [Decimal(3)], "the other row")
    assert sorted(made.quarantined()) == ["amount: required", "note: unsent"]
    assert made.current().select("id", "amount").rows() == [(1, Decimal(1)), (2, Decimal(3))]


def test_a_value_that_cannot_come_whole_is_set_aside_and_never_published(
    tmp_path: Path, database: OwnDatabase, connect_url: str, kafka_servers: str
):
    database.run("CREATE TABLE odd (id int PRIMARY KEY, at timestamptz, day date, exact numeric, span interval)")
    fields = {"id": "key integer", "at": "timestamp", "day": "date", "exact": "decimal(18,2)", "span": "string"}
    made = chain(tmp_path, kafka_servers, database, "public.odd", fields)
    with connector(connect_url, kafka_servers, database, ["public.odd"], interval_handling_mode="numeric"):
        database.run(
            "INSERT INTO odd (id, at) VALUES (1, 'infinity')",
            "INSERT INTO odd (id, day) VALUES (2, '-infinity')",
            "INSERT INTO odd (id, exact) VALUES (3, 12345678901234567890)",
            "INSERT INTO odd (id, exact) VALUES (4, 1.005)",
            "INSERT INTO odd (id, span) VALUES (5, '1 month')",
            "INSERT INTO odd (id) VALUES (6)",
        )
        until(lambda: made.came() and made.current().height == 1, "the last row")
        until(lambda: bool(made.take_in()) and len(made.quarantined()) == 5, "all rows")
    assert sorted(made.quarantined()) == ["at: format", "day: lossy", "exact: range", "exact: scale", "span: lossy"]
    assert made.current()["id"].to_list() == [6]
