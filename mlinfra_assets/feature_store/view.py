"""A feature view: what it is about, what it reads, and the tree of each of its features. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import COORDINATES, DatasetSchema, nearest
from mlinfra_assets.feature_store.entity import Entity
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.inference import feature_type
from mlinfra_assets.feature_store.nodes import Aggregate, Column, Node, Score, walk


@dataclass(frozen=True)
class Feature:
    """A named value and how it is computed."""

    name: str
    node: Node


@dataclass(frozen=True)
class FeatureView:
    """Features of one kind of entity from one dataset.

    Attributes:
        name: Lower case, digits and underscores.
        entities: What the features are about; their join keys together make the key.
        dataset: The columns that the view uses, its keys among them.
        features: In the order of their declaration, which is the order of the vector.
        ttl: Microseconds that an entity's latest row may be old (inclusive). None: any age.
        online: Whether the newest values are kept in Redis.
        owner: Who answers for it.
        description: What it is for, for people.
        tags: Anything else, by name.
    """

    name: str
    entities: tuple[Entity, ...]
    dataset: DatasetSchema
    features: tuple[Feature, ...]
    ttl: int | None = None
    online: bool = False
    owner: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def join_keys(self) -> tuple[str, ...]:
        """The columns of the (composite) key, in order."""
        return tuple(key for entity in self.entities for key in entity.join_keys)

    @cached_property
    def key_schema(self) -> dict[str, ColumnType]:
        """The type of each join key."""
        return {key: self.dataset.type_of(key) for key in self.join_keys}

    @cached_property
    def schema(self) -> dict[str, ColumnType]:
        """The type of each feature, in order."""
        return {feature.name: feature_type(feature.node, self.dataset) for feature in self.features}

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column that has to be read: keys, what expressions use, and the coordinates."""
        return (*self.dataset.columns, *COORDINATES)

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """The different aggregates of the features, in order of appearance."""
        found = (node for feature in self.features for node in walk(feature.node) if isinstance(node, Aggregate))
        return tuple(dict.fromkeys(found))

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The different row expressions that the aggregates reduce or filter by, in order of appearance."""
        found = (node for a in self.aggregates for node in (a.of, a.where) if node is not None)
        return tuple(dict.fromkeys(found))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models whose scores are among the features."""
        found = (node.model for feature in self.features for node in walk(feature.node) if isinstance(node, Score))
        return tuple(dict.fromkeys(found))

    @cached_property
    def reach(self) -> int | None:
        """How far back from t a row can matter, in microseconds: the longest window with its hop, or the TTL.

        None if all history does. Rows with an event time of t - reach or before change no feature at t; the latest
        row does not matter either once it is older than the TTL.
        """
        if any(a.window is None for a in self.aggregates):
            return None
        longest = max(((a.window or 0) + (a.hop or 0) for a in self.aggregates), default=0)
        return None if self.ttl is None else max(longest, self.ttl + 1)

    def feature(self, name: str) -> Feature:
        """A feature by its name.

        Raises:
            DefinitionError: There is none; the message names the nearest.
        """
        for feature in self.features:
            if feature.name == name:
                return feature
        raise DefinitionError(
            f"view {self.name} has no feature {name!r}{nearest(name, [f.name for f in self.features])}"
        )


def columns_of(nodes: Sequence[Node]) -> set[str]:
    """The names of all columns in some trees."""
    return {node.name for root in nodes for node in walk(root) if isinstance(node, Column)}
