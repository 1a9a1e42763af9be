"""registry/: what was registered of features and contracts, as the runs that use them leave it in the lake.

No run makes these tables: each snapshot and push adds what is new. They are shown beside what they come from.
"""

from collections.abc import Iterable

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.registry.tables import (
    BREAKERS,
    COLUMNS,
    CONTRACTS,
    ENTITIES,
    FEATURES,
    ONLINE_VERSIONS,
    SCHEMAS,
    SERVICES,
    VIEWS,
    schema,
)

VERSIONED = " One row a version, never changed; `mlinfra features` and `mlinfra sql` read it."
DESCRIPTIONS = {
    VIEWS: "Every version of every feature view: its whole definition, who registered it, and what it changed."
    + VERSIONED,
    FEATURES: "Every feature of every version of a view: its type, and in words how it is computed." + VERSIONED,
    ENTITIES: "What features are about: the join keys of each entity, with their types." + VERSIONED,
    SERVICES: "Every list of features that a feature service stood for." + VERSIONED,
    BREAKERS: "Everything that happened to a circuit breaker: opened, closed, what was held, who decided and why. "
    "One row an event, never changed; `mlinfra breaker` and `mlinfra sql` read it.",
    ONLINE_VERSIONS: "Every time that a person rolled the online values of a view back to the version before, or let "
    "them go on. One row an event, never changed; `mlinfra online` writes it.",
    SCHEMAS: "The schemas of a registry that messages were written with, with all that they refer to: raw can be "
    "read without the registry. One row a schema, never changed; the runs that validate add what is new.",
    CONTRACTS: "Every published version of every source's contract." + VERSIONED,
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
            description=text,
            metadata=column_schema(schema(table), {name: meaning for name, (_, meaning) in COLUMNS[table].items()}),
        )
        for table, text in DESCRIPTIONS.items()
    ]
