"""What a check of a model found, as Dagster shows it: a warning, never a reason to stop."""

from collections.abc import Mapping

import dagster as dg

from mlinfra_assets.learning.finding import Finding


def check_specs(key: dg.AssetKey, described: Mapping[str, str]) -> list[dg.AssetCheckSpec]:
    """The checks of an asset, from what each of them says."""
    return [dg.AssetCheckSpec(name, asset=key, description=text) for name, text in described.items()]


def check_result(finding: Finding, metadata: Mapping[str, int | str] | None = None) -> dg.AssetCheckResult:
    """A finding as the result of its check."""
    return dg.AssetCheckResult(
        check_name=finding.check,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=finding.why,
        metadata=dict(metadata or {}),
    )


def nothing_to_check(key: dg.AssetKey, name: str, why: str) -> dg.AssetCheckResult:
    """The result of a check of an asset that there is nothing to make of."""
    return dg.AssetCheckResult(
        check_name=name, asset_key=key, passed=True, severity=dg.AssetCheckSeverity.WARN, description=why
    )
