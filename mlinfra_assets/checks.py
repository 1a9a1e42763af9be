"""What an asset check says, made from reports: contracts, snapshots, the audit."""

from __future__ import annotations

import dagster as dg

from mlinfra_assets.publishing.snapshot_check import SnapshotCheck

SNAPSHOT_CHECK = "snapshot"


def snapshot_check(check: SnapshotCheck) -> dg.AssetCheckResult:
    """Whether snapshots may be written, for the UI."""
    return dg.AssetCheckResult(
        check_name=SNAPSHOT_CHECK,
        passed=check.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "entity_days": check.entity_days,
            "days": check.days,
            "repeated": check.repeated,
            "null_keys": check.null_keys,
            "entities_last_day": check.last_day,
        },
        description=check.message or None,
    )
