"""What an audit found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from mlinfra_assets.audit.bits import Mismatch

SHOWN = 20


@dataclass(frozen=True)
class Missing:
    """A prediction that cannot be recomputed at all.

    Attributes:
        prediction_id: Which.
        why: What is missing, and what to do.
    """

    prediction_id: str
    why: str

    def __str__(self) -> str:
        return f"prediction {self.prediction_id}: {self.why}"


@dataclass(frozen=True)
class AuditReport:
    """Predictions recomputed from raw and compared bit for bit.

    Attributes:
        made: Predictions asked about.
        reproduced: Of them, those whose whole vector and score came out the same to the last bit.
        values: Values compared, the scores among them.
        mismatches: Every value that came out different.
        missing: Every prediction that could not be recomputed.
        problems: What is wrong with raw itself, such as altered payloads, whether or not it changed a value.
        causes: For the first mismatches, which rows differ from those that the platform had.
        by_day: Made and reproduced by UTC day of the prediction.
        by_feature: Compared and different by view (null for the score) and feature.
    """

    made: int = 0
    reproduced: int = 0
    values: int = 0
    mismatches: Sequence[Mismatch] = ()
    missing: Sequence[Missing] = ()
    problems: Sequence[str] = ()
    causes: Sequence[str] = ()
    by_day: dict[date, tuple[int, int]] = field(default_factory=dict)
    by_feature: dict[tuple[str | None, str], tuple[int, int]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every prediction was reproduced, from raw rows that are what was landed."""
        return self.reproduced == self.made and not self.problems

    def messages(self, most: int = SHOWN) -> list[str]:
        """What failed, for people: at most `most` of each kind, and how many more there are."""
        lines: list[str] = []
        for found in (self.mismatches, self.missing, self.problems, self.causes):
            lines += [str(item) for item in found[:most]]
            if len(found) > most:
                lines.append(f"... and {len(found) - most} more")
        return lines

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form."""
        return {
            "made": self.made,
            "reproduced": self.reproduced,
            "values": self.values,
            "mismatches": len(self.mismatches),
            "missing": len(self.missing),
            "problems": len(self.problems),
            "messages": self.messages(),
            "by_feature": [
                {"view": view, "feature": feature, "compared": compared, "different": different}
                for (view, feature), (compared, different) in sorted(
                    self.by_feature.items(), key=lambda item: (item[0][0] or "", item[0][1])
                )
            ],
            "by_day": {day.isoformat(): {"made": m, "reproduced": r} for day, (m, r) in sorted(self.by_day.items())},
        }
