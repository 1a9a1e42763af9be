"""Whether a contract may follow those that were published: the modes and rules of a schema registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mlinfra_assets.contracts.contract import Compatibility, Contract
from mlinfra_assets.contracts.readable import Reason, unreadable

Direction = Literal["BACKWARD", "FORWARD"]
Bump = Literal["none", "patch", "minor", "major"]
BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")
DIRECTIONS: dict[str, tuple[Direction, ...]] = {
    "BACKWARD": ("BACKWARD",),
    "FORWARD": ("FORWARD",),
    "FULL": ("BACKWARD", "FORWARD"),
    "NONE": (),
}
INSTEAD: dict[tuple[str, Direction], str] = {
    ("presence", "BACKWARD"): "add the field without required",
    ("presence", "FORWARD"): "keep the field, or publish it without required first",
    ("required", "BACKWARD"): "leave it without required, and count nulls in a batch rule (nullValues)",
    ("required", "FORWARD"): "keep required",
    ("name", "BACKWARD"): "keep name and physicalName, and add a new optional field beside it",
    ("name", "FORWARD"): "keep name and physicalName, and add a new optional field beside it",
    ("type", "BACKWARD"): "keep the type, and add a new optional field of the other type; an integer may become a "
    "number or a decimal, a decimal may get more digits after the point",
    ("type", "FORWARD"): "keep the type, and add a new optional field of the other type",
    ("room", "BACKWARD"): "publish limits (minimum, maximum) that leave room first, then widen the type; this is a "
    "change of its own",
    ("room", "FORWARD"): "give the new type limits (minimum, maximum) that the old one has room for",
    ("empty", "BACKWARD"): "leave emptyIsNull as it is",
    ("empty", "FORWARD"): "leave emptyIsNull as it is",
    ("range", "BACKWARD"): "keep the range as wide as it was, and warn of the others in a row rule of severity warning",
    ("range", "FORWARD"): "keep the range as narrow as it was",
    ("pattern", "BACKWARD"): "keep the pattern or remove it, and warn in a row rule of severity warning",
    ("pattern", "FORWARD"): "keep the pattern, or list valid values that match it",
    ("values", "BACKWARD"): "keep the valid values that there were; new ones may be added",
    ("values", "FORWARD"): "add no valid values; some may be removed",
    ("length", "BACKWARD"): "keep the lengths as wide as they were, and warn in a row rule of severity warning",
    ("length", "FORWARD"): "keep the lengths as narrow as they were",
    ("format", "BACKWARD"): "add a new optional field for the new format",
    ("format", "FORWARD"): "add a new optional field for the new format",
    ("message format", "BACKWARD"): "keep the format, and declare a new source for the topic with the other one",
    ("message format", "FORWARD"): "keep the format, and declare a new source for the topic with the other one",
    ("unit", "BACKWARD"): "add a new optional field in the new unit",
    ("unit", "FORWARD"): "add a new optional field in the new unit",
    ("event time", "BACKWARD"): "keep the event time: another one orders all rows anew; declare a new source",
    ("event time", "FORWARD"): "keep the event time: another one orders all rows anew; declare a new source",
    ("time zone", "BACKWARD"): "send times with their offset in a new field, or declare a new source",
    ("time zone", "FORWARD"): "send times with their offset in a new field, or declare a new source",
    ("key", "BACKWARD"): "keep the primary key: another one replaces other rows; declare a new source",
    ("key", "FORWARD"): "keep the primary key: another one replaces other rows; declare a new source",
    ("row rule", "BACKWARD"): "give the rule severity warning",
    ("row rule", "FORWARD"): "keep the rule with severity error",
}
"""What could be done instead, by what differs and by the direction that is refused."""


@dataclass(frozen=True)
class Refusal:
    """One reason why a contract may not follow a published one.

    Attributes:
        direction: `BACKWARD`: the new contract would not read data written under the published one; `FORWARD`: the
            published one would not read data written under the new.
        against: The published version.
        reason: What differs, and where.
    """

    direction: Direction
    against: str
    reason: Reason

    @property
    def instead(self) -> str:
        """The nearest change that would be compatible."""
        return INSTEAD[self.reason.kind, self.direction]

    def __str__(self) -> str:
        where = "the contract" if self.reason.field is None else f"field {self.reason.field}"
        return f"{where}: not {self.direction} compatible with {self.against}: {self.reason.message}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "direction": self.direction,
            "against": self.against,
            "field": self.reason.field,
            "kind": self.reason.kind,
            "message": self.reason.message,
            "instead": self.instead,
        }


@dataclass(frozen=True)
class Verdict:
    """What may be said of a contract that is to follow others.

    Attributes:
        mode: The mode in force: that of the published contract which it follows. A change of the mode is one for the
            version after.
        against: The version that it follows; None: it is the first.
        refusals: Why it may not. Empty: it may.
        asks: The part of the version that has to be raised at least.
        version: The version that the contract states.
        returned: Whether its rules are those of a published version before the newest: then it may always come back.
    """

    mode: Compatibility
    against: str | None
    refusals: tuple[Refusal, ...]
    asks: Bump
    version: str
    returned: bool = False

    @property
    def compatible(self) -> bool:
        """Whether the contract may follow."""
        return not self.refusals

    @property
    def version_problem(self) -> str | None:
        """What is wrong with the version that the contract states; None: nothing."""
        if self.against is None or self.returned or raised(self.against, self.version) >= BUMPS.index(self.asks):
            return None
        least = next_version(self.against, self.asks)
        return f"version {self.version} follows {self.against}, and the change asks for {least} or more"


def judge(declared: Contract, published: Sequence[Contract]) -> Verdict:
    """Whether a contract may follow the published ones (in order), by the mode of the newest of them.

    One whose rules are those of a published version may always come back.
    """
    if not published:
        return Verdict(declared.compatibility, None, (), "none", declared.version)
    newest = published[-1]
    mode = newest.compatibility
    directions = DIRECTIONS[mode.removesuffix("_TRANSITIVE")]
    if any(contract.fingerprint == declared.fingerprint for contract in published):
        returned = declared.fingerprint != newest.fingerprint
        return Verdict(mode, newest.version, (), bump(declared, newest), declared.version, returned)
    against = published if mode.endswith("_TRANSITIVE") else [newest]
    refused = tuple(r for old in reversed(against) for r in refusals(declared, old, directions))
    return Verdict(mode, newest.version, refused, bump(declared, newest), declared.version)


def refusals(declared: Contract, published: Contract, directions: Sequence[Direction]) -> list[Refusal]:
    """Why a contract may not follow a published one, in these directions."""
    found: list[Refusal] = []
    for direction in directions:
        pair = (declared, published) if direction == "BACKWARD" else (published, declared)
        found += [Refusal(direction, published.version, reason) for reason in unreadable(*pair)]
    return found


def bump(declared: Contract, published: Contract) -> Bump:
    """Which part of the version a change asks to raise.

    `major`: what the mode in force refuses (under NONE: what FULL would refuse). `minor`: any other change of schema
    or rules, and values that are no longer protected. `patch`: words.
    """
    if declared.fingerprint == published.fingerprint:
        if _exposed(declared, published):
            return "minor"
        return "none" if declared.to_json() == _with_version(published, declared.version).to_json() else "patch"
    mode = published.compatibility.removesuffix("_TRANSITIVE")
    directions = DIRECTIONS["FULL" if mode == "NONE" else mode]
    return "major" if refusals(declared, published, directions) else "minor"


def raised(before: str, after: str) -> int:
    """Which part of a version was raised, as a place in `BUMPS`; -1: it went back."""
    old, new = ([int(part) for part in version.split(".")] for version in (before, after))
    if new < old:
        return -1
    return next((3 - i for i in range(3) if new[i] > old[i]), 0)


def next_version(before: str, part: Bump) -> str:
    """The least version that raises this part."""
    major, minor, patch = (int(number) for number in before.split("."))
    return {
        "none": before,
        "patch": f"{major}.{minor}.{patch + 1}",
        "minor": f"{major}.{minor + 1}.0",
        "major": f"{major + 1}.0.0",
    }[part]


def _exposed(declared: Contract, published: Contract) -> list[str]:
    """The fields whose values are no longer protected."""
    open_now = {f.name for f in declared.fields if not f.protected}
    return [f.name for f in published.fields if f.protected and f.name in open_now]


def _with_version(contract: Contract, version: str) -> Contract:
    return replace(contract, version=version)
