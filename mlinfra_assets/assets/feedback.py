"""feedback/<model>_outcomes: what came true of the predictions, as events that come back in."""

from collections.abc import Iterator, Mapping

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, provenance, table_metadata
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import open_breakers
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.freezing import frozen_observation
from mlinfra_assets.ingest.outcomes import OUTCOMES_SCHEMA, publish_outcomes
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.upstream import label_breakers
from resources.clock import ClockResource
from resources.lake import LakeResource
from resources.streams import StreamResource

DESCRIPTIONS = {
    "prediction_id": "The prediction.",
    "entity": "Whom it was about: the join keys as JSON text.",
    "predicted_at": "When it was made (UTC).",
    "observed_at": "When its horizon ended (UTC).",
    "label": "What came true: 0 or 1.",
    "sent_at": "When the outcome was sent to the stream (UTC).",
}


def outcomes_asset(model: ModelSpec, datasets: Mapping[str, DatasetSchema], outcomes: Source) -> dg.AssetsDefinition:
    """The outcomes of a model's predictions, sent to the outcomes stream once their horizon has passed."""
    assert isinstance(outcomes.ingest, StreamIngest)  # noqa: S101 - the platform's own source is a stream
    topic = outcomes.ingest.topic
    key = dg.AssetKey((names.FEEDBACK, f"{model.name}_outcomes"))
    table_of_labels = model.label.view.dataset.table

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(names.processed(names.PREDICTIONS)), dg.AssetKey(table_of_labels.split("/"))],
        group_name=names.FEEDBACK,
        output_required=False,
        kinds={"deltalake", "polars"},
        owners=[model.owner or OWNER],
        description=f"What came true of the predictions of `{model.name}` whose horizon ({model.label.horizon}) has "
        f"passed: sent to the stream `{topic}`, from where it comes in like any other source, and kept here so that "
        "nothing is sent twice.",
        metadata=column_schema(OUTCOMES_SCHEMA, DESCRIPTIONS),
    )
    def derived(
        context: dg.AssetExecutionContext, lake: LakeResource, streams: StreamResource, clock: ClockResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetObservation]:
        opened = lake.open()
        if waiting := open_breakers(opened, [subjects.source(names.PREDICTIONS), *label_breakers(model)]):
            yield frozen_observation(key, waiting)
            return
        reader = LakeReader(opened, datasets)
        run = provenance(context)
        sent = publish_outcomes(opened, streams.open(), model, reader, topic, clock.now(), clock.stamp(), run)
        table = opened.table(names.table(*key.path))
        yield dg.MaterializeResult(metadata={**table_metadata(table, sent), "stream": topic})

    return derived
