"""Features of now, as a frame: what the online store answers for some entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.offline.asked import result_name
from mlinfra_assets.feature_store.online.request import Rows, request_frame, requested
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.store import resolve
from mlinfra_assets.serving.features import read_features


def online_frame(
    store: OnlineStore,
    references: Sequence[str],
    entities: Rows,
    request: Mapping[str, Any] | Rows | None,
    t: int,
    full_names: bool,
) -> pl.DataFrame:
    """The features of entities at a moment, one row an entity, in order.

    Args:
        store: The online store.
        references: `"view:feature"`, or `"view"` for all of one.
        entities: The join keys of each, by name.
        request: The values that features want with the question, by name: for all entities alike, or one mapping each.
        t: The moment, microseconds since 1970 UTC.
        full_names: Call a feature `view__feature`.

    Raises:
        InvalidInputError: As `read_features`; a name is used twice; a request value is missing or of another type.
        UnavailableError: Redis cannot be reached, or holds no push of a view.
    """
    served = {name: store.view(name) for name in {reference.partition(":")[0] for reference in references}}
    wanted = resolve(served, list(references))
    names = [result_name(view, feature, full_names) for view, feature in wanted]
    keys = {key: kind for view in served.values() for key, kind in view.key_schema.items()}
    twice = sorted({name for name in names if names.count(name) > 1 or name in keys})
    if twice:
        raise RetrievalError(f"{', '.join(twice)} would be two columns: ask once, or full_feature_names=True")
    given = request_frame(request, requested(served.values()), len(entities))
    found = read_features(store, [f"{view.name}:{f.name}" for view, f in wanted], entities, t, given)
    schema = dtypes({**keys, **{n: view.schema[f.name] for n, (view, f) in zip(names, wanted, strict=True)}})
    rows = [
        {**one.entity, **{n: one.vectors[v.name].values[f.name] for n, (v, f) in zip(names, wanted, strict=True)}}
        for one in found
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")
