"""Entity tables on disk: read in place, answered into a file that is whole or not there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.historical import get_historical_features
from mlinfra_assets.feature_store.offline import entity_table
from tests.support.asked_shop import SHOP, ShopReader, shop_questions, shop_rows

ROWS = shop_rows(orders=300)
ASKED = shop_questions(rows=300).drop("basket")


def ask(entities, into=None, memory: int = 1 << 30):
    return get_historical_features(
        entities, ["spending:orders"], views=SHOP.views, read=ShopReader(ROWS), into=into, max_memory_bytes=memory
    )


@pytest.fixture
def answered():
    return ask(ASKED)


def parquet_file(folder: Path) -> Path:
    ASKED.write_parquet(folder / "spine.parquet", row_group_size=64)
    return folder / "spine.parquet"


def parquet_folder(folder: Path) -> Path:
    (folder / "spine" / "b").mkdir(parents=True)
    ASKED.head(100).write_parquet(folder / "spine" / "a.parquet")
    ASKED.slice(100).write_parquet(folder / "spine" / "b" / "c.parquet")
    return folder / "spine"


def delta_table(folder: Path) -> Path:
    write_deltalake(folder / "spine", ASKED.head(0).to_arrow())
    write_deltalake(folder / "spine", ASKED.to_arrow(), mode="append")
    return folder / "spine"


@pytest.mark.parametrize("memory", [1 << 30, 1])
@pytest.mark.parametrize("make", [parquet_file, parquet_folder, delta_table])
def test_a_path_is_answered_into_a_file(tmp_path, answered, make, memory):
    out = tmp_path / "out.parquet"
    assert ask(make(tmp_path), out, memory) == out
    assert pl.read_parquet(out).equals(answered)
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("spine")) == ["out.parquet"]


def test_a_frame_can_be_answered_into_a_file_too(tmp_path, answered):
    assert ask(ASKED, str(tmp_path / "out.parquet")) == tmp_path / "out.parquet"
    assert pl.read_parquet(tmp_path / "out.parquet").equals(answered)


def test_columns_in_the_names_of_folders_are_columns(tmp_path):
    for day in (1, 2):
        folder = tmp_path / "spine" / f"day=2011-01-0{day}"
        folder.mkdir(parents=True)
        ASKED.head(2).write_parquet(folder / "a.parquet")
    found = pl.read_parquet(ask(tmp_path / "spine", tmp_path / "out.parquet"))
    assert found["day"].to_list() == [date(2011, 1, 1)] * 2 + [date(2011, 1, 2)] * 2


def test_an_empty_file_is_answered_with_an_empty_one(tmp_path):
    ASKED.clear().write_parquet(tmp_path / "spine.parquet")
    found = pl.read_parquet(ask(tmp_path / "spine.parquet", tmp_path / "out.parquet"))
    assert found.schema == pl.Schema({**ASKED.schema, "orders": pl.Int64})
    assert found.height == 0


def test_what_is_no_entity_table_is_refused(tmp_path):
    (tmp_path / "text.parquet").write_text("customer_id,event_timestamp\n1,2011-01-01\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "mixed").mkdir()
    ASKED.write_parquet(tmp_path / "mixed" / "a.parquet")
    ASKED.drop("label").write_parquet(tmp_path / "mixed" / "b.parquet")
    (tmp_path / "broken" / "_delta_log").mkdir(parents=True)
    for name, message in {
        "nowhere.parquet": "there is no entity table at .*nowhere",
        "text.parquet": "cannot be read as Parquet files or as a Delta table",
        "empty": "a folder without Parquet files",
        "a": "a link that leads back to itself",
        "mixed": "different columns: .*a.parquet has label Int64.* and .*b.parquet has customer_id",
        "broken": "cannot be read as a Delta table: its log has no commits",
    }.items():
        with pytest.raises(RetrievalError, match=message):
            ask(tmp_path / name, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_a_delta_table_that_is_damaged_is_refused(tmp_path):
    spine = delta_table(tmp_path)
    newest = max((spine / "_delta_log").glob("*.json"))
    newest.write_text("{")
    with pytest.raises(RetrievalError, match="cannot be read as Parquet files or as a Delta table"):
        ask(spine, tmp_path / "out.parquet")


def test_a_place_that_cannot_be_written_to_is_refused_before_anything_is_computed(tmp_path):
    spine = parquet_file(tmp_path)
    for into, message in {
        None: "into= names a Parquet file",
        tmp_path: "is a folder: name a file in it",
        tmp_path / "no" / "out.parquet": "there is no folder .*no, make it first",
        spine: "is a part of the entity table",
        parquet_folder(tmp_path / "x") / "out.parquet": "",
    }.items():
        source = tmp_path / "x" / "spine" if message == "" else spine
        with pytest.raises(RetrievalError, match=message or "is a part of the entity table"):
            ask(source, into)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    out = tmp_path / "out.parquet"
    out.write_bytes(b"what was there")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(entity_table.pq.ParquetWriter, "write_table", full)
    with pytest.raises(UnavailableError, match=f"no space left in {tmp_path}"):
        ask(ASKED, out)
    assert out.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [out]
