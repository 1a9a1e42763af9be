"""Versions of feature views that the code has moved on from: `view@version`, read from the registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.dataset import DatasetSchema, nearest
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry

AT = "@"
SHORTEST = 4


def named_versions(references: Iterable[str], lake: Lake) -> dict[str, FeatureView]:
    """The views of those references that name a version, by `view@version` as it is written there.

    Each is called so itself, so that its features stand beside those of another version.

    Args:
        references: `"view:feature"`, `"view"`, `"view@version:feature"` and `"view@version"`, where a version is its
            first four digits or more.
        lake: Where the registry is.

    Raises:
        InvalidInputError: There is no such version, or several; the message names those that there are.
        DefinitionError: The registered document cannot be read.
    """
    names = dict.fromkeys(reference.partition(":")[0] for reference in references)
    registry = Registry(lake)
    return {name: replace(_registered(name, registry), name=name) for name in names if AT in name}


def check_columns(view: FeatureView, lake: Lake, datasets: Mapping[str, DatasetSchema]) -> None:
    """Refuse a version that the present tables cannot answer.

    Raises:
        RetrievalError: A table lacks a column that the view, or one that it uses, is computed from.
    """
    for one in _with_used(view):
        table = lake.table(datasets.get(one.dataset.name, one.dataset).table)
        if not table.exists():
            continue
        gone = sorted(set(one.columns) - set(table.schema().names))
        if gone:
            raise RetrievalError(
                f"{view.name} is computed from {', '.join(gone)} of dataset {one.dataset.name}, and its table "
                f"{table.name} no longer has that: ask for a later version, or compute it from raw by mlinfra replay"
            )


def datasets_of(views: Iterable[FeatureView]) -> dict[str, DatasetSchema]:
    """The datasets that some views and those that they use are computed from, by name."""
    return {one.dataset.name: one.dataset for view in views for one in _with_used(view)}


def _with_used(view: FeatureView) -> Iterator[FeatureView]:
    yield view
    for other in view.uses:
        yield from _with_used(other)


def _registered(name: str, registry: Registry) -> FeatureView:
    view, _, digits = name.partition(AT)
    entries = {entry.version: entry for entry in registry.views(view)}
    if not entries:
        known = {entry.name for entry in registry.views()}
        raise InvalidInputError(f"no version of a feature view {view!r} is registered{nearest(view, known)}")
    found = [v for v in entries if v == digits or (len(digits) >= SHORTEST and v.startswith(digits))]
    if len(found) != 1:
        problem = "several versions begin with" if found else "there is no version"
        raise InvalidInputError(f"feature view {view}: {problem} {digits!r}; there are {', '.join(entries)}")
    return ViewDocument.from_json(entries[found[0]].document).view
