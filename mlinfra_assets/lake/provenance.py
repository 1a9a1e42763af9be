"""Where a commit comes from: the run, the code, the input tables' versions, and the positions that it reaches."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlinfra_assets.positions import Positions

PREFIX = "mlinfra."
RUN, CODE, INPUTS, POSITIONS, EXTRA = (PREFIX + n for n in ("run_id", "code_version", "inputs", "positions", "extra"))


@dataclass(frozen=True)
class Provenance:
    """What a commit says about its origin, kept in the commit itself.

    Attributes:
        run_id: The run that wrote it.
        code_version: The code that ran.
        inputs: Delta versions of the tables that it was computed from, by table name.
        positions: How far each source is contained after this commit, by source.
        extra: Anything else, text to text.
    """

    run_id: str
    code_version: str
    inputs: Mapping[str, int] = field(default_factory=dict)
    positions: Mapping[str, Positions] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """The commit's custom metadata: equal provenance gives equal text."""
        positions = {source: p.to_dict() for source, p in self.positions.items()}
        return {
            RUN: self.run_id,
            CODE: self.code_version,
            INPUTS: _canonical(dict(self.inputs)),
            POSITIONS: _canonical(positions),
            EXTRA: _canonical(dict(self.extra)),
        }


def from_metadata(metadata: Mapping[str, object]) -> Provenance | None:
    """The provenance that a commit's metadata holds; None if the commit carries none."""
    if RUN not in metadata:
        return None

    def parsed(key: str) -> dict:
        return json.loads(str(metadata.get(key, "{}")))

    return Provenance(
        run_id=str(metadata[RUN]),
        code_version=str(metadata.get(CODE, "")),
        inputs={name: int(version) for name, version in parsed(INPUTS).items()},
        positions={source: Positions.from_dict(p) for source, p in parsed(POSITIONS).items()},
        extra={name: str(value) for name, value in parsed(EXTRA).items()},
    )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
