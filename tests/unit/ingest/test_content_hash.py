"""The hash of a column is that of the standard library."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.ingest.content_hash import content_hashes


def expected(payload: bytes | None) -> str | None:
    return None if payload is None else blake2b(payload, digest_size=16).hexdigest()


def hashed(payloads: Sequence[bytes | None]) -> list[str | None]:
    return content_hashes(pl.Series(payloads, dtype=pl.Binary)).to_list()


@settings(deadline=None)
@given(st.lists(st.none() | st.binary(max_size=600), max_size=20))
def test_any_payloads(payloads: list[bytes | None]) -> None:
    assert hashed(payloads) == [expected(p) for p in payloads]


def test_every_length_around_a_block() -> None:
    payloads = [bytes([n % 251]) * n for n in range(300)]
    assert hashed(payloads) == [expected(p) for p in payloads]


def test_a_part_of_a_column() -> None:
    payloads = [b"%d" % n for n in range(100)]
    assert content_hashes(pl.Series(payloads).slice(30, 40)).to_list() == [expected(p) for p in payloads[30:70]]


def test_a_large_payload() -> None:
    payload = bytes(range(256)) * 5_000
    assert hashed([payload]) == [expected(payload)]
