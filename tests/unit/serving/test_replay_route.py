"""A prediction computed again over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import httpx

from mlinfra_assets.audit.replays import LakeReplays
from mlinfra_assets.commands.lake_side import open_lake_side
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from tests.support.audited_shop import MAX_PAYLOAD, audited_shop

AT = datetime(2011, 8, 21, 12, 30, tzinfo=UTC)


def test_a_prediction_is_answered_with_its_values_and_the_rows_behind_them(store, log, clock, settings, tmp_path):
    shop = audited_shop(tmp_path / "shop", customers=40)
    [prediction] = shop.predict(AT, [12_000])
    replays = LakeReplays(shop.lake, shop.sources, MAX_PAYLOAD)
    lake = replace(open_lake_side(settings, clock, clock), replays=replays)
    app = create_app(store, log, clock, settings, lake=lake)
    with (
        ApiServer(app, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=120) as api,
    ):
        found = api.get(f"/v1/predictions/{prediction}/replay").json()
        unknown = api.get("/v1/predictions/nobody/replay")
        lake.training_sets.close()
    assert found["reproduced"] is True
    assert found["entity"] == {"customer_id": 12_000}
    assert all(value["same"] and value["logged"] == value["recomputed"] for value in found["values"])
    lines = shop.lake.table("curated/stg_order_lines").read().filter(customer_id=12_000)
    assert sorted(row["offset"] for row in found["rows"]) == lines["_offset"].sort().to_list()
    assert found == replays.replay(prediction)
    assert (unknown.status_code, "there is no prediction nobody" in unknown.text) == (404, True)
