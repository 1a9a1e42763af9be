from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.promotions import (
    PROMOTIONS_SCHEMA,
    ROLLED_BACK,
    NewPromotion,
    PromotionConflictError,
)
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
        store.promote(NewPromotion("0", NOW, "why"), RUN)
    store.add(model(), RUN)
    assert store.promote(NewPromotion(model().version, NOW, "why"), RUN)
    assert not store.promote(NewPromotion(model().version, NOW, "again"), RUN)
    assert [(p.number, p.version) for p in store.promotions.all()] == [(1, model().version)]


def test_going_back_to_an_older_version_is_a_promotion_of_its_own(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    old, new = model(b"old"), model(b"new")
    for at, stored in ((1, old), (2, new), (3, old)):
        store.add(stored, RUN)
        store.promote(NewPromotion(stored.version, datetime(2012, 1, at, tzinfo=UTC), "why"), RUN)
    assert [p.version for p in store.promotions.all()] == [old.version, new.version, old.version]
    assert [p.number for p in store.promotions.all()] == [1, 2, 3]


def promoted(lake: Lake, *onnx: bytes) -> list[str]:
    """Versions that went into production one after the other."""
    store = ModelStore(lake, "churn")
    for day, file in enumerate(onnx, 1):
        store.add(model(file), RUN)
        store.promote(NewPromotion(model(file).version, datetime(2012, 1, day, tzinfo=UTC), "why"), RUN)
    return [model(file).version for file in onnx]


def test_somebody_elses_promotion_in_between_is_not_overwritten(lake: Lake) -> None:
    old, new = promoted(lake, b"old", b"new")
    store = ModelStore(lake, "churn")
    with pytest.raises(PromotionConflictError, match=f"{new} is in production by now, not another"):
        store.promote(NewPromotion(old, NOW, "why"), RUN, instead_of="another")
    assert [p.version for p in store.promotions.all()] == [old, new]
    assert store.promote(NewPromotion(old, NOW, "why"), RUN, instead_of=new)


def test_a_promotion_is_never_before_the_one_that_it_follows(lake: Lake) -> None:
    old, _ = promoted(lake, b"old", b"new")
    store = ModelStore(lake, "churn")
    store.promote(NewPromotion(old, datetime(2011, 1, 1, tzinfo=UTC), "a clock that goes back"), RUN)
    assert [p.promoted_at.day for p in store.promotions.all()] == [1, 2, 2]
    present = store.production(datetime(2012, 1, 2, tzinfo=UTC))
    assert present is not None
    assert present.version == old


def test_only_the_newest_version_that_never_was_in_production_is_a_challenger(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    assert store.challenger() is None
    old, new = promoted(lake, b"old", b"new")
    assert store.challenger() is None
    store.add(model(b"third"), RUN)
    assert store.challenger() == model(b"third").version
    store.promote(NewPromotion(model(b"third").version, NOW, "why"), RUN)
    store.promote(NewPromotion(new, NOW, "back", kind=ROLLED_BACK, by="ann"), RUN)
    assert store.challenger() is None
    assert {v: p.by for v, p in store.promotions.rolled_back().items()} == {model(b"third").version: "ann"}
    store.promote(NewPromotion(model(b"third").version, NOW, "again"), RUN)
    assert store.promotions.rolled_back() == {}
    assert old in store.versions()


def test_promotions_of_before_who_was_kept_are_still_read(lake: Lake) -> None:
    store = ModelStore(lake, "churn")
    store.add(model(), RUN)
    table = lake.table("models/churn_promotions")
    older = pl.Schema({name: kind for name, kind in PROMOTIONS_SCHEMA.items() if name not in {"kind", "by"}})
    row = {"number": 1, "version": "gone", "promoted_at": NOW, "why": "why", "metrics": "{}"}
    table.replace(pl.DataFrame([row], schema=older), provenance=RUN, schema_change=True)
    assert [(p.kind, p.by) for p in store.promotions.all()] == [("rule", "the promotion rule")]
    assert store.promote(NewPromotion(model().version, NOW, "why", by="ann"), RUN)
    assert [p.by for p in store.promotions.all()] == ["the promotion rule", "ann"]
