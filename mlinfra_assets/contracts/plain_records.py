"""The plain ones among a batch of JSON messages, typed all at once. The others go through `decode` and `parse`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from mlinfra_assets.contracts.contract import Contract

if TYPE_CHECKING:
    from mlinfra_assets.connectors.json_batch import Tokens

LEAST_RECORDS = 1000
"""In a smaller batch there is less to gain than it takes to load the compiled loops."""


@dataclass
class PlainRecords:
    """Typed records.

    Attributes:
        values: Typed records, `Contract.value_schema()`.
        numbers: For each, the number of its message in the batch; rising.
        unknown: By name, the numbers of the messages that have a field which the contract does not name; rising.
    """

    values: pl.DataFrame
    numbers: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    unknown: dict[str, np.ndarray] = field(default_factory=dict)


def plain_records(contract: Contract, payloads: pl.Series, max_payload_bytes: int) -> PlainRecords:
    """The records of those messages that are plain: their values are what `decode_one` and `typed_column` make of them.

    Args:
        contract: The fields.
        payloads: Bytes of the messages.
        max_payload_bytes: A larger message is not read.
    """
    from mlinfra_assets.connectors.json_batch import is_plain_name, tokens

    names = list(dict.fromkeys(f.physical_name for f in contract.fields))
    if not all(is_plain_name(name) and "." not in name for name in names):
        return PlainRecords(pl.DataFrame(schema=contract.value_schema()))
    frames, numbers = [pl.DataFrame(schema=contract.value_schema())], [np.zeros(0, np.int64)]
    unknown: dict[str, list[np.ndarray]] = {}
    for part in tokens(payloads, names, max_payload_bytes):
        made = _typed(contract, names, part)
        if made is None:
            return PlainRecords(frames[0])
        frame, vouched = made
        frames.append(frame)
        numbers.append(part.numbers[vouched])
        for bit, name in enumerate(part.names):
            having = vouched & ((part.others >> np.uint64(bit)) & np.uint64(1)).astype(np.bool_)
            if having.any():
                unknown.setdefault(name, []).append(part.numbers[having])
    return PlainRecords(
        pl.concat(frames), np.concatenate(numbers), {name: np.concatenate(found) for name, found in unknown.items()}
    )


def _typed(contract: Contract, names: list[str], part: Tokens) -> tuple[pl.DataFrame, np.ndarray] | None:
    from mlinfra_assets.contracts.plain_columns import plain_column

    vouched = part.vouched.copy()
    columns: list[pa.Array] = []
    for of in contract.fields:
        column = plain_column(contract, of, part, names.index(of.physical_name), vouched)
        if column is None:
            return None
        columns.append(column)
    frame = pl.DataFrame(
        [pl.Series(of.name, pl.from_arrow(column)) for of, column in zip(contract.fields, columns, strict=True)],
        schema=contract.value_schema(),
    )
    return (frame if vouched.all() else frame.filter(pl.Series(vouched))), vouched
