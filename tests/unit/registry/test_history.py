from __future__ import annotations

from mlinfra_assets.registry.history import comparisons


def test_a_view_that_nobody_has_registered_has_no_versions_to_compare() -> None:
    assert comparisons([]) == []
