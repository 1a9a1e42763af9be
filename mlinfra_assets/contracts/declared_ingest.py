"""How a source comes in and what the orchestrator needs, as a declaration's `ingest` and `dagster` say it."""

from __future__ import annotations

import re
from typing import Literal, cast
from urllib.parse import urlsplit

from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.document import Value, nearest
from mlinfra_assets.contracts.source import (
    MESSAGE_FORMATS,
    DatabaseIngest,
    FilesIngest,
    Ingest,
    Melt,
    MessageFormat,
    Needs,
    StreamIngest,
)

TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")
OWNER = re.compile(r"team:[A-Za-z0-9._-]+|[^@\s]+@[^@\s]+\.[^@\s]+")
TAG = re.compile(r"[A-Za-z0-9_.-]{1,63}")
CRON = re.compile(r"(\S+ ){4}\S+")
CRON_FIELD = re.compile(r"(\*|\d{1,2}(-\d{1,2})?)(/\d{1,2})?(,(\*|\d{1,2}(-\d{1,2})?)(/\d{1,2})?)*")
CRON_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
SYSTEMS = ("redis", "kafka")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
FILES = ("kind", "format", "pattern", "url", "melt", "maxBytes", "maxUnpackedBytes")


def declared_ingest(section: Value, fields: tuple[Field, ...]) -> Ingest:
    """How the records come in.

    Raises:
        DeclarationError: It cannot be accepted.
    """
    entry = dict(section.items())
    if "kind" not in entry:
        section.fail("kind is missing: write stream, files or database")
    kind = entry["kind"].choice(("stream", "files", "database"))
    if kind == "stream":
        return _stream(section)
    return _files(section, fields) if kind == "files" else _database(section)


def declared_needs(section: Value, ingest: Ingest) -> Needs:
    """What the orchestrator needs to know.

    Raises:
        DeclarationError: It cannot be accepted.
    """
    entry = section.entries(("owners", "tags", "kinds", "sensorSeconds", "schedule", "freshness"))
    if "owners" not in entry:
        section.fail("owners is missing: list who answers for the source, as team:name or an e-mail address")
    for owner in entry["owners"].elements():
        if not OWNER.fullmatch(owner.text()):
            owner.fail(f"{owner.text()!r} is neither team:name nor an e-mail address")
    if not entry["owners"].elements():
        entry["owners"].fail("is empty: name at least one owner")
    fails, warns = _freshness(entry["freshness"]) if "freshness" in entry else (None, None)
    return Needs(
        owners=entry["owners"].texts(),
        tags=_tags(entry["tags"]) if "tags" in entry else {},
        kinds=entry["kinds"].texts() if "kinds" in entry else (),
        sensor_seconds=entry["sensorSeconds"].whole(1, 86_400) if "sensorSeconds" in entry else 30,
        schedule=_schedule(entry["schedule"], ingest) if "schedule" in entry else None,
        freshness_hours=fails,
        freshness_warn_hours=warns,
    )


def _stream(section: Value) -> StreamIngest:
    entry = section.entries(("kind", "topic", "format", "system"))
    if "topic" not in entry:
        section.fail("topic is missing: name the stream")
    topic = entry["topic"].text()
    if not TOPIC.fullmatch(topic):
        entry["topic"].fail(f"{topic!r} cannot name a stream: use letters, digits, dots, dashes and underscores")
    return StreamIngest(
        topic=topic,
        format=cast("MessageFormat", entry["format"].choice(MESSAGE_FORMATS) if "format" in entry else "json"),
        system=cast("Literal['redis', 'kafka']", entry["system"].choice(SYSTEMS)) if "system" in entry else None,
    )


def _files(section: Value, fields: tuple[Field, ...]) -> FilesIngest:
    entry = section.entries(FILES)
    for key in ("pattern", "format"):
        if key not in entry:
            section.fail(f"{key} is missing: add it")
    pattern = entry["pattern"].text()
    if "/" in pattern or pattern.startswith("."):
        entry["pattern"].fail(f"{pattern!r} leaves the landing folder: give a pattern of file names, such as *.zip")
    default = FilesIngest(pattern)
    return FilesIngest(
        pattern=pattern,
        format=cast("Literal['zipped_csv']", entry["format"].choice(("zipped_csv",))),
        url=_url(entry["url"]) if "url" in entry else None,
        melt=_melt(entry["melt"], fields) if "melt" in entry else None,
        max_bytes=entry["maxBytes"].whole(1, 2**31 - 1) if "maxBytes" in entry else default.max_bytes,
        max_unpacked_bytes=(
            entry["maxUnpackedBytes"].whole(1, 2**33) if "maxUnpackedBytes" in entry else default.max_unpacked_bytes
        ),
    )


def _database(section: Value) -> DatabaseIngest:
    entry = section.entries(("kind", "connection", "table", "chunkRows", "reconciles"))
    for key in ("connection", "table"):
        if key not in entry:
            section.fail(f"{key} is missing: add it")
    connection, table = entry["connection"].text(), entry["table"].text()
    if not VARIABLE.fullmatch(connection):
        # What is not a name may be a password: it is not repeated.
        entry["connection"].fail(
            "is not the name of an environment variable: write one such as MLINFRA_SHOP_DATABASE, and set it to the "
            "database's address"
        )
    if table.count(".") != 1 or not all(table.split(".")) or "\x00" in table:
        entry["table"].fail(f"{table!r} is not schema.table: name both, such as public.film")
    return DatabaseIngest(
        connection=connection,
        table=table,
        chunk_rows=entry["chunkRows"].whole(1, 1_000_000) if "chunkRows" in entry else DatabaseIngest.chunk_rows,
        reconciles=entry["reconciles"].text() if "reconciles" in entry else None,
    )


def _melt(section: Value, fields: tuple[Field, ...]) -> Melt:
    entry = section.entries(("keep", "name", "value", "skip"))
    for key in ("keep", "name", "value"):
        if key not in entry:
            section.fail(f"{key} is missing: add it")
    melt = Melt(
        keep=entry["keep"].texts(),
        name=entry["name"].text(),
        value=entry["value"].text(),
        skip=tuple(v.source_text() for v in entry["skip"].elements()) if "skip" in entry else (),
    )
    known = [f.physical_name for f in fields]
    for made in (*melt.keep, melt.name, melt.value):
        if made not in known:
            section.fail(f"makes a field {made!r} that no property has as its physicalName{nearest(made, known)}")
    return melt


def _url(value: Value) -> str:
    url = value.text()
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username or parts.password:
        value.fail(f"{url!r} is not an http(s) address without credentials")
    return url


def _tags(section: Value) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in section.items():
        text = value.text()
        if not TAG.fullmatch(key) or not TAG.fullmatch(text):
            value.fail(f"{key}: {text}: use at most 63 letters, digits, dots, dashes and underscores")
        tags[key] = text
    return tags


def _schedule(value: Value, ingest: Ingest) -> str:
    cron = value.text()
    if not isinstance(ingest, DatabaseIngest) and (not isinstance(ingest, FilesIngest) or ingest.url is None):
        value.fail("nothing is fetched on a schedule without an ingest.url: remove one or add the other")
    if not CRON.fullmatch(cron) or not all(
        CRON_FIELD.fullmatch(part) and all(low <= int(n) <= high for n in re.findall(r"(?<!/)\b\d+", part))
        for part, (low, high) in zip(cron.split(" "), CRON_LIMITS, strict=True)
    ):
        value.fail(f"{cron!r} is not a cron line of five fields, such as 30 15 * * 1-5")
    return cron


def _freshness(section: Value) -> tuple[float, float | None]:
    entry = section.entries(("failHours", "warnHours"))
    if "failHours" not in entry:
        section.fail("failHours is missing: after how many hours is the table overdue?")
    fails = entry["failHours"].number()
    warns = entry["warnHours"].number() if "warnHours" in entry else None
    if fails <= 0 or (warns is not None and not 0 < warns < fails):
        section.fail("hours have to be above zero, and warnHours below failHours")
    return fails, warns
