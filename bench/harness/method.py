"""A method: one way to answer a benchmark's question, which runs in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Environment(Enum):
    """Which libraries a method is run with."""

    PROJECT = "project"
    PEERS = "peers"


@dataclass(frozen=True)
class Limits:
    """When a method is stopped and reported as not having finished.

    Attributes:
        seconds: Wall time.
        gigabytes: Resident memory, in units of 10**9 bytes.
    """

    seconds: float = 900.0
    gigabytes: float = 16.0


@dataclass(frozen=True)
class Method:
    """One way to answer.

    Attributes:
        name: What the report calls it.
        module: Has `ready(data, variant)`, which does what is not measured and returns the work as a function without
            arguments, and `save(answer, path)`, which writes its answer as Parquet.
        variant: What `ready` is told beside the folder of the data.
        environment: The libraries it runs with.
        limits: When to give up.
        may_lose_rows: The method leaves out rows of which something is not known; the report says how many, and
            they are not counted as wrong.
        share: Part of the question that it answers. Its seconds are multiplied up to the whole, and the report says so.
        note: What a reader has to know of it.
    """

    name: str
    module: str
    variant: str = ""
    environment: Environment = Environment.PROJECT
    limits: Limits = Limits()
    may_lose_rows: bool = False
    share: float = 1.0
    note: str = ""
