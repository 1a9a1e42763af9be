"""Methods that do not do as they should."""

import time

import polars as pl


def ready(data, variant):
    def work():
        if variant == "slow" and data.name == "full":
            time.sleep(30)
        if variant == "large" and data.name == "full":
            held = bytearray(400_000_000)
            held[::4096] = b"x" * len(held[::4096])
            time.sleep(30)
        if variant == "broken":
            raise ValueError("there is no such table")
        return pl.DataFrame({"id": [1], "a": [2 if variant == "wrong" else 1]})

    return work


def save(answer, path):
    answer.write_parquet(path)
