"""A source's declaration: one Open Data Contract (ODCS 3.1) a file, with how it comes in, read into a `Source`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo, available_timezones

from mlinfra_assets.breakers.rules import BreakerRules
from mlinfra_assets.contracts.added_fields import added_fields, usual_event_time, what_deletes
from mlinfra_assets.contracts.contract import (
    COMPATIBILITIES,
    Ambiguous,
    BatchRule,
    Compatibility,
    Contract,
    Field,
    RowRule,
)
from mlinfra_assets.contracts.declared_fields import declared_deletes, declared_fields, declared_time_zone
from mlinfra_assets.contracts.declared_ingest import declared_ingest, declared_needs
from mlinfra_assets.contracts.declared_rules import declared_rules
from mlinfra_assets.contracts.document import DeclarationError, Value, nearest, read_document
from mlinfra_assets.contracts.durations import parse_duration
from mlinfra_assets.contracts.source import Source, StreamIngest

__all__ = ["DeclarationError", "load_source", "load_sources"]

API_VERSION = "v3.1.0"
INFORMATIVE = ("status", "domain", "tenant", "dataProduct", "tags", "support", "roles", "authoritativeDefinitions")
TOP = (
    *("apiVersion", "kind", "id", "name", "version", "description", "team", "schema", "customProperties"),
    *INFORMATIVE,
)
OBJECT = (
    *("name", "logicalType", "physicalType", "physicalName", "businessName", "description"),
    *("dataGranularityDescription", "tags", "properties", "quality"),
)
SECTIONS = ("ingest", "time", "dagster")
OPTIONAL = ("compatibility", "breaker")
RESERVED = ("_quarantine", "_releases", "_profile", "_current")
NEEDED = ("ingest", "dagster")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class _Time:
    event_time: str
    timezone: str
    ambiguous: Ambiguous
    history_lag_us: int | None


def load_sources(folder: Path) -> dict[str, Source]:
    """Every source declared in a folder (`*.yaml`), by name, in order of name.

    Raises:
        DeclarationError: A declaration cannot be accepted, two declare one source, or there is no folder.
    """
    if not folder.is_dir():
        raise DeclarationError(f"{folder}: is not a folder: declare each source in a YAML file of this folder")
    sources: dict[str, Source] = {}
    for path in sorted(folder.glob("*.y*ml")):
        source = load_source(path)
        if source.name in sources:
            raise DeclarationError(f"{path}: {source.name!r} is declared in {sources[source.name].file}: rename one")
        sources[source.name] = source
    return dict(sorted(sources.items()))


def load_source(path: Path) -> Source:
    """The source that a file declares.

    Raises:
        DeclarationError: The declaration cannot be accepted; the message names file, line, path and what to do.
    """
    document = read_document(path)
    top = document.entries(TOP)
    _need(document, top, ("apiVersion", "kind", "id", "name", "version", "description", "team", "schema"))
    top["apiVersion"].choice([API_VERSION])
    top["kind"].choice(["DataContract"])
    top["id"].text()
    name = _identifier(top["name"])
    if not VERSION.fullmatch(top["version"].text()):
        top["version"].fail("expected a semantic version such as 1.0.0, quoted")
    described = _schema(top["schema"])
    fields = declared_fields(described["properties"])
    sections = _sections(document, top)
    ingest = declared_ingest(sections["ingest"], fields)
    primary_key = _primary_key(described["properties"])
    deletes = what_deletes(ingest) or declared_deletes(described["properties"], fields)
    if not primary_key and (deletes is not None or added_fields(ingest)):
        described["properties"].fail("no field has primaryKey: true, but only a key says which row is changed")
    fields = (*fields, *added_fields(ingest))
    usual = usual_event_time(ingest)
    if "time" not in sections and usual is None:
        top["customProperties"].fail("time is missing: add it")
    time = _time(sections.get("time"), fields, declared_time_zone(described["properties"]), usual)
    rules, row_rules = declared_rules(described, fields)
    contract = Contract(
        name=name,
        version=top["version"].text(),
        description=_description(top["description"], described.get("dataGranularityDescription")),
        owner=_team(top["team"]),
        fields=fields,
        event_time=time.event_time,
        timezone=time.timezone,
        ambiguous=time.ambiguous,
        primary_key=primary_key,
        rules=rules,
        row_rules=row_rules,
        history_lag_us=time.history_lag_us,
        compatibility=cast(
            "Compatibility",
            sections["compatibility"].choice(COMPATIBILITIES) if "compatibility" in sections else "BACKWARD",
        ),
        deletes=deletes,
        message_format=ingest.format if isinstance(ingest, StreamIngest) else "json",
    )
    _check_names(described["properties"], fields, rules, row_rules)
    breaker = _breaker(sections["breaker"]) if "breaker" in sections else BreakerRules()
    return Source(name, str(path), contract, ingest, declared_needs(sections["dagster"], ingest), breaker)


def _schema(schema: Value) -> Mapping[str, Value]:
    objects = schema.elements()
    if len(objects) != 1:
        schema.fail(f"expected exactly one object, found {len(objects)}: declare each source in a file of its own")
    described = objects[0].entries(OBJECT)
    _need(objects[0], described, ("name", "properties"))
    return described


def _sections(document: Value, top: Mapping[str, Value]) -> dict[str, Value]:
    if "customProperties" not in top:
        document.fail(f"customProperties is missing: it holds {', '.join(SECTIONS)}")
    sections: dict[str, Value] = {}
    for element in top["customProperties"].elements():
        entry = element.entries(("property", "value", "description"))
        _need(element, entry, ("property", "value"))
        section = entry["property"].choice((*SECTIONS, *OPTIONAL))
        if section in sections:
            element.fail(f"{section} stands here a second time: remove one")
        sections[section] = Value(element.file, section, entry["value"].node)
    _need(top["customProperties"], sections, NEEDED)
    return sections


def _time(section: Value | None, fields: tuple[Field, ...], zone: Value | None, usual: str | None) -> _Time:
    entry = section.entries(("eventTime", "timezone", "ambiguous", "historyLag")) if section is not None else {}
    if section is not None and usual is None:
        _need(section, entry, ("eventTime",))
    times = [f.name for f in fields if f.type in {"timestamp", "date"}]
    event_time = entry["eventTime"].text() if "eventTime" in entry else usual or ""
    if "eventTime" in entry:
        if event_time not in times:
            entry["eventTime"].fail(
                f"{event_time!r} is not a timestamp or date of this contract{nearest(event_time, times)}"
            )
        if not next(f for f in fields if f.name == event_time).required:
            entry["eventTime"].fail(f"{event_time!r} may be null: a record needs its event time; set required: true")
    if "timezone" in entry and zone is not None:
        entry["timezone"].fail("the fields' logicalTypeOptions.defaultTimezone says it already: remove one")
    zone = entry.get("timezone", zone)
    name = "UTC" if zone is None else zone.text()
    if zone is not None and (name not in available_timezones() or not ZoneInfo(name).key):
        zone.fail(f"{name!r} is not a time zone{nearest(name, sorted(available_timezones()))[:80]}")
    lag = entry.get("historyLag")
    return _Time(
        event_time=event_time,
        timezone=name,
        ambiguous=cast(
            "Ambiguous", entry["ambiguous"].choice(("earlier", "later")) if "ambiguous" in entry else "earlier"
        ),
        history_lag_us=None if lag is None else parse_duration(lag),
    )


def _breaker(section: Value) -> BreakerRules:
    entry = section.entries(("failedBatches", "goodBatches"))
    return BreakerRules(
        failed_batches=entry["failedBatches"].whole(1) if "failedBatches" in entry else 1,
        good_batches=entry["goodBatches"].whole(1) if "goodBatches" in entry else 1,
    )


def _description(value: Value, granularity: Value | None) -> str:
    entry = value.entries(("purpose", "usage", "limitations"))
    _need(value, entry, ("purpose",))
    parts = [entry["purpose"].text()]
    if granularity is not None:
        parts.append(f"One row is {granularity.text()}")
    parts += [entry[key].text() for key in ("usage", "limitations") if key in entry]
    return "\n\n".join(" ".join(part.split()) for part in parts)


def _team(value: Value) -> str:
    entry = value.entries(("name", "description", "members"))
    _need(value, entry, ("name",))
    return entry["name"].text()


def _primary_key(properties: Value) -> tuple[str, ...]:
    keys: list[tuple[int, str]] = []
    for element in properties.elements():
        entry = dict(element.items())
        if "primaryKey" in entry and entry["primaryKey"].boolean():
            position = entry["primaryKeyPosition"].whole(1) if "primaryKeyPosition" in entry else len(keys) + 1
            if any(position == taken for taken, _ in keys):
                element.fail(f"position {position} in the primary key is taken: number the fields from 1")
            if "required" not in entry or not entry["required"].boolean():
                element.fail("a field of the primary key cannot be null: set required: true")
            keys.append((position, entry["name"].text()))
    return tuple(name for _, name in sorted(keys))


def _check_names(
    properties: Value, fields: tuple[Field, ...], rules: tuple[BatchRule, ...], row_rules: tuple[RowRule, ...]
) -> None:
    for kind, found in (
        ("name", [f.name for f in fields]),
        ("physicalName", [f.physical_name for f in fields]),
        ("rule name", [r.name for r in (*rules, *row_rules)]),
    ):
        repeated = sorted({n for n in found if found.count(n) > 1})
        if repeated:
            properties.fail(f"the {kind} {repeated[0]!r} is given more than once: rename one")


def _identifier(value: Value) -> str:
    name = value.text()
    if not NAME.fullmatch(name) or name.endswith(RESERVED):
        value.fail(
            f"{name!r} cannot name a source: use lower-case letters, digits and underscores, and none of "
            f"{', '.join(RESERVED)} at the end, which name tables of their own"
        )
    return name


def _need(owner: Value, entries: Mapping[str, Value], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in entries]
    if missing:
        owner.fail(f"{missing[0]} is missing: add it")
