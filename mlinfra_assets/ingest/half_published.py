"""What a run left behind that ended between a batch's quarantine and its valid rows.

The next run judges the batch again, and by another contract if that has changed in between. So that each record still
ends in one of the two tables, what stands in the quarantine stays there, and what is bad only now is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.ingest.raw import application
from mlinfra_assets.lake.table import LakeTable

PLACE = [names.PARTITION, names.OFFSET, names.ROW]


@dataclass(frozen=True)
class HalfPublished:
    """The offsets of a partition that the quarantine has come past and the valid rows have not.

    Attributes:
        after: The offset before the first of them.
        upto: The last of them.
        quarantined: Places of the records that are in quarantine.
    """

    after: int
    upto: int
    quarantined: pl.DataFrame

    def valid(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those of the valid rows that are not in quarantine already."""
        return rows.join(self.quarantined, on=PLACE, how="anti", maintain_order="left")

    def missing(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Those of the quarantined rows that the quarantine has come past without them."""
        past = rows.filter(pl.col(names.OFFSET).is_between(self.after, self.upto, closed="right"))
        return past.join(self.quarantined, on=PLACE, how="anti", maintain_order="left")


def half_published(processed: LakeTable, quarantine: LakeTable, source: str, partition: int) -> HalfPublished | None:
    """What is half published of a partition, None if nothing is."""
    app = application(source, partition)
    done, upto = processed.progress(app), quarantine.progress(app)
    if upto is None or (done is not None and upto <= done):
        return None
    after = -1 if done is None else done
    where = [(names.PARTITION, "==", partition), (names.OFFSET, ">", after)]
    return HalfPublished(after, upto, quarantine.read(columns=PLACE, where=where))
