"""curated/: the dbt project's models as assets, its tests as checks. A model is materialized once it is published."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets

from mlinfra_assets import names
from mlinfra_assets.assets.context import markdown_table, positions_metadata, provenance, table_metadata
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.curated.build import Built, built
from mlinfra_assets.curated.column_lineage import column_lineage
from mlinfra_assets.curated.determinism import rebuild
from mlinfra_assets.curated.errors import BuildFailedError
from mlinfra_assets.curated.manifest import Manifest, load_manifest
from mlinfra_assets.curated.models import Model, data_tests, models, sources, tables_read
from mlinfra_assets.curated.publish import Published, publish, raise_if_withheld
from mlinfra_assets.curated.results import TestResult
from mlinfra_assets.freezing import frozen_observation
from mlinfra_assets.lake.lake import Lake
from resources.lake import LakeResource

DETERMINISTIC = "deterministic"
UNIQUE_ID = "dagster_dbt/unique_id"
KINDS = {"dbt", "duckdb", "deltalake"}


class CuratedTranslator(DagsterDbtTranslator):
    """What a dbt model, source or test is in the asset graph.

    Args:
        manifest: The project's manifest.
        automation: Condition that every model is built by, if any.
    """

    def __init__(self, manifest: Manifest, automation: dg.AutomationCondition | None) -> None:
        super().__init__()
        self._models = models(manifest)
        self._sources = sources(manifest)
        self._tests = data_tests(manifest)
        self._automation = automation
        self._lineages: dict[str, dict[str, Any]] = {}

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`curated/<model>`, or the lake's table that a source stands for."""
        uid = dbt_resource_props["unique_id"]
        table = self._sources[uid].table if uid in self._sources else self._models[uid].table
        return dg.AssetKey(table.split("/"))

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The model's own words."""
        return dbt_resource_props["description"]

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The model with its zone, kinds, columns and where each column comes from."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if unique_id not in self._models:
            return spec
        model = self._models[unique_id]
        return spec.replace_attributes(
            group_name=names.CURATED,
            kinds=KINDS,
            code_version=model.code,
            automation_condition=self._automation,
            metadata={**spec.metadata, "dagster/table_name": model.table, **self._lineage(model)},
        )

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """The test with a description; one of severity error keeps the model from being published."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        test = self._tests[unique_id]
        ending = "A failure keeps the model, and what reads it, from being published." if test.error else "A warning."
        words = test.description or f"The dbt test {test.name}."
        return spec._replace(description=f"{words} {ending}")

    def _lineage(self, model: Model) -> dict[str, Any]:
        # A spec is asked for again with every test of its model; parsing the SQL is what costs.
        if model.unique_id not in self._lineages:
            self._lineages[model.unique_id] = self._parsed_lineage(model)
        return self._lineages[model.unique_id]

    def _parsed_lineage(self, model: Model) -> dict[str, Any]:
        deps = {
            column: [dg.TableColumnDep(asset_key=dg.AssetKey(t.split("/")), column_name=c) for t, c in pairs]
            for column, pairs in column_lineage(model, self._models, self._sources).items()
        }
        return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def curated_assets(automation: dg.AutomationCondition | None = None) -> dg.AssetsDefinition:
    """Every model of the dbt project, as one step that writes, audits and publishes.

    Args:
        automation: Condition that every model is built by, if any.
    """
    manifest = load_manifest()

    @dbt_assets(manifest=dict(manifest), name="curated", dagster_dbt_translator=CuratedTranslator(manifest, automation))
    def curated(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult | dg.AssetObservation]:
        tables = lake.open()
        frozen = _frozen(manifest, tables)
        asked = sorted(key.path[-1] for key in context.selected_asset_keys)
        for name in asked:
            if name in frozen:
                yield frozen_observation(dg.AssetKey((names.CURATED, name)), frozen[name])
        chosen = [name for name in asked if name not in frozen]
        if asked and not chosen:
            return
        checks = _checks(context)
        only = () if chosen else [t.name for uid, t in data_tests(manifest).items() if uid in checks]
        with built(tables, select=chosen, only_tests=only) as build:
            context.log.info(build.log)
            for published in publish(tables, build, provenance(context)):
                yield _materialized(tables, published)
            yield from _check_results(build, checks)
        try:
            raise_if_withheld(build)
        except BuildFailedError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error

    return curated


def _frozen(manifest: Manifest, lake: Lake) -> dict[str, list[Breaker]]:
    """The models that read a source whose breaker is open, by name, with the breakers."""
    opened = [b for b in BreakerLog(lake).breakers().values() if b.is_open and subjects.is_source(b.subject)]
    known = models(manifest)
    read = tables_read(known, sources(manifest)) if opened else {}
    waiting = {
        known[uid].name: [b for b in opened if tables & set(names.validated(subjects.name_of(b.subject)))]
        for uid, tables in read.items()
    }
    return {name: breakers for name, breakers in waiting.items() if breakers}


def determinism_checks() -> dg.AssetChecksDefinition:
    """One check a model: built again from the very inputs of its published version, it holds the same rows."""
    known = {m.name: dg.AssetKey(m.table.split("/")) for m in models(load_manifest()).values()}

    @dg.multi_asset_check(
        name="curated_determinism",
        can_subset=True,  # a run of some models is one of their checks, too
        specs=[
            dg.AssetCheckSpec(
                DETERMINISTIC,
                asset=key,
                description="Built again from the same versions of its inputs, with one thread and the files in the "
                "opposite order, the model holds the same rows: it depends on no clock, no chance and no order.",
            )
            for key in known.values()
        ],
    )
    def deterministic(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> Iterator[dg.AssetCheckResult]:
        asked = {check.asset_key for check in context.selected_asset_check_keys}
        found = {r.model.name: r for r in rebuild(lake.open())}
        for name, key in known.items():
            if key not in asked:
                continue
            result = found.get(name)
            yield dg.AssetCheckResult(
                check_name=DETERMINISTIC,
                asset_key=key,
                passed=result is not None and result.same,
                severity=dg.AssetCheckSeverity.WARN if result is None else dg.AssetCheckSeverity.ERROR,
                description="not published by today's code yet: materialize it first" if result is None else None,
                metadata={}
                if result is None
                else {"delta_version": result.version, "published": result.published, "rebuilt": result.rebuilt},
            )

    return deterministic


def _checks(context: dg.AssetExecutionContext) -> dict[str, dg.AssetCheckKey]:
    """The checks that the run asks for, by the test's unique id."""
    return {
        spec.metadata[UNIQUE_ID]: spec.key
        for spec in context.assets_def.check_specs
        if spec.key in context.selected_asset_check_keys
    }


def _check_results(build: Built, checks: Mapping[str, dg.AssetCheckKey]) -> Iterator[dg.AssetCheckResult]:
    for result in build.tests:
        key = checks.get(result.test.unique_id)
        if key is not None and result.status != "skipped":
            yield _check_result(result, key)


def _check_result(result: TestResult, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=key.name,
        asset_key=key.asset_key,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.ERROR if result.test.error else dg.AssetCheckSeverity.WARN,
        description=result.message or None,
        metadata={"rows_that_break_it": result.failures},
    )


def _materialized(tables: Lake, published: Published) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        asset_key=dg.AssetKey(published.model.table.split("/")),
        metadata={
            **table_metadata(tables.table(published.model.table)),
            "publication": published.status,
            "checksum": published.checksum,
            "inputs": markdown_table(("table", "version"), list(published.inputs.items())),
            "positions": positions_metadata(published.positions),
        },
        data_version=dg.DataVersion(published.checksum),
    )
