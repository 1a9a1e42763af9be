from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import cli
from mlinfra_assets.commands.sql import parse_versions
from mlinfra_assets.commands.sql_output import LONGEST, cell
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = open_home(tmp_path / "home").folder
    orders = pl.DataFrame(
        {
            "order_id": [1, 2],
            "amount": [Decimal("1.10"), Decimal("12345678901234.56")],
            "sold_at": [datetime(2011, 5, 1, 12, tzinfo=UTC), None],
            "items": [["a", "b"], []],
            "payload": [b"caf\xc3\xa9", b"\xff\x00"],
            "note": ["x" * (LONGEST + 5), "\x1b[31mred\x07\nnext"],
        },
        schema_overrides={"sold_at": pl.Datetime("us", "UTC"), "amount": pl.Decimal(18, 2)},
    )
    Lake(str(home / "lake")).table("curated/orders").append(orders, provenance=Provenance("run", "0"))
    return home


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.run(["sql", *arguments, "--home", str(home)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_an_answer_is_a_table(run: Run) -> None:
    status, out, err = run("select order_id, amount, sold_at, items from orders order by 1")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["order_id", "amount", "sold_at", "items"]
    assert lines[2] == ["1", "1.10", "2011-05-01", "12:00:00Z", '["a","b"]']
    assert lines[3] == ["2", "12345678901234.56", "null", "[]"]


def test_what_is_too_wide_for_the_screen_stands_one_below_the_other(run: Run) -> None:
    out = run("from orders order by order_id")[1]
    assert "row 1" in out
    assert "row 2" in out
    assert "  order_id  1" in out
    assert "5 characters more" in " ".join(out.split())
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80


def test_a_terminal_is_told_nothing_by_a_value(run: Run) -> None:
    out = run("select note from orders where order_id = 2")[1]
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\\x1b[31mred\\x07" in out


def test_json_has_versions_types_and_exact_numbers(run: Run) -> None:
    status, out, _ = run("select order_id, amount, sold_at, payload from orders order by 1", "--json")
    assert status == 0
    assert "12345678901234.56" in out
    found = json.loads(out, parse_float=Decimal)
    assert found["rows"] == [
        {"order_id": 1, "amount": Decimal("1.10"), "sold_at": "2011-05-01T12:00:00Z", "payload": "café"},
        {"order_id": 2, "amount": Decimal("12345678901234.56"), "sold_at": None, "payload": "0xff00"},
    ]
    assert found["columns"][1] == {"name": "amount", "type": "DECIMAL(18,2)"}
    assert found["tables"] == {"curated/orders": 1}
    assert found["more"] is False


def test_csv_is_read_back_by_any_reader(run: Run) -> None:
    status, out, _ = run("select order_id, amount, sold_at, items, note from orders order by 1 desc", "--csv")
    assert status == 0
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["order_id", "amount", "sold_at", "items", "note"]
    assert rows[1] == ["2", "12345678901234.56", "", "[]", "\x1b[31mred\x07\nnext"]
    assert rows[2][:4] == ["1", "1.10", "2011-05-01 12:00:00Z", '["a","b"]']


def test_rows_beyond_the_limit_are_mentioned_beside_the_answer(run: Run) -> None:
    status, out, err = run("select order_id from orders order by 1", "--limit", "1", "--csv")
    assert (status, out) == (0, "order_id\n1\n")
    assert "the first 1" in err
    assert json.loads(run("from orders", "--limit", "1", "--json")[1])["more"] is True


def test_no_rows_are_said(run: Run) -> None:
    assert "No rows. Columns: order_id" in run("select order_id from orders where false")[1]


def test_a_version_can_be_named(run: Run) -> None:
    assert "0" in run("select count(*) from orders", "--at", "curated.orders=0")[1]
    status, _, err = run("from orders", "--at", "curated.orders=9")
    assert status == 1
    assert "it has the versions 0 to 1" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["from order"], "syntax error"),
        (["from curated.order"], "did you mean curated.orders?"),
        (["select * from read_text('/etc/hostname')"], "cannot be read from here"),
        (["select 1; select 2"], "not 2 statements"),
        (["from orders", "--at", "orders"], "names no version"),
        (["from orders", "--csv", "--json"], "choose one"),
        (["select count(*) from range(1000000000000)", "--timeout", "1"], "took longer than 1 s"),
    ],
)
def test_what_cannot_be_is_said(run: Run, arguments: list[str], words: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert words in err
    assert "Traceback" not in err


def test_a_home_without_tables_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_home(tmp_path / "empty")
    assert cli.run(["sql", "from features.customers", "--home", str(tmp_path / "empty")]) == 1
    assert "the lake has no tables yet" in capsys.readouterr().err


def test_versions_are_named_as_tables_are_in_sql_or_in_the_lake() -> None:
    assert parse_versions(["features.a=3", "raw/b=0"]) == {"features/a": 3, "raw/b": 0}
    with pytest.raises(InvalidInputError, match="names no version"):
        parse_versions(["features.a=new"])


def test_a_cell_is_written_as_it_is_typed() -> None:
    assert [cell(v) for v in (None, True, 1, 1.5, "a", {"a": [1]})] == ["null", "true", "1", "1.5", "a", '{"a":[1]}']
