from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.store import ModelDamagedError, ModelStore, StoredModel, UnknownModelError, version_of

RUN = Provenance(run_id="run", code_version="code")
NOW = datetime(2012, 1, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def model(onnx: bytes = b"a model file", inputs: tuple[str, ...] = ("v:a", "v:b")) -> StoredModel:
    return StoredModel("churn", version_of(onnx, inputs), NOW, "training/churn", 1, inputs, "{}", "{}", onnx, "code")


def tampered(lake: Lake, **columns: pl.Expr) -> None:
    table = lake.table("models/churn")
    table.replace(table.read().with_columns(**columns), provenance=RUN)


def test_what_was_stored_comes_back_equal(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    assert store.add(model(), RUN)
    assert ModelStore(lake, "churn").load(model().version) == model()


def test_the_same_version_is_kept_once(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    assert store.add(model(), RUN)
    assert not store.add(model(), RUN)
    assert store.versions() == [model().version]


def test_one_flipped_bit_in_the_file_is_found(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    store.add(model(), RUN)
    tampered(lake, onnx=pl.lit(b"a model fila"))
    with pytest.raises(ModelDamagedError, match=r"models/churn, version .*torn or was changed"):
        store.load(model().version)


def test_a_forged_file_with_a_matching_hash_is_found(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    store.add(model(), RUN)
    forged = b"another file"
    tampered(lake, onnx=pl.lit(forged), sha256=pl.lit(sha256(forged).hexdigest()))
    with pytest.raises(ModelDamagedError, match="is not that of this version"):
        store.load(model().version)


def test_inputs_in_another_order_are_found(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    store.add(model(), RUN)
    tampered(lake, inputs=pl.lit(["v:b", "v:a"], dtype=pl.List(pl.String)))
    with pytest.raises(ModelDamagedError, match="is not that of this version"):
        store.load(model().version)


def test_an_unknown_version_names_those_that_are_there(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    with pytest.raises(UnknownModelError, match="there: none"):
        store.load("0")
    store.add(model(), RUN)
    with pytest.raises(UnknownModelError, match=model().version):
        store.load("0")


def test_only_a_stored_version_is_promoted_and_only_once(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    with pytest.raises(UnknownModelError, match="could be promoted"):
        store.promote("0", NOW, "why", "{}", RUN)
    store.add(model(), RUN)
    assert store.promote(model().version, NOW, "why", "{}", RUN)
    assert not store.promote(model().version, NOW, "again", "{}", RUN)
    assert [(p.number, p.version) for p in store.promotions()] == [(1, model().version)]


def test_going_back_to_an_older_version_is_a_promotion_of_its_own(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    old, new = model(b"old"), model(b"new")
    for at, stored in ((1, old), (2, new), (3, old)):
        store.add(stored, RUN)
        store.promote(stored.version, datetime(2012, 1, at, tzinfo=UTC), "why", "{}", RUN)
    assert [p.version for p in store.promotions()] == [old.version, new.version, old.version]
    assert [p.number for p in store.promotions()] == [1, 2, 3]
