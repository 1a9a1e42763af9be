"""What a push tells people: plain values, ready for the metadata of an event."""

from __future__ import annotations

from typing import Any

from mlinfra_assets.clock import from_micros
from mlinfra_assets.publishing.models import PushedModel
from mlinfra_assets.publishing.views import Pushed


def view_metadata(pushed: Pushed) -> dict[str, Any]:
    """Rows, version and watermark of a pushed view."""
    return {
        "dagster/row_count": pushed.report.rows,
        "view_version": pushed.version,
        "watermark": {source: positions.to_dict() for source, positions in sorted(pushed.watermark.items())},
        "known_up_to": from_micros(pushed.epoch).isoformat(),
        "bytes": pushed.report.bytes,
    }


def model_metadata(pushed: PushedModel) -> dict[str, Any]:
    """Version, inputs and promotion of a pushed model."""
    return {
        "model_version": pushed.version,
        "promoted_at": pushed.promoted_at.isoformat(),
        "inputs": list(pushed.inputs),
        "bytes": pushed.bytes,
    }
