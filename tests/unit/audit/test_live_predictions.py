"""What was served live is found again in raw, bit for bit: also where its batch was judged otherwise later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import orjson
import pytest

from mlinfra_assets.audit.bits import same
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.logged import LoggedPrediction, UsedView
from mlinfra_assets.audit.raw_rows import Integrity, set_aside
from mlinfra_assets.audit.vectors import recompute
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.decisions import Decision, drop_held
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.clock import to_micros
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.registry.registration import Registration
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.record import NewRecord
from tests.support.live_shop import RUN, LiveShop
from tests.support.served_shop import KEYS


@pytest.fixture
def shop(settings: Settings) -> Iterator[LiveShop]:
    made = LiveShop(settings)
    made.send(60)
    made.land()
    made.push()
    contract = made.source.contract
    registration = Registration(datetime.now(UTC), "run")
    registry = Registry(made.lake)
    registry.record_contract("order_lines", contract.fingerprint, contract.to_json(), registration)
    registry.record_view(made.document, registration)
    yield made
    embedded(settings).release()


def predictions(shop: LiveShop, name: str) -> list[LoggedPrediction]:
    """What is served now, as it is logged: through JSON."""
    t = to_micros(datetime.now(UTC)) + 60_000_000
    view = shop.view.name
    return [
        LoggedPrediction(
            prediction_id=f"{name}-{key}",
            model="churn",
            model_version="v",
            entity={"customer_id": key},
            predicted_at=t,
            features={f"{view}:{feature}": value for feature, value in vector.values.items()},  # pyright: ignore[reportArgumentType]
            score=None,
            views={view: UsedView(vector.version, _read_back(vector.watermark["order_lines"]))},
            scores={},
        )
        for key, vector in zip(KEYS, shop.read(t), strict=True)
    ]


def _read_back(watermark: Positions) -> dict[str, Positions]:
    return {"order_lines": Positions.from_dict(orjson.loads(orjson.dumps(watermark.to_dict())))}


def assert_found_again(shop: LiveShop, logged: Sequence[LoggedPrediction]) -> None:
    made = FromRaw(
        shop.lake,
        Registry(shop.lake),
        {"order_lines": shop.source},
        shop.settings.max_payload_bytes,
        Integrity(),
    )
    vectors = recompute(logged, made, Registry(shop.lake), shop.lake)
    assert vectors.missing == []
    different = [
        (one.prediction_id, feature, value, vectors.values[one.prediction_id][feature])
        for one in logged
        for feature, value in one.features.items()
        if not same(value, vectors.values[one.prediction_id][feature])
    ]
    assert different == []


def test_predictions_from_base_and_tail_are_found_again_after_everything_was_landed(shop: LiveShop):
    logged = predictions(shop, "base")
    shop.send(40)
    shop.catch_up()
    logged += predictions(shop, "live")
    shop.send(40)
    shop.catch_up()
    logged += predictions(shop, "later")
    shop.land()
    shop.push()
    logged += predictions(shop, "pushed")
    assert len({str(one.views[shop.view.name].key) for one in logged}) == 4
    assert_found_again(shop, logged)


def test_predictions_from_records_whose_batch_was_set_aside_later_are_found_again(shop: LiveShop):
    good = shop.messages[60:120]
    bad = [NewRecord(b'{"InvoiceNo": 7}', b"bad")] * 600
    shop.send_records([*good, *bad])
    shop.catch_up()
    logged = predictions(shop, "live")
    shop.land()
    log, subject = BreakerLog(shop.lake), subjects.source("order_lines")
    assert log.breaker(subject).held
    drop_held(log, subject, Decision("ann", "a test run of theirs", datetime.now(UTC), RUN))
    shop.land()
    assert set_aside(shop.lake, "order_lines")
    shop.push()
    logged += predictions(shop, "pushed")
    before, after = (
        [one.features for one in logged if one.prediction_id.startswith(name)] for name in ("live", "pushed")
    )
    assert before != after
    assert_found_again(shop, logged)
