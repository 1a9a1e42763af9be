"""A whole small platform in a lake: lines through raw, contract and staging; a model; predictions served and logged.

The online store is left out: a prediction is made as it makes one, from the curated rows under a watermark, at its own
time. Everything else is the real thing, so that a test can plant one difference and ask the audit for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import FixedClock, to_micros
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.contracts.quarantine import Position, Quarantine
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.curated.sql_text import fingerprint
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.raw import RAW_SCHEMA
from mlinfra_assets.ingest.source_tables import covered
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.matrix import matrix
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.learning.store import ModelStore, StoredModel
from mlinfra_assets.learning.train import train_and_compare
from mlinfra_assets.learning.training_set import build_training_set
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.registration import Registration
from mlinfra_assets.registry.registry import Registry
from tests.support.shop_lines import FrameReader, shop_lines
from tests.support.shop_models import shop_model, shop_view
from tests.support.staging import STAGING_SQL, staged
from tests.support.till import order_line

RUN = Provenance(run_id="run", code_version="code")
MAX_PAYLOAD = 1_048_576
TRAINED = datetime(2011, 8, 1, tzinfo=UTC)


def sources() -> dict[str, Source]:
    """The declared sources."""
    import mlinfra_assets

    return load_sources(Path(mlinfra_assets.__file__).parent / "sources")


@dataclass
class AuditedShop:
    """The platform and what a test needs to work on it."""

    lake: Lake
    registry: Registry
    sources: dict[str, Source]
    view: FeatureView = field(default_factory=shop_view)

    @property
    def document(self) -> ViewDocument:
        source = self.sources["order_lines"]
        rests_on = {
            "contract order_lines": source.contract.fingerprint,
            "sql stg_order_lines": fingerprint(STAGING_SQL),
        }
        contract = orjson.loads(source.contract.to_json())
        return ViewDocument(self.view, rests_on, STAGING_SQL, "order_lines", contract)

    def land(self, source: str, messages: Sequence[tuple[int, datetime, bytes]]) -> None:
        """Put messages (offset, known at, payload) into raw and through the contract."""
        declared = self.sources[source]
        rows = [
            {
                "source": source,
                "partition": 0,
                "offset": offset,
                "event_time": None,
                "known_at": known_at,
                "landed_at": known_at,
                "batch_id": "run",
                "contract_version": declared.contract.fingerprint,
                "content_hash": blake2b(payload, digest_size=16).hexdigest(),
                "key": None,
                "headers": [],
                "payload": payload,
            }
            for offset, known_at, payload in messages
        ]
        self.lake.table(names.table(*names.raw(source))).append(pl.DataFrame(rows, schema=RAW_SCHEMA), provenance=RUN)
        validate_source(self.lake, declared, RUN, max(at for _, at, _ in messages), max_payload_bytes=MAX_PAYLOAD)
        if source == "order_lines":
            self.curate()

    def curate(self) -> None:
        """Stage the processed lines."""
        processed = self.lake.table("processed/order_lines").read()
        self.lake.table("curated/stg_order_lines").replace(staged(processed), provenance=RUN)

    def release(self, offset: int, at: datetime, **changes: str) -> None:
        """Let a quarantined line in."""
        clock = FixedClock(at)
        quarantine = Quarantine(self.lake, self.sources, clock, RUN)
        quarantine.release("order_lines", Position(0, offset), "ann", "a typing error", changes or None)
        validate_source(self.lake, self.sources["order_lines"], RUN, at, max_payload_bytes=MAX_PAYLOAD)
        self.curate()

    def watermark(self) -> Positions:
        """How far the platform has come now."""
        return covered(self.lake.table("processed/order_lines"), "order_lines")

    def register(self) -> None:
        """Keep the view's document and its contract."""
        document, contract = self.document, self.sources["order_lines"].contract
        registration = Registration(TRAINED, "run")
        self.registry.record_contract("order_lines", contract.fingerprint, contract.to_json(), registration)
        self.registry.record_view(document, registration)

    def train(self, at: datetime = TRAINED, **changes: Any) -> StoredModel:
        """Train, and promote if better."""
        spec = shop_model(**changes)
        read = FrameReader({"stg_order_lines": self.lake.table("curated/stg_order_lines").read()})
        frame = build_training_set(spec, {self.view.name: self.view}, read, at).frame
        store = ModelStore(self.lake, "churn")
        return train_and_compare(
            spec, frame, store, at, training_table="training/churn", training_version=0, provenance=RUN
        ).model

    def predict(
        self,
        at: datetime,
        customers: Sequence[int],
        *,
        served_by: FeatureView | None = None,
        features: Sequence[str] | None = None,
        watermark: Positions | None = None,
        **changes: object,
    ) -> list[str]:
        """Serve customers at a moment and log it; keyword arguments plant a difference between the two."""
        mark = self.watermark() if watermark is None else watermark
        production = ModelStore(self.lake, "churn").production()
        assert production is not None
        model = ModelStore(self.lake, "churn").load(production.version)
        inputs = features or model.inputs
        view = features_of(served_by or self.view, [name.partition(":")[2] for name in inputs])
        rows = self.lake.table(view.dataset.table).read(columns=list(view.columns))
        entities = pl.DataFrame({"customer_id": list(customers)}, schema={"customer_id": pl.Int64})
        t = np.full(len(customers), to_micros(at), dtype=np.int64)
        values = evaluate(view, prepare(view, rows, covered=mark), entities, t, None, ProductionScores(self.lake))
        scores = model.scorer().score(matrix(values, [name.partition(":")[2] for name in model.inputs]))
        used = {"version": self.document.version, "watermark": {"order_lines": mark.to_dict()}}
        events = [
            {
                "prediction_id": f"{at:%j}-{customer}",
                "model": "churn",
                "model_version": model.version,
                "entity": {"customer_id": customer},
                "predicted_at": at.isoformat(),
                "features": {name: values[name.partition(":")[2]][row] for name in inputs},
                "score": float(scores[row]),
                "views": {view.name: used},
                "scores": {},
                **changes,
            }
            for row, customer in enumerate(customers)
        ]
        end = covered(self.lake.table("processed/predictions"), "predictions").offsets.get(0, 0)
        self.land("predictions", [(end + 1 + i, at, orjson.dumps(event)) for i, event in enumerate(events)])
        return [str(event["prediction_id"]) for event in events]


def audited_shop(root: Path, customers: int = 60, days: int = 230) -> AuditedShop:
    """A shop whose first 8 months are in, with a model in production since 2011-08-01."""
    lake = Lake(str(root / "lake"))
    shop = AuditedShop(lake, Registry(lake), sources())
    lines = shop_lines(customers, days)
    messages = [
        (10 * (i + 1), row["_event_time"] + timedelta(seconds=2), order_line(row))
        for i, row in enumerate(lines.iter_rows(named=True))
    ]
    shop.land("order_lines", messages)
    shop.register()
    shop.train()
    return shop
