"""Features in words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from mlinfra_assets.feature_store import Model, key, lit, now, pure_python, request
from mlinfra_assets.feature_store.wording import text_of
from tests.support.order_views import COUNTRY, declare, new_store


@pure_python(returns="float64")
def halved(value):
    return value / 2


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (lambda o: o["amount"].sum("30d", where=o["gift"]), "sum(amount) over 30d where gift"),
        (lambda o: o["amount"].quantile(0.95, "90d", hop="1d"), "quantile(amount, 0.95) over 90d by 1d"),
        (lambda o: o["amount"].quantile(0.000001), "quantile(amount, 0.000001)"),
        (lambda o: o["sku"].last_n(5), "last_n(sku, 5)"),
        (lambda o: o.mean_interval(), "mean_interval()"),
        (lambda o: o.count() / (o.count() + 1), "count() / (count() + 1)"),
        (lambda o: abs(o.count() - 1), "abs(count() - 1)"),
        (lambda o: -(o.count() - 1), "-(count() - 1)"),
        (lambda o: o.count() > Decimal("1.50"), "count() > 1.50"),
        (lambda o: o["due"].max() < datetime(2011, 1, 1, tzinfo=UTC), "max(due) < 2011-01-01T00:00:00Z"),
        (lambda o: o["birthday"].max() < date(1969, 12, 31), "max(birthday) < 1969-12-31"),
        (lambda o: o["sku"].last().contains("a"), "contains(last(sku), 'a')"),
        (lambda _: now().hour() >= 22, "hour(now) ≥ 22"),
        (lambda o: request("basket", "float64") / o.count(), "basket of the request / count()"),
        (lambda _: key("customer_id").lower(), "lower(customer_id)"),
        (lambda o: halved(o.count() + lit(1)), "halved(count() + 1)"),
        (lambda o: Model("churn").score({"n": o.count()}), "score of churn"),
    ],
)
def test_a_feature_reads_as_a_person_would_say_it(feature, words: str):
    assert text_of(declare(lambda o: {"x": feature(o)}).feature("x").node) == words


def test_a_feature_of_another_view_says_whose_it_is():
    store = new_store()
    country = declare(lambda o: {"spent": o["amount"].sum()}, store, "country_features", entities=[COUNTRY])
    view = declare(lambda o: {"x": 1 / country["spent"].at(country=o["country"].latest())}, store, "one")
    own = declare(lambda _: {"x": 1 / country["spent"]}, store, "two", entities=[COUNTRY])
    assert text_of(view.feature("x").node) == "1 / (country_features:spent of country = latest(country))"
    assert text_of(own.feature("x").node) == "1 / country_features:spent"
