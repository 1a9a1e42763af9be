from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlinfra_assets import cli
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.dagster_home import prepare
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.declared import raw_rows


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a stream, of which raw holds less, and a file that waits."""
    folder = tmp_path_factory.mktemp("doctor") / "home"
    open_home(folder)
    prepare(folder / "dagster")
    HomeClock(folder).set(datetime(2011, 12, 9, tzinfo=UTC))
    RedisLog(connect(Settings(home=folder))).append("order_lines", [NewRecord(b"{}")])
    Lake(str(folder / "lake")).table("raw/order_lines").append(raw_rows([b"{}"]), provenance=Provenance("test", "0"))
    waiting = folder / "landing" / "exchange_rates"
    waiting.mkdir(parents=True)
    (waiting / "rates.zip").write_bytes(b"PK")
    yield folder
    shutil.rmtree(folder / "landing")


def findings(home: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]]]:
    status = cli.run(["doctor", "--json", "--home", str(home)])
    document = json.loads(capsys.readouterr().out)
    assert document["well"] == (status == 0)
    return status, {f"{f['area']}/{f['name']}": f for f in document["findings"]}


def test_a_home_is_examined_from_end_to_end(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = findings(home, capsys)
    assert status == 0
    assert found["Software/dagster"]["state"] == "ok"
    assert found["Home/format"]["state"] == "ok"
    assert found["Home/clock"]["value"] == "simulated: 2011-12-09T00:00:00+00:00"
    assert found["Redis/server"]["value"].startswith("embedded, version ")
    assert found["Lake/raw/order_lines"]["value"].endswith(", 1 rows")
    assert found["Sources/order_lines"]["value"].startswith("redis order_lines: raw is behind: partition 0")
    assert found["Sources/exchange_rates"]["value"].startswith("1 files wait in ")
    assert found["Sources/outcomes"]["value"] == "redis outcomes: the stream is empty"
    assert found["Dagster/home"]["state"] == "ok"


def test_whatever_is_not_ok_comes_with_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = findings(home, capsys)
    assert all(f["remedy"] for f in found.values() if f["state"] != "ok")


def test_people_get_a_page_of_80_columns(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor", "--home", str(home)]) == 0
    assert max(len(row.rstrip()) for row in capsys.readouterr().out.splitlines()) <= 80


def test_secrets_are_hidden(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MLINFRA_API_KEYS", "app:0123456789abcdef:read")
    monkeypatch.setenv("MLINFRA_REDIS_URL", "redis://user:open-sesame@127.0.0.1:9/0")
    assert cli.run(["doctor", "--home", str(home)]) == 1
    streams = capsys.readouterr()
    assert "open-sesame" not in streams.out + streams.err
    assert "0123456789abcdef" not in streams.out + streams.err
    assert streams.out.count("(set, hidden)") == 2


def test_a_redis_that_is_gone_is_broken_and_ends_non_zero(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLINFRA_REDIS_URL", "redis://127.0.0.1:9/0")
    status, found = findings(home, capsys)
    assert status == 1
    assert found["Redis/server"]["state"] == "broken"
    assert "127.0.0.1:9 cannot be reached" in found["Redis/server"]["value"]
    assert found["Lake/raw/order_lines"]["state"] == "ok"


def test_where_there_is_no_home_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = findings(tmp_path / "none", capsys)
    assert status == 0
    assert found["Home/format"]["state"] == "note"
    assert not (tmp_path / "none").exists()


def test_a_home_of_another_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "home.json").write_text('{"format": 0, "created_at": "x"}')
    assert cli.run(["doctor", "--home", str(tmp_path)]) == 1
    assert "an older version (format 0" in capsys.readouterr().err
