"""What a feature may refer to beside its dataset: the question, features of other views, and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.constants import as_type
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.entity import check_name
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.expressions import FeatureExpression, as_node
from mlinfra_assets.feature_store.nodes import Invalid, Key, Lookup, Moment, Request, Score


def key(name: str) -> FeatureExpression:
    """The value of one of the view's join keys: whom the question is about."""
    return FeatureExpression(Key(name))


def now() -> FeatureExpression:
    """The time that is asked about, as a timestamp."""
    return FeatureExpression(Moment())


def request(name: str, type: str | ColumnType) -> FeatureExpression:  # noqa: A002 - what a user calls it
    """A value that comes with the question: a column of the entity table, a field of the request.

    Args:
        name: Its name, unlike every key and feature of the view. Lower case, digits and underscores.
        type: `"int64"`, `"float64"`, `"string"`, `"boolean"`, `"timestamp"` or `"date"`.
    """
    try:
        check_name("request", name)
        return FeatureExpression(Request(name, as_type(type)))
    except DefinitionError as error:
        return FeatureExpression(Invalid(str(error)))


class LookupExpression(FeatureExpression):
    """A feature of another view, of the entity with the same join keys, or of one that `at` names."""

    __slots__ = ("_keys",)

    def __init__(self, view: str, feature: str, keys: Sequence[str]) -> None:
        super().__init__(Lookup(view, feature, tuple((name, Key(name)) for name in keys)))
        self._keys = tuple(keys)

    def at(self, **keys: object) -> FeatureExpression:
        """The feature of another entity: an expression for each join key; one left out is the view's own.

        A key that is null finds nothing, and the feature is null.
        """
        lookup = self.node
        if not isinstance(lookup, Lookup):
            return self
        for name in keys:
            if name not in self._keys:
                where = f"{lookup.view}:{lookup.feature}.at({name}=...)"
                return FeatureExpression(
                    Invalid(f"{where}: view {lookup.view} has no key {name!r}{nearest(name, self._keys)}")
                )
        mapped = tuple((name, as_node(keys[name]) if name in keys else Key(name)) for name in self._keys)
        return FeatureExpression(Lookup(lookup.view, lookup.feature, mapped))


class Model:
    """A model of this platform, by name: its score can be a feature."""

    def __init__(self, name: str) -> None:
        self.name = name

    def score(self, inputs: Mapping[str, FeatureExpression]) -> FeatureExpression:
        """The score by the version that was in production, from features in this order; null where none was."""
        return FeatureExpression(Score(self.name, tuple((name, as_node(value)) for name, value in inputs.items())))
