"""Which contract each raw row was validated with: a replay uses that one, not the present one."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.documents import registered_contract
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry

PLACE = ("partition", "offset")
RECORDED = {"partition": pl.Int32(), "offset": pl.Int64(), "number": pl.Int64(), "fingerprint": pl.String()}


class ContractsInForce:
    """The contracts of one source over its positions, as the processed and quarantine tables record them.

    Args:
        lake: Where the tables are.
        registry: Where contracts are kept by fingerprint.
        source: The source as declared now: how its records come in.
        default: The contract of rows that neither table knows of.
        places: The positions (partition, offset) that are asked about; None: all.
    """

    def __init__(
        self, lake: Lake, registry: Registry, source: Source, default: Contract, places: pl.DataFrame | None = None
    ) -> None:
        self._registry = registry
        self._source = source
        self._default = default
        recorded = _recorded(lake, source.name, places)
        self._changes = _changes(recorded)
        self._releases = recorded.drop_nulls("number").select("number", "fingerprint").unique("number")
        self._contracts = {default.fingerprint: default}

    def split(self, rows: pl.DataFrame) -> list[tuple[Source, pl.DataFrame]]:
        """Rows of raw (one partition, ordered by offset) in runs of one contract, each with the source bound to it."""
        if rows.is_empty():
            return []
        marked = rows.sort(*PLACE).join_asof(
            self._changes, on="offset", by="partition", strategy="backward", check_sortedness=False
        )
        marked = marked.with_columns(pl.col("fingerprint").fill_null(self._default.fingerprint))
        runs = marked.with_columns(pl.col("fingerprint").rle_id().alias("_run")).partition_by("_run")
        return [
            (replace(self._source, contract=self._contract(run["fingerprint"][0])), run.drop("fingerprint", "_run"))
            for run in runs
        ]

    def split_releases(self, releases: pl.DataFrame) -> list[tuple[Source, pl.DataFrame]]:
        """Releases in groups of one contract, each with the source bound to it."""
        marked = releases.join(self._releases, on="number", how="left").with_columns(
            pl.col("fingerprint").fill_null(self._default.fingerprint)
        )
        groups = marked.sort("number").partition_by("fingerprint", maintain_order=True)
        return [
            (replace(self._source, contract=self._contract(group["fingerprint"][0])), group.drop("fingerprint"))
            for group in groups
        ]

    def _contract(self, fingerprint: str) -> Contract:
        if fingerprint not in self._contracts:
            self._contracts[fingerprint] = registered_contract(self._registry, self._source.name, fingerprint)
        return self._contracts[fingerprint]


def _recorded(lake: Lake, source: str, places: pl.DataFrame | None) -> pl.DataFrame:
    """Partition, offset, release and contract of the records that processed or quarantine holds."""
    only = [] if places is None else [(names.OFFSET, "in", places["offset"].unique().to_list())]
    frames = [pl.DataFrame(schema=RECORDED)]
    for key in (names.processed(source), names.quarantine(source)):
        table = lake.table(names.table(*key))
        if not table.exists():
            continue
        release = pl.col(names.RELEASE) if names.RELEASE in table.schema().names else pl.lit(None, dtype=pl.Int64)
        columns = [names.PARTITION, names.OFFSET, names.CONTRACT]
        columns += [names.RELEASE] if names.RELEASE in table.schema().names else []
        frames.append(
            table.scan(columns=columns, where=only)
            .select(
                pl.col(names.PARTITION).cast(pl.Int32).alias("partition"),
                pl.col(names.OFFSET).alias("offset"),
                release.alias("number"),
                pl.col(names.CONTRACT).alias("fingerprint"),
            )
            .collect()
        )
    return pl.concat(frames)


def _changes(recorded: pl.DataFrame) -> pl.DataFrame:
    """The first offset of each run of records with one contract, by partition."""
    rows = recorded.filter(pl.col("number").is_null()).sort(*PLACE)
    run = pl.struct("partition", "fingerprint").rle_id()
    return rows.filter(run != run.shift(1, fill_value=2**32 - 1)).select(*PLACE, "fingerprint")
