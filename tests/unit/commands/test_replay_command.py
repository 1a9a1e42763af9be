from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import cli
from tests.support.audited_shop import RUN, AuditedShop, audited_shop

AT = datetime(2011, 8, 21, 12, 30, tzinfo=UTC)
ID = "233-12000"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> AuditedShop:
    shop = audited_shop(tmp_path_factory.mktemp("replay"), customers=40)
    shop.predict(AT, [12_000])
    return shop


def home(shop: AuditedShop) -> str:
    return str(Path(shop.lake.root).parent)


def test_a_prediction_is_shown_beside_what_raw_gives(shop: AuditedShop, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["replay", ID, "--home", home(shop)]) == 0
    out = capsys.readouterr().out
    assert "customer_id 12000" in out
    assert "Every value is the same, bit for bit." in out
    assert max(len(row.rstrip()) for row in out.splitlines()) <= 80


def test_as_json(shop: AuditedShop, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["replay", ID, "--json", "--home", home(shop)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["reproduced"] is True
    assert document["prediction_id"] == ID


def test_a_prediction_that_differs_ends_non_zero(shop: AuditedShop, capsys: pytest.CaptureFixture[str]) -> None:
    table = shop.lake.table("processed/predictions")
    rows, version = table.read(), table.version()
    table.replace(rows.with_columns(pl.lit(0.5).alias("score")), provenance=RUN)
    try:
        assert cli.run(["replay", ID, "--home", home(shop)]) == 1
    finally:
        table.replace(table.read(version=version), provenance=RUN)
    streams = capsys.readouterr()
    assert "differs" in streams.out
    assert "does not come out the same from raw" in streams.err


def test_an_unknown_prediction_is_said(shop: AuditedShop, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["replay", "nobody", "--home", home(shop)]) == 1
    assert "there is no prediction nobody" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["replay", ID], ["quarantine", "list"], ["quarantine", "show", "x", "0:1:0"]])
def test_a_home_that_is_not_there_is_said_and_not_made(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*command, "--home", str(tmp_path / "typo")]) == 1
    assert f"there is no home at {tmp_path / 'typo'}" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()
