"""How much of a file is in the stream, and where there: what the head of the file says of the rest."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from zlib import crc32

MAGIC = b"mlinfwa1"
HEAD_BYTES = 4096
_FIXED = struct.Struct("<qI")
_RANGE = struct.Struct("<iqq")
_CHECKSUM = struct.Struct("<I")


@dataclass(frozen=True)
class Sent:
    """What the stream has acknowledged.

    Attributes:
        upto: The records that end at or before this byte of the file.
        ranges: First and last offset of them in the stream, by partition; others' records may lie between.
    """

    upto: int = HEAD_BYTES
    ranges: dict[int, tuple[int, int]] = field(default_factory=dict)

    def further(self, upto: int, places: Sequence[tuple[int, int]]) -> Sent:
        """With records up to `upto` at these (partition, offset)."""
        ranges = dict(self.ranges)
        for partition, offset in places:
            first, last = ranges.get(partition, (offset, offset))
            ranges[partition] = (min(first, offset), max(last, offset))
        return Sent(upto, ranges)

    def to_bytes(self) -> bytes:
        """The head of a file. Where there are too many partitions for it nothing is said to be sent."""
        body = _FIXED.pack(self.upto, len(self.ranges))
        body += b"".join(_RANGE.pack(p, *self.ranges[p]) for p in sorted(self.ranges))
        head = MAGIC + _CHECKSUM.pack(crc32(body)) + body
        return head.ljust(HEAD_BYTES, b"\0") if len(head) <= HEAD_BYTES else Sent().to_bytes()

    @classmethod
    def from_bytes(cls, head: bytes) -> Sent:
        """The inverse of `to_bytes`; of a head that is not whole: nothing is sent, and will be sent again."""
        start = len(MAGIC) + _CHECKSUM.size
        if len(head) < start + _FIXED.size or not head.startswith(MAGIC):
            return cls()
        upto, count = _FIXED.unpack_from(head, start)
        end = start + _FIXED.size + count * _RANGE.size
        if end > len(head) or crc32(head[start:end]) != _CHECKSUM.unpack_from(head, len(MAGIC))[0]:
            return cls()
        return cls(upto, {p: (a, b) for p, a, b in _RANGE.iter_unpack(head[start + _FIXED.size : end])})
