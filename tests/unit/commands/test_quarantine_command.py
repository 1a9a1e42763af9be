from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlinfra_assets import cli, names
from mlinfra_assets.commands.quarantine import parse_changes
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared import LIMIT, declared, line, raw_rows


@pytest.fixture
def home(tmp_path: Path) -> Path:
    lake, shop = Lake(str(tmp_path / "home" / "lake")), declared("order_lines")
    raw = raw_rows([line(), line(Quantity=20000), line(Country=""), b"no [JSON]"])
    found = process(shop, raw, max_payload_bytes=LIMIT)
    for key, frame in ((names.raw, raw), (names.quarantine, found.quarantined), (names.processed, found.valid)):
        lake.table(names.table(*key("order_lines"))).append(frame, provenance=Provenance("test", "0"))
    return tmp_path / "home"


def run(home: Path, *arguments: str) -> int:
    return cli.run(["quarantine", *arguments, "--home", str(home)])


def test_what_is_held_is_listed_with_positions_and_reasons(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "list") == 0
    out = capsys.readouterr().out
    assert "0:2:0" in out
    assert "quantity: " in out
    assert "3 of order_lines" in out
    assert max(len(row.rstrip()) for row in out.splitlines()) <= 80


def test_a_long_list_says_how_much_more_there_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "list", "order_lines", "--limit", "1") == 0
    assert "2 more with --limit 3" in capsys.readouterr().out.replace("\n", " ")


def test_the_list_as_json_holds_everything(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["source"], row["_offset"]) for row in found] == [("order_lines", n) for n in (2, 3, 4)]


def test_an_empty_quarantine_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_home(tmp_path / "fresh")
    assert run(tmp_path / "fresh", "list") == 0
    assert "Nothing is held" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_one_record_is_shown_whole(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "show", "order_lines", "0:2:0") == 0
    out = capsys.readouterr().out
    assert "order_lines 0:2:0: held" in out
    assert "quantity = '20000'" in out
    assert '"Quantity":20000' in out.replace(" ", "")


def test_a_corrected_record_is_let_in_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = ["release", "order_lines", "0:2", "--why", "a zero too many", "--by", "ann", "--set", "quantity=2000"]
    assert run(home, *order) == 0
    assert "release 1 of order_lines: 0:2:0, by ann" in capsys.readouterr().out
    assert run(home, *order) == 1
    assert "was let in already" in capsys.readouterr().err
    assert run(home, "list") == 0
    assert "0:2:0" not in capsys.readouterr().out
    assert run(home, "list", "--released") == 0
    assert "release 1" in capsys.readouterr().out.replace("\n", " ")


def test_a_record_that_still_breaks_the_contract_stays(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "release", "order_lines", "0:2", "--why", "it is fine") == 1
    assert "would still break the contract: quantity (20000)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "order_lines", "7"], "is not a position"),
        (["show", "order_line", "0:2"], "did you mean 'order_lines'"),
        (["show", "order_lines", "0:1"], "nothing is quarantined at 0:1:0"),
        (["list", "nobody"], "there is no source 'nobody'"),
        (["release", "order_lines", "0:2", "--why", "x", "--set", "quantity"], "write field=value"),
    ],
)
def test_what_cannot_be_is_said(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, *arguments) == 1
    assert words in capsys.readouterr().err


def test_corrections_are_read_to_the_first_equals_sign() -> None:
    assert parse_changes(["description=a=b", "country="]) == {"description": "a=b", "country": ""}
    with pytest.raises(InvalidInputError, match="twice"):
        parse_changes(["a=1", "a=2"])


def test_values_of_protected_fields_are_shown_to_who_asks_for_them(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (("list", "--json"), ("show", "order_lines", "0:2:0"), ("show", "order_lines", "0:2:0", "--json")):
        assert run(home, *arguments) == 0
        assert "17850" not in capsys.readouterr().out
        assert run(home, *arguments, "--personal") == 0
        assert "17850.0" in capsys.readouterr().out


def test_a_reason_that_many_have_is_explained_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake, shop = Lake(str(home / "lake")), declared("order_lines")
    more = process(shop, raw_rows([line(Quantity=20001 + n) for n in range(4)], first=9), max_payload_bytes=LIMIT)
    table = lake.table(names.table(*names.quarantine("order_lines")))
    table.append(more.quarantined, provenance=Provenance("test", "0"))
    assert run(home, "list") == 0
    out = capsys.readouterr().out
    assert out.count("quantity: maximum") == 6
    assert out.count("is above the maximum") == 1


def test_all_that_are_held_for_one_reason_are_corrected_at_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order = ["release", "order_lines", "--reason", "country: minLength", "--set", "country=EIRE", "--why", "known"]
    assert run(home, *order, "--dry-run") == 0
    assert "1 of order_lines would pass, 0 would not; nothing is released" in capsys.readouterr().out
    assert run(home, *order, "--by", "ann") == 0
    assert "release 1 of order_lines: 1 records, by ann" in capsys.readouterr().out
    assert run(home, *order) == 1
    assert "no record of order_lines is held for 'country: minLength'; held for: " in capsys.readouterr().err


def test_a_file_of_corrections_lets_in_what_passes_and_names_the_rest(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home.parent / "corrections.jsonl"
    file.write_text('{"position": "0:2", "set": {"quantity": "2"}}\n{"position": "0:3"}\n')
    order = ["release", "order_lines", "--from", str(file), "--why", "from the slips"]
    assert run(home, *order, "--json") == 1
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    assert [each["position"] for each in found["released"]] == ["0:2:0"]
    assert [each["position"] for each in found["refused"]] == ["0:3:0"]
    assert "1 of order_lines are not let in:" in streams.err
    assert run(home, *order) == 1
    assert "1 were let in just so before" in capsys.readouterr().out


def test_a_whole_record_is_given_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = line(Quantity=7).decode()
    assert run(home, "release", "order_lines", "0:4", "--why", "from the paper", "--record", whole) == 0
    assert "release 1 of order_lines: 0:4:0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name one record by its POSITION"),
        (["0:2", "--reason", "x"], "name one record by its POSITION"),
        (["--reason", "quantity: maximum", "--record", "{}"], "--record is the whole of one record"),
        (["0:2", "--record", "{"], "--record is not JSON"),
        (["0:2", "--record", "[]"], "--record is a JSON object"),
        (["--from", "x", "--set", "a=1"], "--from says itself"),
    ],
)
def test_a_release_of_nothing_or_of_too_much_is_refused(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, "release", "order_lines", *arguments, "--why", "x") == 1
    assert words in capsys.readouterr().err
