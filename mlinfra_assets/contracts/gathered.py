"""Records that were published before a batch, for the rules that need more records than a small batch has."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import BatchRule, Contract
from mlinfra_assets.contracts.profile import DISTRIBUTIONS

BROKEN = "_broken"
"""Column with the fields whose rules a record breaks (null: none of a field's own); null of a valid record."""
ORDER = [names.OFFSET, names.ROW]


@dataclass(frozen=True)
class Gathered:
    """Published records of one partition, in order: valid ones and quarantined ones.

    Attributes:
        records: `schema_of(contract)`.
    """

    records: pl.DataFrame

    def last(self, count: int, *, valid: bool) -> Gathered:
        """The newest of them, or of the valid ones among them."""
        chosen = self.records.filter(pl.col(BROKEN).is_null()) if valid else self.records
        return Gathered(chosen.tail(count))

    @property
    def valid(self) -> pl.DataFrame:
        """The valid ones."""
        return self.records.filter(pl.col(BROKEN).is_null())

    @property
    def broken(self) -> list[list[str | None]]:
        """Of each quarantined one, the fields whose rules it breaks."""
        return self.records[BROKEN].drop_nulls().to_list()


def gathers(rule: BatchRule) -> bool:
    """Whether a rule looks at records before a batch that is too small for it: a volume is one of a batch."""
    return rule.min_rows > 1 and rule.metric != "rowCount"


def needed(contract: Contract) -> int:
    """The most records that a rule which gathers needs; 0 if there is none."""
    return max((rule.min_rows for rule in contract.rules if gathers(rule)), default=0)


def only_valid(rule: BatchRule) -> bool:
    """Whether a rule counts valid records, not all."""
    return rule.metric in DISTRIBUTIONS


def schema_of(contract: Contract) -> pl.Schema:
    """The columns that rules which gather look at, and where and when the record came in."""
    fields = {name for rule in contract.rules if gathers(rule) for name in (rule.field, *rule.fields) if name}
    whole = contract.polars_schema()
    columns = [name for name in whole if name in fields] + [names.EVENT_TIME, names.KNOWN_AT, *ORDER]
    return pl.Schema({**{name: whole[name] for name in columns}, BROKEN: pl.List(pl.String())})


def gathered(contract: Contract, valid: pl.DataFrame, quarantined: pl.DataFrame) -> pl.DataFrame:
    """Records as `Gathered` holds them, in order.

    Args:
        contract: Says which columns are needed.
        valid: Valid rows, at least with those columns.
        quarantined: Rows of the quarantine.
    """
    schema = schema_of(contract)
    fields = pl.element().struct.field("field")
    bad = quarantined.select(names.KNOWN_AT, *ORDER, pl.col("reasons").list.eval(fields).alias(BROKEN))
    good = valid.select([name for name in schema if name != BROKEN])
    made = pl.concat([good, bad], how="diagonal_relaxed").select(pl.col(n).cast(t) for n, t in schema.items())
    return made.sort(ORDER)
