"""Hypothesis strategies for feature views, rows and questions that sit on every edge of the definition of a value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import polars as pl
from hypothesis import strategies as st

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, FeatureView, Model, lit, now
from mlinfra_assets.feature_store.dataset import COORDINATES
from mlinfra_assets.feature_store.engine.rows import polars_type

DAY = 86_400_000_000
# The days around a change of the clocks in London, in UTC.
START = to_micros(datetime(2011, 3, 26, tzinfo=UTC))
COLUMNS = {
    "a": ColumnType("int64"),
    "c": ColumnType("string"),
    "p": ColumnType("int64"),
    "i": ColumnType("int64"),
    "q": ColumnType("int64"),
    "d": ColumnType("decimal", 3),
    "f": ColumnType("float64"),
    "s": ColumnType("string"),
    "b": ColumnType("boolean"),
    "w": ColumnType("timestamp"),
}
MODEL_SINCE = START + DAY

instants = st.builds(lambda d, e: START + d * DAY // 2 + e, st.integers(0, 6), st.sampled_from([-1, 0, 0, 0, 1]))
delays = st.sampled_from([0, 0, 0, 1, -1, DAY // 2, DAY, -DAY])
numbers = {
    "a": st.sampled_from([1, 12, None]),
    "c": st.sampled_from(["3", "23", None]),
    "p": st.sampled_from([1, 1, 2, None]),
    "i": st.one_of(st.none(), st.sampled_from([0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)]), st.integers(-100, 100)),
    "q": st.one_of(st.none(), st.integers(-3, 3)),
    "d": st.one_of(st.none(), st.integers(-5000, 5000), st.sampled_from([2**53 + 1, 10**17])),
    "f": st.one_of(
        st.none(),
        st.sampled_from([0.0, -0.0]),
        st.sampled_from([0.1, 0.2, 1e16, -1e16, 1.0, 5e-324, 1e308, -1e308, math.inf, math.nan]),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    "s": st.sampled_from([None, "", "a", "B", "z", "é", "\U0001f600", "\uffff"]),
    "b": st.sampled_from([None, True, False]),
    "w": st.one_of(st.none(), instants),
}


@dataclass(frozen=True)
class Case:
    """A view, the rows of its dataset, and questions about it."""

    view: FeatureView
    rows: list[dict]
    questions: list[tuple[tuple, int, int]]

    @property
    def frame(self) -> pl.DataFrame:
        """The rows as a dataset's reader gives them."""
        return to_frame(self.rows)


def to_frame(rows: list[dict]) -> pl.DataFrame:
    """Rows as a Polars frame with the dataset's types."""
    kinds = {**COLUMNS, **COORDINATES}
    return pl.DataFrame(
        [pl.Series(name, [row[name] for row in rows], dtype=polars_type(kind)) for name, kind in kinds.items()]
    )


@st.composite
def row_lists(draw, finite=False):
    """Rows with ties, late and early ones, repeats, nulls in keys and values; offsets with gaps."""
    rows = []
    for number in range(draw(st.integers(0, 12))):
        event_time = draw(st.one_of(instants, st.just(START + DAY)))
        row = {name: draw(value) for name, value in numbers.items()}
        if row["d"] is not None:
            row["d"] = Decimal(row["d"]).scaleb(-3)
        if finite and row["f"] is not None and not math.isfinite(row["f"]):
            row["f"] = 0.25
        rows.append(
            row
            | {
                "_event_time": event_time,
                "_known_at": event_time + draw(delays),
                "_known_at_assumed": False,
                "_partition": draw(st.integers(0, 1)),
                "_offset": number * 3,
                "_row": draw(st.integers(0, 1)),
                "_release": None,
                "_contract_version": "v1",
            }
        )
    repeats = [row | {"_known_at": row["_known_at"] + DAY // 4} for row in rows if draw(st.integers(0, 5)) == 0]
    return draw(st.permutations(rows + repeats))


@st.composite
def number_expressions(draw, o):
    return draw(
        st.sampled_from(
            [
                o["i"], o["q"], o["d"], o["f"], o["_offset"], o["d"] * o["q"], o["q"] - o["d"], -o["f"] * o["q"],
                o["d"] + o["f"], o["q"] / o["d"], o["f"] / o["q"], o["q"].coalesce(o["d"], 7), o["b"].to_float(),
                o["i"].to_float(), o["q"] * o["q"] - 1, o["q"].abs(), o["d"].ceil(), o["f"].floor(), o["s"].length(),
                o["s"].cast("int64"), o["d"].cast("int64"), o["b"].if_else(o["q"], o["d"]), o["q"].bucket([-1, 0, 2]),
                o["w"].weekday(), o["w"].seconds_between(o["_event_time"]),
            ]
        )
    )  # fmt: skip


@st.composite
def row_expressions(draw, o):
    others = [o["s"], o["b"], o["w"], o["_event_time"], o["s"].coalesce("none"), o["s"] < o["c"], o["q"].is_null()]
    others += [o["s"].upper(), o["s"].concat("-", o["c"]), o["s"].substring(0, 1), o["d"].cast("string")]
    return draw(st.one_of(st.sampled_from(others), number_expressions(o)))


@st.composite
def conditions(draw, o):
    return draw(
        st.sampled_from(
            [
                o["b"], ~o["b"], o["q"] > 0, o["d"] <= Decimal("1.5"), o["f"] >= 0, o["s"] == "a", o["s"] != o["c"],
                o["q"].isin([1, 2]), o["s"].isin(["a", "é"]), (o["q"] > 0) & o["b"], (o["q"] > 0) | o["b"],
                o["s"].contains("a"), o["s"].starts_with("é"), o["w"].hour() == 12,
                o["d"] == o["q"], o["i"] < 2**53, o["w"] > datetime(2011, 3, 27, tzinfo=UTC), o["s"].is_null(),
            ]
        )
    )  # fmt: skip


@st.composite
def aggregates(draw, o):
    where = draw(st.one_of(st.none(), conditions(o)))
    window = draw(st.sampled_from([None, "12h", "1d", "36h"]))
    hop = None if window is None else draw(st.sampled_from([None, None, "7h", "12h"]))
    function = draw(
        st.sampled_from(
            [
                "rows", "since", "interval", "count", "count_distinct", "sum", "mean", "variance", "std", "min", "max",
                "first", "last", "latest", "most_frequent", "quantile", "last_n",
            ]
        )
    )  # fmt: skip
    if function == "rows":
        return o.count(window, where=where, hop=hop)
    if function == "since":
        return o.since_last(where)
    if function == "interval":
        return o.mean_interval(window, where=where, hop=hop)
    numeric = function in {"sum", "mean", "variance", "std", "quantile"}
    of = draw(number_expressions(o) if numeric else row_expressions(o))
    if function == "quantile":
        return of.quantile(draw(st.sampled_from([0, 0.25, 0.5, 0.95, 1])), window, where=where, hop=hop)
    if function == "last_n":
        return of.last_n(draw(st.sampled_from([1, 2, 1000])), window, where=where, hop=hop)
    return getattr(of, function)(window, where=where, hop=hop)


def dataset(primary_key):
    return DatasetSchema("o", COLUMNS, "source", "processed/source", primary_key)


@st.composite
def views(draw):
    """A view with aggregates, arithmetic over counts and sums, and perhaps a score."""

    def features(o):
        found = {f"a{n}": draw(aggregates(o)) for n in range(draw(st.integers(1, 5)))}
        found |= {"last": o["_offset"].last(), "first": o["f"].first(), "least": o["f"].min(), "text": o["s"].max()}
        money, rows = o["d"].sum("1d"), o.count(where=o["b"])
        found["ratio"] = money / rows
        found["int_ratio"] = rows / o["q"].sum()
        found["filled"] = money.fill_null(0) + 1
        found["difference"] = o["f"].max() - o["f"].min() * 3
        found["flag"] = (rows > 1) | money.is_null()
        found["night"] = (now().hour() >= 22).if_else("late", o["s"].latest().upper())
        found["big"] = o["i"].max() + o["q"].max() - lit(2)
        if draw(st.booleans()):
            found["score"] = Model("m").score({"money": money, "rows": rows})
        return found

    primary_key = draw(st.sampled_from([(), (), ("p",), ("p", "c")]))
    entities = draw(st.sampled_from([[Entity("one", ["a"])], [Entity("pair", ["a", "c"])]]))
    ttl = draw(st.sampled_from([None, None, "12h", "1d"]))
    return FeatureStore({"o": dataset(primary_key)}).create_feature_view("v", entities, ttl)(features)


@st.composite
def cases(draw):
    view = draw(views())
    rows = draw(row_lists())
    entity = st.tuples(*(numbers[key] for key in view.join_keys))
    known = st.one_of(st.none(), st.none(), instants, st.just(2**63 - 1))
    asked = [(draw(entity), draw(instants), draw(known)) for _ in range(draw(st.integers(1, 8)))]
    return Case(view, rows, [(e, t, t if k is None else k) for e, t, k in asked])


class LinearModel:
    """In production from `MODEL_SINCE` on: money + 2 * rows, -1 for a null."""

    def score(self, model: str, k: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        assert model == "m"
        filled = np.where(np.isnan(matrix), -1.0, matrix)
        return np.where(k >= MODEL_SINCE, filled[:, 0] + 2 * filled[:, 1], np.nan)


def score_one(model: str, k: int, inputs: list[float | None]) -> float | None:
    """As `LinearModel`, for one row."""
    assert model == "m"
    money, rows = (-1.0 if value is None else value for value in inputs)
    return money + 2 * rows if k >= MODEL_SINCE else None
