"""Simulated exchange rates in the form of the European Central Bank's file, for a demo without a network."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from mlinfra_assets.demo.fx import RateHistory

SEED = 20101201
FIRST, LAST = date(2009, 11, 2), date(2011, 12, 30)
GONE = ("CYP", "EEK", "MTL", "ROL", "SIT", "SKK", "TRL")
"""Currencies that the bank's file still has a column for, without rates in these years."""
LEVELS = {
    "USD": (1.3362, 4), "JPY": (110.96, 2), "BGN": (1.9558, 4), "CZK": (24.59, 3), "DKK": (7.4506, 4),
    "GBP": (0.86788, 5), "HUF": (279.37, 2), "LTL": (3.4528, 4), "LVL": (0.7063, 4), "PLN": (4.1206, 4),
    "RON": (4.2391, 4), "SEK": (9.0298, 4), "CHF": (1.2326, 4), "NOK": (7.7934, 4), "HRK": (7.4390, 4),
    "RUB": (40.8846, 4), "TRY": (2.3378, 4), "AUD": (1.3484, 4), "BRL": (2.3265, 4), "CAD": (1.3761, 4),
    "CNY": (8.9960, 4), "HKD": (10.4027, 4), "IDR": (12206.51, 2), "INR": (64.8859, 4), "KRW": (1541.23, 2),
    "MXN": (17.2877, 4), "MYR": (4.2558, 4), "NZD": (1.7600, 4), "PHP": (60.2600, 3), "SGD": (1.7489, 4),
    "THB": (42.4290, 3), "ZAR": (10.0970, 4),
}  # fmt: skip
"""About the mean of 2011 of each currency, and how many digits the bank gives."""


def simulate(seed: int = SEED) -> RateHistory:
    """A walk around the level of each currency, on the bank's working days; equal seeds give equal files."""
    draw = np.random.default_rng(seed)
    days = [d for n in range((LAST - FIRST).days + 1) if _working(d := FIRST + timedelta(days=n))]
    walk = np.zeros((len(days), len(LEVELS)))
    for n in range(1, len(days)):
        walk[n] = 0.99 * walk[n - 1] + draw.normal(0.0, 0.005, len(LEVELS))
    currencies = [*LEVELS, *GONE]
    lines = []
    for n, day in enumerate(days):
        rates = [
            f"{level * np.exp(step):.{digits}f}" for (level, digits), step in zip(LEVELS.values(), walk[n], strict=True)
        ]
        lines.append((day, ",".join([day.isoformat(), *rates, *["N/A"] * len(GONE)]) + ","))
    return RateHistory("Date," + ",".join(currencies) + ",", tuple(reversed(lines)))


def _working(day: date) -> bool:
    """The bank publishes from Monday to Friday, but on Easter's two days, New Year, 1 May and Christmas."""
    easter = {date(2010, 4, 2), date(2010, 4, 5), date(2011, 4, 22), date(2011, 4, 25)}
    return day.weekday() < 5 and day not in easter and (day.month, day.day) not in {(1, 1), (5, 1), (12, 25), (12, 26)}
