"""Where models are kept: every version with its ONNX file in one table, every promotion in another.

Tables: `models/<name>` and `models/<name>_promotions`, both append-only. A file is believed only after its hash: the
version is itself a hash of the file and its inputs, so a file that was changed, with or without its recorded hash, is
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.errors import InvalidInputError, MlinfraError
from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError

TIMESTAMP = pl.Datetime("us", "UTC")
VERSIONS_SCHEMA = pl.Schema(
    {
        "number": pl.Int64(),
        "version": pl.String(),
        "trained_at": TIMESTAMP,
        "training_table": pl.String(),
        "training_version": pl.Int64(),
        "inputs": pl.List(pl.String()),
        "parameters": pl.String(),
        "metrics": pl.String(),
        "onnx": pl.Binary(),
        "sha256": pl.String(),
        "code_version": pl.String(),
    }
)
PROMOTIONS_SCHEMA = pl.Schema(
    {
        "number": pl.Int64(),
        "version": pl.String(),
        "promoted_at": TIMESTAMP,
        "why": pl.String(),
        "metrics": pl.String(),
    }
)


class ModelDamagedError(MlinfraError):
    """A stored model file is not the one that was stored."""


class UnknownModelError(InvalidInputError):
    """A model, or a version of it, that is not there."""


@dataclass(frozen=True)
class StoredModel:
    """A version of a model.

    Attributes:
        name: The model.
        version: 12 hexadecimal digits over the file and its inputs.
        trained_at: UTC.
        training_table: The lake's table that it was fitted on.
        training_version: That table's Delta version.
        inputs: Names of the inputs, in the file's order.
        parameters: How it was fitted, JSON.
        metrics: What was measured on the stored file, JSON.
        onnx: The file.
        code_version: The code that trained it.
    """

    name: str
    version: str
    trained_at: datetime
    training_table: str
    training_version: int
    inputs: tuple[str, ...]
    parameters: str
    metrics: str
    onnx: bytes
    code_version: str

    def scorer(self) -> OnnxScorer:
        """Ready to score."""
        return OnnxScorer(self.onnx, self.inputs)


@dataclass(frozen=True)
class Promoted:
    """A version that went into production.

    Attributes:
        number: From 1 on.
        version: Which.
        promoted_at: When, UTC.
        why: The decision's reason.
        metrics: Both sides' metrics, JSON.
    """

    number: int
    version: str
    promoted_at: datetime
    why: str
    metrics: str


def version_of(onnx: bytes, inputs: Sequence[str]) -> str:
    """A model's version: the same file with the same inputs has the same."""
    return sha256(orjson.dumps([sha256(onnx).hexdigest(), list(inputs)])).hexdigest()[:12]


class ModelStore:
    """The versions of one model, and which of them was in production when."""

    def __init__(self, lake: Lake, name: str) -> None:
        self.name = name
        self._versions = lake.table(names.table(*names.model(name)))
        self._promotions = lake.table(names.table(*names.promotions(name)))

    def ensure(self, provenance: Provenance) -> None:
        """Make both tables exist, empty, so that whoever reads them needs no special case."""
        for table, schema in ((self._versions, VERSIONS_SCHEMA), (self._promotions, PROMOTIONS_SCHEMA)):
            if not table.exists():
                table.append(pl.DataFrame(schema=schema), provenance=provenance)

    def add(self, model: StoredModel, provenance: Provenance) -> bool:
        """Keep a version. False if it is there already: then nothing is written."""

        def row(number: int) -> pl.DataFrame | None:
            if model.version in self.versions():
                return None
            values = {**model.__dict__, "number": number, "sha256": sha256(model.onnx).hexdigest()}
            values["inputs"] = list(model.inputs)
            return pl.DataFrame([{c: values[c] for c in VERSIONS_SCHEMA}], schema=VERSIONS_SCHEMA)

        self.ensure(provenance)
        return _append(self._versions, row, provenance)

    def promote(self, version: str, at: datetime, why: str, metrics: str, provenance: Provenance) -> bool:
        """Put a version into production from `at` on. False if it is there already: then nothing is written.

        Raises:
            UnknownModelError: There is no such version.
        """
        if version not in self.versions():
            raise UnknownModelError(f"model {self.name} has no version {version} that could be promoted")

        def row(number: int) -> pl.DataFrame | None:
            present = self.production()
            if present is not None and present.version == version:
                return None
            values = {"number": number, "version": version, "promoted_at": at, "why": why, "metrics": metrics}
            return pl.DataFrame([values], schema=PROMOTIONS_SCHEMA)

        self.ensure(provenance)
        return _append(self._promotions, row, provenance)

    def versions(self) -> list[str]:
        """All versions, oldest first."""
        if not self._versions.exists():
            return []
        return self._versions.read(columns=["number", "version"]).sort("number")["version"].to_list()

    def promotions(self) -> list[Promoted]:
        """All promotions, oldest first."""
        if not self._promotions.exists():
            return []
        return [Promoted(**row) for row in self._promotions.read().sort("number").iter_rows(named=True)]

    def production(self, at: datetime | None = None) -> Promoted | None:
        """What was in production at a moment (default: now, that is the latest promotion); None if nothing was."""
        found = [p for p in self.promotions() if at is None or p.promoted_at <= at]
        return found[-1] if found else None

    def load(self, version: str) -> StoredModel:
        """A version with its file, verified.

        Raises:
            UnknownModelError: There is no such version.
            ModelDamagedError: The file is not the one that was stored.
        """
        rows = self._versions.read(where=[("version", "==", version)]) if self._versions.exists() else None
        if rows is None or rows.is_empty():
            known = ", ".join(self.versions()) or "none"
            raise UnknownModelError(
                f"model {self.name} has no version {version} in {self._versions.name} (there: {known}): "
                "restore the table, or train again"
            )
        row = rows.row(0, named=True)
        _verify(self._versions.name, row)
        values = {c: row[c] for c in VERSIONS_SCHEMA if c not in {"number", "sha256"}}
        return StoredModel(name=self.name, **{**values, "inputs": tuple(row["inputs"])})


def _verify(table: str, row: dict) -> None:
    found = sha256(row["onnx"]).hexdigest()
    where = f"{table}, version {row['version']}"
    cure = "do not serve it; restore the table to an earlier Delta version, or train again"
    if found != row["sha256"]:
        raise ModelDamagedError(
            f"{where}: the ONNX file ({len(row['onnx'])} bytes) has sha256 {found[:16]}…, stored as "
            f"{row['sha256'][:16]}…: the file is torn or was changed; {cure}"
        )
    if version_of(row["onnx"], row["inputs"]) != row["version"]:
        raise ModelDamagedError(f"{where}: the file or its list of inputs is not that of this version; {cure}")


def _append(table: LakeTable, row: Callable[[int], pl.DataFrame | None], provenance: Provenance) -> bool:
    """Append one numbered row, again from what the table then says if another writer was faster."""
    app = table.name
    while True:
        done = table.progress(app)
        frame = row((done or 0) + 1)
        if frame is None:
            return False
        try:
            table.append(frame, provenance=provenance, advance={app: (done, (done or 0) + 1)})
        except ProgressConflictError:
            continue
        return True
