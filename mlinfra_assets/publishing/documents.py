"""The documents of the declared feature views: definition, version, and all that their values rest on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from mlinfra_assets.contracts.source import Source
from mlinfra_assets.curated.row_wise import RowWiseModel
from mlinfra_assets.curated.sql_text import fingerprint
from mlinfra_assets.feature_store.canonical import view_to_dict
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.registry.registry import Registry


class Documents:
    """Makes and registers the documents of views.

    Args:
        datasets: Every dataset that views read, by name.
        sources: The declared sources, by name.
        staging: The row-wise dbt models with their compiled SQL, by name.
    """

    def __init__(
        self,
        datasets: Mapping[str, DatasetSchema],
        sources: Mapping[str, Source],
        staging: Mapping[str, RowWiseModel],
    ) -> None:
        self.datasets = datasets
        self._sources = sources
        self._staging = staging
        self._made: dict[str, ViewDocument] = {}

    def document(self, view: FeatureView) -> ViewDocument:
        """The document of a view as it is declared now."""
        if view.name not in self._made:
            self._made[view.name] = self._document(view)
        return self._made[view.name]

    def _document(self, view: FeatureView) -> ViewDocument:
        source = self._sources[view.dataset.source]
        model = self._staging.get(view.dataset.name)
        rests_on = {f"contract {source.name}": source.contract.fingerprint}
        if model is not None:
            rests_on[f"sql {model.name}"] = fingerprint(model.sql)
        return ViewDocument(
            view=view,
            rests_on=rests_on,
            sql=None if model is None else model.sql,
            source=source.name,
            contract=json.loads(source.contract.to_json()),
        )

    def version(self, view: FeatureView) -> str:
        """Version of a view as it is declared now: 12 hexadecimal digits."""
        return self.document(view).version

    def definition(self, view: FeatureView) -> dict[str, object]:
        """The canonical definition of a view, JSON-ready."""
        return view_to_dict(view)

    def register(self, registry: Registry, view: FeatureView, at: datetime, run_id: str) -> None:
        """Keep a view's document and its contract in the lake; what is there already stays as it is."""
        document = self.document(view)
        contract = self._sources[document.source].contract
        registry.record_contract(document.source, contract.fingerprint, contract.to_json(), at, run_id)
        registry.record_view(view.name, document.version, document.to_json(), at, run_id)
