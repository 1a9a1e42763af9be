"""The rental shop's database under change data: a writer at work, Connect killed in mid-stream, reconciled."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import polars as pl
import psycopg
import pytest

from mlinfra_assets.assets.reconciled import RECONCILED, reconciled_check
from mlinfra_assets.lake.provenance import Provenance
from resources.lake import LakeResource
from tests.support.cdc_chain import Chain, chain
from tests.support.debezium import OwnConnect, connector, until
from tests.support.own_database import OwnDatabase, own_database

pytestmark = [
    pytest.mark.service("postgres"),
    pytest.mark.service("kafka"),
    pytest.mark.service("connect"),
    pytest.mark.service("data"),
]
RENTAL = {
    "rental_id": "key integer",
    "rental_date": "! timestamp",
    "inventory_id": "! integer",
    "customer_id": "! integer",
    "return_date": "timestamp",
    "staff_id": "! integer",
    "last_update": "! timestamp",
}
TABLE = "public.rental"
END = 10_000_000
"""The first key of the rows that mark the end."""
Told = tuple[int, str, int]


class Writer(threading.Thread):
    """Writes to the rentals, one change a transaction, until it is stopped.

    Attributes:
        told: Transaction, what happened and rental of each change, in order of commit.
    """

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.told: list[Told] = []
        self._url = url
        self._random = random.Random(seed)
        self._stop_asked = threading.Event()
        self._next = 100_000

    def run(self) -> None:
        with psycopg.connect(self._url) as connection:
            ids = [row[0] for row in connection.execute("SELECT rental_id FROM rental ORDER BY 1 LIMIT 500").fetchall()]
            while not self._stop_asked.wait(0.002):
                self._write(connection, ids)

    def stop(self) -> None:
        """Let it finish its change, and wait for it."""
        self._stop_asked.set()
        self.join(30)

    def _write(self, connection: psycopg.Connection, ids: list[int]) -> None:
        self._next += 1
        kind = self._random.choice(["insert", "update", "update", "delete", "move"])
        chosen = self._random.randrange(len(ids))
        changes: list[tuple[str, int]]
        if kind == "insert":
            connection.execute(
                "INSERT INTO rental (rental_id, rental_date, inventory_id, customer_id, staff_id) "
                "VALUES (%s, now() + %s * interval '1 second', 1, 1, 1)",
                (self._next, self._next),
            )
            ids.append(self._next)
            changes = [("c", self._next)]
        elif kind == "update":
            changed = "UPDATE rental SET return_date = now(), customer_id = 1 + rental_id %% 500 WHERE rental_id = %s"
            connection.execute(changed, (ids[chosen],))
            changes = [("u", ids[chosen])]
        elif kind == "delete":
            gone = ids.pop(chosen)
            connection.execute("DELETE FROM rental WHERE rental_id = %s", (gone,))
            changes = [("d", gone)]
        else:
            old, ids[chosen] = ids[chosen], self._next
            connection.execute("UPDATE rental SET rental_id = %s WHERE rental_id = %s", (self._next, old))
            changes = [("d", old), ("c", self._next)]
        row = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        connection.commit()
        assert row is not None
        self.told += [(row[0], op, rental) for op, rental in changes]


@pytest.fixture
def shop(postgres_url: str, real_data: Path) -> Iterator[OwnDatabase]:
    with own_database(postgres_url) as made:
        parts = urlsplit(made.url)
        environment = {
            **os.environ,
            "PGHOST": str(parts.hostname),
            "PGPORT": str(parts.port),
            "PGUSER": str(parts.username),
            "PGPASSWORD": str(parts.password),
            "PGDATABASE": made.name,
        }
        dump = gzip.decompress((real_data / "db" / "pagila.sql.gz").read_bytes())
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull]
        subprocess.run(command, input=dump, env=environment, check=True)
        made.run("DROP INDEX idx_unq_rental_rental_date_inventory_id_customer_id")
        made.run(
            """DO $$ DECLARE r record; BEGIN
            FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
              WHERE contype = 'f' AND confrelid = 'rental'::regclass AND conparentid = 0
            LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.t, r.conname); END LOOP; END $$"""
        )
        yield made


@pytest.fixture
def own_connect(tmp_path: Path, kafka_servers: str) -> Iterator[OwnConnect]:
    made = OwnConnect(tmp_path / "connect", kafka_servers)
    made.start()
    yield made
    made.remove()


def test_every_change_once_although_connect_is_killed_and_the_snapshot_agrees_to_the_row(
    tmp_path: Path, shop: OwnDatabase, own_connect: OwnConnect, kafka_servers: str
):
    made = chain(tmp_path, kafka_servers, shop, TABLE, RENTAL, name="rentals")
    writer = Writer(shop.url, seed=7)
    writer.start()
    try:
        with connector(own_connect.url, kafka_servers, shop, [TABLE]) as debezium:
            until(lambda: _streamed(made, 200), "changes while the writer writes")
            own_connect.kill()
            before = len(writer.told)
            until(lambda: len(writer.told) > before + 200, "changes while Connect is down")
            own_connect.start()
            until(debezium.runs, "Connect runs again")
            made.snapshot()
            writer.stop()
            lsn = made.lsn()
            shop.run(
                f"INSERT INTO rental SELECT id, now(), 1, 1, NULL, 1, now() FROM generate_series({END}, {END + 39}) id"
            )
            until(lambda: made.passed(lsn), "the last change of each partition")
    finally:
        writer.stop()
    history = made.history()
    assert made.quarantined() == []
    streamed = _told(history)
    assert max(Counter(streamed).values()) == 1, "no change comes twice"
    first = streamed[0][0]
    assert streamed == [told for told in writer.told if told[0] >= first], "and none is missing"
    assert history.filter(pl.col("change_op") == "r").height >= 16_000
    found = made.compare()
    assert (found.differences, found.behind) == (0, 0), found.examples
    assert _check(made).passed
    _plant(made)
    planted = made.compare()
    assert (planted.differing, planted.missing, planted.surplus) == ({"staff_id": 1}, 0, 0)
    said = _check(made)
    assert not said.passed
    assert said.severity == dg.AssetCheckSeverity.ERROR


def _streamed(made: Chain, least: int) -> bool:
    made.take_in()
    return made.history().filter(pl.col("change_op") != "r").height > least


def _told(history: pl.DataFrame) -> list[Told]:
    """What the history tells of the writer's changes: transaction, what happened, rental."""
    changes = history.filter(pl.col("change_op") != "r", pl.col("rental_id") < END)
    ordered = changes.sort("change_lsn", pl.col("change_op") == "c")
    return ordered.select("change_tx", "change_op", "rental_id").rows()


def _plant(made: Chain) -> None:
    """Say of one row in the history what the table never said."""
    table = made.lake.table("processed/rentals")
    row = made.history().filter(pl.col("change_op") == "r", pl.col("rental_id") == 16_000)
    assert row.height == 1
    wrong = row.with_columns(pl.lit(2, dtype=pl.Int64).alias("staff_id") + pl.col("staff_id"), _row=pl.lit(1, pl.Int64))
    table.append(wrong, provenance=Provenance("planted", "code", positions=table.provenance().positions))  # pyright: ignore[reportOptionalMemberAccess]


def _check(made: Chain) -> dg.AssetCheckEvaluation:
    """The asset check's answer."""
    check = reconciled_check(made.snapshots, made.changes)
    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [check],
            selection=dg.AssetSelection.checks(check),
            resources={"lake": LakeResource(root=made.settings.lake)},
            instance=instance,
        )
        [evaluation] = done.get_asset_check_evaluations()
    assert evaluation.check_name == RECONCILED
    return evaluation
