"""Who or what a feature is about."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.errors import DefinitionError

NAME = re.compile(r"[a-z][a-z0-9_]*")
KEY_KINDS = frozenset({"int64", "string"})


@dataclass(frozen=True, init=False)
class Entity:
    """A kind of thing that features describe: `Entity("customer", join_keys=["customer_id"])`.

    Args:
        name: Lower case, digits and underscores.
        join_keys: Columns that identify one, or those with their types: `{"customer_id": "string"}`. Several make a
            composite key: a tuple, compared part by part.
        description: What one is, for people.
        key_types: The types, as another way to give them.

    Attributes:
        name: The name.
        join_keys: The columns, in order.
        description: What one is.
        key_types: The type of each join key, if they are given; every view's dataset has to agree. Empty: whatever the
            dataset says.
    """

    name: str
    join_keys: Sequence[str]
    description: str = ""
    key_types: Mapping[str, ColumnType] = field(default_factory=dict, hash=False)

    def __init__(
        self,
        name: str,
        join_keys: str | Sequence[str] | Mapping[str, str | ColumnType],
        description: str = "",
        key_types: Mapping[str, str | ColumnType] | None = None,
    ) -> None:
        given = join_keys if isinstance(join_keys, Mapping) else key_types or {}
        keys = (join_keys,) if isinstance(join_keys, str) else tuple(join_keys)
        check_name("entity", name)
        if not keys or len(set(keys)) != len(keys) or not all(isinstance(key, str) and key for key in keys):
            raise DefinitionError(f"entity {name}: join_keys has to name one or more different columns, not {keys}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "join_keys", keys)
        object.__setattr__(self, "description", description)
        object.__setattr__(self, "key_types", _types(name, keys, given))


def check_name(what: str, name: str) -> None:
    """Refuse a name that is not lower case letters, digits and underscores.

    Raises:
        DefinitionError: It is not.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(f"{what} {name!r}: a name is lower case letters, digits and _, and starts with a letter")


def _types(entity: str, keys: Sequence[str], given: Mapping[str, str | ColumnType]) -> dict[str, ColumnType]:
    if given and set(given) != set(keys):
        raise DefinitionError(f"entity {entity}: give every join key a type, or none: {', '.join(keys)}")
    types = {}
    for key in keys if given else ():
        kind = given[key]
        types[key] = kind if isinstance(kind, ColumnType) else ColumnType.parse(str(kind))
        if types[key].kind not in KEY_KINDS:
            raise DefinitionError(f"entity {entity}: join key {key!r} is a {types[key]}: a key is an int64 or a string")
    return types
