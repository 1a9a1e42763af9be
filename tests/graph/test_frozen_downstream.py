"""What depends on an open breaker is frozen, not failed: it says why, Redis goes on serving, it catches up later."""

from __future__ import annotations

import dagster as dg
import httpx

from mlinfra_assets import names
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.decisions import Decision, close_by_hand, drop_held, open_by_hand
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from tests.graph.test_snapshot_check import lose_most_customers
from tests.support.curated_rows import publish_more, republish
from tests.support.more_lines import send
from tests.support.platform import Platform

SOURCE, VIEW = "order_lines", "customer_features"
STAGING = ("curated", "stg_order_lines")
DOWNSTREAM = (STAGING, ("online", VIEW), ("training", "churn"), ("feedback", "churn_outcomes"))


def decision(platform: Platform, why: str) -> Decision:
    return Decision("ann", why, platform.clock.now(), Provenance("by hand", "code"))


def seen(platform: Platform, *key: str) -> str:
    """Why an asset is frozen, as its newest observation says."""
    [record] = platform.instance.fetch_observations(dg.AssetKey(key), limit=1).records
    assert record.asset_observation is not None
    return str(record.asset_observation.metadata["frozen"].value)


def served(platform: Platform) -> httpx.Response:
    app = create_app(platform.store, platform.log, platform.clock, platform.settings)
    with ApiServer(app, "127.0.0.1", 0) as server:
        question = {"features": [VIEW], "entities": [{"customer_id": 13105}]}
        return httpx.post(f"{server.url}/v1/features", json=question, trust_env=False)


def made(result: dg.ExecuteInProcessResult) -> list[str]:
    return [e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key]


def test_all_that_reads_a_source_is_frozen_by_its_breaker_and_catches_up(platform: Platform) -> None:
    log, day = BreakerLog(platform.lake), platform.newest_day(VIEW)
    online = platform.served()
    send(platform, 600, 300)
    assert not platform.ingest(SOURCE).success
    ran = [platform.run(key) for key in DOWNSTREAM] + [platform.snapshot(VIEW, day)]

    assert [(result.success, made(result)) for result in ran] == [(True, [])] * len(ran)
    for key in (*DOWNSTREAM, names.features(VIEW)):
        assert "the breaker of source/order_lines is open since" in seen(platform, *key)
    assert platform.served() == online
    assert "waits for a breaker" not in (platform.tick("online_repair").skip_message or "")
    assert platform.asked("breakers") == []
    check = platform.check(names.processed(SOURCE), "breaker")
    assert check is not None
    assert not check.passed
    answer = served(platform)
    assert answer.headers["x-mlinfra-frozen"] == VIEW
    assert "source/order_lines" in answer.json()["frozen"][VIEW]["breakers"]

    drop_held(log, subjects.source(SOURCE), decision(platform, "a test of theirs"))
    assert platform.ingest(SOURCE).success
    asked = platform.tick("breakers").run_requests or []

    assert [(r.partition_key, sorted(k.to_user_string() for k in r.asset_selection or ())) for r in asked] == [
        (None, sorted("/".join(key) for key in DOWNSTREAM)),
        (day.isoformat(), [f"features/{VIEW}"]),
    ]
    assert made(platform.run(STAGING)) == ["/".join(STAGING)]
    assert platform.snapshot(VIEW, day).success
    assert "x-mlinfra-frozen" not in served(platform).headers


def test_a_view_opened_by_hand_is_not_pushed_and_the_api_says_so(platform: Platform) -> None:
    log, day = BreakerLog(platform.lake), platform.newest_day(VIEW)
    open_by_hand(log, subjects.view(VIEW), decision(platform, "the ratio looks wrong"))
    publish_more(platform.lake)
    online = platform.served()

    assert platform.snapshot(VIEW, day).success
    assert platform.run(("online", VIEW)).success

    assert platform.served() == online
    pushed = platform.check(("online", VIEW), "pushed")
    assert pushed is not None
    assert (pushed.passed, pushed.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "the ratio looks wrong" in str(pushed.metadata["frozen"].value)
    assert "the ratio looks wrong" in served(platform).text
    close_by_hand(log, subjects.view(VIEW), decision(platform, "it is right after all"))
    assert platform.snapshot(VIEW, day).success
    assert platform.served() != online
    assert served(platform).json()["frozen"] == {}


def test_snapshots_that_fail_their_check_open_the_views_breaker_and_good_ones_close_it(platform: Platform) -> None:
    log, day = BreakerLog(platform.lake), platform.newest_day(VIEW)
    before = platform.lake.table("curated/stg_order_lines").read()
    republish(platform.lake, lose_most_customers)

    assert not platform.snapshot(VIEW, day).success
    assert platform.snapshot(VIEW, day).success  # a probe that fails: frozen, not failed

    breaker = log.breaker(subjects.view(VIEW))
    assert (breaker.state, breaker.by) == ("open", "snapshot check")
    assert "entities on" in breaker.why
    republish(platform.lake, lambda _: before)
    states = []
    for _ in range(2):
        assert platform.snapshot(VIEW, day, run_config={"ops": {f"features__{VIEW}": {"config": {"recompute": True}}}})
        states.append(log.breaker(subjects.view(VIEW)).state)
    assert states == ["half_open", "closed"]
