"""The stored form of a view, and what its hash does and does not depend on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from mlinfra_assets.feature_store.canonical import canonical_json, definition_hash, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.view import Feature
from tests.support.feature_cases import views


@given(views())
@settings(max_examples=50, deadline=None)
def test_a_view_survives_being_stored(view):
    text = canonical_json(view_to_dict(view))
    again = view_from_dict(json.loads(text))
    assert again == view
    assert canonical_json(view_to_dict(again)) == text
    assert definition_hash(again) == definition_hash(view)


@given(views())
@settings(max_examples=10, deadline=None)
def test_the_hash_follows_what_decides_values_and_nothing_else(view):
    same = replace(view, owner="someone", description="words", tags={"a": "b"}, online=True)
    assert definition_hash(same) == definition_hash(view)
    others = [
        replace(view, ttl=(view.ttl or 0) + 1),
        replace(view, features=view.features[1:]),
        replace(view, features=tuple(Feature(f"{f.name}_", f.node) for f in view.features)),
        replace(view, dataset=replace(view.dataset, primary_key=("a",))),
    ]
    assert len({definition_hash(v) for v in (view, *others)}) == 5


@pytest.mark.parametrize("stored", [{}, {"format": 2}, {"format": 1, "name": "x"}])
def test_what_is_no_view_is_refused(stored):
    with pytest.raises(DefinitionError, match="feature view"):
        view_from_dict(stored)
