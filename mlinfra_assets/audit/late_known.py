"""The rows that a prediction would have been made from had late ones been known: those it saw, and those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.late_rows import LateWindow
from mlinfra_assets.audit.raw_datasets import RawDatasets
from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.engine.gather import is_covered
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.ingest.source_tables import covered
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions


@dataclass(frozen=True)
class LateKnown:
    """Takes the late rows of a window as known.

    Attributes:
        lake: Where the tables are.
        window: Which rows came late.
        only: Of this source alone; None: of all.
    """

    lake: Lake
    window: LateWindow
    only: str | None = None

    def upto(self, source: str) -> Positions:
        """All that a source's contract has let in."""
        return covered(self.lake.table(names.table(*names.processed(source))), source)

    def known(
        self, rows: RawDatasets, view: FeatureView, watermark: Mapping[str, Positions], predicted_at: int
    ) -> RawDatasets:
        """The rows under a prediction's watermark that were known when it was made, and the late rows not known then.

        Nothing else: a row that was known and had not reached the online store is no late row.
        """
        at = pl.lit(from_micros(predicted_at))
        then = pl.col(names.KNOWN_AT) <= at
        late = self.window.late() & ~then & (pl.col(names.EVENT_TIME) <= at)
        found = {}
        for dataset in {one.dataset.name: one.dataset for one in _behind(view)}.values():
            seen = is_covered(watermark[dataset.source]) & then
            counts = seen | late if self.only in (None, dataset.source) else seen
            found[dataset.name] = rows.frames[dataset.name].filter(counts)
        return RawDatasets(found)


def _behind(view: FeatureView) -> Iterator[FeatureView]:
    yield view
    for used in view.uses:
        yield from _behind(used)
