"""The two public files of the demo, and how one recognizes them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlinfra_assets.demo import retail
from mlinfra_assets.demo.download import ECB, UCI, DownloadError, Remote
from mlinfra_assets.demo.fx import RateHistory

RETAIL_LINES = 541_909
RETAIL_INVOICES = 25_900
RETAIL_FIRST, RETAIL_LAST = "2010-12-01 08:26:00", "2011-12-09 12:50:00"


def _is_online_retail(path: Path) -> None:
    """The data set is finished and has not changed since 2015: its size, its ends and its invoices are known."""
    lines = retail.read(path).lines
    found = lines.select(
        pl.len().alias("lines"),
        pl.col("InvoiceNo").n_unique().alias("invoices"),
        pl.col("InvoiceDate").min().dt.to_string("%Y-%m-%d %H:%M:%S").alias("first"),
        pl.col("InvoiceDate").max().dt.to_string("%Y-%m-%d %H:%M:%S").alias("last"),
    ).row(0)
    if found != (RETAIL_LINES, RETAIL_INVOICES, RETAIL_FIRST, RETAIL_LAST):
        raise DownloadError(
            f"{UCI} is not the Online Retail data set: it holds {found[0]:,} lines in {found[1]:,} invoices, "
            f"{found[2]} to {found[3]}; {RETAIL_LINES:,} in {RETAIL_INVOICES:,} are expected"
        )


ONLINE_RETAIL = Remote(url=UCI, name="online-retail.zip", max_bytes=64 * 1024**2, verify=_is_online_retail)
"""UCI's Online Retail: a zip with `Online Retail.xlsx` in it (22.6 MiB)."""

REFERENCE_RATES = Remote(url=ECB, name="eurofxref-hist.zip", max_bytes=32 * 1024**2, verify=RateHistory.read)
"""The bank's rates since 1999. A day is added on each working day, so that only its structure can be known."""
