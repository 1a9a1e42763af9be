"""Which rows have to stay together when a question is answered in parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlinfra_assets.feature_store.engine.related import looked_up
from mlinfra_assets.feature_store.engine.rows import polars_type
from mlinfra_assets.feature_store.nodes import Key
from mlinfra_assets.feature_store.view import FeatureView

SEED = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Branch:
    """A view with those that it uses.

    Attributes:
        view: The view, cut down to what is asked of it.
        whole: Whether every part needs all of its rows, and of the views below it.
        uses: The views that it looks up, by name; empty for one that is needed whole.
    """

    view: FeatureView
    whole: bool
    uses: Mapping[str, Branch] = field(default_factory=dict)

    def walk(self) -> Iterator[Branch]:
        """This and all below it."""
        yield self
        for branch in self.uses.values():
            yield from branch.walk()


def split_of(view: FeatureView) -> tuple[tuple[str, ...], Branch]:
    """How the rows of a view can be divided: the join keys that have to be equal within a part, and what is divided.

    A view that is looked up under the entity's own keys is divided with it, by the keys that they have in common. One
    that is looked up by a mapping, or that has none of these keys, is needed whole.
    """
    keys = view.join_keys
    for other in _of_own_keys(view):
        keys = tuple(key for key in keys if key in other.join_keys) or keys
    return keys, _branch(view, keys)


def hashes(rows: pl.DataFrame, keys: Sequence[str], view: FeatureView) -> pl.Series:
    """A number for each row, uint64: equal keys have equal numbers, in every table."""
    plain = rows.select(pl.col(key).cast(polars_type(view.dataset.type_of(key))) for key in keys)
    return plain.hash_rows(SEED)


def _branch(view: FeatureView, keys: Sequence[str]) -> Branch:
    uses = {}
    for name in view.used:
        other = looked_up(view, name)
        divided = _own_keys(view, name) and set(keys) <= set(other.join_keys)
        uses[name] = _branch(other, keys) if divided else Branch(other, whole=True)
    return Branch(view, whole=False, uses=uses)


def _own_keys(view: FeatureView, other: str) -> bool:
    """Whether every feature of another view is looked up under the entity's own keys."""
    pairs = (pair for lookup in view.lookups if lookup.view == other for pair in lookup.keys)
    return all(isinstance(node, Key) and node.name == key for key, node in pairs)


def _of_own_keys(view: FeatureView) -> Iterator[FeatureView]:
    for name in view.used:
        if _own_keys(view, name):
            other = looked_up(view, name)
            yield other
            yield from _of_own_keys(other)
