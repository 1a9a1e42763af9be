"""What is pushed is registered first: a view whose version is new since its last snapshot can be recomputed too."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlinfra_assets import names
from mlinfra_assets.registry.registry import Registry
from tests.support.platform import Platform


def test_a_push_registers_the_version_that_it_serves(platform: Platform) -> None:
    shutil.rmtree(Path(platform.settings.lake) / "registry")

    assert platform.run(names.online("customer_features")).success

    served = {view.name: view.version for view in platform.store.views()}
    registry = Registry(platform.lake)
    assert registry.view("customer_features", served["customer_features"]) is not None
    assert registry.contracts() != []
