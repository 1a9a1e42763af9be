"""The vectors that predictions were logged with, as the numbers that a model takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from mlinfra_assets.errors import InvalidInputError


def logged_vectors(features: Iterable[str], inputs: Sequence[str]) -> NDArray[np.float64]:
    """Shape (predictions, inputs): null and what is not in the vector are NaN, a condition 1 or 0.

    These are the numbers that serving gave the model, to the last bit.

    Args:
        features: The vectors as predictions log them: JSON objects of `"view:feature"` to value.
        inputs: Which features, in order.

    Raises:
        InvalidInputError: A vector is no JSON object, or a value of it is no number.
    """
    rows = [_row(text, inputs) for text in features]
    return np.array(rows, np.float64).reshape(len(rows), len(inputs))


def _row(text: str, inputs: Sequence[str]) -> list[float]:
    try:
        vector = orjson.loads(text)
        return [math.nan if (value := vector.get(name)) is None else float(value) for name in inputs]
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise InvalidInputError(f"a logged vector is not one of numbers: {text[:80]}: {error}") from error
