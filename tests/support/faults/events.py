"""A source whose every message carries an id, so that what became of each can be counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import orjson

from mlinfra_assets.contracts.added_fields import added_fields, usual_event_time, what_deletes
from mlinfra_assets.contracts.contract import Contract, Field
from mlinfra_assets.contracts.source import Needs, Source, StreamIngest
from mlinfra_assets.streams.record import NewRecord

System = Literal["redis", "kafka"]
NAME = "events"
START = datetime(2024, 3, 1, 12, tzinfo=UTC)
FIELDS = (
    Field("id", "id", "integer", required=True),
    Field("at", "at", "timestamp", required=True),
    Field("amount", "amount", "decimal", scale=2, minimum="0"),
    Field("ratio", "ratio", "number"),
    Field("note", "note", "string", max_length=100),
    Field("more", "more", "object"),
)
ORDER = (Field("id", "id", "integer", required=True), Field("note", "note", "string"))
LOCAL = Field("at", "at", "timestamp", required=True, format="yyyy-MM-dd HH:mm:ss")


def plain(topic: str, system: System | None = None) -> Source:
    """Events that have no key: equal events are several events."""
    contract = Contract(
        name=NAME, version="1.0.0", description="", owner="us", fields=FIELDS, event_time="at", primary_key=()
    )
    return Source(NAME, f"{NAME}.yaml", contract, StreamIngest(topic, system=system), Needs(("team:us",)))


def keyed(topic: str, system: System | None = None) -> Source:
    """Events with their id as primary key: the later of two with one id takes the place of the earlier."""
    return _changed(plain(topic, system), primary_key=("id",))


def wider(topic: str, system: System | None = None) -> Source:
    """A compatible change: one more field that need not be there."""
    return _changed(plain(topic, system), version="1.1.0", fields=(*FIELDS, Field("colour", "colour", "string")))


def roomy(topic: str, system: System | None = None) -> Source:
    """Amounts have a maximum, so that there is room for more digits after the point."""
    others = [f if f.name != "amount" else replace(f, maximum="1000000") for f in FIELDS]
    return _changed(plain(topic, system), fields=tuple(others))


def widened(topic: str, system: System | None = None) -> Source:
    """A change of `roomy` that writes the table anew: more digits after the point, and one more field."""
    others = [f if f.name != "amount" else replace(f, maximum="1000000", scale=4) for f in FIELDS]
    colour = Field("colour", "colour", "string")
    return _changed(plain(topic, system), version="1.1.0", fields=(*others, colour))


def retyped(topic: str, system: System | None = None) -> Source:
    """An incompatible change: the amount has become a text."""
    others = [f if f.name != "amount" else Field("amount", "amount", "string") for f in FIELDS]
    return _changed(plain(topic, system), version="2.0.0", fields=tuple(others))


def local(topic: str, system: System | None = None) -> Source:
    """Times as a clock on a wall in London shows them."""
    others = [f if f.name != "at" else LOCAL for f in FIELDS]
    return _changed(plain(topic, system), timezone="Europe/London", fields=tuple(others))


def stricter(topic: str, system: System | None = None) -> Source:
    """A rule that is stricter: amounts are at least a pound."""
    others = [f if f.name != "amount" else replace(f, minimum="1") for f in FIELDS]
    return _changed(free(topic, system), version="1.0.1", fields=tuple(others))


def free(topic: str, system: System | None = None) -> Source:
    """A contract whose next version may be any."""
    return _changed(plain(topic, system), compatibility="NONE")


def changes(topic: str, system: System | None = None) -> Source:
    """Change data of a table of orders, as Debezium writes it; a message's key is the order's number."""
    ingest = StreamIngest(topic, format="debezium_json", system=system)
    contract = Contract(
        name=NAME,
        version="1.0.0",
        description="",
        owner="us",
        fields=(*ORDER, *added_fields(ingest)),
        event_time=usual_event_time(ingest) or "",
        primary_key=("id",),
        deletes=what_deletes(ingest),
    )
    return Source(NAME, f"{NAME}.yaml", contract, ingest, Needs(("team:us",)))


VARIANTS = {
    made.__name__: made for made in (plain, keyed, wider, roomy, widened, retyped, stricter, free, local, changes)
}


def event(number: int, at: datetime | str | None = None, **changes: object) -> NewRecord:
    """The valid event of an id; its key is the id, whatever becomes of the payload."""
    moment = START + timedelta(seconds=number) if at is None else at
    shown = moment if isinstance(moment, str) else moment.isoformat()
    body = {"id": number, "at": shown, "amount": number % 1000 / 4, "ratio": 0.5, "note": f"event {number}"}
    return NewRecord(orjson.dumps({**body, **changes}), key=b"%d" % number)


def payload(number: int, value: bytes) -> NewRecord:
    """An id with a payload of any kind."""
    return NewRecord(value, key=b"%d" % number)


def _changed(source: Source, **contract: object) -> Source:
    return replace(source, contract=replace(source.contract, **contract))  # pyright: ignore[reportArgumentType]
