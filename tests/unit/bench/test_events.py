import numpy as np
import polars as pl
import pytest

from bench.harness.events import Events, write_events, write_labels
from mlinfra_assets import names

SLOT = 10_000_000


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    events = Events(5_000, 50, days=3, seed=4)
    write_events(folder, events)
    write_labels(folder / "labels.parquet", 2_000, events)
    return pl.read_parquet(folder / "part-*.parquet"), pl.read_parquet(folder / "labels.parquet")


def micros(frame: pl.DataFrame, column: str) -> np.ndarray:
    return frame.get_column(column).to_physical().to_numpy()


def test_events_stand_in_the_order_of_their_times_which_all_differ(written):
    times = micros(written[0], names.EVENT_TIME)
    assert len(times) == 5_000
    assert (np.diff(times) > 0).all()


def test_an_event_is_known_before_any_question_that_follows_it(written):
    events, labels = written
    happened, known = micros(events, names.EVENT_TIME), micros(events, names.KNOWN_AT)
    asked = micros(labels, "event_timestamp")
    assert (happened % SLOT < 4_000_000).all()
    assert (known - happened // SLOT * SLOT == 5_000_000).all()
    assert ((asked % SLOT >= 7_000_000) & (asked % SLOT < 8_000_000)).all()


def test_some_questions_ask_for_keys_without_events(written):
    events, labels = written
    unknown = labels.join(events, on="customer_id", how="anti").height
    assert 0 < unknown < 100


def test_the_same_seed_makes_the_same_rows(tmp_path, written):
    write_events(tmp_path, Events(5_000, 50, days=3, seed=4))
    assert pl.read_parquet(tmp_path / "part-*.parquet").equals(written[0])


def test_a_wide_table_has_doubles_alone(tmp_path):
    write_events(tmp_path, Events(100, 5, wide=3))
    frame = pl.read_parquet(tmp_path / "part-*.parquet")
    assert [frame.schema[name] for name in ("v00", "v01", "v02")] == [pl.Float64] * 3
    assert "amount" not in frame.columns
