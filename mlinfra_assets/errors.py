"""The base of every error that is meant for a person to read.

The command line prints such an error without a traceback and exits non-zero; the API turns it into a 4xx or 503.
"""

from __future__ import annotations


class MlinfraError(Exception):
    """Something a person can act on: the message says what was wrong, where, and what to do."""


class UnavailableError(MlinfraError):
    """A system that is needed (Redis, the stream, the lake's storage) cannot be reached or is not loaded."""


class InvalidInputError(MlinfraError):
    """Input that cannot be accepted: a file, a payload, a request, an argument."""
