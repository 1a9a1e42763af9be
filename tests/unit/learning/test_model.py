from __future__ import annotations

import pytest

from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.learning.model import Label, Promotion, Spine
from tests.support.shop_models import shop_model, shop_view


@pytest.mark.parametrize(
    ("declare", "says"),
    [
        (lambda: shop_model(features=[]), "one or more different features"),
        (lambda: shop_model(features=["a:b", "a:b"]), "one or more different features"),
        (lambda: shop_model(features=["orders"]), 'write "view:feature"'),
        (lambda: shop_model(name="Churn!"), "name"),
        (lambda: Spine("v", every="36h"), "write whole days"),
        (lambda: Spine("v", warmup="soon"), "not a length of time"),
        (lambda: Promotion(metric="accuracy"), "choose one of auc, log_loss, brier"),
        (lambda: Promotion(holdout=1.0), "a share between 0 and 1"),
        (lambda: Label(shop_view(), "orderz", "60d"), "did you mean 'orders'"),
        (lambda: Label(shop_view(), "recency_days", "60d"), "not a condition or 0 and 1"),
        (lambda: Label(shop_view(), "orders", "0d"), "longer than zero"),
    ],
)
def test_a_wrong_declaration_is_refused_and_says_why(declare: object, says: str) -> None:
    assert callable(declare)
    with pytest.raises(DefinitionError, match=says):
        declare()
