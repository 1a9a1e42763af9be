"""The European Central Bank's file of reference rates, and what that file was on an earlier day."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mlinfra_assets.errors import InvalidInputError

MEMBER = "eurofxref-hist.csv"
MAX_UNPACKED = 128 * 1024**2


@dataclass(frozen=True)
class RateHistory:
    """Every published day of the bank's file.

    Attributes:
        header: First line of the csv: `Date,USD,JPY,...,` (the bank ends each line with a comma).
        days: Published days, newest first, each with its line as published.
    """

    header: str
    days: tuple[tuple[date, str], ...]

    @classmethod
    def read(cls, path: Path) -> RateHistory:
        """Read the bank's zip.

        Raises:
            InvalidInputError: The file is missing, torn, or not the bank's.
        """
        try:
            return cls.from_zip(path.read_bytes(), str(path))
        except OSError as error:
            raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}") from error

    @classmethod
    def from_zip(cls, content: bytes, name: str = MEMBER) -> RateHistory:
        """Read the bytes of the bank's zip; `name` is what messages call it.

        Raises:
            InvalidInputError: The file is torn, or not the bank's.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(MEMBER) as stream:
                unpacked = stream.read(MAX_UNPACKED + 1)
        except KeyError as error:
            raise InvalidInputError(f"{name} holds no {MEMBER}: it is not the bank's file of rates") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise InvalidInputError(f"{name} is torn ({error}): download it again") from error
        if len(unpacked) > MAX_UNPACKED:
            raise InvalidInputError(f"{name} unpacks to more than {MAX_UNPACKED:,} bytes: it is not the bank's file")
        return cls._parse(unpacked.decode("utf-8", errors="replace"), name)

    @classmethod
    def _parse(cls, text: str, name: str) -> RateHistory:
        header, *lines = [line for line in text.splitlines() if line.strip()] or [""]
        if not header.startswith("Date,") or "GBP" not in header.split(","):
            raise InvalidInputError(f"{name} is not the bank's file of rates: its first line is {header[:60]!r}")
        cells = header.count(",")
        days: list[tuple[date, str]] = []
        for number, line in enumerate(lines, start=2):
            try:
                day = date.fromisoformat(line[:10])
            except ValueError:
                day = None
            if day is None or line.count(",") != cells:
                raise InvalidInputError(f"{name}: line {number} is no day of rates: {line[:60]!r}; download it again")
            days.append((day, line))
        if not days:
            raise InvalidInputError(f"{name} holds no day of rates: download it again")
        return cls(header, tuple(sorted(days, reverse=True)))

    @property
    def first(self) -> date:
        """The earliest day with rates."""
        return self.days[-1][0]

    @property
    def last(self) -> date:
        """The latest day with rates."""
        return self.days[0][0]

    def published(self, day: date) -> date | None:
        """The newest day with rates on the evening of `day`, or None before the first."""
        return next((known for known, _ in self.days if known <= day), None)

    def as_of(self, day: date) -> bytes:
        """The bank's zip as it was on the evening of `day`; equal days give equal bytes."""
        lines = [self.header, *(line for known, line in self.days if known <= day)]
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            member = zipfile.ZipInfo(MEMBER, (max(day.year, 1980), day.month, day.day, 16, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, "\n".join(lines) + "\n")
        return packed.getvalue()
