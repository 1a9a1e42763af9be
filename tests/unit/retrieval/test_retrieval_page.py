"""docs/retrieval.md: every example on it runs, in its order, on one home."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import cli
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.features import fs
from mlinfra_assets.home import open_home
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.views import push_view
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.retrieval.store import open_store
from mlinfra_assets.settings import Settings
from tests.support.snapshot_shop import snapshot_shop

PAGE = Path(__file__).parents[3] / "docs" / "retrieval.md"
NOW = datetime(2011, 3, 10, 12, tzinfo=UTC)


def examples() -> list[tuple[str, str]]:
    return re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_every_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    home = open_home(tmp_path / "home").folder
    monkeypatch.setenv("MLINFRA_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    HomeClock(home).set(NOW)
    shop = snapshot_shop(home)
    settings = Settings.load()
    view, documents = fs.views["customer_features"], Documents(fs.datasets, load_sources(SOURCES), row_wise_models())
    try:
        open_store(settings).materialize(view.name, date(2011, 3, 9))
        push_view(shop.lake, OnlineStore(connect(settings)), view, documents, NOW, "run")
        known: dict = {}
        for language, text in examples():
            if language == "python":
                exec(compile(text, str(PAGE), "exec"), known)  # noqa: S102 - the page's own text
            else:
                assert cli.run(shlex.split(text)[1:]) == 0
    finally:
        embedded(settings).release()
    assert len(examples()) == 9
    customers = known["training"]["orders"].to_list()
    assert customers == [_orders(shop.lines, *row) for row in known["entities"].iter_rows()]
    assert pl.read_parquet("training.parquet").columns == ["customer_id", "event_timestamp", "orders"]
    assert known["both"].drop("customer_id", "event_timestamp").columns[0] == "customer_features__orders"
    assert known["both"].to_series(2).equals(known["both"].to_series(3), check_names=False)
    assert known["done"].computed == (date(2011, 2, 13), date(2011, 2, 14))
    assert known["now"]["orders"].to_list() == [_orders(shop.lines, c, NOW) for c in (12_000, 12_001)]
    assert known["answer"].frame["day"].to_list() == [date(2011, 2, 13), date(2011, 2, 14), date(2011, 3, 9)]
    assert "customers" in capsys.readouterr().out


def _orders(lines: pl.DataFrame, customer: int, t: datetime) -> int | None:
    mine = lines.filter((pl.col("customer_id") == customer) & (pl.col("_known_at") <= t))
    return mine.filter("is_sale")["invoice_no"].n_unique() if mine.height else None
