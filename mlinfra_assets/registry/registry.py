"""The record of feature views and contracts by version: what an audit evaluates after the code has moved on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.content import RegisteredService, entity_row, feature_rows
from mlinfra_assets.registry.history import comparison
from mlinfra_assets.registry.ledger import Ledger
from mlinfra_assets.registry.registered import Registered
from mlinfra_assets.registry.registration import Registration
from mlinfra_assets.registry.tables import CONTRACTS, ENTITIES, FEATURES, SERVICES, VIEWS, schema


class Registry:
    """Feature views with their features, entities and services, and contracts: tables below `registry/`, append-only.

    A version names its content: recording one that is there already changes nothing, whoever was first.
    """

    def __init__(self, lake: Lake) -> None:
        self._views = Ledger(lake.table(VIEWS), schema(VIEWS), ("name", "version"))
        self._features = Ledger(lake.table(FEATURES), schema(FEATURES), ("view", "version"))
        self._entities = Ledger(lake.table(ENTITIES), schema(ENTITIES), ("name", "version"))
        self._services = Ledger(lake.table(SERVICES), schema(SERVICES), ("name", "version"))
        self._contracts = Ledger(lake.table(CONTRACTS), schema(CONTRACTS), ("name", "version"))

    def record_view(self, document: ViewDocument, registration: Registration) -> bool:
        """Keep a version of a feature view, with its features and entities. False if the version is there already.

        The view itself comes last: where a version is, all of it is.
        """
        view = document.view
        for entity in view.entities:
            row = entity_row(entity, view)
            self._record(self._entities, entity.name, row.pop("version"), row, registration)
        self._features.record(
            {"view": view.name, "version": document.version},
            lambda: [{**row, **registration.columns()} for row in feature_rows(view)],
            registration.provenance,
        )
        return self._views.record(
            {"name": view.name, "version": document.version},
            lambda: [
                {
                    "document": document.to_json(),
                    "owner": view.owner,
                    "changed": canonical_json(comparison(self._newest(view.name), document).to_dict()),
                    **registration.columns(),
                }
            ],
            registration.provenance,
        )

    def record_services(self, services: Iterable[RegisteredService], registration: Registration) -> None:
        """Keep feature services; one whose features are recorded already stays as it is."""
        for service in services:
            row = {
                "features": list(service.features),
                "owner": service.owner,
                "description": service.description,
            }
            self._record(self._services, service.name, service.version, row, registration)

    def record_contract(
        self,
        name: str,
        fingerprint: str,
        document_json: str,
        registration: Registration,
        check: Callable[[], None] | None = None,
    ) -> bool:
        """Keep a version of a source's contract. False if it is there already.

        Args:
            name: The source.
            fingerprint: The contract's.
            document_json: The whole of it.
            registration: Who records it, and when.
            check: Called before it is written, and again if another writer came first; raises to refuse it.
        """

        def rows() -> list[dict]:
            if check is not None:
                check()
            return [{"document": document_json, **registration.columns()}]

        return self._contracts.record({"name": name, "version": fingerprint}, rows, registration.provenance)

    def view(self, name: str, version: str) -> str | None:
        """The document of a version; None if it was never recorded."""
        return _document(self._views, name, version)

    def views(self, name: str | None = None) -> list[Registered]:
        """Every version of every view, or of one, in the order they were recorded."""
        return _entries(self._views.find(_named(name)))

    def contract(self, name: str, fingerprint: str) -> str | None:
        """The document of a contract by its fingerprint; None if it was never recorded."""
        return _document(self._contracts, name, fingerprint)

    def contracts(self, name: str | None = None) -> list[Registered]:
        """Every version of every contract, or of one source's, in the order they were recorded."""
        return _entries(self._contracts.find(_named(name)))

    def features(self) -> pl.DataFrame:
        """Every feature of every version of every view; the columns are those of `registry/features`."""
        return self._features.find()

    def entities(self) -> pl.DataFrame:
        """Every version of every entity; the columns are those of `registry/entities`."""
        return self._entities.find()

    def services(self) -> pl.DataFrame:
        """Every version of every feature service; the columns are those of `registry/feature_services`."""
        return self._services.find()

    def _newest(self, name: str) -> Registered | None:
        """The version of a view that was recorded last."""
        numbers = self._views.find({"name": name}, columns=[])["number"]
        return _entries(self._views.find({"number": int(numbers[-1])}))[0] if len(numbers) else None

    @staticmethod
    def _record(ledger: Ledger, name: str, version: str, row: dict, registration: Registration) -> bool:
        return ledger.record(
            {"name": name, "version": version},
            lambda: [{**row, **registration.columns()}],
            registration.provenance,
        )


def _named(name: str | None) -> dict[str, object]:
    return {} if name is None else {"name": name}


def _document(ledger: Ledger, name: str, version: str) -> str | None:
    found = ledger.find({"name": name, "version": version}, columns=["document"])
    return None if found.is_empty() else str(found.item(0, "document"))


def _entries(found: pl.DataFrame) -> list[Registered]:
    rows = found.drop("number").with_columns(pl.col(pl.String).fill_null("")).iter_rows(named=True)
    return [Registered(**row) for row in rows]
