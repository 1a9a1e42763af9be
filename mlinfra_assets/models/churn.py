"""Declared: how likely it is that a customer buys nothing in the next 60 days."""

from __future__ import annotations

from mlinfra_assets.datasets import datasets
from mlinfra_assets.feature_store import FeatureStore
from mlinfra_assets.features.entities import customer
from mlinfra_assets.features.services import churn_inputs
from mlinfra_assets.learning.model import Label, ModelSpec, Promotion, Spine
from mlinfra_assets.learning.trainer import GradientBoosting

HORIZON = "60d"

labels = FeatureStore(datasets())


@labels.create_feature_view(name="churn_label", entities=[customer], owner="team:retention")
def churn_label(stg_order_lines):  # noqa: ANN001, ANN201 - a symbolic dataset in, expressions by name out
    """Whether a customer bought nothing within the horizon that ends at the moment asked about."""
    return {"churned": stg_order_lines.count(HORIZON, where=stg_order_lines["is_sale"]) == 0}


churn = ModelSpec(
    name="churn",
    entity=customer,
    features=churn_inputs.features,
    label=Label(view=churn_label, feature="churned", horizon=HORIZON),
    spine=Spine(view="customer_features", every="14d", warmup="30d"),
    trainer=GradientBoosting(),
    promotion=Promotion(metric="auc", min_gain=0.0, holdout=0.25, min_rows=100),
    threshold=0.5,
    owner="team:retention",
    description="Probability that a customer seen in the last half year buys nothing in the next 60 days.",
)
