"""An entry of the registry: a version of a feature view or of a contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Registered:
    """An entry of the registry.

    Attributes:
        name: The view or the source.
        version: The view's version or the contract's fingerprint.
        document: Its JSON document, as it was recorded.
        registered_at: When, UTC.
        run_id: By which run.
        registered_by: By whom; empty if it was not kept.
        owner: Who answered for the view then; empty if nobody did, and for contracts.
        changed: What differs from the version before, as JSON; empty if it was not kept, and for contracts.
    """

    name: str
    version: str
    document: str
    registered_at: datetime
    run_id: str
    registered_by: str = ""
    owner: str = ""
    changed: str = ""
