"""A day's snapshot: the entities that are served at its last microsecond, and their values then."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given

from mlinfra_assets.feature_store.canonical import view_from_dict
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.snapshot import empty_snapshot, end_of, iterate_snapshots, snapshot, snapshot_at
from mlinfra_assets.feature_store.view import FeatureView
from tests.support.cases.questions import Case, LinearModel, Question, cases
from tests.support.cases.thorough import thorough
from tests.support.engine_answers import bits, prepared
from tests.support.judge.kinds import key_kinds
from tests.support.verdicts import TOO_LARGE, reader_of, stored_features, too_large_in_rows, verdict

DAYS = [date(1969, 12, 30), date(1969, 12, 31), *(date(1970, 1, day) for day in (1, 2, 4))]
DAYS += [date(2011, 3, day) for day in (25, 26, 27, 28, 29, 31)]


def check_the_same_in_parts(view: FeatureView, rows: PreparedRows, whole: pl.DataFrame) -> None:
    """Frames of a few days, and moments by themselves, say what the whole says."""
    parts = pl.concat([empty_snapshot(view), *iterate_snapshots(view, rows, DAYS, LinearModel(), chunk_rows=2)])
    moments = [snapshot_at(view, rows, end_of(day), LinearModel()) for day in DAYS]
    assert list(map(bits, parts.rows())) == list(map(bits, whole.rows()))
    assert list(map(bits, pl.concat(moments).rows())) == list(map(bits, whole.drop("day").rows()))


@given(cases())
@thorough(120)
def test_a_snapshot_has_the_entities_that_are_served_and_their_values(case: Case):
    view = view_from_dict(case.definition)
    names = stored_features(case.definition)
    keys = list(key_kinds(case.definition))
    reader = reader_of(case)
    entities = sorted({row.entity for row in reader.table.rows if None not in row.entity})
    served = [(day, entity) for day in DAYS for entity in entities if reader.serves(entity, end_of(day))]
    expected = [verdict(reader, Question(entity, end_of(day), end_of(day), {}), names) for day, entity in served]
    try:
        rows = prepared(view, case.tables)
    except FeatureOverflowError:
        assert too_large_in_rows(case.definition, case.tables)
        return
    if TOO_LARGE in expected:
        with pytest.raises(FeatureOverflowError):
            snapshot(view, rows, DAYS, LinearModel())
        return
    found = snapshot(view, rows, DAYS, LinearModel())
    check_the_same_in_parts(view, rows, found)
    assert found.columns == ["day", *keys, *names]
    assert [(row[0], row[1 : len(keys) + 1]) for row in found.rows()] == served
    assert [{name: bits(row[name]) for name in names} for row in found.to_dicts()] == expected
