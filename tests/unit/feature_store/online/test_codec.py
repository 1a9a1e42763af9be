from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import EntityRows, input_types
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.online.codec import BaseEncoder, decode
from mlinfra_assets.feature_store.online.errors import DamagedBaseError
from mlinfra_assets.feature_store.online.kernel import form
from mlinfra_assets.feature_store.online.kernel.memory import checksum_of
from tests.support.feature_cases import Case, cases
from tests.support.shop_lines import shop_lines
from tests.support.shop_models import shop_view

MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def parts(rows: EntityRows) -> list:
    arrays = [rows.event_time, rows.known_at]
    for column in rows.inputs:
        arrays += [column.values, column.validity]
    if rows.replaced is not None:
        arrays += [rows.replaced.offsets, rows.replaced.event_time, rows.replaced.known_at]
    return [(a.dtype, a.tobytes()) for a in arrays] + [(c.type, c.dictionary) for c in rows.inputs]


@pytest.fixture(scope="module")
def shop():
    view = shop_view()
    return view, prepare(view, shop_lines(customers=20, days=90))


@given(cases())
@MANY
def test_what_is_read_back_is_what_was_there(case: Case):
    try:
        prepared = prepare(case.view, case.frame)
    except FeatureOverflowError:
        return
    encoder = BaseEncoder(prepared)
    for i in range(prepared.entities):
        assert parts(decode(case.view, encoder.encode(i))) == parts(prepared.entity(i))


def test_some_columns_can_be_read_alone(shop):
    view, prepared = shop
    base = BaseEncoder(prepared).encode(3)
    whole = decode(view, base)
    some = decode(view, base, (2, 0))
    assert [np.array_equal(c.values, whole.inputs[j].values) for c, j in zip(some.inputs, (2, 0), strict=True)]
    assert [c.dictionary for c in some.inputs] == [whole.inputs[2].dictionary, whole.inputs[0].dictionary]


@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_or_changed_bytes_are_refused(shop, data):
    view, prepared = shop
    base = BaseEncoder(prepared).encode(0)
    at = data.draw(st.integers(0, len(base) - 1))
    flipped = bytearray(base)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (base[:at], bytes(flipped), base + b"\0"):
        with pytest.raises(DamagedBaseError):
            decode(view, bad)


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nonsense_with_a_right_checksum_is_refused_or_read(shop, data):
    view, prepared = shop
    body = bytearray(BaseEncoder(prepared).encode(0)[8:])
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(body[: data.draw(st.integers(0, len(body)))])
    checksum = checksum_of(body, form.seed(input_types(view), replaced=False))
    with contextlib.suppress(DamagedBaseError):
        decode(view, checksum.to_bytes(8, "little", signed=True) + body)


def test_the_base_of_another_view_is_refused(shop):
    view, prepared = shop
    base = BaseEncoder(prepared).encode(0)
    other = shop_view(window="7d")
    assert decode(other, base)  # the same inputs: only the windows differ
    with pytest.raises(DamagedBaseError, match="another view's"):
        decode(cut_down(view), base)


def cut_down(view):
    from dataclasses import replace

    return replace(view, features=view.features[:1])


def test_small_numbers_take_little_room(shop):
    _, prepared = shop
    encoder = BaseEncoder(prepared)
    sizes = [len(encoder.encode(i)) for i in range(prepared.entities)]
    assert sum(sizes) < 60 * len(prepared)
