"""What tells two payloads apart: 128 bits of BLAKE2b (RFC 7693), of a whole column in one compiled loop."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from mlinfra_assets.feature_store.engine.compiled import compiled, compiled_part

DIGEST_BYTES = 16
HEX_BYTES = 2 * DIGEST_BYTES
BLOCK = 128
U = np.uint64
IV = np.array(
    [
        0x6A09E667F3BCC908,
        0xBB67AE8584CAA73B,
        0x3C6EF372FE94F82B,
        0xA54FF53A5F1D36F1,
        0x510E527FADE682D1,
        0x9B05688C2B3E6C1F,
        0x1F83D9ABFB41BD6B,
        0x5BE0CD19137E2179,
    ],
    np.uint64,
)
# No key, digests of 16 bytes, sequential hashing.
PARAMETERS = U(0x01010000 | DIGEST_BYTES)
SIGMA = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    np.uint64,
)
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)


def content_hashes(payloads: pl.Series) -> pl.Series:
    """The hash of each payload, in hexadecimal; null of null.

    Args:
        payloads: Binary.
    """
    count = len(payloads)
    array = payloads.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    assert isinstance(array, pa.LargeBinaryArray)  # noqa: S101 - what Polars makes of bytes
    _, offsets, data = array.buffers()
    bounds = (
        np.frombuffer(offsets, np.int64)[array.offset : array.offset + count + 1] if count else np.zeros(1, np.int64)
    )
    text = np.empty(max(count, 1) * HEX_BYTES, np.uint8)
    _hash_all(np.zeros(1, np.uint8) if not data else np.frombuffer(data, np.uint8), bounds, text)
    places = pa.py_buffer(np.arange(count + 1, dtype=np.int64) * HEX_BYTES)
    hashes = pl.Series("content_hash", pa.LargeStringArray.from_buffers(count, places, pa.py_buffer(text)))
    if not payloads.null_count():
        return hashes
    return hashes.zip_with(payloads.is_not_null(), pl.Series([None], dtype=pl.String).new_from_index(0, count))


@compiled_part
def _rotated(word, by):  # noqa: ANN001, ANN202 - compiled
    return (word >> U(by)) | (word << U(64 - by))


@compiled_part
def _mixed(a, b, c, d, x, y):  # noqa: ANN001, ANN202 - compiled
    a = a + b + x
    d = _rotated(d ^ a, 32)
    c = c + d
    b = _rotated(b ^ c, 24)
    a = a + b + y
    d = _rotated(d ^ a, 16)
    c = c + d
    b = _rotated(b ^ c, 63)
    return a, b, c, d


@compiled_part
def _compress(state, words, length, last):  # noqa: ANN001, ANN202 - compiled
    v0, v1, v2, v3, v4, v5, v6, v7 = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    v8, v9, v10, v11 = IV[0], IV[1], IV[2], IV[3]
    v12, v13, v14, v15 = IV[4] ^ length, IV[5], IV[6], IV[7]
    if last:
        v14 = ~v14
    for r in range(12):
        s = SIGMA[r]
        v0, v4, v8, v12 = _mixed(v0, v4, v8, v12, words[s[0]], words[s[1]])
        v1, v5, v9, v13 = _mixed(v1, v5, v9, v13, words[s[2]], words[s[3]])
        v2, v6, v10, v14 = _mixed(v2, v6, v10, v14, words[s[4]], words[s[5]])
        v3, v7, v11, v15 = _mixed(v3, v7, v11, v15, words[s[6]], words[s[7]])
        v0, v5, v10, v15 = _mixed(v0, v5, v10, v15, words[s[8]], words[s[9]])
        v1, v6, v11, v12 = _mixed(v1, v6, v11, v12, words[s[10]], words[s[11]])
        v2, v7, v8, v13 = _mixed(v2, v7, v8, v13, words[s[12]], words[s[13]])
        v3, v4, v9, v14 = _mixed(v3, v4, v9, v14, words[s[14]], words[s[15]])
    state[0] ^= v0 ^ v8
    state[1] ^= v1 ^ v9
    state[2] ^= v2 ^ v10
    state[3] ^= v3 ^ v11
    state[4] ^= v4 ^ v12
    state[5] ^= v5 ^ v13
    state[6] ^= v6 ^ v14
    state[7] ^= v7 ^ v15


@compiled
def _hash_all(data: np.ndarray, bounds: np.ndarray, text: np.ndarray) -> None:
    """Hash the bytes between each two bounds, and write the digests one after the other, in hexadecimal."""
    state, block = np.empty(8, np.uint64), np.empty(BLOCK, np.uint8)
    words = block.view(np.uint64)  # little-endian, as the standard and every machine that this runs on
    for item in range(len(bounds) - 1):
        first, end = bounds[item], bounds[item + 1]
        for i in range(8):
            state[i] = IV[i]
        state[0] ^= PARAMETERS
        at = first
        while True:
            last = end - at <= BLOCK
            held = min(end - at, BLOCK)
            block[:held] = data[at : at + held]
            block[held:] = 0
            at = end if last else at + BLOCK
            _compress(state, words, U(at - first), last)
            if last:
                break
        for i in range(DIGEST_BYTES):
            byte = (state[i // 8] >> U(8 * (i % 8))) & U(255)
            text[item * HEX_BYTES + 2 * i] = DIGITS[byte >> U(4)]
            text[item * HEX_BYTES + 2 * i + 1] = DIGITS[byte & U(15)]
