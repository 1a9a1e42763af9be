"""Predictions that are seen to be reproduced as columns, a million at a time, without looking at one by itself.

What is said here is only that a prediction is the same. Where anything is out of the ordinary, the event's form, a
value, a version that is not there, nothing is said of it, and it is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import polars as pl
import polars.selectors as cs

from mlinfra_assets.audit.chains import RELEASES, Watermarks, union
from mlinfra_assets.audit.documents import registered_view
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.json_shapes import Shaped, shaped
from mlinfra_assets.audit.questions import Questions, together
from mlinfra_assets.audit.raw_datasets import RawDatasets, from_raw, sources
from mlinfra_assets.audit.requests import carried
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.store import ModelStore, StoredModel
from mlinfra_assets.registry.registry import Registry

MODEL = ("model", "model_version")


@dataclass(frozen=True)
class _Group:
    """Predictions of one model version, by the same versions of the same views.

    Attributes:
        rows: Which of those asked about (int64[n]).
        frame: Their rows of processed.
        model: The model.
        versions: Version by view.
        scores: Versions of the models whose scores are features.
        entities: Their entities.
        watermarks: Watermark columns by view.
        request: Their request values; None if there are none.
    """

    rows: np.ndarray
    frame: pl.DataFrame
    model: StoredModel
    versions: Mapping[str, str]
    scores: Mapping[str, str]
    entities: pl.DataFrame
    watermarks: Mapping[str, Watermarks]
    request: pl.DataFrame | None


def reproduced(frame: pl.DataFrame, made: FromRaw, registry: Registry, lake: Lake) -> np.ndarray:
    """Which predictions (rows of `processed/predictions`) are seen to come out the same from raw: bool[n].

    Args:
        frame: The predictions.
        made: Makes rows from raw.
        registry: View definitions and contracts by version.
        lake: Where models are.
    """
    seen = np.zeros(frame.height, np.bool_)
    groups = list(_groups(frame, lake))
    vectors: list[dict[str, pl.Series]] = [{} for _ in groups]
    for view, version in dict.fromkeys(item for group in groups for item in group.versions.items()):
        concerned = [i for i, group in enumerate(groups) if group.versions.get(view) == version]
        try:
            document = registered_view(registry, view, version)
            asked = {i: _questions(document.view, groups[i]) for i in concerned}
            _answer(document, {i: one for i, one in asked.items() if one is not None}, made, lake, vectors)
        except MlinfraError:
            continue
    for group, vector in zip(groups, vectors, strict=True):
        if set(group.model.inputs) <= set(vector):
            seen[group.rows] = _same(group, vector)
    return seen


def _groups(frame: pl.DataFrame, lake: Lake) -> Iterator[_Group]:
    numbered = frame.with_row_index("_number")
    for part in numbered.partition_by(*MODEL, "scores", maintain_order=True):
        name, version = part[MODEL[0]][0], part[MODEL[1]][0]
        try:
            model = ModelStore(lake, name).load(version)
            scores = orjson.loads(part["scores"][0] or "{}")
        except (MlinfraError, orjson.JSONDecodeError):
            continue
        for views in shaped(part, "views"):
            for entities in shaped(views.rows, "entity"):
                yield from _by_version(model, scores, _restricted(views, entities.rows), entities)


def _restricted(shape: Shaped, rows: pl.DataFrame) -> pl.DataFrame:
    """The decoded views of some of a shape's rows, in the order of those."""
    return rows.select("_number").join(
        shape.values.with_columns(shape.rows["_number"]), on="_number", how="left", maintain_order="left"
    )


def _by_version(
    model: StoredModel, scores: Mapping[str, str], views: pl.DataFrame, entities: Shaped
) -> Iterator[_Group]:
    names_ = [column for column in views.columns if column != "_number"]
    if not all(_is_use(views.schema[view]) for view in names_):
        return
    versions = views.select(pl.col(view).struct.field("version").alias(view) for view in names_)
    keyed = versions.with_columns(pl.Series("_place", np.arange(versions.height)))
    for part in keyed.partition_by(names_, maintain_order=True) if names_ else []:
        places = part["_place"]
        rows = entities.rows[places]
        for requested, among in _requests(rows):
            chosen = places[among]
            yield _Group(
                rows=rows["_number"][among].to_numpy().astype(np.int64),
                frame=rows[among],
                model=model,
                versions={view: part[view][0] for view in names_},
                scores=scores,
                entities=entities.values[chosen],
                watermarks={view: _watermarks(views[view][chosen]) for view in names_},
                request=requested,
            )


def _requests(rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame | None, pl.Series]]:
    """The request values of rows, by their form, and which rows (places) have that form."""
    if "request" not in rows.columns:
        yield None, pl.Series(np.arange(rows.height))
        return
    placed = rows.with_columns(pl.Series("_place", np.arange(rows.height)))
    without = placed.filter(pl.col("request").is_null())
    if without.height:
        yield None, without["_place"]
    for shape in shaped(placed.filter(pl.col("request").is_not_null()), "request"):
        yield shape.values, shape.rows["_place"]


def _is_use(dtype: pl.DataType) -> bool:
    """Whether decoded JSON says of a view its version and watermark, and nothing else."""
    if not isinstance(dtype, pl.Struct):
        return False
    fields = {field.name: field.dtype for field in dtype.fields}
    marks = fields.get("watermark")
    if set(fields) != {"version", "watermark"} or fields["version"] != pl.String or not isinstance(marks, pl.Struct):
        return False
    return all(_is_mark(field.dtype) for field in marks.fields)


def _is_mark(dtype: Any) -> bool:  # noqa: ANN401 - a field's type is declared as a class or an instance of it
    if not isinstance(dtype, pl.Struct):
        return False
    fields = {field.name: field.dtype for field in dtype.fields}
    offsets = fields.get("offsets")
    return (
        set(fields) - {"batch"} == {"offsets", "releases"}
        and fields["releases"] == pl.Int64
        and isinstance(offsets, pl.Struct)
        and all(field.name.isdecimal() and field.dtype == pl.Int64 for field in offsets.fields)
    )


def _watermarks(uses: pl.Series) -> Watermarks:
    marks = uses.struct.field("watermark")
    columns: list[tuple[str, int]] = []
    values: list[np.ndarray] = []
    for source in [field.name for field in marks.dtype.fields]:  # pyright: ignore[reportAttributeAccessIssue]
        positions = marks.struct.field(source)
        offsets = positions.struct.field("offsets")
        for field in offsets.dtype.fields:  # pyright: ignore[reportAttributeAccessIssue]
            columns.append((source, int(field.name)))
            values.append(offsets.struct.field(field.name).to_numpy())
        columns.append((source, RELEASES))
        values.append(positions.struct.field("releases").to_numpy())
    return Watermarks(tuple(columns), np.stack(values, axis=1) if values else np.zeros((len(uses), 0), np.int64))


def _questions(view: FeatureView, group: _Group) -> Questions | None:
    """What a group asks of a view; None if the events do not say it in the ordinary form."""
    features = tuple(reference.partition(":")[2] for reference in _of(view, group.model))
    if not features:
        return None
    view = features_of(view, features)
    marks = group.watermarks[view.name]
    needed = sources(view)
    chosen = [j for j, (source, _) in enumerate(marks.columns) if source in needed]
    keys = dtypes(view.key_schema)
    if not needed <= {source for source, _ in marks.columns} or not _has(group.entities, keys):
        return None
    request = None
    if view.request_schema:
        kinds = {name: carried(kind) for name, kind in view.request_schema.items()}
        if group.request is None or not _has(group.request, kinds):
            return None
        request = group.request.select(pl.col(n).cast(t) for n, t in dtypes(view.request_schema).items())
    return Questions(
        features=features,
        entities=group.entities.select(list(keys)),
        t=group.frame["predicted_at"].to_physical().to_numpy(),
        marks=Watermarks(tuple(marks.columns[j] for j in chosen), marks.values[:, chosen]),
        scores=group.scores,
        request=request,
    )


def _has(frame: pl.DataFrame, types: Mapping[str, pl.DataType]) -> bool:
    return all(frame.schema.get(name) == kind for name, kind in types.items())


def _answer(
    document: ViewDocument,
    asked: Mapping[int, Questions],
    made: FromRaw,
    lake: Lake,
    vectors: list[dict[str, pl.Series]],
) -> None:
    """The vectors of groups, as far as this view goes: rows from raw once for all."""
    if not asked:
        return
    view = features_of(document.view, [feature for one in asked.values() for feature in one.features])
    upto = union([one.marks.union() for one in asked.values()])
    entities = pl.concat([one.entities for one in asked.values()])
    rows: RawDatasets = from_raw(made, document, view, upto, entities)
    for i, one in asked.items():
        try:
            found = together(document.view, one, rows, lake)
        except MlinfraError:
            continue
        vectors[i] |= {f"{view.name}:{column.name}": column for column in found.get_columns()}


def _same(group: _Group, vector: Mapping[str, pl.Series]) -> np.ndarray:
    """Of which predictions the logged text is that of the vector from raw, and the logged score that of the model."""
    inputs = [vector[name].alias(name) for name in group.model.inputs]
    matrix = np.full((group.frame.height, len(inputs)), np.nan)
    for j, column in enumerate(inputs):
        matrix[:, j] = column.cast(pl.Float64).to_numpy()
    score = group.model.scorer().score(matrix)
    logged = group.frame["score"].cast(pl.Float64).to_numpy()
    values = pl.DataFrame(inputs).select(sorted(vector_name for vector_name in group.model.inputs))
    text = values.with_columns(cs.temporal().to_physical(), cs.float().fill_nan(None)).select(
        pl.struct(pl.all()).struct.json_encode().alias("text")
    )["text"]
    bits = score.view(np.int64) == logged.view(np.int64)
    return (text == group.frame["features"]).fill_null(value=False).to_numpy() & bits & ~np.isnan(score)


def _of(view: FeatureView, model: StoredModel) -> list[str]:
    return sorted(reference for reference in model.inputs if reference.partition(":")[0] == view.name)
