"""Where models are kept: every version with its ONNX file in one table, every promotion and training in two others.

Tables: `models/<name>`, `models/<name>_promotions` and `models/<name>_trainings`, all append-only. A file is believed
only after its hash: the version is itself a hash of the file and its inputs, so a file that was changed, with or
without its recorded hash, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from mlinfra_assets.learning.numbered import append_numbered, ensure
from mlinfra_assets.learning.promotions import NewPromotion, Promoted, Promotions
from mlinfra_assets.learning.trainings import Trainings

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


def version_of(onnx: bytes, inputs: Sequence[str]) -> str:
    """A model's version: the same file with the same inputs has the same."""
    return sha256(orjson.dumps([sha256(onnx).hexdigest(), list(inputs)])).hexdigest()[:12]


class ModelStore:
    """The versions of one model, its trainings, and which version was in production when.

    Args:
        lake: Where they are kept.
        name: The model's name.
    """

    def __init__(self, lake: Lake, name: str) -> None:
        self.name = name
        self._versions = lake.table(names.table(*names.model(name)))
        self.promotions = Promotions(lake, name)
        self.trainings = Trainings(lake, name)

    def ensure(self, provenance: Provenance) -> None:
        """Make the tables of versions and promotions exist, empty, so that whoever reads them needs no special case."""
        ensure(self._versions, VERSIONS_SCHEMA, provenance)
        self.promotions.ensure(provenance)

    def add(self, model: StoredModel, provenance: Provenance) -> bool:
        """Keep a version. False if it is there already: then nothing is written."""

        def row(number: int) -> pl.DataFrame | None:
            if model.version in self.versions():
                return None
            values = {**model.__dict__, "number": number, "sha256": sha256(model.onnx).hexdigest()}
            values["inputs"] = list(model.inputs)
            return pl.DataFrame([{c: values[c] for c in VERSIONS_SCHEMA}], schema=VERSIONS_SCHEMA)

        self.ensure(provenance)
        return append_numbered(self._versions, row, provenance)

    def promote(self, promotion: NewPromotion, provenance: Provenance, *, instead_of: str | None = None) -> bool:
        """Put a version into production. False if it is there already: then nothing is written.

        Raises:
            UnknownModelError: There is no such version.
            PromotionConflictError: Another version than `instead_of` is in production by now; nothing was written.
        """
        if promotion.version not in self.versions():
            raise UnknownModelError(f"model {self.name} has no version {promotion.version} that could be promoted")
        return self.promotions.add(promotion, provenance, instead_of=instead_of)

    def versions(self) -> list[str]:
        """All versions, oldest first."""
        if not self._versions.exists():
            return []
        return self._versions.read(columns=["number", "version"]).sort("number")["version"].to_list()

    def production(self, at: datetime | None = None) -> Promoted | None:
        """What was in production at a moment (default: now, that is the latest promotion); None if nothing was."""
        return self.promotions.production(at)

    def challenger(self) -> str | None:
        """The newest version, if it never was in production; None if it is there or was."""
        versions = self.versions()
        tried = {promoted.version for promoted in self.promotions.all()}
        return versions[-1] if versions and versions[-1] not in tried else None

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
