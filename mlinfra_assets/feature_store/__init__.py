"""What a feature is: its definition, its version, and every way to its value.

Declaring features needs the names below alone. The engine, retrieval and the online store are imported from their
modules, so that a declaration loads quickly. Nothing here knows the lake, a stream or Dagster.
"""

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.entity import Entity
from mlinfra_assets.feature_store.expressions import lit
from mlinfra_assets.feature_store.pure_python import pure_python
from mlinfra_assets.feature_store.references import Model, key, now, request
from mlinfra_assets.feature_store.store import FeatureService, FeatureStore
from mlinfra_assets.feature_store.view import FeatureView

__all__ = [
    "ColumnType",
    "DatasetSchema",
    "Entity",
    "FeatureService",
    "FeatureStore",
    "FeatureView",
    "Model",
    "key",
    "lit",
    "now",
    "pure_python",
    "request",
]
