"""models/: every version of a model as ONNX, with its metrics, and which of them is in production since when."""

from datetime import datetime

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, markdown_table, provenance, table_metadata
from mlinfra_assets.automation import WHEN_INPUTS_PASS
from mlinfra_assets.hooks import push_model_hook
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.learning import calibration, charts, importance
from mlinfra_assets.learning.metrics import Metrics
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.store import VERSIONS_SCHEMA, ModelStore
from mlinfra_assets.learning.train import Trained, train_and_compare
from mlinfra_assets.learning.training_set import LAST_CUTOFF
from resources.clock import ClockResource
from resources.lake import LakeResource

PROMOTION_CHECK = "beats_production"
DESCRIPTIONS = {
    "number": "From 1 on, in order of training.",
    "version": "12 hexadecimal digits over the ONNX file and its inputs.",
    "trained_at": "When it was trained (UTC).",
    "training_table": "The table that it was fitted on.",
    "training_version": "That table's Delta version.",
    "inputs": "Names of the inputs, in the file's order.",
    "parameters": "How it was fitted (JSON).",
    "metrics": "What was measured on the stored ONNX file (JSON).",
    "onnx": "The file.",
    "sha256": "Its hash.",
    "code_version": "The code that trained it.",
}


def model_asset(model: ModelSpec) -> dg.AssetsDefinition:
    """The versions of a model: trained, measured, and promoted if better than production on the same later data."""
    key = dg.AssetKey(names.model(model.name))
    training = names.training(model.name)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(training)],
        group_name=names.MODELS,
        kinds={"scikitlearn", "onnx", "deltalake"},
        owners=[model.owner or OWNER],
        description=f"{model.description}\n\nTrained on `training/{model.name}`, stored as ONNX, measured on that "
        f"file; promoted if its {model.promotion.metric} beats the version in production on the same later cutoffs.",
        metadata=column_schema(VERSIONS_SCHEMA, DESCRIPTIONS),
        automation_condition=WHEN_INPUTS_PASS,
        hooks={push_model_hook(model)},
        check_specs=[
            dg.AssetCheckSpec(
                PROMOTION_CHECK,
                asset=key,
                description="The new version beats the one in production; a warning says that it does not, and that "
                "production stays as it is.",
            )
        ],
    )
    def versions(context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource) -> dg.MaterializeResult:
        opened = lake.open()
        table = opened.table(names.table(*training))
        version = table.version()
        store = ModelStore(opened, model.name)
        trained = train_and_compare(
            model,
            table.read(version=version),
            store,
            clock.now(),
            training_table=table.name,
            training_version=version,
            last_cutoff=_last_cutoff(table, version),
            provenance=provenance(context, {table.name: version}),
            reasons=context.run.tags.get(names.REASONS_TAG, ""),
        )
        production = store.production()
        return dg.MaterializeResult(
            metadata={
                **table_metadata(opened.table(names.table(*key.path)), int(trained.new)),
                "model_version": trained.model.version,
                "in_production": "none" if production is None else production.version,
                "decision": trained.decision.why,
                "metrics": _metrics(trained),
                "calibration": dg.MetadataValue.md(_calibration(model, trained)),
                "importance": dg.MetadataValue.md(_importance(model, trained)),
                **_numbers(trained.fitted.holdout),
            },
            data_version=dg.DataVersion(trained.model.version),
            check_results=[_check(trained)],
        )

    return versions


def _last_cutoff(table: LakeTable, version: int) -> datetime | None:
    """The newest cutoff that the training set had, with or without rows; None of a training set that does not say."""
    found = table.provenance(version)
    said = None if found is None else found.extra.get(LAST_CUTOFF)
    return None if said is None else datetime.fromisoformat(said)


def _calibration(model: ModelSpec, trained: Trained) -> str:
    bins = trained.fitted.calibration
    diagram = calibration.svg(bins, f"{model.name} {trained.model.version}: predicted and observed on later cutoffs")
    return "\n\n".join([charts.image(diagram, "calibration"), calibration.markdown(bins)])


def _importance(model: ModelSpec, trained: Trained) -> str:
    found = trained.fitted.importance
    if not found:
        return f"{model.promotion.metric} is undefined on the holdout: it holds one label only."
    return charts.image(importance.chart(found, model.promotion.metric), "importance")


def _check(trained: Trained) -> dg.AssetCheckResult:
    already = trained.decision.champion_version == trained.model.version
    return dg.AssetCheckResult(
        check_name=PROMOTION_CHECK,
        passed=trained.decision.promote or already,
        severity=dg.AssetCheckSeverity.WARN,
        description=trained.decision.why,
        metadata={"promoted": trained.promoted, "why": trained.decision.why},
    )


def _metrics(trained: Trained) -> dg.MetadataValue:
    rows = [("training cutoffs", trained.fitted.train), ("later cutoffs", trained.fitted.holdout)]
    champion = trained.decision.champion
    rows.append((trained.decision.champion_version or "base rate", champion))
    return markdown_table(
        ("measured on", "n", "base rate", "AUC", "log loss", "Brier"),
        [(name, m.n, _short(m.base_rate), _short(m.auc), _short(m.log_loss), _short(m.brier)) for name, m in rows],
    )


def _numbers(metrics: Metrics) -> dict[str, float]:
    """The holdout's metrics as numbers, which the UI plots over time."""
    values = {"auc": metrics.auc, "log_loss": metrics.log_loss, "brier": metrics.brier}
    return {name: value for name, value in values.items() if value is not None}


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
