"""The check that change data and a database's snapshot say the same of a table."""

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import markdown_table
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import frozen_message, open_breakers
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.freezing import frozen_metadata
from mlinfra_assets.ingest.reconciliation import Reconciliation, reconcile
from resources.lake import LakeResource

RECONCILED = "reconciled"
WARN = dg.AssetCheckSeverity.WARN


def reconciled_check(snapshot: Source, changes: Source) -> dg.AssetChecksDefinition:
    """The check on a snapshot source that names the change data that it has to agree with."""

    @dg.asset_check(
        asset=dg.AssetKey(names.processed(snapshot.name)),
        name=RECONCILED,
        additional_deps=[dg.AssetKey(names.processed(changes.name))],
        description=f"Every row of the newest snapshot is what the change data of `{changes.name}` says of it at that "
        "moment, and there is no other row.",
    )
    def check(lake: LakeResource) -> dg.AssetCheckResult:
        tables = lake.open()
        frozen = open_breakers(tables, [subjects.source(source.name) for source in (snapshot, changes)])
        if frozen:
            why = f"not compared: {frozen_message(frozen)}"
            return dg.AssetCheckResult(passed=False, severity=WARN, description=why, metadata=frozen_metadata(frozen))
        try:
            found = reconcile(tables, snapshot, changes)
        except InvalidInputError as error:
            return dg.AssetCheckResult(passed=False, severity=WARN, description=str(error))
        return _result(found, changes)

    return check


def _result(found: Reconciliation, changes: Source) -> dg.AssetCheckResult:
    why = (
        f"; the partitions of {found.behind} of these {found.wrong} rows in {changes.name} have not come as far as the "
        "snapshot yet, so what differs there may be on its way: check again"
        if found.behind
        else ""
    )
    return dg.AssetCheckResult(
        passed=not found.differences,
        severity=WARN if found.wrong and found.wrong == found.behind else dg.AssetCheckSeverity.ERROR,
        description=f"{found.differences} differences in {found.rows} rows of {found.day}{why}",
        metadata={
            "day": found.day.isoformat(),
            "rows": found.rows,
            "missing": found.missing,
            "behind": found.behind,
            "surplus": found.surplus,
            "differing": markdown_table(("column", "rows"), list(found.differing.items())),
            "examples": markdown_table(("row",), [(text,) for text in found.examples]),
            "columns_compared": ", ".join(found.compared),
        },
    )
