"""What a read of one view answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlinfra_assets.feature_store.engine.evaluate import NOT_FOUND
from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.kernel.evaluate import Answer
from mlinfra_assets.feature_store.online.vector import STATUSES, OnlineVector


@dataclass(frozen=True)
class ViewAnswer:
    """The features of some entities.

    Attributes:
        names: Of the features, in order.
        values: Theirs, column by column.
        found: What they rest on.
        scores: Version of each model whose score is among the features.
    """

    names: tuple[str, ...]
    values: Answer
    found: Fetched
    scores: Mapping[str, str]

    def vectors(self) -> list[OnlineVector]:
        """The same entity by entity."""
        found = self.found
        watermark, epoch, record = found.watermark, found.epoch, found.record
        rows = zip(*self.values.columns, strict=True) if self.names else [()] * len(self.values.status)
        return [
            OnlineVector(
                values=dict(zip(self.names, values, strict=True)),
                status=STATUSES[status],
                event_time=None if status == NOT_FOUND else latest,
                version=record.version,
                watermark=watermark,
                epoch=epoch,
                scores=self.scores,
                run=record.run,
            )
            for values, status, latest in zip(rows, self.values.status, self.values.latest, strict=True)
        ]
