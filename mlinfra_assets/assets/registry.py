"""registry/: what was registered of features and contracts, as the runs that use them leave it in the lake.

No run makes these tables: each snapshot and push adds what is new. They are shown beside what they come from.
"""

from collections.abc import Iterable

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.registry.tables import COLUMNS, CONTRACTS, ENTITIES, FEATURES, SERVICES, VIEWS, schema

DESCRIPTIONS = {
    VIEWS: "Every version of every feature view: its whole definition, who registered it, and what it changed.",
    FEATURES: "Every feature of every version of a view: its type, and in words how it is computed.",
    ENTITIES: "What features are about: the join keys of each entity, with their types.",
    SERVICES: "Every list of features that a feature service stood for.",
    CONTRACTS: "Every version of the contract of a source that feature views read.",
}


def registry_specs(views: Iterable[FeatureView]) -> list[dg.AssetSpec]:
    """The tables of the registry; the snapshots of all views write to them."""
    deps = [dg.AssetKey(names.features(view.name)) for view in views]
    return [
        dg.AssetSpec(
            dg.AssetKey(table.split("/")),
            deps=deps,
            group_name=names.REGISTRY,
            kinds={"deltalake"},
            owners=[OWNER],
            description=f"{text} One row a version, never changed; `mlinfra features` and `mlinfra sql` read it.",
            metadata=column_schema(schema(table), {name: meaning for name, (_, meaning) in COLUMNS[table].items()}),
        )
        for table, text in DESCRIPTIONS.items()
    ]
