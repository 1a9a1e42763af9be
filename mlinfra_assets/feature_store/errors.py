"""What goes wrong with features, said so that a person can act on it."""

from __future__ import annotations

from mlinfra_assets.errors import InvalidInputError, MlinfraError


class DefinitionError(InvalidInputError):
    """A feature view, entity, dataset or service is declared wrongly."""


class RetrievalError(InvalidInputError):
    """Features were asked for in a way that cannot be answered."""


class FeatureOverflowError(MlinfraError):
    """An exact integer result does not fit in 64 bits: it is refused, never wrapped."""


class FunctionError(MlinfraError):
    """A function of plain Python failed on the values that it was given, or returned another type than it declares."""
