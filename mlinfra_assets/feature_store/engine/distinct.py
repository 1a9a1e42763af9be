"""Work that is done once for each different value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mlinfra_assets.feature_store.column_type import FLOAT64, STRING
from mlinfra_assets.feature_store.engine.vector import Vector


def used_texts(vector: Vector) -> tuple[list[str], np.ndarray]:
    """The strings that occur in a string vector, and the place of each row's among them (int64[n], 0 where null)."""
    used = np.zeros(max(1, len(vector.dictionary)), np.bool_)
    used[vector.values[vector.valid]] = True
    places = np.cumsum(used) - 1
    texts = [vector.dictionary[code] for code in np.flatnonzero(used).tolist()] if vector.valid.any() else []
    return texts, np.where(vector.valid, places[vector.values], 0)


def vector_of_texts(texts: Sequence[str], places: np.ndarray, valid: np.ndarray) -> Vector:
    """A string vector: row i holds texts[places[i]]; the texts may repeat and be in any order."""
    dictionary = tuple(sorted(set(texts)))
    code = {text: number for number, text in enumerate(dictionary)}
    codes = np.array([code[text] for text in texts] or [0], np.int64)
    return Vector(STRING, np.where(valid, codes[places], 0), valid, dictionary)


def map_texts(vector: Vector, function: Callable[[str], str]) -> Vector:
    """A function of strings, called once for each different string."""
    texts, places = used_texts(vector)
    return vector_of_texts([function(text) for text in texts], places, vector.valid)


def distinct_rows(vectors: Sequence[Vector]) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of some vectors of equal length, bit by bit.

    Returns:
        int64[m], a row for each different one, and int64[n], which of these each row is like.
    """
    code = np.zeros(len(vectors[0]), np.int64)
    for vector in vectors:
        _, code = np.unique(code, return_inverse=True)
        bits = np.ascontiguousarray(vector.values).view(np.int64) if vector.type == FLOAT64 else vector.values
        different, numbers = np.unique(bits, return_inverse=True)
        # Both are below the number of rows, so that the product fits.
        code = code * (len(different) + 1) + np.where(vector.valid, numbers + 1, 0)
    _, rows, places = np.unique(code, return_index=True, return_inverse=True)
    return rows, places
