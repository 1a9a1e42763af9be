"""A feature view: what it is about, what it reads, and the tree of each of its features. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import COORDINATES, ENGINE_COORDINATES, DatasetSchema, nearest
from mlinfra_assets.feature_store.entity import Entity
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.expressions import FeatureExpression
from mlinfra_assets.feature_store.inference import feature_type
from mlinfra_assets.feature_store.nodes import (
    Aggregate,
    Call,
    Column,
    Invalid,
    Literal,
    Lookup,
    Node,
    Request,
    Score,
    walk,
)
from mlinfra_assets.feature_store.references import LookupExpression
from mlinfra_assets.feature_store.scope import Scope, Shown

RESERVED = frozenset({"event_timestamp", "day"})
"""What neither a feature nor a value in a request can be called."""


@dataclass(frozen=True)
class Feature:
    """A named value and how it is computed."""

    name: str
    node: Node

    @property
    def default(self) -> Literal | None:
        """What it is of an entity that the view does not serve; None: null."""
        constant = self.node.args[1] if isinstance(self.node, Call) and self.node.operator == "default" else None
        return constant if isinstance(constant, Literal) else None


@dataclass(frozen=True)
class FeatureView:
    """Features of one kind of entity from one dataset.

    `view["feature"]` is the feature as an expression for other views.

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
        deprecated: What to use instead. Empty: it is in use.
        uses: The views whose features it looks up, in order of name.
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
    deprecated: str = ""
    uses: tuple[FeatureView, ...] = ()

    def __getitem__(self, feature: str) -> LookupExpression | FeatureExpression:
        """A feature as an expression for another view: of the same entity, or of the one that `.at(...)` names."""
        try:
            self.feature(feature)
        except DefinitionError as error:
            return FeatureExpression(Invalid(str(error)))
        return LookupExpression(self.name, feature, self.join_keys)

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
        return {feature.name: feature_type(feature.node, self.scope) for feature in self.features}

    @cached_property
    def shown(self) -> Shown:
        """What other views may use of it."""
        return Shown(self.key_schema, self.schema)

    @cached_property
    def scope(self) -> Scope:
        """What its features may name."""
        return Scope(self.dataset, self.key_schema, {view.name: view.shown for view in self.uses})

    @cached_property
    def used(self) -> dict[str, FeatureView]:
        """The views whose features it looks up itself, by name."""
        return {view.name: view for view in self.uses}

    @cached_property
    def request_schema(self) -> dict[str, ColumnType]:
        """The type of every value that comes with a question, its own and those of the views it uses, by name."""
        requests = {n.name: n.type for feature in self.features for n in walk(feature.node) if isinstance(n, Request)}
        for view in self.uses:
            for name in {name for n in self.lookups if n.view == view.name for name in view.requests_of(n.feature)}:
                requests[name] = view.request_schema[name]
        return dict(sorted(requests.items()))

    @cached_property
    def stored(self) -> tuple[Feature, ...]:
        """The features that need nothing from a request, directly or through other views: those that snapshots hold."""
        return tuple(feature for feature in self.features if not self.requests_of(feature.name))

    @cached_property
    def lookups(self) -> tuple[Lookup, ...]:
        """The different features of other views that the features look up, in order of appearance."""
        found = (node for feature in self.features for node in walk(feature.node) if isinstance(node, Lookup))
        return tuple(dict.fromkeys(found))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column that has to be read: keys, what expressions use, and the coordinates that decide what counts."""
        named = columns_of([feature.node for feature in self.features])
        return (*self.dataset.columns, *(c for c in COORDINATES if c in ENGINE_COORDINATES or c in named))

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
        row does not matter either once it is older than the TTL. It speaks of the view's own rows, not of those of
        the views that it uses; and of rows whose replacements are known: an old row of a dataset with a primary key
        can take a younger one away.
        """
        if any(a.window is None for a in self.aggregates):
            return None
        longest = max(((a.window or 0) + (a.hop or 0) for a in self.aggregates), default=0)
        return None if self.ttl is None else max(longest, self.ttl + 1)

    def requests_of(self, name: str) -> set[str]:
        """The names of the values in a request that a feature needs, directly or through other views."""
        names = set()
        for node in walk(self.feature(name).node):
            if isinstance(node, Request):
                names.add(node.name)
            elif isinstance(node, Lookup):
                names |= self.used[node.view].requests_of(node.feature)
        return names

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


def check_view(view: FeatureView) -> None:
    """Refuse what only shows in a whole view.

    Raises:
        DefinitionError: A feature makes no sense, a value in a request has two types or the name of a key or a feature,
            the view comes to use itself, or it uses others and is online.
    """
    for feature in view.features:
        try:
            feature_type(feature.node, view.scope)
        except DefinitionError as error:
            raise DefinitionError(f"feature {feature.name}: {error}") from error
        _check_default(feature)
    _check_uses(view)
    _check_requests(view)


def _check_default(feature: Feature) -> None:
    """A default is the last word of a feature, also of one that a model scores; what is computed of it has none."""
    taken = (node for found in walk(feature.node) if isinstance(found, Score) for _, node in found.inputs)
    last = {id(feature.node), *map(id, taken)}
    for node in walk(feature.node):
        if not (isinstance(node, Call) and node.operator == "default"):
            continue
        if id(node) not in last:
            raise DefinitionError(f"feature {feature.name}: default() comes last: use fill_null() within an expression")
        if not isinstance(node.args[1], Literal):
            raise DefinitionError(f"feature {feature.name}: default() takes a constant")


def _check_uses(view: FeatureView) -> None:
    names = sorted({node.view for node in view.lookups})
    if [used.name for used in view.uses] != names:
        raise DefinitionError(f"it looks up features of {', '.join(names)}, and has {', '.join(view.used)} to use")
    if view.online and view.uses:
        raise DefinitionError(
            f"it uses {', '.join(names)} and is online: features of other views are computed in batches only; "
            f"leave online=True away"
        )
    below = list(view.uses)
    while below:
        used = below.pop()
        if used.name == view.name:
            raise DefinitionError(f"it comes to use itself, through {', '.join(names)}")
        below += used.uses


def _check_requests(view: FeatureView) -> None:
    kinds: dict[str, ColumnType] = {}
    requests = [n for feature in view.features for n in walk(feature.node) if isinstance(n, Request)]
    asked = [(n.name, n.type, "it") for n in requests]
    asked += [(name, kind, f"view {used.name}") for used in view.uses for name, kind in used.request_schema.items()]
    for name, kind, who in asked:
        if kinds.setdefault(name, kind) != kind:
            raise DefinitionError(f"{who} asks for {name!r} in a request as a {kind}, and elsewhere as a {kinds[name]}")
        if name in RESERVED or name in view.join_keys or name in view.schema:
            what = "a key" if name in view.join_keys else "a feature" if name in view.schema else "the question's time"
            raise DefinitionError(f"{who} asks for {name!r} in a request, and that is the name of {what}")


def columns_of(nodes: Sequence[Node]) -> set[str]:
    """The names of all columns in some trees."""
    return {node.name for root in nodes for node in walk(root) if isinstance(node, Column)}
