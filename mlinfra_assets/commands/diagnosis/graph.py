"""Dagster's home and dbt's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mlinfra_assets.commands.diagnosis.finding import Finding, State
from mlinfra_assets.settings import PROJECT, Settings

MANIFEST = PROJECT / "dbt_project" / "target" / "manifest.json"


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
    """Whether dbt's project has been parsed."""
    area = "dbt"
    if not MANIFEST.exists():
        yield Finding(area, "manifest", "not built yet", State.NOTE, "loading the asset graph builds it")
        return
    try:
        made = json.loads(MANIFEST.read_text())
        models = sum(node["resource_type"] == "model" for node in made["nodes"].values())
        yield Finding(area, "manifest", f"{models} models, dbt {made['metadata']['dbt_version']}")
    except (ValueError, KeyError, TypeError):
        yield Finding(area, "manifest", "damaged", State.BROKEN, f"delete {MANIFEST}; loading the graph builds it")
