"""The streams that faults are tested on."""

from __future__ import annotations

from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams import opening
from mlinfra_assets.streams.log import StreamLog


def open_log(settings: Settings, source: Source) -> StreamLog:
    """The log that a source reads from."""
    assert isinstance(source.ingest, StreamIngest)
    return opening.open_log(settings, source.ingest.system)
