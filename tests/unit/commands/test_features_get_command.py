"""`mlinfra features get`: a Parquet file of questions in, one of answers out."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import cli
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.retrieval.store import open_store
from mlinfra_assets.settings import Settings
from tests.support.snapshot_shop import SnapshotShop

AT = datetime(2011, 2, 14, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = open_home(tmp_path / "home").folder
    shop = SnapshotShop(Lake(str(folder / "lake")))
    asked = shop.lines.select(pl.col("customer_id").unique().sort())
    asked.with_columns(event_timestamp=pl.lit(AT).cast(pl.Datetime("us", "UTC"))).write_parquet(
        tmp_path / "spine.parquet"
    )
    return folder


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(["features", "get", *arguments, "--home", str(home)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_a_training_set_is_written(run: Callable, home: Path) -> None:
    features = ["--features", "customer_features:orders", "--features", "customer_features:recency_days"]
    status, out, err = run("--entities", "spine.parquet", *features, "--into", "out.parquet")
    assert (status, err) == (0, "")
    spine = pl.read_parquet("spine.parquet")
    assert out.split() == f"{spine.height} rows, 4 columns: out.parquet".split()
    store = open_store(Settings(home=home, lake=str(home / "lake")))
    expected = store.get_historical_features(spine, ["customer_features:orders", "customer_features:recency_days"])
    assert pl.read_parquet("out.parquet").equals(expected)


def test_what_was_done_is_said_as_json(run: Callable) -> None:
    status, out, _ = run(
        "--entities", "spine.parquet", "--features", "customer_features:orders", "--into", "out.parquet",
        "--known", "hindsight", "--full-names", "--at", "curated.stg_order_lines=0", "--json",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out) == {
        "into": "out.parquet",
        "rows": pl.read_parquet("spine.parquet").height,
        "columns": ["customer_id", "event_timestamp", "customer_features__orders", "_known"],
        "known": "hindsight",
        "frozen": [],
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--entities", "spine.parquet"], "name features with --features VIEW:FEATURE"),
        (["--entities", "spine.parquet", "--features", "customer_feature"], "did you mean 'customer_features'"),
        (["--entities", "nothing.parquet", "--features", "customer_features"], "there is no entity table at nothing"),
        (["--entities", "spine.parquet", "--service", "none"], "there is no feature service 'none'"),
        (["--entities", "spine.parquet", "--features", "customer_features", "--time", "at"], "no time column 'at'"),
        (["--entities", "spine.parquet", "--features", "product_features"], "needs the key 'stock_code'"),
    ],
)
def test_what_cannot_be_answered_is_said(run: Callable, arguments: list[str], message: str) -> None:
    status, _, err = run(*arguments, "--into", "out.parquet")
    assert status == 1
    assert message in err
    assert not Path("out.parquet").exists()
