"""A source of small batches whose breaker can be watched: records arrive in raw, runs judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.decisions import Decision
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.breakers.rules import BreakerRules
from mlinfra_assets.contracts.contract import BatchRule, Field
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.ingest.raw import RAW_SCHEMA
from mlinfra_assets.ingest.recent import Recent
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared import LIMIT, stream_source

START = datetime(2024, 3, 1, tzinfo=UTC)
FEW_BAD = BatchRule(
    "few bad", "invalidValues", None, "mustBeLessThan", (20,), unit="percent", severity="error", min_rows=5
)


DEFAULT = BreakerRules()


def things(rules: BreakerRules = DEFAULT, most: str = "9") -> Source:
    """A source of numbers from 0 to `most`; less than a fifth of a batch of five or more may be others."""
    size = Field("size", "size", "integer", required=True, minimum="0", maximum=most)
    return replace(stream_source(Field("id", "id", "integer", required=True), size, rules=(FEW_BAD,)), breaker=rules)


class HeldSource:
    """The source on a lake of its own.

    Attributes:
        lake: The lake.
        source: The source as it is declared now.
        sent: Size of every record sent, by offset; each one's id is its offset.
        clock: The present; each run is an hour later.
        recent: What runs remember of the source, as a consumer's do; None: nothing.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        self.lake = Lake(str(folder))
        self.source = source
        self.sent: list[int] = []
        self.clock = START
        self.recent: Recent | None = None

    def send(self, sizes: Sequence[int]) -> None:
        """Let records arrive in raw, one a size."""
        first = len(self.sent)
        self.sent += sizes
        rows = [
            {
                "source": self.source.name,
                "partition": 0,
                "offset": first + number,
                "known_at": self.clock,
                "landed_at": self.clock,
                "batch_id": "run",
                "contract_version": "",
                "content_hash": "",
                "headers": [],
                "payload": orjson.dumps({"id": first + number, "size": size, "at": self.clock.isoformat()}),
            }
            for number, size in enumerate(sizes)
        ]
        raw = self.lake.table(names.table(*names.raw(self.source.name)))
        raw.append(pl.DataFrame(rows, schema=RAW_SCHEMA), provenance=Provenance("landing", "code"))

    def run(self) -> Validated:
        """Take what is pending through the contract."""
        self.clock += timedelta(hours=1)
        run = Provenance(f"run at {self.clock.isoformat()}", "code")
        return validate_source(self.lake, self.source, run, self.clock, max_payload_bytes=LIMIT, recent=self.recent)

    def breaker(self) -> Breaker:
        """The breaker as the lake says."""
        return BreakerLog(self.lake).breaker(self.subject)

    @property
    def subject(self) -> str:
        """Its breaker's name."""
        return subjects.source(self.source.name)

    @property
    def log(self) -> BreakerLog:
        """The breakers of the lake."""
        return BreakerLog(self.lake)

    def decision(self, why: str = "looked at it") -> Decision:
        """A person's decision, now."""
        return Decision("ann", why, self.clock, Provenance("by hand", "code"))

    def processed(self) -> list[int]:
        """Ids of the records that were let in, in order."""
        return self._ids(names.processed(self.source.name), pl.col("id"))

    def quarantined(self) -> list[int]:
        """Ids of the records in quarantine, in order."""
        return self._ids(names.quarantine(self.source.name), pl.col(names.OFFSET))

    def rules_broken(self, offset: int) -> list[str]:
        """The rules that quarantine names of a record."""
        table = self.lake.table(names.table(*names.quarantine(self.source.name)))
        [row] = table.read(where=[(names.OFFSET, "==", offset)]).to_dicts()
        return [reason["rule"] for reason in row["reasons"]]

    def _ids(self, key: tuple[str, str], column: pl.Expr) -> list[int]:
        table = self.lake.table(names.table(*key))
        return table.read().select(column.alias("id"))["id"].sort().to_list() if table.exists() else []
