"""The features of entities from several views at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.online.cut import Asked, KeysChangedError
from mlinfra_assets.feature_store.online.errors import UnknownViewError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.vector import OnlineVector, Value

Entity = Mapping[str, int | str]


@dataclass(frozen=True)
class EntityVectors:
    """What several views say of one entity.

    Attributes:
        entity: Its join keys, in the order of the views.
        vectors: One for each view.
    """

    entity: dict[str, int | str]
    vectors: dict[str, OnlineVector]

    def values(self, references: Sequence[str]) -> dict[str, Value]:
        """Values by `"view:feature"`, in the order of the references; one of a view alone stands for all of it.

        Raises:
            UnknownViewError: A view has no such feature.
        """
        found: dict[str, Value] = {}
        for reference in references:
            view, _, feature = reference.partition(":")
            values = self.vectors[view].values
            if feature and feature not in values:
                raise UnknownViewError(f"view {view} has no feature {feature!r}{nearest(feature, values)}")
            found |= {f"{view}:{name}": values[name] for name in ([feature] if feature else values)}
        return found

    @property
    def scores(self) -> dict[str, str]:
        """Version of each model whose score is among the values."""
        return {model: version for vector in self.vectors.values() for model, version in vector.scores.items()}


def read_features(
    store: OnlineStore,
    references: Sequence[str],
    entities: Sequence[Entity],
    t: int,
    request: pl.DataFrame | None = None,
) -> list[EntityVectors]:
    """What the views that are named say of each entity at t (microseconds since 1970 UTC).

    `request` holds the values that features want with the question, one row an entity.

    Raises:
        InvalidInputError: An entity does not have exactly the join keys of the views, or one of another type.
        UnknownViewError: A view or feature that is not online.
        UnavailableError: Redis cannot be reached, or holds no push of a view.
    """
    wanted = by_view(references)
    while True:
        schemas = {view: store.known(view).key_schema for view in wanted}
        try:
            return _read(store, wanted, schemas, entities, t, request)
        except KeysChangedError:
            continue
        except InvalidInputError:
            # A view may have been pushed with another key since it was last read.
            if {view: store.view(view).key_schema for view in wanted} == schemas:
                raise


def _read(
    store: OnlineStore,
    wanted: Mapping[str, tuple[str, ...] | None],
    keys: Mapping[str, Mapping[str, ColumnType]],
    entities: Sequence[Entity],
    t: int,
    request: pl.DataFrame | None,
) -> list[EntityVectors]:
    named = tuple(dict.fromkeys(key for join_keys in keys.values() for key in join_keys))
    for number, entity in enumerate(entities):
        _check(number, entity, named)
    asked = {
        view: Asked([tuple([entity[key] for key in keys[view]]) for entity in entities], features)
        for view, features in wanted.items()
    }
    read = {view: found.vectors() for view, found in store.read_views(asked, t, request).items()}
    return [
        EntityVectors({key: entity[key] for key in named}, {view: vectors[i] for view, vectors in read.items()})
        for i, entity in enumerate(entities)
    ]


def views_of(references: Sequence[str]) -> list[str]:
    """The views that are named, each once, in order."""
    return list(dict.fromkeys(reference.partition(":")[0] for reference in references))


def by_view(references: Sequence[str]) -> dict[str, tuple[str, ...] | None]:
    """The different features wanted of each view; None: all.

    Raises:
        InvalidInputError: A reference names no feature.
    """
    wanted: dict[str, list[str] | None] = {}
    for reference in references:
        view, colon, feature = reference.partition(":")
        if not view or (colon and not feature):
            raise InvalidInputError(f'{reference!r} names no feature: write "view:feature", or "view" for all of one')
        some = wanted.setdefault(view, [])
        if not feature:
            wanted[view] = None
        elif some is not None:
            some.append(feature)
    return {view: None if some is None else tuple(dict.fromkeys(some)) for view, some in wanted.items()}


def _check(number: int, entity: Entity, named: Sequence[str]) -> None:
    missing = [key for key in named if key not in entity]
    if missing:
        raise InvalidInputError(f"entities.{number} lacks {', '.join(missing)}")
    for key in entity:
        if key not in named:
            raise InvalidInputError(f"entities.{number} has {key!r}, which is no join key here{nearest(key, named)}")
