"""Two versions of a view on four customers' orders, with values that were worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, request
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.preview.feature_change import FeatureChange
from mlinfra_assets.preview.preview import Asked, Preview, preview
from tests.support.registered import CUSTOMER, ORDERS, document

DAY = date(2011, 2, 28)
DAYS = [DAY - timedelta(days=n) for n in range(40)][::-1]
BY = Provenance("run", "code")
TIME = pl.Datetime("us", "UTC")
COLUMNS = {
    "customer_id": pl.Int64(),
    "order_id": pl.Int64(),
    "amount": pl.Decimal(18, 2),
    "is_sale": pl.Boolean(),
    "_event_time": TIME,
    "_known_at": TIME,
    "_known_at_assumed": pl.Boolean(),
    "_partition": pl.Int32(),
    "_offset": pl.Int64(),
    "_row": pl.Int64(),
    "_release": pl.Int64(),
    "_contract_version": pl.String(),
}
STAGED = DatasetSchema("orders", ORDERS.columns, "till", "curated/orders")
TILL = DatasetSchema("till", ORDERS.columns, "till", "processed/till")


def order(number: int, customer: int | None, amount: str, at: date, known: date | None = None) -> dict[str, object]:
    happened = datetime(at.year, at.month, at.day, 12, tzinfo=UTC)
    came = happened if known is None else datetime(known.year, known.month, known.day, 12, tzinfo=UTC)
    values = (customer, number, Decimal(amount), True, happened, came, False, 0, number, 0, None, "c")
    return dict(zip(COLUMNS, values, strict=True))


ROWS = pl.DataFrame(
    [
        order(1, 1, "10.00", date(2011, 2, 1)),
        order(2, 1, "5.00", date(2011, 2, 20)),
        order(3, 2, "7.00", date(2011, 1, 5)),
        order(4, 3, "1.00", date(2011, 2, 10), known=date(2011, 3, 1)),
        order(5, 4, "2.50", date(2011, 2, 27)),
        order(6, None, "9.00", date(2011, 2, 27)),
    ],
    schema=COLUMNS,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path))
    lake.table(ORDERS.table).append(ROWS, provenance=BY)
    return lake


def previewed(
    lake: Lake,
    before: ViewDocument | None,
    after: ViewDocument,
    *,
    datasets: Mapping[str, DatasetSchema] | None = None,
    **how: Any,
) -> Preview:
    asked = Asked(**{"days": [DAY], "sample": None, "backfill": DAYS, **how})
    return preview(lake, datasets or {"orders": ORDERS}, before, after, asked)


def of(found: Preview) -> dict[str, FeatureChange]:
    return {feature.name: feature for feature in found.features}


BEFORE = document(lambda o: {"n": o.count("30d"), "spent": o["amount"].sum(), "gone": o["amount"].max()})
AFTER = document(lambda o: {"n": o.count("60d"), "spent": o["amount"].sum(), "mean": o["amount"].mean()})


def test_features_are_added_removed_changed_or_the_same(lake: Lake) -> None:
    found = previewed(lake, BEFORE, AFTER)

    assert {name: feature.state for name, feature in of(found).items()} == {
        "n": "changed",
        "spent": "same",
        "mean": "added",
        "gone": "removed",
    }
    assert (found.before, found.after, found.days) == (BEFORE.version, AFTER.version, (DAY,))


def test_only_who_is_known_by_then_is_asked_about(lake: Lake) -> None:
    found = previewed(lake, BEFORE, AFTER)

    assert (found.entities, found.compared) == (4, 4)
    assert (found.served, found.served_before, found.served_after) == (3, 3, 3)
    counted = of(found)["n"]
    assert (counted.compared, counted.changed, counted.largest_difference) == (3, 1, 1.0)
    assert [(e.at, e.before, e.after) for e in counted.examples] == [({"customer_id": 2, "day": DAY}, 0, 1)]


def test_several_days_are_questions_of_their_own(lake: Lake) -> None:
    found = previewed(lake, BEFORE, AFTER, days=[date(2011, 1, 31), DAY])

    assert found.served == 1 + 3
    assert of(found)["n"].changed == 1


def test_a_shorter_ttl_makes_null_of_what_it_no_longer_serves(lake: Lake) -> None:
    short = document(lambda o: {"spent": o["amount"].sum()}, ttl="30d")
    long = document(lambda o: {"spent": o["amount"].sum()})

    found = previewed(lake, long, short)

    assert (found.served, found.served_before, found.served_after) == (3, 3, 2)
    spent = of(found)["spent"]
    assert (spent.changed, spent.becomes_null, spent.stops_being_null, spent.mean_difference) == (1, 1, 0, None)
    back = of(previewed(lake, short, long))["spent"]
    assert (back.changed, back.becomes_null, back.stops_being_null) == (1, 0, 1)


def test_without_an_earlier_version_everything_is_added(lake: Lake) -> None:
    found = previewed(lake, None, AFTER)

    assert {feature.state for feature in found.features} == {"added"}
    assert (found.before, found.cost_before, found.served_before) == (None, None, 0)


def test_a_sample_is_the_same_every_time(lake: Lake) -> None:
    samples = [previewed(lake, BEFORE, AFTER, sample=2) for _ in range(2)]

    assert [(found.entities, found.compared) for found in samples] == [(4, 2), (4, 2)]
    assert samples[0].features == samples[1].features


def test_the_rows_of_a_backfill_are_counted_on_every_day(lake: Lake) -> None:
    cost = previewed(lake, BEFORE, AFTER).cost

    # Customer 1 from 1 February on (28 days), customer 2 from 20 January, the first of the 40 days, customer 4: 2.
    assert (cost.days, cost.rows, cost.entities) == (40, 28 + 40 + 2, 4)
    assert (cost.measured_entities, cost.measured_days, cost.measured_rows) == (4, 10, 10 + 10 + 2)
    assert cost.rows_per_day == 2
    assert cost.online_bytes is None
    assert cost.cpu_seconds >= cost.reading_seconds


def test_a_view_that_goes_online_takes_room_there(lake: Lake) -> None:
    online = document(lambda o: {"spent": o["amount"].sum()}, online=True)

    found = previewed(lake, BEFORE, online)

    assert found.cost.online_bytes is not None
    assert found.cost.online_bytes > 0
    assert found.cost_before is not None
    assert found.cost_before.online_bytes is None


def test_what_needs_a_request_is_named_and_left_out(lake: Lake) -> None:
    asking = document(lambda o: {"n": o.count("30d"), "ratio": request("amount", "float64") / o["amount"].mean()})

    found = previewed(lake, BEFORE, asking)

    assert found.unseen == ("ratio",)
    assert "ratio" not in of(found)


def test_other_keys_cannot_be_compared(lake: Lake) -> None:
    by_order = document(lambda o: {"n": o.count("30d")}, entities=[Entity("order", ["order_id"])])

    with pytest.raises(InvalidInputError, match=r"is by customer_id int64, .* by order_id int64"):
        previewed(lake, BEFORE, by_order)


def test_each_version_is_staged_by_its_own_sql(lake: Lake) -> None:
    lake.table(TILL.table).append(ROWS, provenance=BY)
    columns = ", ".join(c for c in COLUMNS if c != "amount")
    plain, doubled = (
        document(
            lambda o: {"spent": o["amount"].sum()},
            dataset=STAGED,
            sql=f"select {columns}, cast({factor} * amount as decimal(18, 2)) as amount from batch",
            rests_on={"sql orders": str(factor)},
        )
        for factor in (1, 2)
    )
    plain, doubled = (ViewDocument(d.view, d.rests_on, d.sql, "till", {}) for d in (plain, doubled))

    found = previewed(lake, plain, doubled, datasets={"orders": STAGED, "till": TILL})

    assert found.restaged == ("orders",)
    spent = of(found)["spent"]
    assert (spent.compared, spent.changed) == (3, 3)
    assert [(e.before, e.after) for e in spent.examples] == [(15.0, 30.0), (7.0, 14.0), (2.5, 5.0)]


def test_lookups_of_other_views_are_followed(lake: Lake) -> None:
    store = FeatureStore({"orders": ORDERS})
    other = store.create_feature_view("others", [CUSTOMER])(lambda orders: {"n": orders.count()})
    view = store.create_feature_view("customers", [CUSTOMER])(
        lambda orders: {"spent": orders["amount"].sum(), "per_order": orders["amount"].sum() / other["n"]}
    )
    used = ViewDocument(other)

    found = previewed(lake, BEFORE, ViewDocument(view, uses={"others": used}))

    assert [e.after for e in of(found)["per_order"].examples] == [7.5, 7.0, 2.5]


def test_a_column_type_is_named(lake: Lake) -> None:
    as_int = document(lambda o: {"n": o.count("30d")})
    as_float = document(lambda o: {"n": o.count("30d") * 1.0})

    counted = of(previewed(lake, as_int, as_float))["n"]

    assert (counted.before, counted.after, counted.changed) == (str(ColumnType("int64")), "float64", 0)
