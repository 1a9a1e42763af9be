"""Tests that hold on every stream system."""

from __future__ import annotations

import pytest

each_system = pytest.mark.parametrize(
    "ingestion", ["on_redis", pytest.param("on_kafka", marks=pytest.mark.service("kafka"))], indirect=True
)
