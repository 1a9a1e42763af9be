"""Daily snapshots of a table in the real Postgres: one transaction, whole or not at all, every value as it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import psycopg
import pytest

from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.decisions import Decision, release_held
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.connectors.postgres import taken
from mlinfra_assets.contracts import batch_rows
from mlinfra_assets.contracts.declaration import load_source
from mlinfra_assets.contracts.source import DatabaseIngest
from mlinfra_assets.contracts.validate import process, process_part
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.ingest import snapshot_batch
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.ingest.raw import Landed
from mlinfra_assets.ingest.table_snapshots import land_snapshot
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared_table import declared_table
from tests.support.own_database import OwnDatabase, own_database

NOW = datetime(2026, 3, 29, 1, 15, tzinfo=UTC)
DAY = NOW.date()
VARIABLE = "MLINFRA_SHOP_DATABASE"
ORDERS = {"id": "key integer", "note": "string", "amount": "! decimal(18,2)"}
pytestmark = pytest.mark.service("postgres")


@pytest.fixture
def database(postgres_url: str) -> Iterator[OwnDatabase]:
    with own_database(postgres_url) as made:
        made.run("CREATE TABLE orders (id int PRIMARY KEY, note text, amount numeric(10,2) NOT NULL)")
        yield made


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def orders(folder: Path, chunk: int = 100, **more):
    ingest = {"kind": "database", "connection": VARIABLE, "table": "public.orders", "chunkRows": chunk}
    return declared_table(folder, "orders", ORDERS, ingest, **more)


def land(lake: Lake, source, database: OwnDatabase, now: datetime = NOW, day: date | None = None) -> Landed:
    taken = day or now.date()
    return land_snapshot(lake, source, taken, Provenance("run", "code"), now, {VARIABLE: database.url})


def validated(lake: Lake, source) -> Validated:
    return validate_source(lake, source, Provenance("run", "code"), NOW, max_payload_bytes=1 << 20)


def rows(lake: Lake, day: date = DAY) -> pl.DataFrame:
    return lake.table("processed/orders").read(where=[("snapshot_day", "==", day)]).sort("id")


def test_a_snapshot_holds_every_row_in_chunks_of_bounded_size(tmp_path, lake, database):
    database.run("INSERT INTO orders SELECT n, 'note ' || n, n / 100.0 FROM generate_series(1, 1050) n")
    source = orders(tmp_path, chunk=100)
    assert land(lake, source, database).records == 11
    raw = lake.table("raw/orders").read().sort("offset")
    assert raw["day"].unique().to_list() == [DAY]
    assert max(payload.count(b"\n") for payload in raw["payload"]) == 100
    assert validated(lake, source).valid == 1050
    assert rows(lake)["id"].to_list() == list(range(1, 1051))
    assert rows(lake)["amount"].sum() == Decimal(1050 * 1051) / 2 / 100
    assert lake.table("processed/orders").partition_columns() == ["snapshot_day"]


def test_a_day_that_is_there_is_not_taken_again(tmp_path, lake, database):
    database.run("INSERT INTO orders VALUES (1, 'a', 1)")
    source = orders(tmp_path)
    land(lake, source, database)
    database.run("INSERT INTO orders VALUES (2, 'b', 1)")
    assert land(lake, source, database).records == 0
    validated(lake, source)
    assert rows(lake)["id"].to_list() == [1]


def test_each_day_stands_by_itself_and_holds_no_row_that_was_deleted(tmp_path, lake, database):
    source, tomorrow = orders(tmp_path), datetime(2026, 3, 30, 1, 15, tzinfo=UTC)
    database.run("INSERT INTO orders VALUES (1, 'a', 1), (2, 'b', 1)")
    land(lake, source, database)
    validated(lake, source)
    database.run("DELETE FROM orders WHERE id = 1", "UPDATE orders SET amount = 7 WHERE id = 2")
    land(lake, source, database, tomorrow)
    validated(lake, source)
    assert rows(lake).select("id", "amount").rows() == [(1, Decimal(1)), (2, Decimal(1))]
    assert rows(lake, tomorrow.date()).select("id", "amount").rows() == [(2, Decimal(7))]


def test_an_empty_table_is_a_snapshot_too(tmp_path, lake, database):
    source = orders(tmp_path)
    assert land(lake, source, database).records == 1
    assert validated(lake, source).valid == 0
    assert land(lake, source, database).records == 0


def test_what_is_written_while_it_is_read_is_not_in_it(tmp_path, lake, database):
    database.run("INSERT INTO orders SELECT n, 'old', 1 FROM generate_series(1, 300) n")
    source = orders(tmp_path, chunk=100)
    assert isinstance(source.ingest, DatabaseIngest)
    with (
        taken(source.ingest, ("id",), {VARIABLE: database.url}) as moment,
        psycopg.connect(database.url, autocommit=True) as other,
    ):
        first = next(moment.chunks)
        other.execute("UPDATE orders SET note = 'new'")
        other.execute("DELETE FROM orders WHERE id > 250")
        seen = first + b"".join(moment.chunks)
    assert seen.count(b"\told\t") == 300
    assert seen.count(b"\n") == 300


def test_a_run_killed_in_the_middle_leaves_nothing_and_the_next_one_sees_one_moment(tmp_path, lake, database):
    database.run("INSERT INTO orders SELECT n, 'first', 1 FROM generate_series(1, 500) n")
    source = orders(tmp_path, chunk=100)
    script = (
        "import sys; from datetime import datetime, UTC; from mlinfra_assets.contracts.declaration import load_source;"
        "from mlinfra_assets.ingest.table_snapshots import land_snapshot; from mlinfra_assets.lake.lake import Lake;"
        "from mlinfra_assets.lake.provenance import Provenance; from pathlib import Path;"
        f"now = datetime.fromisoformat({NOW.isoformat()!r});"
        "land_snapshot(Lake(sys.argv[1]), load_source(Path(sys.argv[2])), now.date(), Provenance('r', 'c'), now)"
    )
    environment = {**os.environ, VARIABLE: database.url, "PYTHONPATH": str(Path(__file__).parents[2])}
    for point in ("snapshot.after_chunk:3", "raw.before_commit"):
        killed = subprocess.run(
            [sys.executable, "-c", script, lake.root, source.file],
            env={**environment, "MLINFRA_KILL_AT": point},
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL, point
        assert validated(lake, source).valid == 0
    database.run("UPDATE orders SET note = 'second'")
    assert land(lake, source, database).records == 5
    assert validated(lake, source).valid == 500
    assert rows(lake)["note"].unique().to_list() == ["second"]


def test_a_day_that_is_over_cannot_be_taken(tmp_path, lake, database):
    with pytest.raises(InvalidInputError, match="has no snapshot of 2026-03-28, and none can be taken any more"):
        land(lake, orders(tmp_path), database, day=date(2026, 3, 28))


def test_a_password_stands_in_no_error(tmp_path, lake, database):
    source = orders(tmp_path)
    wrong = "postgresql://somebody:hunter2@127.0.0.1:1/shop"
    with pytest.raises(UnavailableError) as refused:
        land_snapshot(lake, source, DAY, Provenance("run", "code"), NOW, {VARIABLE: wrong})
    assert "hunter2" not in str(refused.value)
    assert VARIABLE in str(refused.value)
    with pytest.raises(InvalidInputError, match=f"{VARIABLE} is not set"):
        land_snapshot(lake, source, DAY, Provenance("run", "code"), NOW, {})


def test_a_table_or_key_that_is_not_there_is_named(tmp_path, lake, database):
    ingest = {"kind": "database", "connection": VARIABLE, "table": "public.nothing"}
    nothing = declared_table(tmp_path, "nothing", ORDERS, ingest)
    with pytest.raises(InvalidInputError, match=r"there is no table public\.nothing"):
        land(lake, nothing, database)
    other = declared_table(tmp_path, "other", {"code": "key string"}, {**ingest, "table": "public.orders"})
    with pytest.raises(InvalidInputError, match="has no column code, which the contract's key names"):
        land(lake, other, database)


def test_names_that_need_quotes_are_quoted(tmp_path, lake, database):
    database.run('CREATE TABLE "Odd ""table"" ;--" ("The Key" int PRIMARY KEY, "drop table" text)')
    database.run("""INSERT INTO "Odd ""table"" ;--" VALUES (1, E'tab\\tline\\nback\\\\slash\\\\N')""")
    ingest = {"kind": "database", "connection": VARIABLE, "table": 'public.Odd "table" ;--'}
    source = declared_table(tmp_path, "odd", {"the_key": "key integer", "words": "string"}, ingest)
    text = Path(source.file).read_text()
    text = text.replace("- name: the_key", "- name: the_key\n    physicalName: The Key")
    Path(source.file).write_text(text.replace("- name: words", "- name: words\n    physicalName: drop table"))
    source = load_source(Path(source.file))
    land(lake, source, database)
    validated(lake, source)
    assert lake.table("processed/odd").read().select("the_key", "words").rows() == [(1, "tab\tline\nback\\slash\\N")]


QUALITY = [
    {"metric": "duplicateValues", "arguments": {"properties": ["note"]}, "mustBeLessThan": 100000},
    {"metric": "rowCount", "mustBeGreaterThan": 10},
    {"metric": "invalidValues", "mustBeLessThan": 50, "unit": "percent"},
]


def ruled(folder: Path, chunk: int):
    rules = [{"name": f"rule {n}", "type": "library", "severity": "error", **rule} for n, rule in enumerate(QUALITY)]
    return orders(folder, chunk, quality=rules)


def filled(database: OwnDatabase, count: int, bad_every: int) -> None:
    """Orders whose notes repeat, some without one that their contract asks for."""
    database.run(
        f"INSERT INTO orders SELECT n, 'note ' || n % 300, CASE WHEN n % {bad_every} = 0 THEN 'NaN' ELSE n / 100.0 END "
        f"FROM generate_series(1, {count}) n"
    )


def test_a_snapshot_in_chunks_is_judged_as_one_batch(tmp_path, lake, database, monkeypatch):
    filled(database, 1050, bad_every=10)
    source = ruled(tmp_path, chunk=100)
    land(lake, source, database)
    raw = lake.table("raw/orders").read()
    whole = process(source, raw, max_payload_bytes=1 << 20)
    monkeypatch.setattr(batch_rows, "PART_ROWS", 100)
    sizes: list[int] = []

    def part(source, rows, **how):
        sizes.append(rows.height)
        return process_part(source, rows, **how)

    monkeypatch.setattr(snapshot_batch, "process_part", part)
    [report] = validated(lake, source).reports
    assert sizes == [1] * 11
    assert report == whole.report
    assert [check.value for check in report.checks] == [675.0, 1050.0, 10.0]
    assert rows(lake)["id"].to_list() == sorted(whole.valid["id"].to_list())
    assert lake.table("processed/orders_quarantine").count() == 105
    assert len([entry for entry in lake.table("processed/orders").history() if entry.rows]) == 1


def test_a_snapshot_that_breaks_its_rules_is_held_whole_and_released_whole(tmp_path, lake, database):
    filled(database, 1050, bad_every=2)
    source = ruled(tmp_path, chunk=100)
    land(lake, source, database)
    held = validated(lake, source)
    assert held.held is not None
    assert held.held.records == 1050
    assert rows(lake).is_empty()
    release_held(
        BreakerLog(lake), subjects.source("orders"), Decision("ann", "it is so", NOW, Provenance("by hand", "code"))
    )
    assert validated(lake, source).valid == 525
    assert lake.table("processed/orders_quarantine").count() == 525


def test_a_snapshot_killed_between_its_two_tables_comes_in_once(tmp_path, lake, database):
    filled(database, 350, bad_every=10)
    source = ruled(tmp_path, chunk=100)
    land(lake, source, database)
    script = (
        "import sys; from datetime import datetime; from mlinfra_assets.contracts.declaration import load_source;"
        "from mlinfra_assets.ingest.processed import validate_source; from mlinfra_assets.lake.lake import Lake;"
        "from mlinfra_assets.lake.provenance import Provenance; from pathlib import Path;"
        f"now = datetime.fromisoformat({NOW.isoformat()!r});"
        "validate_source(Lake(sys.argv[1]), load_source(Path(sys.argv[2])), Provenance('r', 'c'), now,"
        " max_payload_bytes=1 << 20)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run(
        [sys.executable, "-c", script, lake.root, source.file],
        env={**environment, "MLINFRA_KILL_AT": "processed.between_commits"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert rows(lake).is_empty()
    validated(lake, source)
    assert rows(lake)["id"].to_list() == [n for n in range(1, 351) if n % 10]
    quarantine = lake.table("processed/orders_quarantine").read(["_offset", "_row"])
    assert (quarantine.height, quarantine.n_unique()) == (35, 35)
