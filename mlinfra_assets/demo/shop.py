"""The data that a demo plays: where it is from, and that one home only ever plays one shop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl

from mlinfra_assets.demo import retail, simulated_rates, simulated_shop
from mlinfra_assets.demo.download import DownloadError, Remote, cache_folder, fetch
from mlinfra_assets.demo.fx import RateHistory
from mlinfra_assets.demo.publishers import ONLINE_RETAIL, REFERENCE_RATES
from mlinfra_assets.demo.stages import refuse_short
from mlinfra_assets.errors import InvalidInputError

Say = Callable[[str], None]
PLAYED, RATES = "shop.json", "rates.zip"


@dataclass(frozen=True)
class ShopData:
    """What a demo plays.

    Attributes:
        lines: Order lines: columns of `order_lines.SCHEMA`, in time order.
        rates: The bank's rates, from before the first line to the last or longer.
        origin: Where the lines are from, for people.
        rates_origin: Where the rates are from, for people.
        simulated: Whether the shop is simulated.
        fingerprint: SHA-256 of the lines.
    """

    lines: pl.DataFrame
    rates: RateHistory
    origin: str
    rates_origin: str
    simulated: bool
    fingerprint: str

    @property
    def first_day(self) -> date:
        """Day (UTC) of the first line."""
        return self.lines["at"][0].date()

    @property
    def last_day(self) -> date:
        """Day (UTC) of the last line."""
        return self.lines["at"][-1].date()


@dataclass(frozen=True)
class Played:
    """The shop that a home has begun to play."""

    origin: str
    simulated: bool
    fingerprint: str
    rates_origin: str


def load(
    folder: Path,
    say: Say,
    *,
    data: Path | None = None,
    rates: Path | None = None,
    cache: Path | None = None,
    shop_remote: Remote = ONLINE_RETAIL,
    rates_remote: Remote = REFERENCE_RATES,
) -> ShopData:
    """Get the data: the files that are given, else the public ones, else a simulated shop.

    The home's folder for the demo remembers which shop it plays and keeps the rates, so that playing again, online or
    not, plays the same.

    Args:
        folder: The home's folder for the demo; made if it is missing.
        say: Told what a person should know, such as that there is no network.
        data: A file of Online Retail or Online Retail II.
        rates: The bank's file of rates.
        cache: Where downloads are kept.
        shop_remote: Where the order lines are published.
        rates_remote: Where the rates are published.

    Raises:
        InvalidInputError: A given file cannot be read or is too short, or the home plays another shop.
    """
    played = _played(folder)
    cache = cache or cache_folder()
    if data is None and played is not None and played.simulated:
        lines, origin, simulated = simulated_shop.simulate(), played.origin, True
    else:
        lines, origin, simulated = _lines(data, cache, shop_remote, say)
    fingerprint = sha256(lines.write_csv().encode()).hexdigest()
    if played is not None and played.fingerprint != fingerprint:
        raise InvalidInputError(
            f"{folder.parent} already plays another shop ({played.origin}), and two shops cannot share one home: "
            "give this one a home of its own with --home DIR"
        )
    refuse_short(lines["at"][0], lines["at"][-1])
    last = lines["at"][-1].date()
    history, rates_origin = _rates(folder, rates, played, simulated, cache, rates_remote, say)
    _refuse_uncovered(history, lines["at"][0].date(), rates_origin)
    folder.mkdir(parents=True, exist_ok=True)
    _keep(folder / RATES, history.as_of(last))
    record = Played(origin, simulated, fingerprint, rates_origin)
    _keep(folder / PLAYED, json.dumps(asdict(record), indent=1).encode())
    return ShopData(lines, history, origin, rates_origin, simulated, fingerprint)


def _lines(data: Path | None, cache: Path, remote: Remote, say: Say) -> tuple[pl.DataFrame, str, bool]:
    if data is not None:
        found = retail.read(data)
        if found.repeated:
            say(f"{data.name} tells the same invoices twice where its parts overlap: {found.repeated:,} lines left out")
        return found.lines, data.name, False
    try:
        return retail.read(fetch(remote, cache)).lines, "UCI Online Retail", False
    except DownloadError as error:
        say(f"{error}\nSo the demo plays a simulated shop. To play the real one, give its file with --data FILE.")
        return simulated_shop.simulate(), "simulated shop", True


def _rates(
    folder: Path, given: Path | None, played: Played | None, simulated: bool, cache: Path, remote: Remote, say: Say
) -> tuple[RateHistory, str]:
    if given is not None:
        return RateHistory.read(given), given.name
    if played is not None and (folder / RATES).is_file():
        return RateHistory.read(folder / RATES), played.rates_origin
    if simulated:
        return simulated_rates.simulate(), "simulated rates"
    try:
        return RateHistory.read(fetch(remote, cache)), "European Central Bank"
    except DownloadError as error:
        say(f"{error}\nSo the demo uses simulated exchange rates. To use the real ones, give --rates FILE.")
        return simulated_rates.simulate(), "simulated rates"


def _refuse_uncovered(rates: RateHistory, first: date, origin: str) -> None:
    if rates.published(first) is None:
        raise InvalidInputError(
            f"the exchange rates ({origin}) begin on {rates.first}, after the first order line ({first}): "
            "give the bank's full file with --rates FILE"
        )


def _played(folder: Path) -> Played | None:
    file = folder / PLAYED
    if not file.exists():
        return None
    try:
        return Played(**json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"{file} is damaged: use another home (--home DIR), or restore the file") from error


def _keep(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.part")
    draft.write_bytes(content)
    draft.replace(file)
