"""What the API needs of whoever can compute a prediction again: the lake is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Replays(Protocol):
    """Computes logged predictions from raw again."""

    def replay(self, prediction_id: str) -> Mapping[str, object] | None:
        """A prediction as it was logged and as raw gives it, JSON-ready; None if there is no such prediction.

        Raises:
            MlinfraError: It cannot be looked up.
        """
        ...
