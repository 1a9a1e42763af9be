"""The rows that a feature view saw, made again from raw: contract in force, releases, frozen staging SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.contracts_in_force import ContractsInForce
from mlinfra_assets.audit.documents import contract_of
from mlinfra_assets.audit.entity_places import entity_places
from mlinfra_assets.audit.raw_rows import Integrity, at_places, pieces, released, set_aside, without
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.curated.row_wise import run
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.evolving import widened
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.kept_schemas import KeptSchemas
from mlinfra_assets.registry.registry import Registry


@dataclass(frozen=True)
class Wanted:
    """What a recomputation is about.

    Attributes:
        document: The registered view.
        upto: A watermark of its source that contains all others asked about.
        columns: The columns of its dataset that are needed.
        entities: Join keys of the entities asked about; None: every row is needed.
        places: The records (partition, offset) that the entities' rows come from; None: all records are read.
    """

    document: ViewDocument
    upto: Positions
    columns: tuple[str, ...]
    entities: pl.DataFrame | None
    places: pl.DataFrame | None = None


class FromRaw:
    """Makes a view's rows again from raw; nothing later than raw is read but which contract was in force.

    Args:
        lake: Where the tables are.
        registry: Where contracts are kept by fingerprint.
        sources: The declared sources: how their records come in.
        max_payload_bytes: The limit that ingestion had.
        integrity: Collects what is wrong with raw itself.
        by_entity: Read the records of the entities asked about alone, where `entity_places` can name them.

    Attributes:
        read: Of each source, the raw records that were read by their places.
    """

    def __init__(
        self,
        lake: Lake,
        registry: Registry,
        sources: Mapping[str, Source],
        max_payload_bytes: int,
        integrity: Integrity,
        *,
        by_entity: bool = False,
    ) -> None:
        self._lake = lake
        self._registry = registry
        self._sources = sources
        self._max_payload_bytes = max_payload_bytes
        self._integrity = integrity
        self._by_entity = by_entity
        self._schemas = KeptSchemas(lake)
        self.read: dict[str, pl.DataFrame] = {}

    def rows(self, wanted: Wanted) -> pl.DataFrame:
        """The dataset's rows that belong to the entities asked about, up to the watermark, released ones included.

        Raises:
            InvalidInputError: The source is no longer declared, or a contract that was in force is not registered.
        """
        document = wanted.document
        if self._by_entity and wanted.entities is not None:
            source = self._source(document)
            places = entity_places(self._lake, source, document, wanted.entities, wanted.upto)
            wanted = replace(wanted, places=places)
        nothing = pl.DataFrame(schema=contract_of(document).polars_schema())
        # Piece by piece: only the rows of the entities asked about are kept.
        kept = [_of_entities(wanted, _staged(document, _as_kept(document, valid))) for valid in self._valid(wanted)]
        return pl.concat(kept or [_of_entities(wanted, _staged(document, nothing))])

    def fed(self, wanted: Wanted, after: Mapping[int, int]) -> pl.DataFrame:
        """The rows that an updater made of the records past `after`, in order of position.

        It judges each by itself, by the contract of the version that is served, whatever becomes of its batch later.

        Args:
            wanted: What is asked about.
            after: Last offset that came in a batch, by partition; of others nothing is read.

        Raises:
            InvalidInputError: The source is no longer declared.
        """
        document = wanted.document
        source = replace(self._source(document), contract=contract_of(document))
        upto = Positions({p: offset for p, offset in wanted.upto.offsets.items() if p in after})
        kept = [_of_entities(wanted, _staged(document, pl.DataFrame(schema=contract_of(document).polars_schema())))]
        for piece in pieces(self._lake, source, upto, self._integrity):
            rows = piece.filter(pl.col("offset") > after[int(piece["partition"][0])])
            kept.append(_of_entities(wanted, _staged(document, self._process(source, rows, None, []))))
        return pl.concat(kept).sort(names.PARTITION, names.OFFSET, names.ROW)

    def _valid(self, wanted: Wanted) -> Iterator[pl.DataFrame]:
        """Valid records in order of position, a piece at a time."""
        document, upto = wanted.document, wanted.upto
        source = self._source(document)
        contracts = ContractsInForce(self._lake, self._registry, source, contract_of(document), wanted.places)
        latest = [pl.DataFrame(schema=source.contract.polars_schema())] if source.contract.primary_key else []
        aside = set_aside(self._lake, source.name)
        for piece in self._pieces(wanted, source):
            for bound, rows in contracts.split(without(piece, aside)):
                yield self._process(bound, rows, None, latest)
        let_in = released(self._lake, source, upto, self._integrity)
        if let_in is not None:
            raw, releases = let_in
            if wanted.places is not None:
                raw, releases = (
                    some.join(wanted.places, on=["partition", "offset"], how="semi", maintain_order="left")
                    for some in let_in
                )
            for bound, some in contracts.split_releases(releases):
                places = some.select("partition", "offset").unique()
                yield self._process(bound, raw.join(places, on=["partition", "offset"], how="semi"), some, latest)

    def _pieces(self, wanted: Wanted, source: Source) -> Iterator[pl.DataFrame]:
        if wanted.places is None:
            yield from pieces(self._lake, source, wanted.upto, self._integrity)
            return
        for rows in at_places(self._lake, source, wanted.places, self._integrity):
            before = self.read.get(source.name)
            self.read[source.name] = rows if before is None else pl.concat([before, rows])
            end = wanted.upto.offsets.get(int(rows["partition"][0]), -1) if rows.height else -1
            yield rows.filter(pl.col("offset") <= end)

    def _source(self, document: ViewDocument) -> Source:
        name = document.view.dataset.source
        if name not in self._sources:
            raise InvalidInputError(
                f"view {document.view.name} was computed from source {name}, which is no longer declared: put its "
                "declaration back to recompute what was served from it"
            )
        return self._sources[name]

    def _process(
        self, source: Source, raw: pl.DataFrame, releases: pl.DataFrame | None, latest: list[pl.DataFrame]
    ) -> pl.DataFrame:
        known = pl.concat(latest, how="diagonal_relaxed") if latest else None
        processed = process(
            source,
            raw,
            releases=releases,
            latest=known,
            max_payload_bytes=self._max_payload_bytes,
            schemas=self._schemas.kept(source, raw["payload"]),
        ).valid
        if source.contract.primary_key:
            latest.append(processed)
        return processed


def _as_kept(document: ViewDocument, valid: pl.DataFrame) -> pl.DataFrame:
    """Valid records with the types that the version's contract gave the processed table, whoever typed them first."""
    return widened(f"raw/{document.source}", valid, contract_of(document).value_schema())


def _staged(document: ViewDocument, valid: pl.DataFrame) -> pl.DataFrame:
    """What the frozen staging SQL makes of valid records; the records themselves if the view reads them directly."""
    return valid if document.sql is None else run(document.sql, valid)


def _of_entities(wanted: Wanted, rows: pl.DataFrame) -> pl.DataFrame:
    """The columns that are needed, of the rows of the entities asked about.

    All rows of a dataset with a primary key: a later version of a row may belong to another entity.
    """
    view = wanted.document.view
    if wanted.entities is None or view.dataset.primary_key:
        return rows.select(wanted.columns)
    keys = list(view.join_keys)
    return rows.select(wanted.columns).join(wanted.entities.select(keys).unique(), on=keys, how="semi")
