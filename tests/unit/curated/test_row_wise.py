"""Which SQL is proven to map rows one by one."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from mlinfra_assets.curated.errors import NotRowWiseError
from mlinfra_assets.curated.row_wise import prove, row_wise_models, run
from tests.support.processed_tables import order_lines

COLUMNS = {"a": "varchar", "b": "bigint", "ts": "timestamptz", "d": "date", "p": "decimal(18,3)"}

PROVEN = (
    "select a, b * 2 as c from s.t",
    "select t.a from s.t as t where t.b > 3",
    "select case when a ~ '^C' then 1 else 0 end as x from t",
    "select coalesce(a, 'x') || '-' || a as k from t",
    "select cast(ts at time zone 'Europe/London' as date) as day from t",
    "select try_cast(a as decimal(12, 2)) as n from t where a is not null and a in ('x', 'y')",
    "select extract(year from d) as y, date_trunc('month', d) as m from t",
    "select regexp_full_match(a, 'x+') as m, starts_with(a, 'C') as c, nullif(trim(a), '') as n from t",
    "select a as aa, aa || 'x' as bb from t where b between 1 and 2",
    "select md5(a) as k, -b as n, abs(b) as m, round(p, 2) as r, greatest(b, 1) as g from t",
)

REFUSED = (
    # more rows than one
    "select count(*) from t",
    "select a, sum(b) from t group by 1",
    "select a, row_number() over (order by b) as n from t",
    "select lag(a) over () as n from t",
    "select distinct a from t",
    "select distinct on (a) a, b from t",
    "select a from t limit 5",
    "select a from t offset 5",
    "select a from t order by a",
    "select a from t group by all",
    "select a from t having true",
    "select a from t qualify row_number() over (partition by a order by b) = 1",
    "select first(a) from t",
    "select list(a) from t",
    "select any_value(a) from t",
    "select arg_max(a, b) from t",
    "select unnest(a) from t",
    "select a from t using sample 10%",
    "select a from t tablesample 10%",
    "select a from t pivot (sum(b) for a in ('x'))",
    # more tables than one, or none of the source's
    "select a from t join u using (b)",
    "select a from t, u",
    "select a from t cross join t as u",
    "select a from t asof join u on t.b >= u.b",
    "select a from t, lateral (select 1)",
    "select a, (select max(b) from u) as m from t",
    "select a from t where a in (select a from u)",
    "select a from t where exists (select 1 from u)",
    "select a from t union all select a from u",
    "with s as (select * from t) select a from s",
    "select a from (select a from t)",
    "select a from read_parquet('x')",
    "select a from 'x.parquet'::varchar",
    "select a from t at (version => 3)",
    "from t",
    "values (1)",
    "select 1 as a",
    # the clock, chance, the outside
    "select random() as r, a from t",
    "select now() as n, a from t",
    "select current_date as d2, a from t",
    "select today() as d2, a from t",
    "select current_timestamp as n, a from t",
    "select localtimestamp as n, a from t",
    "select case when current_timestamp > ts then 1 end as n from t",
    "select gen_random_uuid() as u, a from t",
    "select uuid() as u from t",
    "select nextval('s') as n from t",
    "select txid_current() as n from t",
    "select getenv('HOME') as h, a from t",
    "select getvariable('x') as h from t",
    "select current_setting('TimeZone') as z from t",
    "select current_user as u from t",
    "select user as u from t",
    "select read_text('/etc/passwd') as x from t",
    "select my_macro(a) as m from t",
    "select hash(a) as h from t",
    # names that are no declared column
    "select rowid, a from t",
    "select a from t where rowid < 3",
    "select 'x' as rowid, rowid as r from t",
    "select 'x' as \"user\", user as u from t",
    "select t.rowid from t",
    "select u.a from t",
    "select t from t",
    "select a.b from t",
    "select t.c from t as t(c)",
    "select * from t",
    "select t.* from t",
    "select columns('a.*') from t",
    "select #1 from t",
    "select $1 from t",
    "select filename from t",
    # what no query is
    "drop table t",
    "select a from t; drop table t",
    "insert into t select a from t",
    "copy t to 'x'",
    "attach 'x'",
    "set TimeZone = 'UTC'",
    "pragma database_list",
    "with s as (delete from t returning a) select a from s",
    "select a from",
    "",
    # types and shapes that are not on the list
    "select cast(a as json) as j from t",
    "select cast(a as integer[]) as j from t",
    "select [a] as l from t",
    "select {'a': a} as s from t",
    "select (a, b) as s from t",
    "select a collate nocase as c from t",
)


@pytest.mark.parametrize("sql", PROVEN)
def test_sql_that_looks_at_one_row_is_proven(sql: str) -> None:
    prove("m", sql, COLUMNS)


@pytest.mark.parametrize("sql", REFUSED)
def test_sql_that_is_not_known_to_look_at_one_row_is_refused(sql: str) -> None:
    with pytest.raises(NotRowWiseError, match="model m"):
        prove("m", sql, COLUMNS)


def test_the_order_lines_model_is_proven_and_gives_a_row_for_each_row_in_order() -> None:
    model = row_wise_models()["stg_order_lines"]
    rows = order_lines()
    result = model.run(rows)
    assert model.source == "order_lines"
    assert result["_offset"].to_list() == rows["_offset"].to_list()
    kinds = ["sale", "shipping", "sale", "discount", "return", "sale", "bad_debt"]
    assert result["movement"].to_list() == kinds
    assert result.schema["line_amount"] == pl.Decimal(18, 3)
    assert result.schema["_event_time"] == pl.Datetime("us", "UTC")


def test_a_row_alone_gives_what_it_gives_among_others() -> None:
    model, rows = row_wise_models()["stg_order_lines"], order_lines()
    together = model.run(rows)
    alone = pl.concat([model.run(rows[i]) for i in range(len(rows))])
    assert alone.equals(together)
    assert model.run(rows.reverse()).reverse().equals(together)
    assert model.run(rows.clear()).schema == together.schema


def test_comments_and_blanks_do_not_change_a_models_code() -> None:
    model = row_wise_models()["stg_order_lines"]
    spaced = type(model)(model.name, f"-- a comment\n{model.sql}\n\n", model.source, model.input_columns)
    changed = type(model)(model.name, model.sql.replace("'C2'", "'C3'"), model.source, model.input_columns)
    assert spaced.code == model.code
    assert changed.code != model.code


def test_the_sandbox_reaches_no_file_and_keeps_its_settings() -> None:
    with pytest.raises(duckdb.Error):
        run("select * from read_text('/etc/passwd')", order_lines())
    with pytest.raises(duckdb.Error):
        run("set TimeZone = 'Europe/London'", order_lines())
