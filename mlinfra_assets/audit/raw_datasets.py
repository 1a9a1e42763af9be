"""All datasets behind a version of a view, made again from raw, for whoever evaluates it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from mlinfra_assets.audit.from_raw import FromRaw, Wanted
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions

_READ_SLICE = 1_000_000


@dataclass(frozen=True)
class RawDatasets:
    """Rows by dataset, as a reader.

    Attributes:
        frames: The rows of each dataset, in no order; of a view's own dataset those of some entities may be all.
    """

    frames: Mapping[str, pl.DataFrame]

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:  # noqa: ARG002 - raw has one
        """All rows of a dataset."""
        return self.frames[dataset].select(columns)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        """The same rows, a part at a time."""
        yield from self.rows(dataset, columns, version).iter_slices(_READ_SLICE)

    def count(self, dataset: str, version: int | None = None) -> int:  # noqa: ARG002 - raw has one
        """Number of rows."""
        return self.frames[dataset].height


def sources(view: FeatureView) -> set[str]:
    """The sources of a view's dataset and of those of the views that it uses."""
    return {view.dataset.source}.union(*(sources(used) for used in view.uses))


def from_raw(
    made: FromRaw,
    document: ViewDocument,
    view: FeatureView,
    upto: Mapping[str, Positions],
    entities: pl.DataFrame,
) -> RawDatasets:
    """The datasets behind a version, up to a watermark of each source.

    Args:
        made: Makes rows from raw.
        document: The version, with the documents of the views that it uses.
        view: Its definition, perhaps cut down to some features.
        upto: Watermark by source.
        entities: Join keys of the entities asked about. Of the datasets of views that are used every row is needed:
            whose features are looked up is not known before.

    Raises:
        InvalidInputError: A source is no longer declared, or a contract that was in force is not registered.
    """
    own = Wanted(document, upto[view.dataset.source], view.columns, entities)
    wanted = {view.dataset.name: own}
    for used, behind in _used(document, view):
        name = used.dataset.name
        before = wanted.get(name, Wanted(behind, upto[used.dataset.source], (), None))
        columns = tuple(dict.fromkeys((*before.columns, *used.columns)))
        wanted[name] = replace(before, columns=columns, entities=None)
    return RawDatasets({name: made.rows(one) for name, one in wanted.items()})


def _used(document: ViewDocument, view: FeatureView) -> Iterator[tuple[FeatureView, ViewDocument]]:
    """The views that a view uses, directly or through others, each with its document."""
    for used in view.uses:
        yield used, document.uses[used.name]
        yield from _used(document.uses[used.name], used)
