"""Which version of a model was in production from when, who put it there, and why. Append-only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.numbered import append_numbered, ensure

RULE, PROMOTED, ROLLED_BACK = "rule", "promote", "rollback"
"""What put a version into production: the declared rule, a person, a person who took another one out."""

THE_RULE = "the promotion rule"
TIMESTAMP = pl.Datetime("us", "UTC")
PROMOTIONS_SCHEMA = pl.Schema(
    {
        "number": pl.Int64(),
        "version": pl.String(),
        "promoted_at": TIMESTAMP,
        "why": pl.String(),
        "metrics": pl.String(),
        "kind": pl.String(),
        "by": pl.String(),
    }
)


class PromotionConflictError(UnavailableError):
    """Another promotion came first."""


@dataclass(frozen=True)
class Promoted:
    """A version that went into production.

    Attributes:
        number: From 1 on.
        version: Which.
        promoted_at: From when on, UTC: never before the promotion that it follows.
        why: The reason.
        metrics: Both sides' metrics, JSON.
        kind: `rule`, `promote` or `rollback`.
        by: Who.
    """

    number: int
    version: str
    promoted_at: datetime
    why: str
    metrics: str
    kind: str = RULE
    by: str = THE_RULE


@dataclass(frozen=True)
class NewPromotion:
    """A version that shall go into production; `Promoted` says what the rest is."""

    version: str
    at: datetime
    why: str
    metrics: str = "{}"
    kind: str = RULE
    by: str = THE_RULE

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise InvalidInputError("a promotion needs a reason that is kept with it")


class Promotions:
    """The promotions of one model.

    Args:
        lake: Where they are kept.
        model: The model's name.
    """

    def __init__(self, lake: Lake, model: str) -> None:
        self._model = model
        self._table = lake.table(names.table(*names.promotions(model)))

    def ensure(self, provenance: Provenance) -> None:
        """Make the table exist."""
        ensure(self._table, PROMOTIONS_SCHEMA, provenance)

    def add(self, promotion: NewPromotion, provenance: Provenance, *, instead_of: str | None = None) -> bool:
        """Put a version into production. False if it is there already: then nothing is written.

        Args:
            promotion: Which, when, why and by whom.
            provenance: Kept in the commit.
            instead_of: The version that has to be in production; None: any.

        Raises:
            PromotionConflictError: It is another one by now; nothing was written.
        """

        def row(number: int) -> pl.DataFrame | None:
            present = self.production()
            if present is not None and present.version == promotion.version:
                return None
            if instead_of is not None and (present is None or present.version != instead_of):
                found = "none" if present is None else present.version
                raise PromotionConflictError(
                    f"model {self._model}: {found} is in production by now, not {instead_of}: look again, then decide"
                )
            at = promotion.at if present is None else max(promotion.at, present.promoted_at)
            values = {**promotion.__dict__, "number": number, "promoted_at": at}
            return pl.DataFrame([{c: values[c] for c in PROMOTIONS_SCHEMA}], schema=PROMOTIONS_SCHEMA)

        self.ensure(provenance)
        return append_numbered(self._table, row, provenance)

    def all(self) -> list[Promoted]:
        """All promotions, oldest first."""
        if not self._table.exists():
            return []
        rows = self._table.read().sort("number").iter_rows(named=True)
        return [Promoted(**{name: value for name, value in row.items() if value is not None}) for row in rows]

    def production(self, at: datetime | None = None) -> Promoted | None:
        """What was in production at a moment (default: now, that is the latest promotion); None if nothing was."""
        found = [p for p in self.all() if at is None or p.promoted_at <= at]
        return found[-1] if found else None

    def before(self) -> Promoted | None:
        """The promotion before the present one; None if there is none."""
        found = self.all()
        return found[-2] if len(found) > 1 else None

    def rolled_back(self) -> dict[str, Promoted]:
        """The versions that a person took out and nobody has put back, with the rollback that did."""
        taken: dict[str, Promoted] = {}
        last: Promoted | None = None
        for promoted in self.all():
            taken.pop(promoted.version, None)
            if promoted.kind == ROLLED_BACK and last is not None:
                taken[last.version] = promoted
            last = promoted
        return taken
