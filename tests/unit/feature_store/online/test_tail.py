"""Base up to any cut and a tail of the rest are one base of everything, whatever was repeated or pushed between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlinfra_assets import names
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.canonical import view_to_dict
from mlinfra_assets.feature_store.engine.gather import PLACE
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.nodes import Score, walk
from mlinfra_assets.feature_store.online import push as pushing
from mlinfra_assets.feature_store.online.errors import DamagedBaseError, NotLoadedError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.tail import Chunk
from mlinfra_assets.feature_store.online.tail_codec import decode_tail, encode_records
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions
from tests.support.feature_cases import Case, cases, instants, numbers
from tests.support.online import SOURCE, bits, covered, epoch_of, offline, push
from tests.support.reader import TooLargeError, read
from tests.support.served_shop import HABITS, KEYS, LINES, VIEW, with_features

MANY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
LAST = 36
PARTITIONS = (0, 1)


def live(case: Case) -> Case:
    """The case without what cannot be live: scores, whose models are another matter, and primary keys."""
    features = tuple(f for f in case.view.features if not any(isinstance(n, Score) for n in walk(f.node)))
    dataset = replace(case.view.dataset, primary_key=())
    return replace(case, view=replace(case.view, features=features, dataset=dataset))


@dataclass
class Updater:
    """What an updater knows, which a restart takes from it."""

    store: OnlineStore
    case: Case
    at: dict[int, int] = field(default_factory=dict)
    version: str = ""

    def look(self) -> None:
        tail = self.store.tail("v")
        found = tail.standing()
        while not tail.begin(found, ""):
            found = tail.standing()
        found = tail.standing()
        assert found.tail is not None
        self.at, self.version = dict(found.tail.at), found.record.version

    def chunk(self, partition: int, size: int) -> Chunk:
        """The next offsets of a partition, as a stream hands them out: each position once."""
        after = self.at.get(partition, -1)
        upto = min(after + size, LAST)
        inside = (pl.col(names.PARTITION) == partition) & pl.col(names.OFFSET).is_between(after + 1, upto)
        rows = self.case.frame.filter(inside).sort(names.KNOWN_AT, maintain_order=True).unique(PLACE, keep="first")
        return Chunk({partition: after}, {partition: upto}, encode_records(self.case.view, rows))

    def append(self, chunk: Chunk) -> bool:
        done = self.store.tail("v").append(self.version, chunk)
        if done.applied and done.state is not None:
            self.at = dict(done.state.at)
        return done.applied


STEPS = st.one_of(
    st.tuples(st.just("append"), st.sampled_from(PARTITIONS), st.integers(1, 20)),
    st.tuples(st.just("append"), st.sampled_from(PARTITIONS), st.integers(1, 20)),
    st.tuples(st.just("repeat"), st.just(0), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("trim"), st.just(0), st.just(0)),
    st.tuples(st.just("push"), st.integers(0, 15), st.integers(0, 15)),
    st.tuples(st.just("ask"), st.just(0), st.just(0)),
)


@given(case=cases().map(live), first=st.tuples(st.integers(-1, LAST), st.integers(-1, LAST)), data=st.data())
@MANY
def test_base_and_tail_are_one_base_of_everything(store: OnlineStore, client, case: Case, first, data):
    client.flushall()
    base = {p: offset for p, offset in zip(PARTITIONS, first, strict=True) if offset >= 0}
    try:
        push(store, case.view, case.frame, Positions(base))
        updater = Updater(store, case)
        updater.look()
        last: Chunk | None = None
        for kind, a, b in data.draw(st.lists(STEPS, max_size=8), label="steps"):
            if kind == "append":
                last = updater.chunk(a, b)
                assert updater.append(last) or last.upto[a] == last.after[a]
            elif kind == "repeat" and last is not None:
                store.tail("v").append(updater.version, last)
            elif kind == "restart":
                updater = Updater(store, case)
                updater.look()
            elif kind == "trim":
                list(store.tail("v").trim(0))
            elif kind == "push":
                base = {p: min(base.get(p, -1) + more, LAST) for p, more in zip(PARTITIONS, (a, b), strict=True)}
                base = {p: offset for p, offset in base.items() if offset >= 0}
                push(store, case.view, case.frame, Positions(base))
                updater.look()
            check(store, case, updater, base, data)
        for partition in PARTITIONS:
            updater.append(updater.chunk(partition, LAST + 1))
        assert check(store, case, updater, base, data) == dict.fromkeys(PARTITIONS, LAST)
    except FeatureOverflowError:
        return


def check(store: OnlineStore, case: Case, updater: Updater, base: dict[int, int], data: Any) -> dict[int, int]:
    """What is served is what the engine says, and the judge, of the rows up to the watermark that is answered."""
    reached = {p: max(base.get(p, -1), updater.at.get(p, -1)) for p in PARTITIONS}
    entity = st.tuples(*(numbers[key] for key in case.view.join_keys)).filter(lambda key: None not in key)
    key, t = data.draw(st.tuples(entity, instants), label="question")
    t = max(t, epoch_of(covered(case.frame, Positions(base))) - pushing.SLACK)
    watermark = Positions(reached)
    try:
        values, status = offline(case.view, case.frame, watermark, key, t)
    except FeatureOverflowError:
        with pytest.raises(FeatureOverflowError, match="v:"):
            store.read("v", [key], t)
        return reached
    (found,) = store.read("v", [key], t)
    assert {name: bits(value) for name, value in found.values.items()} == {n: bits(v) for n, v in values.items()}
    assert (found.status == "present") == (status == 0)
    said = found.watermark[SOURCE]
    assert {p: said.offsets.get(p, -1) for p in PARTITIONS} == reached
    assert said.batch == {p: base.get(p, -1) for p in said.batch}
    assert all(p in said.batch for p in PARTITIONS if reached[p] > base.get(p, -1))
    judged(case, watermark, key, t, found.values)
    return reached


def judged(case: Case, watermark: Positions, key: tuple, t: int, values: Any) -> None:
    rows = [row for row in case.rows if watermark.covers(row["_partition"], row["_offset"], row["_release"])]
    try:
        expected = read(view_to_dict(case.view), rows, key, t, t)
    except TooLargeError:
        pytest.fail("the judge refuses what is served")
    assert {n: bits(_as_judged(v)) for n, v in values.items()} == {n: bits(v) for n, v in expected.items()}


def _as_judged(value: Any) -> Any:
    """The judge says times in microseconds."""
    if isinstance(value, list):
        return [_as_judged(one) for one in value]
    return to_micros(value) if isinstance(value, datetime) else value


SHOP = with_features(VIEW, HABITS)
OFFSETS = LINES["_offset"].unique().sort().to_list()
HALF, WHOLE = OFFSETS[len(OFFSETS) // 2], OFFSETS[-1]


def chunk_of(view: FeatureView, after: int, upto: int) -> Chunk:
    rows = LINES.filter(pl.col("_offset").is_between(after + 1, upto), pl.col("_release").is_null())
    return Chunk({0: after}, {0: upto}, encode_records(view, rows))


def begun(store: OnlineStore) -> str:
    push(store, SHOP, LINES, Positions({0: HALF}, releases=2))
    tail = store.tail(SHOP.name)
    found = tail.standing()
    assert tail.begin(found, "")
    return found.record.version


def answers(store: OnlineStore) -> list[str]:
    return [repr(sorted(v.values.items())) for v in store.read(SHOP.name, [(k,) for k in KEYS], epoch_of(LINES))]


def test_a_chunk_that_does_not_begin_where_the_tail_stands_changes_nothing(store: OnlineStore):
    version = begun(store)
    before = answers(store)
    tail = store.tail(SHOP.name)
    assert not tail.append(version, chunk_of(SHOP, HALF + 1, WHOLE)).applied
    assert not tail.append(version, chunk_of(SHOP, HALF - 1, WHOLE)).applied
    assert answers(store) == before
    assert tail.append(version, chunk_of(SHOP, HALF, WHOLE)).applied
    after = answers(store)
    assert after != before
    assert tail.append(version, chunk_of(SHOP, HALF, WHOLE)).applied  # an answer that was lost: it is there
    assert answers(store) == after


def test_a_newer_base_takes_the_place_of_the_tail_in_one_step_and_an_older_one_changes_nothing(store: OnlineStore):
    version = begun(store)
    tail = store.tail(SHOP.name)
    tail.append(version, chunk_of(SHOP, HALF, WHOLE))
    live_values = answers(store)
    push(store, SHOP, LINES, Positions({0: WHOLE}, releases=2))
    assert answers(store) == live_values
    found = tail.standing()
    assert found.watermark == {SOURCE: Positions({0: WHOLE}, releases=2)}
    assert found.tail is not None
    assert found.tail.records > 0
    assert sum(tail.trim(0)) == found.tail.records
    assert tail.standing().tail == replace(
        found.tail, entities=0, records=0, begin={0: WHOLE}, complete_from=found.complete_from
    )
    assert answers(store) == live_values


def test_a_tail_that_lost_records_counts_as_none_and_begins_anew(store: OnlineStore, client):
    version = begun(store)
    before = answers(store)
    tail = store.tail(SHOP.name)
    tail.append(version, chunk_of(SHOP, HALF, WHOLE))
    (records,) = client.keys(f"mlinfra:online:{{{SHOP.name}}}:tail:*")
    client.hdel(records, client.hkeys(records)[0])
    assert answers(store) == before
    assert store.read(SHOP.name, [(KEYS[0],)], epoch_of(LINES))[0].watermark[SOURCE].offsets == {0: HALF}
    assert tail.append(version, chunk_of(SHOP, WHOLE, WHOLE + 1)).state is None
    assert tail.begin(tail.standing(), "")
    assert tail.append(version, chunk_of(SHOP, HALF, WHOLE)).applied
    assert answers(store) != before


def test_records_that_no_window_reaches_any_more_are_removed_and_change_no_value(store: OnlineStore):
    view = with_features(replace(VIEW, ttl=3 * pushing.SLACK), ["purchase_frequency_30d"])
    view = replace(view, features=tuple(f for f in view.features))
    if view.reach is None:
        pytest.skip("the view reaches back without end")
    push(store, view, LINES, Positions({0: OFFSETS[0]}, releases=2))
    tail = store.tail(view.name)
    found = tail.standing()
    tail.begin(found, "")
    tail.append(found.record.version, chunk_of(view, OFFSETS[0], WHOLE))
    before = answers(store)
    assert sum(tail.trim(epoch_of(LINES) - pushing.SLACK)) > 0
    assert answers(store) == before


def test_without_a_base_there_is_no_tail(store: OnlineStore):
    with pytest.raises(NotLoadedError):
        store.tail(SHOP.name).standing()


@given(data=st.data())
@settings(deadline=None, max_examples=200)
def test_cut_or_changed_records_are_refused(data):
    rows = LINES.filter(pl.col("_release").is_null()).head(5)
    whole = b"".join(record.data for record in encode_records(SHOP, rows))
    ends = set(decode_tail(SHOP, whole).ends.tolist()) | {0}
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for bad in ([whole[:at]] if at not in ends else []) + [bytes(flipped), whole + b"\0"]:
        with pytest.raises(DamagedBaseError):
            decode_tail(SHOP, bad)
