"""What the features of a view may refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema


@dataclass(frozen=True)
class Shown:
    """What a view shows to others.

    Attributes:
        keys: Type of each join key, in order.
        features: Type of each feature, in order.
    """

    keys: Mapping[str, ColumnType]
    features: Mapping[str, ColumnType]


@dataclass(frozen=True)
class Scope:
    """Everything that a feature's expression may name.

    Attributes:
        dataset: The rows that are aggregated.
        keys: Type of each join key of the view, in order.
        used: The views whose features it may look up, by name.
    """

    dataset: DatasetSchema
    keys: Mapping[str, ColumnType] = field(default_factory=dict)
    used: Mapping[str, Shown] = field(default_factory=dict)
