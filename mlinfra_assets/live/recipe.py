"""How a stream's records become rows of a dataset: by the contract and the frozen SQL of a view's document.

These are the rows that a replay makes of the same records again. They depend on the records alone: not on how these
were cut into batches, and not on what is declared today, but for how the source's messages are written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process_part
from mlinfra_assets.curated.kept import KeptModel
from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.registry import ViewDocument


@dataclass(frozen=True)
class Made:
    """What became of some records.

    Attributes:
        rows: The dataset's rows, with their coordinates.
        valid: How many records passed the contract.
        quarantined: How many did not; the batch path keeps them, with their reasons.
    """

    rows: pl.DataFrame
    valid: int
    quarantined: int


class Recipe:
    """The way of one source's records to one dataset. Used by one thread.

    Args:
        document: A view's version; those with the same source, contract and SQL share a recipe.
        source: The source as it is declared: how its messages are written.
        max_payload_bytes: The limit that ingestion has.
    """

    def __init__(self, document: ViewDocument, source: Source, max_payload_bytes: int) -> None:
        contract = Contract.from_json(canonical_json(dict(document.contract)))
        self._source = replace(source, contract=contract)
        self._sql = document.sql
        self._max_payload_bytes = max_payload_bytes

    @staticmethod
    def key(document: ViewDocument) -> str:
        """Equal for documents that share a recipe."""
        return canonical_json({"source": document.source, "contract": dict(document.contract), "sql": document.sql})

    @property
    def source(self) -> Source:
        """The source, bound to the document's contract."""
        return self._source

    def make(self, raw: pl.DataFrame, schemas: Schemas) -> Made:
        """The rows that records come to.

        Args:
            raw: Columns of `streams.records.RECORDS`; each position once.
            schemas: The schemas that the messages were written with.
        """
        processed = process_part(self._source, raw, max_payload_bytes=self._max_payload_bytes, schemas=schemas)
        valid = processed.valid
        rows = valid if self._model is None else self._model.run(valid)
        return Made(rows, valid.height, processed.quarantined.height)

    def close(self) -> None:
        """Let go of the SQL's connection."""
        if self._model is not None:
            self._model.close()

    @cached_property
    def _model(self) -> KeptModel | None:
        return None if self._sql is None else KeptModel(self._sql)
