"""The registration API: what a team writes to declare feature views and services."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mlinfra_assets.feature_store.aggregations import SymbolicDataset
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema, nearest
from mlinfra_assets.feature_store.duration import parse_duration
from mlinfra_assets.feature_store.entity import KEY_KINDS, Entity, check_name
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.expressions import Expression, FeatureExpression
from mlinfra_assets.feature_store.inference import feature_type
from mlinfra_assets.feature_store.nodes import Lookup, Node, walk
from mlinfra_assets.feature_store.scope import Scope
from mlinfra_assets.feature_store.view import RESERVED, Feature, FeatureView, check_view, columns_of

ViewFunction = Callable[[Any], Mapping[str, FeatureExpression]]


@dataclass(frozen=True)
class FeatureService:
    """A named list of features that are used together.

    Attributes:
        name: Lower case, digits and underscores.
        features: `"view:feature"`, or `"view"` for all of one.
        owner: Who answers for it.
        description: What it is for, for people.
        tags: Anything else, by name.
        deprecated: What to use instead. Empty: it is in use.
    """

    name: str
    features: tuple[str, ...]
    owner: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    deprecated: str = ""


class FeatureStore:
    """The feature views and services of a platform, over its datasets.

    Args:
        datasets: Every dataset that a view may read, by the name that a view's function calls it.
    """

    def __init__(self, datasets: Mapping[str, DatasetSchema]) -> None:
        self.datasets = dict(datasets)
        self.views: dict[str, FeatureView] = {}
        self.services: dict[str, FeatureService] = {}

    def create_feature_view(
        self,
        name: str,
        entities: Sequence[Entity],
        ttl: str | timedelta | None = None,
        *,
        online: bool = False,
        owner: str = "",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        deprecated: str = "",
    ) -> Callable[[ViewFunction], FeatureView]:
        """Declare a view: a function whose parameter names the dataset and which returns expressions by feature name.

        Args:
            name: The view's name.
            entities: What it is about.
            ttl: How old an entity's latest row may be (inclusive): `"30d"`. None: any age.
            online: Keep the newest values in Redis. Not for a view that looks up features of others.
            owner: Who answers for it.
            description: What it is for; the function's docstring unless given.
            tags: Anything else, by name.
            deprecated: What to use instead of it.

        Returns:
            A decorator that turns the function into a `FeatureView` and registers it.

        Raises:
            DefinitionError: When the function is decorated and something in it is wrong: the message names view and
                feature.
        """

        def declare(function: ViewFunction) -> FeatureView:
            try:
                check_name("view", name)
                _check_free(name, self.views)
                dataset = self._dataset_of(function)
                keys = _keys(entities, dataset)
                shown = {other.name: other.shown for other in self.views.values()}
                features = _features(function, Scope(dataset, keys, shown))
                view = FeatureView(
                    name=name,
                    entities=tuple(entities),
                    dataset=dataset.only({*keys, *columns_of([feature.node for feature in features])}),
                    features=features,
                    ttl=None if ttl is None else parse_duration(ttl, "ttl"),
                    online=online,
                    owner=owner,
                    description=description or inspect.getdoc(function) or "",
                    tags=dict(tags or {}),
                    deprecated=deprecated,
                    uses=self._used_by(features),
                )
                check_view(view)
            except DefinitionError as error:
                raise DefinitionError(f"view {name}: {error}") from error
            self.views[name] = view
            return view

        return declare

    def create_feature_service(
        self,
        name: str,
        features: Sequence[str],
        *,
        owner: str = "",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        deprecated: str = "",
    ) -> FeatureService:
        """Declare a list of features under one name.

        Args:
            name: The service's name.
            features: `"view:feature"`, or `"view"` for all of one.
            owner: Who answers for it.
            description: What it is for.
            tags: Anything else, by name.
            deprecated: What to use instead of it.

        Raises:
            DefinitionError: The name is taken, or a feature is not declared.
        """
        check_name("feature service", name)
        if name in self.services:
            raise DefinitionError(f"feature service {name}: there is one of this name already")
        try:
            resolve(self.views, features)
        except DefinitionError as error:
            raise DefinitionError(f"feature service {name}: {error}") from error
        service = FeatureService(name, tuple(features), owner, description, dict(tags or {}), deprecated)
        self.services[name] = service
        return service

    def resolve(self, features: FeatureService | Sequence[str]) -> list[tuple[FeatureView, Feature]]:
        """The features that a list of `"view:feature"` and `"view"` names, in its order.

        Raises:
            DefinitionError: A view or feature that is not declared, with the nearest name; or nothing asked for.
        """
        return resolve(self.views, features)

    def _used_by(self, features: Sequence[Feature]) -> tuple[FeatureView, ...]:
        named = {node.view for feature in features for node in walk(feature.node) if isinstance(node, Lookup)}
        return tuple(self.views[name] for name in sorted(named))

    def _dataset_of(self, function: ViewFunction) -> DatasetSchema:
        parameters = list(inspect.signature(function).parameters)
        if len(parameters) != 1:
            raise DefinitionError(
                f"its function takes one parameter, named for its dataset, not ({', '.join(parameters)})"
            )
        if parameters[0] not in self.datasets:
            raise DefinitionError(f"there is no dataset {parameters[0]!r}{nearest(parameters[0], self.datasets)}")
        return self.datasets[parameters[0]]


def resolve(
    views: Mapping[str, FeatureView], features: FeatureService | Sequence[str]
) -> list[tuple[FeatureView, Feature]]:
    """The features that a list of `"view:feature"` and `"view"` names, in its order.

    Raises:
        DefinitionError: A view or feature that does not exist, with the nearest name; or nothing asked for.
    """
    wanted = features.features if isinstance(features, FeatureService) else features
    if isinstance(wanted, str) or not wanted:
        raise DefinitionError('name at least one feature, as a list: ["view:feature", "view"]')
    found: list[tuple[FeatureView, Feature]] = []
    for reference in wanted:
        view_name, _, feature_name = reference.partition(":")
        view = views.get(view_name)
        if view is None:
            raise DefinitionError(f"there is no feature view {view_name!r}{nearest(view_name, views)}")
        found += [(view, f) for f in ([view.feature(feature_name)] if feature_name else view.features)]
    return found


def _keys(entities: Sequence[Entity], dataset: DatasetSchema) -> dict[str, ColumnType]:
    keys = tuple(key for entity in entities for key in entity.join_keys)
    if not keys or len(set(keys)) != len(keys):
        raise DefinitionError(f"its entities have to name one or more different join keys, not {list(keys)}")
    types = {key: dataset.type_of(key) for key in keys}
    for key, kind in types.items():
        if kind.kind not in KEY_KINDS:
            raise DefinitionError(f"join key {key!r} is a {kind}: a key is an int64 or a string")
    for entity in entities:
        for key, kind in entity.key_types.items():
            if types[key] != kind:
                raise DefinitionError(
                    f"join key {key!r} of entity {entity.name} is a {kind}, and dataset {dataset.name} has a "
                    f"{types[key]}: cast it in the dataset, or correct the entity"
                )
    return types


def _features(function: ViewFunction, scope: Scope) -> tuple[Feature, ...]:
    returned = function(SymbolicDataset(scope.dataset.name))
    if not isinstance(returned, Mapping) or not returned:
        raise DefinitionError("its function has to return a dictionary of features")
    features: list[Feature] = []
    for name, expression in returned.items():
        try:
            check_name("feature", name)
            _check_free(name, {*RESERVED, *scope.keys})
            node = _node_of(expression)
            feature_type(node, scope)
        except DefinitionError as error:
            raise DefinitionError(f"feature {name}: {error}") from error
        features.append(Feature(name, node))
    return tuple(features)


def _node_of(value: object) -> Node:
    if not isinstance(value, Expression):
        raise DefinitionError(f"{value!r} is not an expression of the dataset; a constant is lit(...)")
    return value.node


def _check_free(name: str, taken: Collection[str]) -> None:
    if name in taken:
        raise DefinitionError(f"the name {name!r} is taken")
