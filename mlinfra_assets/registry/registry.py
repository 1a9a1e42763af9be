"""The record of feature views and contracts by version: what an audit evaluates after the code has moved on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError

TIMESTAMP = pl.Datetime("us", "UTC")
SCHEMA = pl.Schema(
    {
        "number": pl.Int64(),
        "name": pl.String(),
        "version": pl.String(),
        "document": pl.String(),
        "registered_at": TIMESTAMP,
        "run_id": pl.String(),
    }
)
VIEWS = "registry/feature_views"
CONTRACTS = "registry/contracts"


@dataclass(frozen=True)
class Registered:
    """An entry of the registry.

    Attributes:
        name: The view or the source.
        version: The view's version or the contract's fingerprint.
        document: Its JSON document, as it was recorded.
        registered_at: When, UTC.
        run_id: By which run.
    """

    name: str
    version: str
    document: str
    registered_at: datetime
    run_id: str


class Registry:
    """Feature views and contracts in the tables `registry/feature_views` and `registry/contracts`, append-only.

    A version names its content: recording one that is there already changes nothing, whoever was first.
    """

    def __init__(self, lake: Lake) -> None:
        self._views = _Ledger(lake.table(VIEWS))
        self._contracts = _Ledger(lake.table(CONTRACTS))

    def record_view(
        self, name: str, version: str, document_json: str, at: datetime, run_id: str, code_version: str = ""
    ) -> bool:
        """Keep a version of a feature view. False if it is there already."""
        return self._views.record(Registered(name, version, document_json, at, run_id), code_version)

    def view(self, name: str, version: str) -> str | None:
        """The document of a version; None if it was never recorded."""
        return self._views.document(name, version)

    def views(self) -> list[Registered]:
        """Every version of every view, in the order they were recorded."""
        return self._views.entries()

    def record_contract(
        self, name: str, fingerprint: str, document_json: str, at: datetime, run_id: str, code_version: str = ""
    ) -> bool:
        """Keep a version of a source's contract. False if it is there already."""
        return self._contracts.record(Registered(name, fingerprint, document_json, at, run_id), code_version)

    def contract(self, name: str, fingerprint: str) -> str | None:
        """The document of a contract by its fingerprint; None if it was never recorded."""
        return self._contracts.document(name, fingerprint)

    def contracts(self) -> list[Registered]:
        """Every version of every contract, in the order they were recorded."""
        return self._contracts.entries()


class _Ledger:
    """Numbered entries in one table."""

    def __init__(self, table: LakeTable) -> None:
        self._table = table

    def record(self, entry: Registered, code_version: str) -> bool:
        while True:
            last = self._table.progress(self._table.name)
            if self.document(entry.name, entry.version) is not None:
                return False
            number = (last or 0) + 1
            try:
                self._table.append(
                    pl.DataFrame([{"number": number, **entry.__dict__}], schema=SCHEMA),
                    provenance=Provenance(run_id=entry.run_id, code_version=code_version),
                    advance={self._table.name: (last, number)},
                    stats_columns=["number", "name", "version"],
                )
            except ProgressConflictError:
                continue  # another process recorded something in between: look again
            return True

    def document(self, name: str, version: str) -> str | None:
        if not self._table.exists():
            return None
        found = self._table.read(columns=["document"], where=[("name", "==", name), ("version", "==", version)])
        return None if found.is_empty() else str(found.item(0, 0))

    def entries(self) -> list[Registered]:
        if not self._table.exists():
            return []
        rows = self._table.read().sort("number").drop("number")
        return [Registered(**row) for row in rows.iter_rows(named=True)]
