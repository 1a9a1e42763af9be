"""The schemas that messages were written with, kept in the lake, so that raw can be read without the registry."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.connectors.wire_format import schema_ids
from mlinfra_assets.connectors.written_schema import WrittenSchema
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.registry.ledger import Ledger
from mlinfra_assets.registry.tables import SCHEMAS, schema

MAX_ASKED = 500
"""New schemas that are asked for at a time: a message may name any number, and each costs a request."""


class KeptSchemas:
    """Schemas by number, from the lake first, then from the registry.

    Args:
        lake: Where they are kept.
        registry: Who is asked for those that are not kept yet; None: nobody.
    """

    def __init__(self, lake: Lake, registry: SchemaRegistry | None = None) -> None:
        self._ledger = Ledger(lake.table(SCHEMAS), schema(SCHEMAS), ("registry", "schema_id"))
        self._registry = registry
        self._known: dict[int, WrittenSchema] = {}

    def needed(self, source: Source, payloads: pl.Series, provenance: Provenance) -> dict[int, WrittenSchema]:
        """The schemas that messages were written with; those that the registry does not know are left out.

        What is fetched is kept before it is used. Of more than 500 new schemas the most frequent ones are asked for.

        Args:
            source: Says whether messages name schemas.
            payloads: The messages.
            provenance: Kept with what is fetched.

        Raises:
            InvalidInputError: Schemas are missing, and no registry is set.
            UnavailableError: Schemas are missing, and the registry does not answer.
        """
        ids = _ids(source, payloads)
        missing = self._look_up(ids)
        if missing and self._registry is None:
            listed = ", ".join(map(str, sorted(missing)[:10]))
            raise InvalidInputError(
                f"messages of {source.name} were written with schemas that the lake does not hold ({listed}): set "
                "MLINFRA_SCHEMA_REGISTRY_URL to the registry that their producers use. Nothing was validated"
            )
        if missing and self._registry is not None:
            for number, found in self._registry.schemas(missing[:MAX_ASKED]).items():
                self._keep(self._registry.url, number, found, provenance)
                self._known[number] = found
        return {number: self._known[number] for number in ids if number in self._known}

    def kept(self, source: Source, payloads: pl.Series) -> dict[int, WrittenSchema]:
        """The schemas that messages were written with, as far as the lake holds them: what a replay reads with.

        Raises:
            InvalidInputError: The lake holds two schemas of one number, from two registries.
        """
        ids = _ids(source, payloads)
        self._look_up(ids)
        return {number: self._known[number] for number in ids if number in self._known}

    def _look_up(self, ids: list[int]) -> list[int]:
        """Take up what the lake holds of schemas; which of them it does not."""
        if any(number not in self._known for number in ids):
            where = {} if self._registry is None else {"registry": self._registry.url}
            found = self._ledger.find(where, columns=["schema_id", "fingerprint", "document"])
            wanted = found.filter(pl.col("schema_id").is_in(ids)).unique(["schema_id", "fingerprint"])
            twice = wanted.filter(pl.col("schema_id").is_duplicated())
            if len(twice):
                raise InvalidInputError(
                    f"two registries have a schema {twice.item(0, 'schema_id')}: set MLINFRA_SCHEMA_REGISTRY_URL to "
                    "the one that the messages were written with"
                )
            for number, document in wanted.select("schema_id", "document").iter_rows():
                self._known[number] = WrittenSchema.from_json(document)
        return [number for number in ids if number not in self._known]

    def _keep(self, url: str, number: int, found: WrittenSchema, provenance: Provenance) -> None:
        row = {"fingerprint": found.fingerprint, "kind": found.kind, "document": found.to_json()}
        self._ledger.record(
            {"registry": url, "schema_id": number}, lambda: [{**row, "run_id": provenance.run_id}], provenance
        )


def _ids(source: Source, payloads: pl.Series) -> list[int]:
    framed = isinstance(source.ingest, StreamIngest) and source.ingest.format != "json"
    return schema_ids(payloads) if framed else []
