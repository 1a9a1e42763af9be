"""The documents of the declared feature views: definition, version, and all that their values rest on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache

from mlinfra_assets.code_version import code_version
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.curated.row_wise import RowWiseModel
from mlinfra_assets.curated.sql_text import fingerprint
from mlinfra_assets.feature_store.canonical import view_to_dict
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.publishing.contract_used import contract_of_use, fields_read
from mlinfra_assets.registry.author import author
from mlinfra_assets.registry.content import RegisteredService
from mlinfra_assets.registry.publication import Publication
from mlinfra_assets.registry.registration import Registration
from mlinfra_assets.registry.registry import Registry


class Documents:
    """Makes and registers the documents of views.

    Args:
        datasets: Every dataset that views read, by name.
        sources: The declared sources, by name.
        staging: The row-wise dbt models with their compiled SQL, by name.
        services: The feature services; each is registered with the views that it takes features of.
        published: The published contracts of a source, oldest first. Default: none are known.
    """

    def __init__(
        self,
        datasets: Mapping[str, DatasetSchema],
        sources: Mapping[str, Source],
        staging: Mapping[str, RowWiseModel],
        services: Sequence[RegisteredService] = (),
        published: Callable[[str], Sequence[Contract]] = lambda _: (),
    ) -> None:
        self.datasets = datasets
        self._sources = sources
        self._staging = staging
        self.services = tuple(services)
        self._published = cache(published)
        self._made: dict[str, ViewDocument] = {}

    def document(self, view: FeatureView) -> ViewDocument:
        """The document of a view as it is declared now."""
        if view.name not in self._made:
            self._made[view.name] = self._document(view)
        return self._made[view.name]

    def _document(self, view: FeatureView) -> ViewDocument:
        source = self._sources[view.dataset.source]
        model = self._staging.get(view.dataset.name)
        reads = fields_read(view, model, source.contract)
        contract = contract_of_use(source.contract, self._published(source.name), reads)
        rests_on = {f"contract {source.name}": contract.fingerprint}
        if model is not None:
            rests_on[f"sql {model.name}"] = fingerprint(model.sql)
        return ViewDocument(
            view=view,
            rests_on=rests_on,
            sql=None if model is None else model.sql,
            source=source.name,
            contract=json.loads(contract.to_json()),
            uses={used.name: self.document(used) for used in view.uses},
        )

    def version(self, view: FeatureView) -> str:
        """Version of a view as it is declared now: 12 hexadecimal digits."""
        return self.document(view).version

    def definition(self, view: FeatureView) -> dict[str, object]:
        """The canonical definition of a view, JSON-ready."""
        return view_to_dict(view)

    def register(self, registry: Registry, view: FeatureView, at: datetime, run_id: str) -> None:
        """Keep a view's document in the lake, with its contract, its services and the views that it uses.

        What is there already stays as it is.
        """
        for used in view.uses:
            self.register(registry, used, at, run_id)
        document = self.document(view)
        contract = self._sources[document.source].contract
        registration = Registration(at, run_id, author(), code_version())
        Publication(registry).publish(contract, registration)
        registry.record_services((s for s in self.services if view.name in s.views), registration)
        registry.record_view(document, registration)
