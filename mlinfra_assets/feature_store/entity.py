"""Who or what a feature is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlinfra_assets.feature_store.errors import DefinitionError

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Entity:
    """A kind of thing that features describe: `Entity("customer", join_keys=["customer_id"])`.

    Attributes:
        name: Lower case, digits and underscores.
        join_keys: Columns that identify one. Several make a composite key: a tuple, compared part by part.
        description: What one is, for people.
    """

    name: str
    join_keys: Sequence[str]
    description: str = ""

    def __post_init__(self) -> None:
        keys = (self.join_keys,) if isinstance(self.join_keys, str) else tuple(self.join_keys)
        object.__setattr__(self, "join_keys", keys)
        check_name("entity", self.name)
        if not keys or len(set(keys)) != len(keys) or not all(isinstance(key, str) and key for key in keys):
            raise DefinitionError(
                f"entity {self.name}: join_keys has to name one or more different columns, not {keys}"
            )


def check_name(what: str, name: str) -> None:
    """Refuse a name that is not lower case letters, digits and underscores.

    Raises:
        DefinitionError: It is not.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DefinitionError(f"{what} {name!r}: a name is lower case letters, digits and _, and starts with a letter")
