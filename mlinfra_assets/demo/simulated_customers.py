"""Who buys at the simulated shop, and when: habits from which a model can learn who is about to stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlinfra_assets.demo.simulated_calendar import BUSY

CUSTOMERS = 1_500
MONTH = 30.0
COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Spain", "Netherlands", "Belgium", "Portugal", "Norway")
COUNTRY_SHARES = (0.885, 0.03, 0.03, 0.01, 0.012, 0.008, 0.009, 0.008, 0.008)


@dataclass(frozen=True)
class Customers:
    """The customers, by position, and their visits in no particular order.

    Attributes:
        numbers: Account numbers.
        countries: Country of each account.
        lines: How many lines a customer usually buys at once.
        scale: How many units of a thing a customer usually takes, against the average.
        returns: Chance that something of an order comes back.
        visitor: Of each visit, the customer's position.
        day: Of each visit, days since the shop's first day, as a fraction.
    """

    numbers: np.ndarray
    countries: np.ndarray
    lines: np.ndarray
    scale: np.ndarray
    returns: np.ndarray
    visitor: np.ndarray
    day: np.ndarray


def customers(draw: np.random.Generator) -> Customers:
    """Draw the customers and their visits.

    Each buys at a rate of their own, and stays for a time that is longer for those who buy often and shorter for those
    who send much back. In the last weeks before they stop, most come less often. So the time since the last order, the
    number of orders and the share of returns say something of what comes, and none says it all.
    """
    rate = 0.25 + draw.gamma(1.1, 0.75, CUSTOMERS)
    returns = np.clip(draw.beta(1.0, 9.0, CUSTOMERS), 0.0, 0.8)
    old = draw.random(CUSTOMERS) < 0.5
    joined = np.where(old, draw.uniform(-200.0, 0.0, CUSTOMERS), draw.uniform(0.0, 330.0, CUSTOMERS))
    stays = draw.exponential(MONTH * (3.0 + 7.0 * rate) * (1.0 - 0.9 * returns))
    begins = np.maximum(joined, 0.0)
    leaves = np.maximum(joined, 0.0) + stays
    visitor, day = _visits(draw, rate, begins, leaves)
    return Customers(
        numbers=np.sort(draw.choice(np.arange(12_346, 18_288), CUSTOMERS, replace=False)),
        countries=draw.choice(np.array(COUNTRIES), CUSTOMERS, p=COUNTRY_SHARES),
        lines=np.clip(draw.lognormal(2.2, 0.6, CUSTOMERS), 1.0, 90.0),
        scale=draw.lognormal(0.0, 0.6, CUSTOMERS),
        returns=returns,
        visitor=visitor,
        day=day,
    )


def _visits(
    draw: np.random.Generator, rate: np.ndarray, begins: np.ndarray, leaves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A Poisson process for each customer, thinned by season and by what is left of their interest."""
    end = float(BUSY.size)
    span = np.maximum(np.minimum(leaves, end) - begins, 0.0)
    peak = float(BUSY.max())
    wanted = draw.poisson(rate / MONTH * span * peak)
    visitor = np.repeat(np.arange(rate.size), wanted)
    day = begins[visitor] + draw.random(visitor.size) * span[visitor]
    interest = np.clip(0.35 + (leaves[visitor] - day) / 45.0, 0.0, 1.0)
    kept = draw.random(visitor.size) < interest * BUSY[np.floor(day).astype(np.int64)] / peak
    return visitor[kept], day[kept]
