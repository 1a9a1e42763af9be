from __future__ import annotations

import json
import os
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.errors import ForeignFormatError, LakeCorruptError, MissingTableError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.retrieval.sql import QueryError, query
from mlinfra_assets.retrieval.sql_statement import parse

RUN = Provenance("run", "0")
AT = datetime(2011, 5, 1, 12, 30, 0, 123456, tzinfo=UTC)
HIDDEN = "nobody may read this"


def fill(lake: Lake) -> Lake:
    """Two tables of orders, one of customers by day, one in two zones."""
    orders = pl.DataFrame(
        {"order_id": [1, 2], "amount": [Decimal("1.50"), Decimal("2.25")], "sold_at": [AT, AT], "note": ["a'b", None]},
        schema_overrides={"sold_at": pl.Datetime("us", "UTC"), "amount": pl.Decimal(18, 2)},
    )
    lake.table("curated/orders").append(orders, provenance=RUN)
    days = [date(2011, 5, 1), date(2011, 5, 1), date(2011, 5, 2)]
    by_day = pl.DataFrame({"day": days, "customer_id": [7, 8, 7], "orders": [1, 2, 3]})
    lake.table("features/customers").append(by_day, provenance=RUN, partition_by=("day",))
    for zone in ("raw", "processed"):
        lake.table(f"{zone}/lines").append(pl.DataFrame({"n": [1]}), provenance=RUN)
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return fill(Lake(str(tmp_path_factory.mktemp("lake"))))


def test_rows_of_a_table_come_with_the_version_that_was_read(lake: Lake) -> None:
    answer = query(lake, "select order_id, amount, sold_at, note from curated.orders order by order_id")
    assert answer.frame.rows() == [(1, Decimal("1.50"), AT, "a'b"), (2, Decimal("2.25"), AT, None)]
    assert answer.types == ("BIGINT", "DECIMAL(18,2)", "TIMESTAMP WITH TIME ZONE", "VARCHAR")
    assert answer.tables == {"curated/orders": lake.table("curated/orders").version()}
    assert not answer.more


def test_partition_columns_are_columns_in_their_place(lake: Lake) -> None:
    assert query(lake, "from features.customers order by all").frame.rows() == [
        (date(2011, 5, 1), 7, 1),
        (date(2011, 5, 1), 8, 2),
        (date(2011, 5, 2), 7, 3),
    ]
    assert query(lake, "select sum(orders) from features.customers where day = date '2011-05-01'").frame.item() == 3


def test_tables_are_joined_and_named_without_their_zone_where_that_is_clear(lake: Lake) -> None:
    sql = (
        "with c as (from customers) select count(*) from c join orders on c.orders > order_id where day > '2011-05-01'"
    )
    answer = query(lake, sql)
    assert answer.frame.item() == 2
    assert set(answer.tables) == {"features/customers", "curated/orders"}


def test_times_are_utc_wherever_the_machine_is(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert (
        query(lake, "select cast(sold_at as varchar) from curated.orders limit 1").frame.item()
        == "2011-05-01 12:30:00.123456+00"
    )


def test_a_pinned_version_is_read_while_others_write(tmp_path: Path) -> None:
    lake = fill(Lake(str(tmp_path)))
    table = lake.table("features/customers")
    first = table.version()
    more = pl.DataFrame({"day": [date(2011, 5, 3)], "customer_id": [9], "orders": [1]})
    table.append(more, provenance=RUN)
    count = "select count(*) from features.customers"
    assert query(lake, count).frame.item() == 4
    assert query(lake, count, versions={"features/customers": first}).frame.item() == 3
    with pytest.raises(MissingTableError, match="no version 99"):
        query(lake, count, versions={"features/customers": 99})
    with pytest.raises(QueryError, match="does not read"):
        query(lake, count, versions={"curated/orders": 0})


def test_a_column_that_was_added_later_is_null_before(tmp_path: Path) -> None:
    table = (lake := Lake(str(tmp_path))).table("a/b")
    table.append(pl.DataFrame({"n": [1]}), provenance=RUN)
    table.append(pl.DataFrame({"n": [2], "s": [["x"]]}), provenance=RUN, schema_mode="merge")
    assert query(lake, "from a.b order by n").frame.rows() == [(1, None), (2, ["x"])]


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    (lake := Lake(str(tmp_path))).table("a/b").append(pl.DataFrame({"n": [1], "s": ["x"]}).head(0), provenance=RUN)
    answer = query(lake, "from a.b")
    assert (answer.frame.columns, answer.frame.height, answer.types) == (["n", "s"], 0, ("BIGINT", "VARCHAR"))


@pytest.mark.parametrize("folder", ["with blank and 'quote'", "star*query?", "day=2011-01-01", "ünïcode"])
def test_the_lakes_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    lake = fill(Lake(str(tmp_path / folder)))
    assert query(lake, "select sum(orders), max(day) from features.customers").frame.rows() == [(6, date(2011, 5, 2))]
    assert query(lake, "select count(*) from curated.orders").frame.item() == 2


@pytest.mark.parametrize(
    "values", [["a b/c", "x%41", "ä"], ["=", "day=1", "a"], [None, "a", "b"], ["007", "1e3", "true"]]
)
def test_partitions_have_the_values_of_the_log_not_of_their_folders(tmp_path: Path, values: list[str | None]) -> None:
    lake = Lake(str(tmp_path))
    frame = pl.DataFrame({"part": values, "n": [1, 2, 3]})
    lake.table("a/b").append(frame, provenance=RUN, partition_by=("part",))
    assert query(lake, "from a.b order by n").frame.rows() == list(zip(values, [1, 2, 3], strict=True))


def test_unusual_names_of_tables_are_quoted(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for name in ("my.zone/tab-le", "alone", "a/b/c"):
        lake.table(name).append(pl.DataFrame({"n": [1]}), provenance=RUN)
    for written in ('"my.zone"."tab-le"', '"tab-le"', "alone", 'a."b/c"'):
        assert query(lake, f"select n from {written}").frame.item() == 1


def test_a_limit_ends_an_endless_answer(lake: Lake) -> None:
    answer = query(lake, "from range(1000000000000)", rows=3)
    assert answer.frame.to_series().to_list() == [0, 1, 2]
    assert answer.more
    assert not query(lake, "from range(3)", rows=3).more
    with pytest.raises(InvalidInputError, match="at least one"):
        query(lake, "select 1", rows=0)


def test_names_that_occur_twice_are_numbered(lake: Lake) -> None:
    assert query(lake, "select 1 as n, 2 as n, 3 as n_1").frame.columns == ["n", "n_1", "n_1_1"]


def test_sums_are_whole_numbers_and_what_only_duckdb_knows_is_text(lake: Lake) -> None:
    sql = "select sum(order_id) as s, interval 3 days as i, {'a': 1} as r, null as z from curated.orders"
    assert query(lake, sql).frame.rows() == [(3, "3 days", {"a": 1}, None)]
    large = query(lake, "select 100000000000000000000::hugeint as n").frame.item()
    assert large == 10**20


def test_columns_and_tables_can_be_asked_for(lake: Lake) -> None:
    assert query(lake, "describe features.customers").frame["column_name"].to_list() == ["day", "customer_id", "orders"]
    assert query(lake, "show features.customers").frame.height == 3
    assert query(lake, "summarize curated.orders").frame.height == 4
    assert query(lake, "show tables").frame.rows() == [
        ("curated", "orders"),
        ("features", "customers"),
        ("processed", "lines"),
        ("raw", "lines"),
    ]
    asked = "select count(*) from information_schema.columns where table_schema in ('curated', 'features')"
    assert query(lake, asked).frame.item() == 7


def test_a_lake_without_tables_says_so(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "none"))
    assert query(lake, "show tables").frame.is_empty()
    with pytest.raises(QueryError, match="the lake has no tables yet"):
        query(lake, "from features.customers")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("from features.customer", r"no table features\.customer; did you mean features\.customers\?"),
        ("from custmers", r"did you mean features\.customers\?"),
        ("from zzz", r"there are curated\.orders, features\.customers, processed\.lines, raw\.lines"),
        ("from lines", r"several tables lines: write processed\.lines or raw\.lines"),
        ("select nope from curated.orders", r'(?s)Referenced column "nope" not found.*order_id'),
        ("select * frm curated.orders", "syntax error"),
        ("select 1 /*", "unterminated"),
        ("select timestamp 'infinity'", "outside of the years 1 to 9999"),
        ("select $1", "no parameters"),
        ("from curated.orders at (version => 0)", "beside the query"),
    ],
)
def test_what_cannot_be_answered_is_said(lake: Lake, sql: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        query(lake, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "", "-- nothing", "select 1; select 2", "select 1; drop view curated.orders",
        "copy (select 1) to '{out}'", "copy curated.orders to '{out}' (format parquet)", "export database '{out}'",
        "with c as (copy (select 1) to '{out}') select * from c",
        "select * from (with c as (copy (select 1) to '{out}') from c)",
        "with c as (insert into curated.orders values (1) returning *) from c",
        "with c as (delete from curated.orders returning *) from c",
        "with c as (update curated.orders set order_id = 1 returning *) from c",
        "insert into curated.orders values (1)", "delete from curated.orders", "update curated.orders set order_id = 1",
        "create table t as select 1", "create or replace view curated.orders as select 1", "drop view curated.orders",
        "attach '{out}'", "attach '{secret}' (type sqlite)", "detach memory", "use memory", "checkpoint",
        "install httpfs", "load httpfs", "force install 'https://example.org/x'", "update extensions",
        "set enable_external_access = true", "reset lock_configuration", "pragma enable_profiling",
        "pragma database_list", "call pragma_version()", "begin", "prepare p as select 1", "execute p",
        "explain analyze copy (select 1) to '{out}'",
        "create secret s (type s3)", "vacuum", "set variable x = 1",
    ],
)  # fmt: skip
def test_whatever_does_more_than_read_is_refused(lake: Lake, tmp_path: Path, sql: str) -> None:
    secret, out = tmp_path / "secret", tmp_path / "out"
    secret.write_text(HIDDEN)
    with pytest.raises(QueryError, match=r"a query is one SELECT|not SQL that DuckDB reads"):
        query(lake, sql.format(out=out, secret=secret))
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    "source",
    [
        "read_text('{secret}')", "read_blob('{secret}')", "read_csv('{secret}')", "read_csv_auto('{secret}')",
        "read_json('{secret}')", "read_parquet('{secret}')", "parquet_scan('{secret}')", "parquet_metadata('{secret}')",
        "parquet_kv_metadata('{secret}')", "sniff_csv('{secret}')", "glob('/*')", "'{secret}'", "'{secret}.csv'",
        "'file://{secret}'", "query('select 1')", "query_table('curated.orders')", "duckdb_settings()",
        "duckdb_secrets()",
        "read_text('/proc/self/environ')", "read_csv('http://127.0.0.1:1/x')", "pragma_database_size()",
        "sqlite_scan('{secret}', 't')", "READ_TEXT('{secret}')", "main.read_text('{secret}')",
        "(select * from read_text('{secret}'))", "curated.orders, lateral (from read_text('{secret}'))",
        "(pivot read_text('{secret}') on filename in ('a') using count(*))",
    ],
)  # fmt: skip
def test_nothing_but_tables_of_the_lake_is_read(lake: Lake, tmp_path: Path, source: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(HIDDEN)
    with pytest.raises(QueryError) as refused:
        query(lake, f"select * from {source.format(secret=secret)}")
    assert HIDDEN not in str(refused.value)


def test_a_table_is_not_read_by_a_subquery_or_expression_either(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(HIDDEN)
    inside = f"(select content from read_text('{tmp_path / 'secret'}'))"
    for sql in (
        f"select {inside}",
        f"select 1 where exists {inside}",
        f"select * from curated.orders where note in {inside}",
        f"select * from curated.orders order by {inside}",
        f"select 1 union all select length(content) from {inside}",
        f"with recursive t(x) as (select 1 union all select length(content) from {inside}, t) from t",
        f"select list_transform([1], x -> {inside})",
    ):
        with pytest.raises(QueryError, match="cannot be read from here"):
            query(lake, sql)


def test_duckdb_itself_is_locked_in(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parser's check would let through still meets closed doors."""
    from mlinfra_assets.retrieval import sql as module
    from mlinfra_assets.retrieval.sql_statement import Statement

    monkeypatch.setattr(module, "parse", lambda sql: Statement(sql, (("curated", "orders"),), frozenset(), False))
    out, secret = tmp_path / "out", tmp_path / "secret"
    secret.write_text(HIDDEN)
    (file,) = lake.table("curated/orders").files()
    before = Path(file).read_bytes()
    for sql in (
        f"select * from read_text('{secret}')",
        f"copy (select 1) to '{out}'",
        f"with c as (copy (select 1) to '{file}') from c",
        f"attach '{out}'",
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "install httpfs",
        "load httpfs",
    ):
        with pytest.raises(QueryError):
            query(lake, sql)
    assert Path(file).read_bytes() == before
    assert not out.exists()


def test_a_variable_of_this_program_is_no_table(lake: Lake) -> None:
    frame = pl.DataFrame({"n": [1]})
    with pytest.raises(QueryError, match="no table frame"):
        query(lake, "from frame")
    assert frame.height == 1


@pytest.mark.parametrize(
    "sql",
    ["select range(1000000000)", "select repeat('x', 3000000000)", "select list(range) from range(1000000000)"],
)  # fmt: skip
def test_a_query_has_only_so_much_memory(lake: Lake, sql: str) -> None:
    with pytest.raises(QueryError, match=r"needs more than 256 MB|took longer than"):
        query(lake, sql, memory_mb=256, seconds=20)


def test_a_query_has_only_so_much_time(lake: Lake) -> None:
    for sql in (
        "select count(*) from range(1000000000000)",
        "with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t",
    ):
        with pytest.raises(QueryError, match=r"took longer than 1\.5 s and was ended"):
            query(lake, sql, seconds=1.5)


def test_an_answer_has_only_so_much_room(lake: Lake) -> None:
    with pytest.raises(QueryError, match="larger than 256 MB"):
        query(lake, "select repeat('x', 10000000) from range(100)", rows=100)


def test_a_table_with_deletion_vectors_is_refused(tmp_path: Path) -> None:
    lake = fill(Lake(str(tmp_path)))
    log = tmp_path / "curated" / "orders" / "_delta_log"
    features = ["deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    number = lake.table("curated/orders").version() + 1
    (log / f"{number:020}.json").write_text(json.dumps({"protocol": protocol}) + "\n")
    with pytest.raises(ForeignFormatError, match="deletion vectors"):
        query(Lake(str(tmp_path)), "from curated.orders")


def test_a_file_outside_of_its_table_is_refused(tmp_path: Path) -> None:
    lake = fill(Lake(str(tmp_path)))
    (file,) = map(Path, lake.table("curated/orders").files())
    elsewhere = tmp_path / "elsewhere.parquet"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    with pytest.raises(LakeCorruptError, match="outside of its folder"):
        query(lake, "from curated.orders")


def test_a_lake_behind_a_link_is_read(tmp_path: Path) -> None:
    fill(Lake(str(tmp_path / "real")))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert query(Lake(str(tmp_path / "link")), "select count(*) from features.customers").frame.item() == 3


def test_queries_run_side_by_side(lake: Lake) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(query(lake, "select count(*) from customers").frame.item()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3, 3, 3, 3]


def test_nothing_is_left_behind(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    before = {str(path) for path in Path(lake.root).rglob("*")}
    query(lake, "from features.customers")
    assert list(tmp_path.iterdir()) == []
    assert {str(path) for path in Path(lake.root).rglob("*")} == before
    assert os.getcwd() == str(tmp_path)  # noqa: PTH109 - the folder itself, not what it resolves to


def test_the_names_in_a_query_are_those_of_its_tree() -> None:
    statement = parse("with a as (from x.y) select (from z), * from a join memory.u.v using (k) where exists (from w)")
    assert set(statement.tables) == {("x", "y"), ("z",), ("a",), ("memory", "u", "v"), ("w",)}
    assert statement.ctes == {"a"}
