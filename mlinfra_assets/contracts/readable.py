"""Whether records that one contract accepts are read by another one: accepted too, and with the same typed values.

The compatibility modes of a schema registry are this one question, asked in one direction or in both. The answer is
proven or no: a change that nobody can prove harmless is refused, with the field and the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlinfra_assets.contracts.contract import Condition, Contract, Field, RowRule
from mlinfra_assets.contracts.readable_field import unreadable_values


@dataclass(frozen=True)
class Reason:
    """Why a record that the writer's contract accepts may not be read by the reader's.

    Attributes:
        kind: What differs, a key of `INSTEAD`.
        field: Where; None: the contract as a whole.
        message: What would happen.
    """

    kind: str
    field: str | None
    message: str


def unreadable(reader: Contract, writer: Contract) -> list[Reason]:
    """Everything that keeps `reader` from reading the records that were written under `writer`.

    Records written under a contract keep it, and hold no fields but those that it declares. Empty: each of them keeps
    `reader` too, with equal values in every field that both declare, the event time and the key.
    """
    return [
        *(reason for field in reader.fields for reason in _field(field, writer)),
        *_times(reader, writer),
        *_identity(reader, writer),
        *(reason for rule in reader.row_rules if (reason := _row_rule(rule, reader, writer)) is not None),
    ]


def _field(field: Field, writer: Contract) -> Iterator[Reason]:
    by_name = {f.name: f for f in writer.fields}
    found = next((f for f in writer.fields if f.physical_name == field.physical_name), None)
    if found is not None and found.name != field.name:
        yield Reason("name", field.name, f"the producer's {field.physical_name} is column {found.name} there")
    elif found is None and field.name in by_name:
        there = by_name[field.name].physical_name
        yield Reason("name", field.name, f"the producer calls it {there} there, and {field.physical_name} here")
    elif found is None:
        if field.required:
            yield Reason("presence", field.name, "it is required, and the records written there do not have it")
    else:
        for kind, message in unreadable_values(field, found):
            yield Reason(kind, field.name, message)


def _times(reader: Contract, writer: Contract) -> Iterator[Reason]:
    if reader.event_time != writer.event_time:
        yield Reason(
            "event time", None, f"records happen at {reader.event_time} here, and at {writer.event_time} there"
        )
    if not _local_times(reader, writer):
        return
    if reader.timezone != writer.timezone:
        yield Reason("time zone", None, f"local times are of {reader.timezone} here, and of {writer.timezone} there")
    elif reader.ambiguous != writer.ambiguous and reader.timezone != "UTC":
        yield Reason(
            "time zone",
            None,
            f"ambiguous local times are the {reader.ambiguous} here, and the {writer.ambiguous} there",
        )


def _local_times(reader: Contract, writer: Contract) -> bool:
    """Whether some instant depends on the time zone: a time that may come without one, or days as event times."""
    there = {f.physical_name for f in writer.fields}
    common = [f for f in reader.fields if f.physical_name in there]
    return any(f.type == "timestamp" and "XXX" not in (f.format or "") for f in common) or any(
        f.type == "date" and f.name == reader.event_time for f in common
    )


def _identity(reader: Contract, writer: Contract) -> Iterator[Reason]:
    if reader.message_format != writer.message_format:
        yield Reason(
            "message format", None, f"messages are {reader.message_format} here, and {writer.message_format} there"
        )
    if reader.primary_key != writer.primary_key:
        here, there = (", ".join(c.primary_key) or "nothing" for c in (reader, writer))
        yield Reason("key", None, f"a record is named by {here} here, and by {there} there")


def _row_rule(rule: RowRule, reader: Contract, writer: Contract) -> Reason | None:
    """A rule that the writer's records need not keep; one that the writer has too, or has without `when`, they do."""
    if rule.severity == "warning":
        return None
    for other in writer.row_rules:
        if other.severity == "error" and other.then == rule.then and other.when in (None, rule.when):
            if not any(_reads_otherwise(c, reader, writer) for c in (rule.when, rule.then) if c is not None):
                return None
            return Reason("row rule", None, f"{rule.name!r} lists values of a field that has another type there")
    return Reason("row rule", None, f"records written there need not keep {rule.name!r}")


def _reads_otherwise(condition: Condition, reader: Contract, writer: Contract) -> bool:
    """Whether a condition compares the text of values that two types write differently."""
    return bool(condition.enum) and reader.field(condition.field).type != writer.field(condition.field).type
