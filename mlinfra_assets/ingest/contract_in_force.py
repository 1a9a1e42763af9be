"""The contract that a run brings, and the tables that it writes to: taken if it is compatible, else nothing is done."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from mlinfra_assets import names
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.raw import application
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.author import author
from mlinfra_assets.registry.publication import Publication
from mlinfra_assets.registry.registration import Registration
from mlinfra_assets.registry.registry import Registry

NOTHING = -1
"""Progress of a partition of which nothing is processed: stated so that the first append to it is a conflict."""


def take_contract(lake: Lake, source: Source, provenance: Provenance, now: datetime) -> None:
    """Let a source's declared contract be the one in force, and give the processed table its columns.

    The contract that wrote the table's newest rows is in force already. Any other one is published if it may follow
    those that are.

    Args:
        lake: Where the tables are.
        source: The source and its declared contract.
        provenance: Run and code version that the commits name.
        now: The present, UTC: when the contract is published.

    Raises:
        IncompatibleContractError: It may not follow what is published; nothing was written.
        InvalidInputError: The table's columns cannot take the contract's types; nothing was written.
    """
    contract = source.contract
    table = lake.table(names.table(*names.processed(source.name)))
    newest = table.provenance() if table.exists() else None
    if newest is None or newest.extra.get("contract") != contract.fingerprint:
        registration = Registration(now, provenance.run_id, author(), provenance.code_version)
        Publication(Registry(lake)).publish(contract, registration)
    if table.exists():
        _evolve(lake, source, table, provenance)


def _evolve(lake: Lake, source: Source, table: LakeTable, provenance: Provenance) -> None:
    columns = source.contract.polars_schema()
    if not table.lacks(columns):
        return
    found = table.provenance()
    positions = Positions() if found is None else found.positions.get(source.name, Positions())
    partitions = {*positions.offsets, *_partitions(lake, source)}
    stated = {app: table.progress(app) for p in sorted(partitions) for app in [application(source.name, p)]}
    if positions.releases:
        stated[f"{source.name}/releases"] = positions.releases
    stamped = replace(
        provenance,
        inputs={table.name: table.version()},
        positions={source.name: positions},
        extra={"contract": source.contract.fingerprint},
    )
    advance = {app: (done, NOTHING if done is None else done) for app, done in stated.items()}
    table.evolve(columns, provenance=stamped, advance=advance)


def _partitions(lake: Lake, source: Source) -> list[int]:
    raw = lake.table(names.table(*names.raw(source.name)))
    return raw.read(columns=["partition"])["partition"].unique().to_list() if raw.exists() else []
