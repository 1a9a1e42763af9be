"""What can go wrong between dbt and the lake."""

from __future__ import annotations

from mlinfra_assets.errors import InvalidInputError, MlinfraError, UnavailableError


class DbtError(UnavailableError):
    """dbt is not installed, or stopped before it could build anything."""


class BuildFailedError(MlinfraError):
    """Models or tests of a build failed; nothing of them, nor of what depends on them, was published."""


class NotRowWiseError(InvalidInputError):
    """A model that claims to map rows one by one, but whose SQL is not proven to."""


class SourceMismatchError(InvalidInputError):
    """A table of the lake does not have the columns that the dbt project declares for it."""
