"""Runs of the graph that are killed (SIGKILL) at the commits: run again, nothing is lost and nothing comes twice."""

from __future__ import annotations

import signal
from datetime import timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import to_micros
from mlinfra_assets.demo.result import DemoResult
from mlinfra_assets.ingest.source_tables import covered
from mlinfra_assets.settings import Settings
from tests.support.curated_rows import move_on, publish_more
from tests.support.graph_run import killed_run
from tests.support.more_lines import send
from tests.support.platform import Platform, copied

INGEST_POINTS = ("raw.before_commit", "raw.after_commit", "processed.between_commits", "processed.after_commit")
LINES, BROKEN = 60, 7
OF_A_RUN = ("batch_id", "landed_at")
VIEW = "customer_features"


def tables(platform: Platform) -> dict[str, pl.DataFrame]:
    """Raw, processed and quarantine in the order of the stream, without what tells runs apart."""
    found = {name: platform.rows("/".join(name)) for name in names.ingested("order_lines")}
    return {
        "/".join(name): frame.drop(OF_A_RUN, strict=False).sort("offset" if "offset" in frame.columns else "_offset")
        for name, frame in found.items()
    }


def test_ingestion_killed_at_every_commit_equals_an_undisturbed_run(
    played: tuple[Settings, DemoResult], platform: Platform
) -> None:
    before, held = platform.count("raw/order_lines"), platform.count("processed/order_lines_quarantine")
    with copied(played[0]) as undisturbed:
        assert send(undisturbed, LINES, BROKEN) == send(platform, LINES, BROKEN)
        assert undisturbed.ingest("order_lines").success
        expected = tables(undisturbed)

    for point in INGEST_POINTS:
        assert killed_run(platform.settings, point, *names.ingested("order_lines")) == -signal.SIGKILL, point
    assert platform.ingest("order_lines").success
    found = tables(platform)

    assert found["raw/order_lines"].height == before + LINES
    assert not found["raw/order_lines"].select("partition", "offset").is_duplicated().any()
    assert found["processed/order_lines_quarantine"].height == held + BROKEN
    assert {name: frame.equals(expected[name]) for name, frame in found.items()} == dict.fromkeys(expected, True)
    for name in list(expected)[1:]:
        assert covered(platform.lake.table(name), "order_lines").offsets == platform.log.end("order_lines")


def test_outcomes_killed_after_the_stream_are_sent_once(platform: Platform) -> None:
    key = (names.FEEDBACK, "churn_outcomes")
    before = platform.count("/".join(key))
    platform.clock.set(platform.clock.now() + timedelta(days=61))
    send(platform, 1)  # tells that the lines up to now are all there
    assert platform.ingest("order_lines").success
    newest = platform.rows("processed/order_lines").sort("_offset").tail(1)
    move_on(platform.lake, newest["_event_time"][0], newest["_offset"][0])

    assert killed_run(platform.settings, "outcomes.after_stream", key) == -signal.SIGKILL
    assert platform.count("/".join(key)) == before
    assert platform.run(key).success
    assert platform.ingest("outcomes").success

    assert platform.count("/".join(key)) == platform.count("processed/predictions") > before
    for table, column in (("/".join(key), "prediction_id"), ("processed/outcomes", "prediction_id")):
        assert sorted(platform.rows(table)[column]) == sorted(platform.rows("processed/predictions")["prediction_id"])
    assert platform.count("raw/outcomes") == platform.count("processed/outcomes")


def test_a_push_killed_before_the_switch_serves_the_old_one_and_comes_through_later(platform: Platform) -> None:
    online, day = platform.served(), platform.newest_day(VIEW)
    watermark = publish_more(platform.lake)

    ended = killed_run(platform.settings, "online.before_switch", names.features(VIEW), day=day.isoformat())

    assert ended == -signal.SIGKILL
    assert platform.served() == online
    t = to_micros(platform.clock.now())
    assert platform.store.read(VIEW, [(13105,)], t)[0].watermark == online[VIEW][2]
    assert platform.asked("online_repair") == [[f"online/{VIEW}"]]
    rows = platform.count(f"features/{VIEW}")
    assert platform.snapshot(VIEW, day).success
    assert platform.count(f"features/{VIEW}") == rows
    assert platform.served()[VIEW][2] == {"order_lines": watermark}
    assert platform.asked("online_repair") == []
