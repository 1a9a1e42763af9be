"""A batch of JSON messages, scanned as a whole: which of them are plain, and where their fields stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from mlinfra_assets.connectors.json_lines import decode_message
from mlinfra_assets.connectors.json_scan import NEW_NAME, VOUCHED, scan
from mlinfra_assets.contracts.violation import Violation

CHUNK_ROWS = 1 << 16
CHUNK_BYTES = 1 << 26
MAX_VALUES = 1 << 22
OTHER_NAMES = 64
LEARNED_FROM = 32
ROUNDS = 4


@dataclass(frozen=True)
class Tokens:
    """Where the fields of some messages stand.

    Attributes:
        numbers: Numbers of these messages in the batch, int64[n].
        data: Their bytes, one after the other.
        kinds: Kind of each field's value (see `json_scan`), uint8[fields, n].
        begins: Where it begins in `data`, uint32[fields, n].
        ends: Where it ends, uint32[fields, n].
        vouched: Whether the message is a plain JSON object; of others nothing is said here. bool[n].
        names: Names of fields that were not asked for.
        others: Which of these names a message has, a bit each, uint64[n].
    """

    numbers: np.ndarray
    data: np.ndarray
    kinds: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    vouched: np.ndarray
    names: tuple[str, ...]
    others: np.ndarray

    def value(self, field: int, message: int) -> bytes:
        """The bytes of one value."""
        return self.data[self.begins[field, message] : self.ends[field, message]].tobytes()


def tokens(payloads: pl.Series, fields: Sequence[str], max_payload_bytes: int) -> Iterator[Tokens]:
    """The messages of a batch, in order, a bounded part at a time.

    Messages that are null or larger than `max_payload_bytes` are left out.

    Args:
        payloads: Bytes of the messages.
        fields: Names of the fields asked for, each once and plain.
        max_payload_bytes: A larger message is not read.
    """
    sizes = payloads.bin.size()
    readable = (sizes <= max_payload_bytes).fill_null(value=False)
    numbers = readable.arg_true().to_numpy().astype(np.int64)
    lengths = sizes.gather(pl.Series(numbers)).to_numpy().astype(np.int64)
    learned: list[str] = []
    for part in _parts(lengths, max(1, len(fields))):
        yield _scanned(payloads, numbers[part], fields, learned)


def _parts(lengths: np.ndarray, fields: int) -> Iterator[slice]:
    rows = max(1, min(CHUNK_ROWS, MAX_VALUES // fields))
    upto = np.concatenate(([0], np.cumsum(lengths)))
    first = 0
    while first < len(lengths):
        fit = int(np.searchsorted(upto, upto[first] + CHUNK_BYTES, side="right")) - 1
        last = max(first + 1, min(first + rows, fit))
        yield slice(first, last)
        first = last


def _scanned(payloads: pl.Series, numbers: np.ndarray, fields: Sequence[str], learned: list[str]) -> Tokens:
    part = payloads.gather(pl.Series(numbers))
    data, offsets = _bytes(part)
    count = len(numbers)
    kinds = np.zeros((len(fields), count), np.uint8)
    begins = np.zeros((len(fields), count), np.uint32)
    ends = np.zeros((len(fields), count), np.uint32)
    verdicts = np.zeros(count, np.uint8)
    others = np.zeros(count, np.uint64)
    todo = np.arange(count)
    for _ in range(ROUNDS):
        names, bounds = _names([*fields, *learned])
        scan(data, offsets, todo, names, bounds, kinds, begins, ends, verdicts, others)
        todo = todo[verdicts[todo] == NEW_NAME]
        if not len(todo) or not _learn(part, todo, fields, learned):
            break
    return Tokens(numbers, data, kinds, begins, ends, verdicts == VOUCHED, tuple(learned), others)


def _learn(part: pl.Series, todo: np.ndarray, fields: Sequence[str], learned: list[str]) -> bool:
    """Take up names that some of these messages have and that are not known yet; whether there are any."""
    before = len(learned)
    known = {*fields, *learned}
    for payload in part.gather(pl.Series(todo[:LEARNED_FROM])):
        record = decode_message(payload)
        new = () if isinstance(record, Violation) else sorted(filter(is_plain_name, record.keys() - known))
        for name in new[: OTHER_NAMES - len(learned)]:
            known.add(name)
            learned.append(name)
    return len(learned) > before


def is_plain_name(name: str) -> bool:
    """Whether JSON writes a name as it is."""
    return not any(c in '"\\' or c < " " for c in name)


def _names(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [name.encode(errors="surrogatepass") for name in names]
    bounds = np.concatenate(([0], np.cumsum([len(name) for name in encoded], dtype=np.int64))).astype(np.int64)
    return np.frombuffer(b"".join(encoded) or b"\x00", np.uint8), bounds


def _bytes(part: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of values that are not null, one after the other, and where each begins and ends."""
    array = part.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    assert isinstance(array, pa.LargeBinaryArray)  # noqa: S101 - what Polars makes of bytes
    _, offsets, data = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    if data is None or not len(array):
        return np.zeros(1, np.uint8), np.zeros(len(array) + 1, np.int64)
    return np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]
