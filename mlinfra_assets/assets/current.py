"""processed/<source>_current: the rows that a table has now, made from its change data."""

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import column_schema, positions_metadata, provenance, table_metadata
from mlinfra_assets.assets.processed import COORDINATE_DESCRIPTIONS
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.current_state import update_state
from mlinfra_assets.positions import Positions
from resources.lake import LakeResource


def current_asset(source: Source, automation: dg.AutomationCondition | None = None) -> dg.AssetsDefinition:
    """The current state of a change data source.

    Args:
        source: The source; its messages are changes.
        automation: Condition that the asset is brought up to date by, if any.
    """
    contract = source.contract
    described = {**{f.name: f.description for f in contract.fields}, **COORDINATE_DESCRIPTIONS}
    history = dg.AssetKey(names.processed(source.name))

    @dg.asset(
        key=dg.AssetKey(names.current(source.name)),
        deps=[history],
        group_name=names.group(source.name, names.PROCESSED),
        kinds={"deltalake"},
        owners=list(source.needs.owners),
        tags=dict(source.needs.tags),
        description=f"{contract.description}\n\nThe rows that the table has now: the last change of each primary key "
        "in the change history, without those that were deleted. Each version says which version of the history it is "
        "the outcome of.",
        metadata={
            **column_schema(contract.polars_schema(), described),
            "dagster/column_lineage": dg.TableColumnLineage(
                {f.name: [dg.TableColumnDep(asset_key=history, column_name=f.name)] for f in contract.fields}
            ),
        },
        automation_condition=automation,
    )
    def current(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        tables = lake.open()
        state = update_state(tables, source, provenance(context))
        table = tables.table(names.table(*names.current(source.name)))
        of = table.provenance()
        positions = Positions() if of is None else of.positions.get(source.name, Positions())
        return dg.MaterializeResult(
            metadata={
                **table_metadata(table),
                "keys_changed": state.keys,
                "history_version": state.history_version,
                "positions": positions_metadata({source.name: positions}),
            },
            data_version=dg.DataVersion(positions.to_json()),
        )

    return current
