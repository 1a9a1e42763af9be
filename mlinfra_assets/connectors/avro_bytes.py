"""Avro's binary encoding, read with suspicion: every length is held against what is there."""

from __future__ import annotations

import struct

MAX_DEPTH = 32
FREE_VALUES = 10_000
FLOAT, DOUBLE = struct.Struct("<f"), struct.Struct("<d")


class AvroError(ValueError):
    """Bytes that are not what the schema says; `rule` names what is wrong.

    Attributes:
        rule: `Avro`, or `depth`.
    """

    def __init__(self, message: str, rule: str = "Avro") -> None:
        super().__init__(message)
        self.rule = rule


class AvroBytes:
    """A message's bytes, and how far they are read.

    Attributes:
        data: The bytes.
        at: Number of bytes read.
        depth: How many records, lists and maps are open.
        budget: How many more values may be read: a value may take no bytes at all, so bytes alone do not limit them.
    """

    __slots__ = ("at", "budget", "data", "depth")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.depth = 0
        self.budget = FREE_VALUES + len(data)

    def spend(self, values: int) -> None:
        """Count values that are about to be read.

        Raises:
            AvroError: There are more of them than a message of this size can have.
        """
        self.budget -= values
        if self.budget < 0:
            raise AvroError(f"has more values than a message of {len(self.data):,} bytes can hold")

    def enter(self) -> None:
        """Go a level deeper.

        Raises:
            AvroError: That is too deep.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise AvroError(f"nested deeper than {MAX_DEPTH} levels", "depth")

    def long(self) -> int:
        """A whole number of up to 64 bits."""
        data, at = self.data, self.at
        value = shift = 0
        try:
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
                if shift > 63:
                    raise AvroError(f"byte {self.at}: a number of more than 64 bits")
        except IndexError:
            raise AvroError("ends within a number") from None
        if value >> 64:
            raise AvroError(f"byte {self.at}: a number of more than 64 bits")
        self.at = at
        return (value >> 1) ^ -(value & 1)

    def whole(self) -> int:
        """A whole number of up to 32 bits."""
        at, value = self.at, self.long()
        if not -(2**31) <= value < 2**31:
            raise AvroError(f"byte {at}: {value} does not fit into 32 bits")
        return value

    def take(self, length: int) -> bytes:
        """So many bytes."""
        end = self.at + length
        if length < 0 or end > len(self.data):
            left = len(self.data) - self.at
            raise AvroError(f"byte {self.at}: {length:,} bytes are announced, and {left:,} are left")
        found = self.data[self.at : end]
        self.at = end
        return found

    def blob(self) -> bytes:
        """Bytes that say how many they are."""
        return self.take(self.long())

    def text(self) -> str:
        """Text."""
        at, found = self.at, self.blob()
        try:
            return found.decode()
        except UnicodeDecodeError as error:
            raise AvroError(f"byte {at}: a text that is not UTF-8 ({error.reason})") from None

    def boolean(self) -> bool:
        """True or false."""
        byte = self.take(1)[0]
        if byte > 1:
            raise AvroError(f"byte {self.at - 1}: {byte} is neither true (1) nor false (0)")
        return byte == 1

    def single(self) -> float:
        """A float of 32 bits, as the double of the same value."""
        return FLOAT.unpack(self.take(4))[0]

    def double(self) -> float:
        """A float of 64 bits."""
        return DOUBLE.unpack(self.take(8))[0]
