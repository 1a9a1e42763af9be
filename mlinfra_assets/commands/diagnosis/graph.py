"""Dagster's home and dbt's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mlinfra_assets.commands.diagnosis.finding import Finding, State
from mlinfra_assets.settings import Settings


def dagster_home(settings: Settings) -> Iterator[Finding]:
    """Whether Dagster's storage is set up as it should be."""
    import yaml

    area, file = "Dagster", settings.dagster_home / "dagster.yaml"
    if not file.exists():
        remedy = f"mlinfra demo or mlinfra up writes it; for `dg dev`, set DAGSTER_HOME={settings.dagster_home} then"
        yield Finding(area, "home", f"no {file} yet", State.NOTE, remedy)
        return
    try:
        configured = yaml.safe_load(file.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        yield Finding(area, "home", f"{file} cannot be read: {error}".splitlines()[0], State.BROKEN, "correct it")
        return
    yield Finding(area, "home", str(settings.dagster_home))
    if not (configured.get("run_monitoring") or {}).get("enabled"):
        remedy = f"set run_monitoring.enabled in {file}: a killed run stays `started` for ever otherwise"
        yield Finding(area, "run monitoring", "off", State.NOTE, remedy)
    if (configured.get("telemetry") or {}).get("enabled") is not False:
        yield Finding(area, "telemetry", "on", State.NOTE, f"set telemetry.enabled to false in {file}")


def dbt_manifest() -> Iterator[Finding]:
    """Whether dbt's project, as it is now, has been compiled."""
    from mlinfra_assets.curated.manifest import MANIFEST, project_digest
    from mlinfra_assets.curated.project import DBT_PROJECT

    area, file = "dbt", DBT_PROJECT / "target" / "prepared" / project_digest() / MANIFEST
    if not file.exists():
        yield Finding(area, "manifest", "not made yet", State.NOTE, "loading the asset graph makes it")
        return
    try:
        made = json.loads(file.read_text())
        models = sum(node["resource_type"] == "model" for node in made["nodes"].values())
        yield Finding(area, "manifest", f"{models} models, dbt {made['metadata']['dbt_version']}")
    except (OSError, ValueError, KeyError, TypeError):
        yield Finding(area, "manifest", "damaged", State.BROKEN, f"delete {file}; loading the asset graph makes it")
