"""What a request can get wrong that has a status of its own."""

from __future__ import annotations

from collections.abc import Sequence

from mlinfra_assets.errors import InvalidInputError, MlinfraError


class UnknownSourceError(MlinfraError):
    """There is no such source, or none that takes records here."""


class RefusedRecordsError(InvalidInputError):
    """Records break their contract.

    Attributes:
        reasons: What is wrong with each, for people.
    """

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = list(reasons)


class AnotherBodyError(InvalidInputError):
    """An idempotency key was used before, with another request."""


class BeingWorkedOnError(MlinfraError):
    """The request with this idempotency key is being worked on at this moment."""
